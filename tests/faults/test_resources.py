"""T41 to T45: full disks and mailboxes, no descriptors, no processes, no memory, and
programs that stand still."""

import os
import signal
import subprocess
import time

import pytest

from harness.sandbox import wait_until
from harness.trace import Tracer

from .groups import Group
from .site import MAILDIRS, MBOXES, Site

DAEMONS = ("smtpd", "cleanup", "qmgr", "trivial-rewrite", "local", "virtual", "smtp", "bounce")
AGENT = {"mbox": "local", "maildir": "local", "vmbox": "virtual", "vmaildir": "virtual"}


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


class Small:
    """A small file system in memory at a place; fill() takes all that is left of it."""

    def __init__(self, place, options):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=755,{options}", "small", place], check=True)

    def fill(self, what):
        (self.place / "filler").mkdir(exist_ok=True)
        try:
            if what == "bytes":
                with open(self.place / "filler/bytes", "ab", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
            else:
                for n in range(100000):
                    (self.place / f"filler/{time.monotonic_ns()}.{n}").touch()
        except OSError:
            return

    def free(self):
        subprocess.run(["rm", "-rf", self.place / "filler"], check=True)

    def remove(self):
        subprocess.run(["umount", self.place], check=True)


@pytest.fixture
def small(work):
    made = []

    def make(place, options):
        made.append(Small(work / place, options))
        return made[-1]

    yield make
    for one in reversed(made):
        one.remove()


ROOMY = "message_size_limit = 500000\n"  # smtpd wants room for one and a half

# -- T41 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_t41_the_queue_is_full_and_free_again(work, rng, small, what):
    """While mail flows, again and again; in between nothing is accepted that is lost."""
    spool = small("site/spool", "size=6m,nr_inodes=1500")
    with Site(work / "site", rng, main=ROOMY) as site:
        with site.senders(3) as senders, site.senders(1, sendmail=True):
            for _ in range(4):
                senders.progress(rng.randrange(1, 6))
                spool.fill(what)
                refused = len(site.ledger.refused)
                wait_until(lambda: len(site.ledger.refused) > refused, 30, "mail to be refused")
                spool.fill(what)
                time.sleep(rng.random() / 2)
                spool.free()
        site.settle()


@pytest.mark.parametrize("what", ["bytes", "inodes"])
def test_t41_mail_in_the_queue_waits_for_room(work, rng, small, what):
    """Accepted before; deliveries that need no room go on, and what bounces is not lost."""
    spool = small("site/spool", "size=6m,nr_inodes=1500")
    with Site(work / "site", rng, main=ROOMY) as site:
        site.warm()
        site.box.configure("defer_transports = local virtual smtp\n")
        for _ in range(3):
            assert site.send()
        site.box.configure("defer_transports =\n", reload=False)
        spool.fill(what)
        site.box.postfix("reload", check=True)
        for _ in range(5):
            site.box.run(["postqueue", "-f"])
            time.sleep(0.3)
        spool.free()
        site.settle(None)


# -- T42 ----------------------------------------------------------------------------------


def lengths(site):
    return {p: site.box.path(p).stat().st_size for p in MBOXES.values() if site.box.path(p).exists()}


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_t42_the_disk_of_the_mailboxes(work, rng, small, trouble):
    places = [small("site/home", "size=160k"), small("site/mail", "size=160k")]
    with Site(work / "site", rng) as site:
        site.warm()
        before = lengths(site)
        for place in places:
            if trouble == "full":
                place.fill("bytes")
        if trouble == "read-only":
            site.box.run("mount -o remount,ro /home; mount -o remount,ro /var/mail", check=True)
        mark = site.box.log.mark()
        assert site.send(["mbox", "maildir", "vmbox", "vmaildir"], 30000)
        site.box.log.wait(r"dsn=4\.\d\.\d, status=deferred", mark, 4)
        assert lengths(site) == before
        assert not any(os.listdir(site.box.path(p) / "tmp") for p in MAILDIRS.values() if site.box.path(p).exists())
        if trouble == "full":
            for place in places:
                place.free()
        else:
            site.box.run("mount -o remount,rw /home; mount -o remount,rw /var/mail", check=True)
        site.settle()


@pytest.mark.parametrize("call, error, code", [("write", "EDQUOT", "5.2.2"), ("write", "EFBIG", "5.2.2"), ("fsync", "EDQUOT", "5.2.2"), ("write", "ENOSPC", "4.3.0")])
@pytest.mark.parametrize("kind", AGENT)
def test_t42_a_quota(site, kind, call, error, code):
    """What is full of the recipient's own comes back, with the code for it; the file has its old length."""
    site.warm()
    before, mark = lengths(site), site.box.log.mark()
    with Tracer(site.box.processes(AGENT[kind]), call, f"error={error}:when=1"):
        assert site.send([kind])
        site.box.log.wait(rf"dsn={code}, status=(bounced|deferred)", mark)
        if kind in MBOXES:
            assert lengths(site) == before
    site.settle()


# -- T43 ----------------------------------------------------------------------------------


def cpu(pids):
    used = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def allow(pid, files):
    """Set how many descriptors a process may have. Only its own user may, and while it acts
    as somebody else nobody may."""

    def done():
        try:
            user = os.stat(f"/proc/{pid}")
        except FileNotFoundError:
            return True
        words = ["setpriv", "--reuid", str(user.st_uid), "--regid", str(user.st_gid), "--clear-groups"]
        words += ["prlimit", "--pid", str(pid), f"--nofile={files}:"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    wait_until(done, 20, f"process {pid} to be given {files} descriptors")


@pytest.mark.parametrize("program", [*DAEMONS, "pickup", "master"])
def test_t43_no_descriptors(site, program):
    """Nobody spins, and all goes on when there are some again."""
    for _ in range(3):
        site.warm()
        limited = site.box.processes(program)
        held = max(len(os.listdir(f"/proc/{pid}/fd")) for pid in limited)
        limit = held + site.rng.randrange(-2, 3)
        for pid in limited:
            allow(pid, limit)
        master = site.master()
        with site.senders(2, sendmail=program == "pickup"):
            time.sleep(0.5)
            used, begun = cpu(limited), time.monotonic()
            time.sleep(1)
            share = (cpu(limited) - used) / (time.monotonic() - begun)
            for pid in limited:
                allow(pid, 1000)
        assert site.master() == master
        try:
            site.settle()
        except AssertionError as wrong:
            raise AssertionError(f"{program} with {limit} descriptors: {wrong}") from None
        assert share < 0.2, f"{program} with {limit} descriptors: {share:.0%} of a processor"
        site.forget()


# -- T44 ----------------------------------------------------------------------------------


def test_t44_no_processes(site):
    site.warm()
    with Group("pids") as group:
        for pid in site.box.processes():
            group.add(pid)
        for _ in range(3):
            group.set("pids.max", group.count() + site.rng.randrange(3))
            with site.senders(6):
                time.sleep(1.5)
                group.set("pids.max", "max")
        assert site.box.processes("master")
        site.settle()


@pytest.mark.parametrize("program", [*DAEMONS, "pickup"])
def test_t44_no_memory(site, program):
    """The kernel kills what asks for more than there is."""
    site.warm()
    with Group("memory") as group:
        for pid in site.box.processes(program):
            group.add(pid)
        group.set("memory.limit_in_bytes", 4096)
        mark = site.box.log.mark()
        (site.submit if program == "pickup" else site.send)(size=300000)
        site.box.all_read()
        kills = len(site.box.log.matching("killed by signal 9", mark))
        assert site.box.processes("master")
        group.set("memory.limit_in_bytes", -1)
        site.settle(None if kills else 0, None)
    print(f"{program}: {kills} killed")


# -- T45 ----------------------------------------------------------------------------------

IMPATIENT = "daemon_timeout = 60s\nqmgr_daemon_timeout = 60s\nipc_timeout = 3s\n"


@pytest.mark.slow
@pytest.mark.parametrize("program", [*DAEMONS, "pickup", "master"])
def test_t45_a_program_stands_still(work, rng, program, request):
    """For longer than anyone waits for it, and than its watchdog does, under load; then it goes on,
    or another in its place."""
    with Site(work / "site", rng, IMPATIENT) as site:
        site.warm()
        with site.senders(3) as senders:
            senders.progress(5)
            stopped = site.box.processes(program)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(5 if request.config.option.sample else 120)
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            senders.progress(5)
        # a log entry of which its agent did not hear is reported, and so is the next try
        site.settle(None if program == "bounce" else 0)
