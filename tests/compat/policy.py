"""A policy server that answers as a test says, and keeps what it was asked."""

import os
import socket
import threading
import time

PLACE = ("127.0.0.9", 9901)


class PolicyServer:
    """answers: one for each request, the last one again and again: the bytes to send;
    None closes the connection in silence, a number waits so many seconds and closes. What ends
    in "!" is sent without that, and then the connection is closed. place: (address, port) or
    the path of a UNIX socket."""

    def __init__(self, answers, place=PLACE):
        self.answers, self.requests, self.connections, self.open = list(answers), [], 0, set()
        self._path = None if isinstance(place, tuple) else place
        if self._path:
            self._listener = socket.create_server(self._path, family=socket.AF_UNIX)
            os.chmod(self._path, 0o666)
        else:
            self._listener = socket.create_server(place)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in [self._listener, *self.open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()
        self._thread.join(10)
        if self._path:
            os.unlink(self._path)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        request = []
        with client, client.makefile("rb") as lines:
            try:
                for line in lines:
                    request.append(line.decode(errors="surrogateescape").rstrip("\n"))
                    if line == b"\n":
                        self.requests.append(request[:-1])
                        request = []
                        if not self._answer(client):
                            break
            except OSError:
                pass
            self.open.discard(client)

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
