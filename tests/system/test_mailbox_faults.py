"""Mailboxes when the machine fails, or when somebody plays with links: no mail is lost,
no mailbox is left with a piece of a message, no foreign file is touched."""

import ctypes
import os
import threading

import pytest

from harness.sandbox import USERS, wait_until
from harness.trace import Tracer

MAIN = """
home_mailbox = Maildir/
mailbox_delivery_lock = fcntl
virtual_mailbox_lock = fcntl
mail_spool_directory = /var/mail
local_recipient_maps =
virtual_mailbox_domains = v.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = inline:{box@v.test=box, dir@v.test=dir/}
virtual_uid_maps = static:9204
virtual_gid_maps = static:9204
"""
SENDER = "a@client.test"
KINDS = {"maildir": "joe@{}", "mbox": "ann@{}", "virtual maildir": "dir@v.test", "virtual mbox": "box@v.test"}
# ann's mailbox is an mbox, by way of her own file
MBOX = {"mbox": "/home/ann/mbox", "virtual mbox": "/home/vmail/box"}
MAILDIR = {"maildir": "/home/joe/Maildir", "virtual maildir": "/home/vmail/dir"}


@pytest.fixture(autouse=True)
def clean(mta):
    mta.write("/home/ann/.forward", "/home/ann/mbox\n", "ann")
    mta.run("rm -rf /home/ann/mbox* /home/joe/Maildir /home/vmail/* /var/mail/*")


def copies(mta, kind, subject):
    """How many whole copies of the message arrived; anything that is no whole message fails."""
    if kind in MBOX:
        path = mta.path(MBOX[kind])
        text = path.read_text() if path.exists() else ""
        messages = text.split("From a@client.test ")
        assert messages[0] == ""
        bodies = messages[1:]
        assert all(b.endswith("\nend\n\n") for b in bodies), "a piece of a message"
    else:
        bodies = mta.maildir(MAILDIR[kind])
        assert all(b.endswith("\nend\n") for b in bodies), "a piece of a message"
    return sum(f"\nSubject: {subject}\n" in b for b in bodies)


def message(subject):
    return f"From: {SENDER}\nSubject: {subject}\n\n" + "x" * 60 + "\n" + "line\n" * 3000 + "end\n"


def send(mta, kind, subject):
    return mta.submit(SENDER, KINDS[kind].format(mta.domain), message(subject))


def program(kind):
    return "virtual" if "virtual" in kind else "local"


def warm_up(mta, kind):
    """A process that waits for the next request."""
    mta.wait_removed(send(mta, kind, "first"))
    mta.run("rm -rf /home/ann/mbox* /home/joe/Maildir /home/vmail/*")


ERRORS = [("write", "ENOSPC"), ("write", "EIO"), ("fsync", "EIO"), ("fsync", "ENOSPC"), ("openat", "EMFILE")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call,error", [*ERRORS, ("renameat2", "EIO")])
def test_an_error_defers_and_leaves_nothing_behind(mta, kind, call, error):
    if call == "renameat2" and kind in MBOX:
        return
    warm_up(mta, kind)
    mark = mta.log.mark()
    with Tracer(mta.processes(program(kind)), call, f"error={error}"):
        queue_id = send(mta, kind, "fault")
        mta.log.wait(rf"{program(kind)}\[\d+\]: {queue_id}: .* dsn=4\.\S+, status=deferred", since=mark)
        assert copies(mta, kind, "fault") == 0
    mta.wait_removed(queue_id)
    assert copies(mta, kind, "fault") == 1
    if kind in MAILDIR:
        assert os.listdir(mta.path(MAILDIR[kind]) / "tmp") == []


CALLS = ["setresgid", "openat", "write", "fsync", "renameat2", "sendto", "pwrite64", "close"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", CALLS)
def test_a_killed_agent_loses_nothing(mta, kind, call):
    """Killed just before the call takes effect: a copy more for each kill is what the
    specification allows when the mail was safe already, and none when it was not."""
    warm_up(mta, kind)
    mark = mta.log.mark()
    with Tracer(mta.processes(program(kind)), call, "signal=SIGKILL:when=1"):
        queue_id = send(mta, kind, "fault")
        mta.wait_removed(queue_id)
    kills = sum("killed by signal 9" in l for l in mta.log.lines[mark:])
    safe = call in ("sendto", "pwrite64", "close", "fsync")
    assert 1 <= copies(mta, kind, "fault") <= 1 + (kills if safe else 0)
    assert kills or call == "renameat2" and kind in MBOX


def test_a_full_file_system_defers(mta):
    mta.run("mkdir -p /home/joe/small && mount -t tmpfs -o size=12k,mode=755,uid=9201,gid=9201 none /home/joe/small", check=True)
    mta.write("/home/joe/.forward", "/home/joe/small/box\n", "joe")
    try:
        mark = mta.log.mark()
        queue_id = mta.submit(SENDER, f"joe@{mta.domain}", message("big"))
        mta.log.wait(rf"{queue_id}: .* dsn=4\.3\.0, status=deferred \(.*No space left on device\)", since=mark)
        box = mta.path("/home/joe/small/box")
        assert not box.exists() or box.stat().st_size == 0
        mta.run("mount -o remount,size=1m /home/joe/small", check=True)
        mta.wait_removed(queue_id)
        assert box.read_text().count("\nSubject: big\n") == 1
    finally:
        mta.path("/home/joe/.forward").unlink()
        mta.run("umount /home/joe/small; rmdir /home/joe/small")


def exchange(libc, a, b):
    libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2)


@pytest.mark.parametrize("trick", ["symlink", "hard link"])
def test_a_racer_gains_nothing(mta, trick):
    """While mail comes in, the mailbox in the open spool is exchanged for a link to a file of
    another user, as fast as can be."""
    victim = mta.write("/var/mail/victim", "secret\n", "ann", 0o644)
    spool = mta.path("/var/mail")
    mta.run("rm -rf /home/bob/Maildir")
    mta.configure("home_mailbox =\n")
    real, link = spool / "bob", spool / "other"
    os.close(os.open(real, os.O_CREAT | os.O_WRONLY, 0o600))
    os.chown(real, *USERS["bob"][:2])
    if trick == "symlink":
        os.symlink("/var/mail/victim", link)
    else:
        os.link(victim, link)
    libc, done = ctypes.CDLL(None, use_errno=True), threading.Event()

    def race():
        while not done.is_set():
            exchange(libc, real, link)

    racer = threading.Thread(target=race)
    racer.start()
    try:
        ids = [mta.submit(SENDER, f"bob@{mta.domain}", f"Subject: {i}\n\nend\n") for i in range(40)]
        wait_until(lambda: all(any(f"{i}: to=<bob@" in l for l in mta.log.lines) for i in ids), 60, "all to be tried")
    finally:
        done.set()
        racer.join()
    assert victim.read_text() == "secret\n"
    assert victim.stat().st_uid == USERS["ann"][0]
    mta.run(["postsuper", "-d", "ALL"], check=True)
    mta.configure("home_mailbox = Maildir/\n")
