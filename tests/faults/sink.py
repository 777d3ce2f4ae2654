"""The other end of smtp: a server that keeps what it gets, and behaves as it is told.

A script decides about one connection: it is a function of the Talk, and falls back to
`polite` where it has nothing special to do.
"""

import re
import socket
import threading

SINK = "127.0.0.70"


class Sink:
    def __init__(self, address=SINK, port=25):
        self.messages = []  # (recipient, text)
        self.connections = 0
        self.open = self.most = 0
        self.script = polite
        self._listener = socket.create_server((address, port), backlog=500)
        self._lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        with self._lock:
            self.connections += 1
            self.open += 1
            self.most = max(self.most, self.open)
        client.settimeout(120)
        try:
            with client, client.makefile("rb") as lines:
                self.script(Talk(self, client, lines))
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self.open -= 1


class Talk:
    """One connection."""

    def __init__(self, sink, client, lines):
        self.sink, self.client, self.lines = sink, client, lines
        self.recipients = []

    def say(self, text):
        self.client.sendall(text.encode(errors="surrogateescape") + b"\r\n")

    def command(self):
        """The next command, b"" at the end."""
        line = self.lines.readline().rstrip(b"\r\n")
        if line[:4].upper() == b"RCPT":
            self.recipients.append(re.search(rb"<(.*?)>", line).group(1).decode())
        if line[:4].upper() in (b"MAIL", b"RSET"):
            self.recipients = []
        return line

    def data(self):
        """What follows 354, without the dots; None when it does not end."""
        body = b""
        for line in self.lines:
            if line == b".\r\n":
                return body.decode(errors="surrogateescape").replace("\r\n", "\n")
            body += line[1:] if line.startswith(b".") else line
        return None

    def keep(self, text):
        self.sink.messages += [(recipient, text) for recipient in self.recipients]


def polite(talk):
    talk.say("220 sink.test ESMTP")
    converse(talk)


def converse(talk, answers=None):
    """Serve commands to the end. answers: what is said instead, by verb; "." is for the
    end of data."""
    answers = answers or {}
    while line := talk.command():
        verb = line[:4].upper().decode(errors="replace")
        if verb in answers:
            talk.say(answers[verb])
        elif verb == "DATA":
            talk.say("354 go on")
            text = talk.data()
            if text is None:
                return
            if "." not in answers:
                talk.keep(text)
            talk.say(answers.get(".", "250 2.0.0 kept"))
        elif verb == "QUIT":
            talk.say("221 2.0.0 bye")
            return
        else:
            talk.say("250 2.1.0 fine")
