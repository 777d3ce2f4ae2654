"""The format of *.smtp files, and the player.

One file is one test: configuration, both sides of a talk, and what the log or
a mailbox then holds. Lines are `word: rest`; empty lines and # lines are for
the reader. `*` stands for any text, `?` for one character.

    main.cf: NAME = VALUE    a line of main.cf         master.cf: a line of master.cf
    table NAME: KEY VALUE    a line of the text file /etc/postfix/NAME
    client: ADDRESS          where the client comes from (127.0.0.9, a trusted one)
    C: text                  the client says this line; lines in a row go out in one write
    Craw: text               the same without a line end; \\r \\n \\0 \\xNN are bytes
    C*: N text               N lines of that text
    S: pattern               the server answers this line
    S~: pattern              the answer (all its lines) has such a line; several may follow
    closed:                  the server closes the connection
    log: pattern             the log gets such a line       nolog: pattern   it does not
    mbox USER: pattern       a line of that user's new mail

With `role: client` we play the server, at 127.0.0.8, which is everybody's relay:
C: is then the pattern and S: is what is said (Sraw: and S*: as Craw: and C*:).
C~: pattern skips lines until one matches. `submit: FROM TO...` (before the talk)
hands in a message whose lines are given by `text:` lines. The end of the talk
closes the connection.

    peer: ADDRESS[:PORT]     what follows is another talk, with the server there
    dns NAME: TYPE VALUE     a record that the name server has; VALUE may be SERVFAIL
"""

import contextlib
import itertools
import pathlib
import re
import socket

from harness.instance import Instance, merged
from harness.sandbox import wait_until

HERE = pathlib.Path(__file__).parent
PEER = "127.0.0.8"
# One attempt a message, one connection a delivery, so that a script meets one client.
STAGE_CF = f"""
relayhost = [{PEER}]
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtp_connection_cache_on_demand = no
"""


def pattern(text):
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(c) or re.escape(c) for c in text), re.S)


