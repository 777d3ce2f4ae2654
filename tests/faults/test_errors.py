"""T4, T12: calls fail, one at a time: those that write, sync and rename, and those by
which a process gives up its rights."""

import os
import smtplib

import pytest

from harness.sandbox import wait_until
from harness.trace import Tracer

from .sink import converse
from .site import KINDS, SENDER, Site
from .sweep import golden, points

ERRORS = {
    "openat": ("EMFILE", "ENOSPC"),
    "write": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT"),
    "fdatasync": ("EIO",),
    "close": ("EIO",),
    "fchmod": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
    "renameat2": ("EIO", "ENOSPC"),
    "link": ("EIO", "ENOSPC"),
    "unlink": ("EIO",),
    "ftruncate": ("EIO",),
    "utimensat": ("EIO",),
}
PROGRAMS = ("cleanup", "qmgr", "local", "virtual", "smtp", "bounce", "pickup")
# The mark of a delivery: without it the recipient gets the mail again when others are tried again.
MARKS = ("local", "virtual", "smtp", "bounce")
TAKEN = ("pickup", "unlink")  # what stays in maildrop/ is taken again


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


def hand_in(site, program):
    if program == "pickup":
        site.submit()
    else:
        site.send()


@pytest.mark.parametrize("program", PROGRAMS)
def test_t04_an_error_at_every_call(site, program, some):
    found = points(golden(site, program, lambda: hand_in(site, program)), ERRORS)
    trials = [(call, n, error) for call, n in found for error in ERRORS[call]]
    assert len(trials) > 3
    for call, n, error in some(trials, 5):
        site.warm()
        with Tracer(site.box.processes(program), call, f"error={error}:when={n}"):
            hand_in(site, program)
        doubles = len(KINDS) if program in MARKS and call == "pwrite64" or (program, call) == TAKEN else 0
        try:
            site.settle(doubles)
        except AssertionError as wrong:
            raise AssertionError(f"{program}: {call} number {n} says {error}: {wrong}") from None
        site.forget()


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT"])
def test_t04_a_failed_sync_is_an_error_and_not_tried_again(site, error):
    site.warm()
    with Tracer(site.box.processes("cleanup"), "fsync,fdatasync", f"error={error}") as tracer:
        with pytest.raises(smtplib.SMTPDataError) as refused, site.box.smtp() as client:
            client.sendmail(SENDER, ["sue@box.test"], "Subject: x\n\nx\n")
        assert refused.value.smtp_code in (451, 452, 552), refused.value
        assert len(tracer.calls()) == 1, tracer.calls()
    assert site.orphans() == []
    assert not list(site.box.path("/var/spool/postfix/incoming").rglob("*.*"))
    site.settle()


# The log of a recipient is all that will know of it.
LOG_CALLS = {"flock": "EIO", "fstat,newfstatat": "EIO", "pwrite64": "ENOSPC", "fsync": "EIO"}


@pytest.mark.parametrize("call", LOG_CALLS)
def test_t04_a_log_of_failures_that_cannot_be_written(site, call):
    """Who failed is not done with before that is written down: tried again, and returned once."""
    site.warm(["bounce"])
    site.forget()
    mark = site.box.log.mark()
    with Tracer(site.box.processes("bounce"), call, f"error={LOG_CALLS[call]}"):
        assert site.send(["bounce"])
        site.box.log.wait("bounce or trace service failure", since=mark)
        assert not site.box.log.matching("status=bounced", mark)
    site.settle()


def late(talk):
    talk.say("220 sink.test")
    converse(talk, {"RCPT": "450 4.2.0 later"})


@pytest.mark.parametrize("call", LOG_CALLS)
def test_t04_what_is_in_no_log_does_not_expire(site, call):
    """Who is late, and could not be noted, would be missing in the report when mail is too old."""
    site.box.configure("maximal_queue_lifetime = 0\n")
    site.sink.script = late
    assert site.send(["relay"], 200)
    site.drain()
    mark = site.box.all_read()
    with Tracer(site.box.processes("bounce"), call, f"error={LOG_CALLS[call]}"):
        assert site.send(["relay"], 200)
        site.box.log.wait("log of recipient <far@far.test>: ", since=mark)
        site.box.log.wait("status=deferred", since=mark)
        assert not site.box.log.matching("status=expired", mark)
    site.settle()
    assert sum(site.arrivals().returned.values()) == 2


# -- T12 ----------------------------------------------------------------------------------

RIGHTS = "setuid,setgid,setresuid,setresgid,setreuid,setregid,setgroups,chroot"


def roots(site, program):
    """Those processes that have root's rights and may serve."""
    found = []
    for pid in site.box.processes(program):
        try:
            if os.stat(f"/proc/{pid}").st_uid == 0:
                found.append(pid)
        except FileNotFoundError:
            pass
    return found


@pytest.mark.parametrize("error", ["EPERM", "EAGAIN"])
@pytest.mark.parametrize("call", ["setresuid", "setresgid", "setgroups"])
@pytest.mark.parametrize("program, kind", [("local", "mbox"), ("local", "maildir"), ("virtual", "vmaildir"), ("virtual", "vmbox")])
def test_t12_an_agent_that_cannot_become_its_user(site, program, kind, call, error):
    site.warm([kind])
    site.forget()
    mark = site.box.log.mark()
    with Tracer(site.box.processes(program), call, f"error={error}") as tracer:
        assert site.send([kind])
        if not wait_until(lambda: site.box.log.matching("status=|: fatal:|: panic:", mark), 30):
            raise AssertionError("nothing happened")
        if tracer.calls():
            assert not site.box.log.matching("status=sent", mark)
            assert not site.arrivals().copies
    site.settle()


@pytest.mark.parametrize("error", ["EPERM", "EAGAIN"])
@pytest.mark.parametrize("program", ["smtpd", "cleanup", "qmgr", "bounce", "trivial-rewrite", "smtp"])
def test_t12_a_daemon_that_cannot_drop_its_rights_ends(site, program, error):
    """Every new process of the system fails so; then only that one's kin is asked for."""
    site.warm()
    mark = site.box.log.mark()
    master = site.master()
    with Tracer([master], RIGHTS, f"error={error}"):
        old = site.box.processes(program)
        assert site.box.kill(program)
        wait_until(lambda: not set(old) & set(site.box.processes()), 20)
        site.box.run("timeout 2 sendmail -bs </dev/null; timeout 2 bash -c 'exec 3<>/dev/tcp/" + site.box.address + "/25; read <&3'")
        site.send()
        site.box.log.wait(rf"{program}\[\d+\]: fatal: ", since=mark)
        wait_until(lambda: roots(site, program) == [], 10, "those with root's rights to end")
    site.settle()
