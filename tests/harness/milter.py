"""A mail filter (milter) that answers as a test says, and keeps what it was told: the
server's side of the protocol of libmilter, written out so that it can also break its rules."""

import struct
import time

from .threaded import ThreadedServer

PLACE = ("127.0.0.9", 9902)
NAMES = {
    "O": "negotiate", "D": "macros", "C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data",
    "L": "header", "N": "eoh", "B": "body", "E": "end", "A": "abort", "Q": "quit", "U": "unknown", "K": "quit_nc",
}
SILENT = "DAQ"
CLOSE = object()  # as an answer: the connection is closed


def packet(letter, data=b""):
    return struct.pack("!I", len(data) + 1) + letter.encode() + data


def negotiation(version=6, actions=0x1FF, protocol=0, lists=()):
    """lists: (stage, "macro names")"""
    data = struct.pack("!III", version, actions, protocol)
    return packet("O", data + b"".join(struct.pack("!I", s) + names.encode() + b"\0" for s, names in lists))


def words(*texts):
    return b"".join((t.encode() if isinstance(t, str) else t) + b"\0" for t in texts)


def reply(text):
    return packet("y", words(text))


class Milter(ThreadedServer):
    """answers: event (a letter of the protocol, or a letter and what its data begin with, "R<joe") ->
    bytes to be sent, or a list of them: one for each event, the last one again and again. CLOSE closes
    the connection, a number waits so many seconds. What is not there is answered with "continue".
    place: (address, port), or the path of a UNIX socket. macros: keep those too."""

    def __init__(self, answers=None, place=PLACE, macros=True):
        answers = answers or {}
        self.answers = {k: list(v) if isinstance(v, list) else v for k, v in answers.items()}
        self.told, self.macros = [], macros
        super().__init__(place)

    def talk(self, client, stream):
        silent = set()
        while len(head := stream.read(4)) == 4:
            data = stream.read(struct.unpack("!I", head)[0])
            letter, data = chr(data[0]), data[1:]
            self._keep(letter, data)
            if not self._answer(client, letter, data, silent):
                break

    def _keep(self, letter, data):
        if letter == "D" and not self.macros:
            return
        name = NAMES.get(letter, letter)
        if letter == "O":
            text = "%d %x %x" % struct.unpack("!III", data[:12])
        elif letter == "D":
            parts = data[1:].split(b"\0")[:-1]
            pairs = dict(zip(parts[::2], parts[1::2]))
            name += " " + chr(data[0])
            text = " ".join(f"{k.decode()}={v.decode(errors='replace')}" for k, v in pairs.items())
        elif letter == "C":
            host, _, rest = data.partition(b"\0")
            text = f"{host.decode()} {chr(rest[0])} {rest[3:-1].decode()}"
        elif letter == "B":
            text = data.decode("latin-1") if len(data) < 300 else f"({len(data)} bytes)"
        else:
            text = data.decode("utf-8", "backslashreplace").rstrip("\0").replace("\0", " | ")
        self.told.append(f"{name} {text}".rstrip(" "))

    def _answer(self, client, letter, data, silent):
        keys = [k for k in self.answers if k[0] == letter and data.startswith(k[1:].encode())]
        if not keys and letter == "O":
            answer = negotiation()
        elif not keys:
            answer = b"" if letter in SILENT or letter in silent else packet("c")
        else:
            answer = self.answers[max(keys, key=len)]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is CLOSE:
            return False
        if isinstance(answer, (int, float)):
            time.sleep(answer)
            return True
        if letter == "O" and len(answer) >= 17:
            bits = struct.unpack("!I", answer[13:17])[0]
            quiet = {0x1000: "C", 0x2000: "H", 0x4000: "M", 0x8000: "R", 0x10000: "T", 0x20000: "U", 0x40000: "N", 0x80000: "B", 0x80: "L"}
            silent |= {event for bit, event in quiet.items() if bits & bit}
        client.sendall(answer)
        return letter != "Q"
