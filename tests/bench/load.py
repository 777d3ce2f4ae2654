"""The client: hands messages in, and waits until the system is done with them.

It costs as little as Python can, so that it disturbs what is measured as little as
it can: raw sockets, and one prepared string of bytes for each step.
"""

import re
import socket
import subprocess
import threading
import time

from bench.scenarios import MAILBOXES

CLIENT = "127.0.0.9"
REMOVED = re.compile(r"qmgr\[\d+\]: \w+: removed$")
POLL_S = 0.005


class Failed(Exception):
    """A mail system did not do what was asked."""


class Load:
    def __init__(self, scenario):
        self.scenario = scenario
        self.mail = b"MAIL FROM:<a@client.test>\r\n"
        turns = [scenario.addresses(turn) for turn in range(MAILBOXES)]
        self.rcpt = [[f"RCPT TO:<{address}>\r\n".encode() for address in each] for each in turns]
        self.body = scenario.text().replace("\n", "\r\n").encode() + b".\r\n"

    def run(self, system, messages, tracer=""):
        """Hand in, wait until all is delivered and gone; the seconds that took.
        tracer: words before each command."""
        mark, began = system.mark(), time.monotonic()
        each = shares(messages, self.scenario.sessions)
        if self.scenario.by == "sendmail":
            shells(system, each, tracer + self.submission())
        else:
            in_threads(self.connection if self.scenario.reuse else self.connections, system, each)
        system.wait_gone(mark, messages, messages * self.scenario.recipients)
        return time.monotonic() - began

    # -- SMTP ------------------------------------------------------------------------

    def connections(self, system, turns):
        """One connection for each, and every reply is waited for."""
        for turn in turns:
            with self.connect(system) as server:
                rcpt = self.rcpt[turn % MAILBOXES]
                for step in (self.mail, *rcpt, b"DATA\r\n", self.body, b"QUIT\r\n"):
                    server.sendall(step)
                    expect(server)

    def connection(self, system, turns):
        """One connection for all, and the envelope in one piece."""
        envelopes = [b"".join([self.mail, *rcpt, b"DATA\r\n"]) for rcpt in self.rcpt]
        with self.connect(system) as server:
            for turn in turns:
                server.sendall(envelopes[turn % MAILBOXES])
                expect(server, self.scenario.recipients + 2)
                server.sendall(self.body)
                expect(server)
            server.sendall(b"QUIT\r\n")
            expect(server)

    @staticmethod
    def connect(system):
        server = socket.create_connection((system.address, 25), 60, (CLIENT, 0))
        expect(server)
        server.sendall(b"EHLO client.test\r\n")
        expect(server)
        return server

    # -- the command ---------------------------------------------------------------------

    def submission(self):
        recipients = " ".join(self.scenario.addresses(0))
        if self.scenario.recipients == 1:
            recipients = f"u$((i%{MAILBOXES}+1))@{self.scenario.domain}"
        return f"sendmail -i -f joe {recipients} </tmp/message"

    def around(self, system, messages):
        """What a run costs besides the work itself: the shell that starts the commands."""
        if self.scenario.by == "sendmail":
            shells(system, shares(messages, self.scenario.sessions), "( : ) </tmp/message")


def expect(server, count=1):
    """Wait for that many replies, all of them good."""
    data, replies = b"", []
    while len(replies) < count or not data.endswith(b"\r\n"):
        more = server.recv(65536)
        if not more:
            raise Failed(f"the server hung up: {data[-200:]!r}")
        data += more
        replies = [line for line in data.split(b"\r\n")[:-1] if line[3:4] == b" "]
    for reply in replies:
        if reply[:1] not in b"23":
            raise Failed(f"the server said {reply!r}")


def shares(messages, sessions):
    """The turns of each session: range(MESSAGES) in pieces."""
    ends = [messages * i // sessions for i in range(sessions + 1)]
    return [range(*piece) for piece in zip(ends, ends[1:])]


def in_threads(session, system, each):
    failures = []

    def one(turns):
        try:
            session(system, turns)
        except (OSError, Failed) as failure:
            failures.append(f"{system.flavour}: {failure}")

    threads = [threading.Thread(target=one, args=(turns,)) for turns in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed("\n".join([failures[0], *system.troubles()]))


def shells(system, each, command):
    """The command so many times in each of some shells, which are measured too."""
    loop = f"while [ $i -lt $end ]; do {command} || exit 1; i=$((i+1)); done"
    words = [f"i={turns.start}; end={turns.stop}; {loop}" for turns in each]
    running = [system.popen(word, stdin=subprocess.DEVNULL, preexec_fn=system.group.join) for word in words]
    if any([shell.wait() for shell in running]):  # noqa: C419 - wait for all of them
        raise Failed(f"{system.flavour}: {command[:60]} failed")


def wait_gone(log, mark, messages, deliveries, timeout_s=300):
    """Wait until so many messages have left the queue, each of them delivered to all."""
    end = time.monotonic() + timeout_s
    removed = sent = 0
    while removed < messages:
        lines = log.lines[mark:]
        mark += len(lines)
        removed += sum(1 for line in lines if line.endswith(": removed") and REMOVED.search(line))
        sent += sum(1 for line in lines if " status=sent " in line)
        if removed < messages:
            if time.monotonic() > end:
                raise Failed(f"{removed} of {messages} gone in {timeout_s} s:\n" + "\n".join(log.lines[-20:]))
            time.sleep(POLL_S)
    if sent != deliveries:
        raise Failed(f"{sent} deliveries, not {deliveries}:\n" + "\n".join(log.lines[-20:]))
