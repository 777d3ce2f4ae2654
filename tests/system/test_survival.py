"""Mail outlives its programs: each daemon in turn is ended with SIGKILL while
mail flows, and every message that was accepted arrives.

Each message has a name of its own in its subject. What a client was told to
be accepted must arrive; what was not, it hands in again under a new name. A
message may arrive twice only when a kill came between its delivery and the
mark in the queue file (RFC 5321 section 4.5.4.1 allows no other choice), so
at most once for each kill of a program that delivers.
"""

import collections
import itertools
import re
import smtplib
import threading
import time

import pytest

from harness.sandbox import USERS, wait_until

VMAIL = USERS["vmail"]
# fcntl only: the lock file of a killed local(8) would hold up joe's mail for stale_lock_time
MAIN = f"""
virtual_mailbox_domains = box.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
mailbox_delivery_lock = fcntl
"""
TAKERS = ("smtpd", "cleanup", "trivial-rewrite")
MOVERS = ("qmgr", "local", "virtual")
PATIENCE = 600  # tries of one message, 50 ms apart
SUBJECT = re.compile(r"^Subject: (\S+)$", re.M)


class Senders:
    """So many sessions that hand in so many messages, each until it is accepted."""

    def __init__(self, mta, sessions, messages):
        self.mta, self.total = mta, messages
        self.numbers, self.tries = itertools.count(), itertools.count()
        self.accepted, self.doubtful, self.failures = set(), set(), []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(sessions)]

    def _run(self):
        try:
            client = None
            while next(self.numbers) < self.total:
                client = self._send(client)
            if client:
                client.close()
        except Exception as failure:  # noqa: BLE001 - shown by finish()
            self.failures.append(failure)

    def _send(self, client):
        for _ in range(PATIENCE):
            name = f"m{next(self.tries)}"
            to = f"joe@{self.mta.domain}" if int(name[1:]) % 2 else "sue@box.test"
            try:
                client = client or self.mta.smtp()
                client.sendmail("a@client.test", [to], f"Subject: {name}\n\n" + 3000 * "x" + "\n")
            except (smtplib.SMTPException, OSError):
                # lost, or told to try again: it may have been taken or not
                self.doubtful.add(name)
                if client:
                    client.close()
                client = None
                time.sleep(0.05)
            else:
                self.accepted.add(name)
                return client
        raise AssertionError(f"{PATIENCE} tries, and no message was accepted")

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def progress(self, count):
        """Wait until so many messages have been accepted."""
        wait_until(lambda: len(self.accepted) >= count or self.failures, 120, f"{count} messages")
        assert self.failures == []

    def finish(self):
        for thread in self.threads:
            thread.join()
        assert self.failures == []


def arrived(mta):
    """How often each message is in one of the two mailboxes."""
    names = SUBJECT.findall(mta.read("/var/mail/joe")) if mta.path("/var/mail/joe").exists() else []
    for text in mta.maildir("/home/vmail/all"):
        names += SUBJECT.findall(text)
    return collections.Counter(names)


def emptied(mta):
    """Kick the queue until nothing is in it (a kill may have deferred some).

    Only a file with mode 0700 is a message; others are what a killed cleanup
    had not finished, and so not accepted.
    """

    def empty():
        mta.run(["postqueue", "-f"])
        return not any(map(complete, mta.queue_files().values()))

    def complete(path):
        try:
            return mta.path(path).stat().st_mode & 0o700 == 0o700
        except FileNotFoundError:
            return False

    wait_until(empty, 60, "the queue to be empty")


def check(mta, senders, before, kills):
    senders.finish()
    emptied(mta)
    counts = arrived(mta) - before
    lost = senders.accepted - counts.keys()
    assert lost == set(), f"{len(lost)} accepted messages are lost"
    assert counts.keys() <= senders.accepted | senders.doubtful
    twice = [name for name, count in counts.items() if count > 1]
    assert sum(counts[name] - 1 for name in twice) <= kills, f"arrived twice: {twice}"


def survive(mta, sessions, messages, rounds):
    for path in ("/home/vmail/all", "/var/mail/joe"):
        mta.run(["rm", "-rf", path], check=True)
    senders = Senders(mta, sessions, messages).start()
    names = list(itertools.chain(*[TAKERS + MOVERS] * rounds))
    delivering = 0
    for step, name in enumerate(names, 1):
        senders.progress(messages * step // (len(names) + 1))
        wait_until(lambda: mta.processes(name), 60, f"a {name} to kill")
        killed = mta.kill(name)
        delivering += killed if name in MOVERS else 0
    check(mta, senders, collections.Counter(), delivering)


def test_every_message_arrives_once_when_nothing_is_killed(mta):
    senders = Senders(mta, 10, 300).start()
    senders.finish()
    emptied(mta)
    assert senders.doubtful == set()
    assert arrived(mta) == collections.Counter(senders.accepted)


def test_each_daemon_is_killed_once(mta):
    survive(mta, sessions=8, messages=400, rounds=1)


@pytest.mark.slow
def test_5000_messages_over_20_sessions_while_daemons_die(mta):
    survive(mta, sessions=20, messages=5000, rounds=5)


def test_master_is_killed(mta):
    """Its children end by themselves; a start takes up where it stopped."""
    for path in ("/home/vmail/all", "/var/mail/joe"):
        mta.run(["rm", "-rf", path], check=True)
    senders = Senders(mta, 4, 200).start()
    senders.progress(60)
    qmgr = len(mta.processes("qmgr"))
    assert mta.kill("master") == 1
    wait_until(lambda: not mta.processes("qmgr"), 30, "the queue manager to follow its master")
    wait_until(lambda: mta.postfix("start").returncode == 0, 60, "a new start")
    check(mta, senders, collections.Counter(), qmgr)


def test_everything_is_killed_at_once(mta):
    """As when the machine loses power, but for the disk: queue files alone are the truth."""
    for path in ("/home/vmail/all", "/var/mail/joe"):
        mta.run(["rm", "-rf", path], check=True)
    senders = Senders(mta, 4, 200).start()
    senders.progress(60)
    killed = mta.kill(None)
    wait_until(lambda: not mta.processes(), 30, "all to end")
    mta.postfix("start", check=True)
    check(mta, senders, collections.Counter(), killed)
