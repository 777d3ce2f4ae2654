"""A policy server that answers as a test says, and keeps what it was asked."""

import time

from harness.threaded import ThreadedServer

PLACE = ("127.0.0.9", 9901)


class PolicyServer(ThreadedServer):
    """answers: one for each request, the last one again and again: the bytes to send;
    None closes the connection in silence, a number waits so many seconds and closes. What ends
    in "!" is sent without that, and then the connection is closed. place: (address, port) or
    the path of a UNIX socket."""

    def __init__(self, answers, place=PLACE):
        self.answers, self.requests = list(answers), []
        super().__init__(place)

    def talk(self, client, stream):
        request = []
        for line in stream:
            request.append(line.decode(errors="surrogateescape").rstrip("\n"))
            if line == b"\n":
                self.requests.append(request[:-1])
                request = []
                if not self._answer(client):
                    break

    def _answer(self, client):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            return False
        if isinstance(answer, int):
            time.sleep(answer)
            return False
        client.sendall(answer.removesuffix(b"!"))
        return not answer.endswith(b"!")


def action(text):
    return f"action={text}\n\n".encode()