def unescape(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


class Dialogue:
    def __init__(self, path):
        self.path = path
        self.main, self.master, self.tables = [], [], {}
        self.client, self.role, self.submit, self.text = "127.0.0.9", "server", None, []
        self.steps, self.checks, self.names = [], [], {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                self._line(number, line)

    def _line(self, number, line):
        found = re.fullmatch(r"([A-Za-z.]+[~*]?)(?: ([\w.-]+))?:(?: (.*))?", line)
        assert found, f"{self.path.name}:{number}: not `word: text`: {line}"
        word, name, rest = found[1], found[2], found[3] or ""
        if word == "main.cf":
            self.main.append(rest)
        elif word == "master.cf":
            self.master.append(rest)
        elif word == "table":
            self.tables.setdefault(name, []).append(rest)
        elif word in ("client", "role"):
            setattr(self, word, rest)
        elif word == "submit":
            self.submit = rest.split()
        elif word == "text":
            self.text.append(rest)
        elif word == "dns":
            kind, value = rest.split(" ", 1)
            records = self.names.setdefault(name, {})
            records[kind] = value if value == "SERVFAIL" else records.get(kind, []) + [value]
        elif word in ("log", "nolog", "mbox"):
            self.checks.append((number, word, name, rest))
        else:
            known = ("C", "Craw", "C*", "C~", "S", "Sraw", "S*", "S~", "closed", "peer")
            assert word in known, f"{self.path.name}:{number}: {word}?"
            self.steps.append((number, word, rest))

    def talks(self):
        """[(address, port, steps)] of role client, one for each connection."""
        found = [(PEER, 25, [])]
        for step in self.steps:
            if step[1] == "peer":
                address, _, port = step[2].partition(":")
                found.append((address, int(port or 25), []))
            else:
                found[-1][2].append(step)
        return [talk for talk in found if talk[2]]


def all_dialogues(role=None):
    found = [Dialogue(path) for path in sorted(HERE.glob("*.smtp"))]
    return [d for d in found if role in (None, d.role)]


class Stage:
    """One instance that plays dialogue after dialogue, reconfigured between."""

    def __init__(self, folder, flavour, cut=None):
        """cut(bytes): the pieces in which they are sent; None: at once."""
        self.cut = cut or (lambda data: [data])
        self.mta = Instance.make(folder, flavour, STAGE_CF, domain="example.test")
        self.base = self.mta.etc["postfix/main.cf"]
        self.services = self.mta.etc["postfix/master.cf"]
        self.mta.start()
        self.now = (self.base, self.services)

    def close(self):
        self.mta.close()

    def prepare(self, dialogue):
        main = merged(self.base, "\n".join(dialogue.main))
        master = self.services + "".join(line + "\n" for line in dialogue.master)
        for name, lines in dialogue.tables.items():
            self.mta.write(f"/etc/postfix/{name}", "".join(line + "\n" for line in lines))
        if (main, master) != self.now or dialogue.tables:
            self.mta.write_main(main)
            self.mta.write("/etc/postfix/master.cf", master)
            self.mta.reload()
            self.now = (main, master)

    def play(self, dialogue, dns):
        dns.names |= dialogue.names
        self.prepare(dialogue)
        mark = self.mta.log.mark()
        boxes = {c[2]: self._box(c[2]) for c in dialogue.checks if c[1] == "mbox"}
        play = {"server": self._play_client, "client": self._play_server}[dialogue.role]
        try:
            play(dialogue)
            self._check(dialogue, mark, boxes)
        finally:
            self.mta.run(["postsuper", "-d", "ALL"], check=True)

    def _check(self, dialogue, mark, boxes):
        for number, word, name, rest in dialogue.checks:
            where = f"{dialogue.path.name}:{number}"
            expression = pattern(rest)
            if word == "log":
                self.mta.log.wait(expression.pattern, since=mark, timeout=20)
            elif word == "nolog":
                assert not self.mta.log.matching(expression.pattern, mark), where
            else:
                new = lambda: self._box(name)[len(boxes[name]) :].splitlines()
                wait_until(lambda: any(expression.fullmatch(l) for l in new()), 20, f"{where}: {rest}")
        assert self.mta.log.troubles(mark) == []

    def _box(self, user):
        path = self.mta.path(f"/var/mail/{user}")
        return path.read_text() if path.exists() else ""

    def _play_client(self, dialogue):
        with socket.create_connection((self.mta.address, 25), 20, (dialogue.client, 0)) as s:
            self._talk(dialogue, dialogue.steps, s, says="C")

    def _play_server(self, dialogue):
        talks = dialogue.talks()
        with contextlib.ExitStack() as stack:
            places = {(address, port) for address, port, _ in talks}
            servers = {place: stack.enter_context(socket.create_server(place)) for place in places}
            if dialogue.submit:
                sender, *recipients = dialogue.submit
                self.mta.submit(sender, recipients, "\n".join(dialogue.text) + "\n")
            for address, port, steps in talks:
                servers[address, port].settimeout(20)
                s, _ = servers[address, port].accept()
                with s:
                    s.settimeout(20)
                    self._talk(dialogue, steps, s, says="S")

    def _talk(self, dialogue, steps, s, says):
        """Say and hear the steps in turn; what is said in a row goes out at once."""

        def say(data):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for piece in self.cut(data):  # who has gone will not say what comes next
                    s.sendall(piece)

        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with s.makefile("rb") as lines:
            converse(dialogue.path.name, steps, say, lines, says)


def converse(name, steps, say, lines, says):
    whole = []  # the answer that S~ lines look into
    for speaking, some in itertools.groupby(steps, lambda step: step[1][0] == says):
        if speaking:
            say(b"".join(said(word, rest) for _, word, rest in some))
            whole = []
            continue
        for number, word, rest in some:
            where = f"{name}:{number}"
            if word == "closed":
                assert lines.readline() == b"", f"{where}: not closed"
            elif word == "C~":
                skip_to(lines, rest, where)
            elif word == "S~":
                whole = whole or read_reply(lines)
                assert any(pattern(rest).fullmatch(l) for l in whole), f"{where}: no {rest} in {whole}"
            else:
                whole = []
                heard(lines.readline(), word, rest, where)


def skip_to(lines, rest, where):
    want, seen = pattern(rest), []
    while not seen or not want.fullmatch(seen[-1]):
        line = lines.readline()
        assert line.endswith(b"\r\n"), f"{where}: no {rest!r} in {seen}, then {line!r}"
        seen.append(line[:-2].decode(errors="surrogateescape"))


def said(word, rest):
    if word.endswith("raw"):
        return unescape(rest)
    if word.endswith("*"):
        count, text = rest.split(" ", 1)
        return int(count) * (text.encode() + b"\r\n")
    return rest.encode() + b"\r\n"


def heard(line, word, rest, where):
    assert line.endswith(b"\r\n"), f"{where}: got {line!r}, want {rest}"
    text = line[:-2].decode(errors="surrogateescape")
    assert pattern(rest).fullmatch(text), f"{where}: got {text!r}, want {rest!r}"


def read_reply(lines):
    reply = []
    while not reply or reply[-1][3:4] == "-":
        line = lines.readline()
        assert line, "the server closed the connection"
        reply.append(line.rstrip(b"\r\n").decode(errors="surrogateescape"))
    return reply
