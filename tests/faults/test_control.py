"""T38, T39, T54, T55: the hands of an administrator, while mail flows."""

import os
import re
import signal
import smtplib
import socket
import threading
import time

import pytest

from harness.sandbox import wait_until
from harness.trace import Tracer

from .sink import converse, polite
from .site import KINDS, Site


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


@pytest.fixture
def short(request):
    return request.config.option.sample


def test_t38_reload_under_load(site, short):
    """No accepted session is dropped, nothing comes twice."""
    site.warm()
    with site.senders(6) as senders, site.senders(1, sendmail=True):
        for _ in range(3 if short else 30):
            time.sleep(2)
            site.box.postfix("reload", check=True)
        senders.progress(10)
    unanswered = site.ledger.sent.keys() - site.ledger.acked.keys() - site.ledger.refused
    assert not unanswered, f"{len(unanswered)} sessions were dropped"
    assert not site.ledger.refused, f"{len(site.ledger.refused)} were refused"
    site.settle()


# -- T39 ----------------------------------------------------------------------------------

BROKEN_MAIN = {
    "not a parameter": "this line means nothing\n",
    "not a number": "message_size_limit = many\n",
    "not a time": "queue_run_delay = soon\n",
    "a loop": "myhostname = $mydomain\nmydomain = $myhostname\n",
    "an open brace": "relayhost = ${x\n",
}
BROKEN_MASTER = {
    "too few fields": "smtp inet n -\n",
    "an unknown type": "smtp inex n - n - - smtpd\n",
    "not a limit": "smtp inet n - n - x smtpd\n",
    "a name that is no port": "no-such-port inet n - n - - smtpd\n",
}


COMPLAINT = r"(warning|fatal|error): .*(main|master)\.cf"


def still_serves(site, limits):
    """With the old configuration, by the same master."""
    site.probe()
    with site.box.smtp() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == limits
    site.drain()


def all_new(site):
    """Processes have ended for want of work (max_idle) that mail needs; the next ones read
    main.cf as it is then. (qmgr keeps others to the end.)"""
    wait_until(lambda: not site.box.processes("smtpd") + site.box.processes("cleanup"), 60, "smtpd and cleanup to end")


@pytest.mark.parametrize("how", ["postfix reload", "HUP"])
@pytest.mark.parametrize("file, case", [*(("main.cf", c) for c in BROKEN_MAIN), *(("master.cf", c) for c in BROKEN_MASTER)])
def test_t39_a_mistake_in_the_configuration(site, file, case, how):
    """Told with a reason; all processes, new ones too, go on with the old configuration, and
    all is well when it is mended."""
    site.box.configure("max_idle = 1s\nipc_idle = 1s\n")
    site.warm()
    master = site.box.processes("master")
    good = site.box.read(f"/etc/postfix/{file}")
    site.box.write(f"/etc/postfix/{file}", good + {**BROKEN_MAIN, **BROKEN_MASTER}[case])
    mark = site.box.log.mark()
    if how == "HUP":
        os.kill(*master, signal.SIGHUP)
        site.box.log.wait("the old configuration stays in force|is not available", since=mark)
    elif (done := site.box.postfix("reload")).returncode != 0:
        assert re.search(COMPLAINT, done.stderr)
    else:
        site.box.log.wait("is not available", since=mark)
    site.box.log.wait(COMPLAINT, since=mark)
    still_serves(site, "10240000")
    all_new(site)
    still_serves(site, "10240000")
    assert site.box.processes("master") == master
    site.box.write(f"/etc/postfix/{file}", good)
    site.box.reload()
    site.settle()


@pytest.mark.parametrize("file", ["main.cf", "master.cf"])
def test_t39_a_file_that_is_gone(site, file):
    site.box.configure("max_idle = 1s\nipc_idle = 1s\n")
    master = site.box.processes("master")
    good = site.box.read(f"/etc/postfix/{file}")
    site.box.path(f"/etc/postfix/{file}").unlink()
    mark = site.box.log.mark()
    site.box.postfix("reload")
    wait_until(lambda: site.box.log.matching(rf"{file}.*No such file", mark), 10, "the missing file to be named")
    assert set(master) <= set(site.box.processes("master"))
    all_new(site)
    still_serves(site, "10240000")
    site.box.write(f"/etc/postfix/{file}", good)
    site.box.reload()
    site.settle()


def test_t39_a_read_only_configuration(site):
    site.box.run("mount --bind /etc/postfix /etc/postfix && mount -o remount,bind,ro /etc/postfix", check=True)
    done = site.box.run(["postconf", "-e", "myhostname=other.test"])
    assert done.returncode == 1 and "Read-only file system" in done.stderr
    site.box.reload()
    site.settle()


def test_t39_no_start_with_a_mistake(site):
    site.box.postfix("stop", check=True)
    site.box.write("/etc/postfix/master.cf", "smtp inet n -\n" + site.box.read("/etc/postfix/master.cf"))
    done = site.box.postfix("start")
    assert done.returncode == 1
    assert re.search(r"master\.cf.*line 1", done.stderr), done.stderr
    assert not site.box.running()
    text = site.box.read("/etc/postfix/master.cf").split("\n", 1)[1]
    site.box.write("/etc/postfix/master.cf", text)
    assert site.box.postfix("start").returncode == 0
    site.settle()


def start_again(site):
    said = []

    def starts():
        done = site.box.postfix("start")
        said.append(done.stderr)
        return done.returncode == 0

    try:
        wait_until(starts, 60, "a new start")
    except AssertionError as late:
        raise AssertionError(f"{late}: {said[-1]}\n{left(site)}") from None


def left(site):
    """What each process is at, and which sockets it has."""
    rows = [site.box.run("ss -xanp; ss -tanp").stdout]
    for pid in site.box.processes():
        with open(f"/proc/{pid}/stack", encoding="utf-8") as stack, open(f"/proc/{pid}/cmdline", encoding="utf-8") as words:
            rows.append(f"{pid} {words.read()}: {stack.read().split()[1:4:2]}")
    return "\n".join(rows)


# -- T54 ----------------------------------------------------------------------------------


def test_t54_starts_at_once_and_one_wins(site, rng):
    for _ in range(3):
        site.box.postfix("stop", check=True)
        results = []
        threads = [threading.Thread(target=lambda: results.append(site.box.postfix("start").returncode)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results.count(0) >= 1
        wait_until(lambda: len(site.box.processes("master")) == 1, 20, "the losers to end")
        site.probe()
    site.settle()


@pytest.mark.parametrize("content", ["99999\n", "1\n", "", "nonsense\n", "-1\n"])
def test_t54_a_stale_pid_file(site, content):
    """The lock tells, not the number in the file; nobody else is signalled."""
    site.box.kill("master")
    wait_until(lambda: not site.box.processes(), 30, "the rest to follow master")
    bystander = site.box.popen(["sleep", "100"])
    site.box.write("/var/spool/postfix/pid/master.pid", content)
    assert site.box.postfix("status").returncode == 1
    assert site.box.postfix("start").returncode == 0
    assert bystander.poll() is None
    site.settle()
    bystander.kill()
    bystander.wait()


def test_t54_master_is_killed_and_started_again_under_load(site, short):
    """At once, while orphans of the last one may still be there."""
    deaths = 3 if short else 15
    with site.senders(4) as senders, site.senders(1, sendmail=True):
        for _ in range(deaths):
            senders.progress(site.rng.randrange(1, 15))
            assert site.box.kill("master")
            start_again(site)
        senders.progress(5)
    wait_until(lambda: len(site.box.processes("qmgr")) <= 1, 30, "old queue managers to end")
    site.settle()


def test_t54_who_serves_a_client_ends_soon_without_master(site):
    """Nobody starts the others that it asks: it does not wait for them at every command, and
    keeps the port no longer than its client."""
    with site.box.smtp() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<back@box.test>")
        assert site.box.kill("master")
        wait_until(lambda: not site.box.processes("trivial-rewrite") and not site.box.processes("cleanup"), 30, "the rest to end")
        begun = time.monotonic()
        codes = [client.docmd(f"RCPT TO:<sue{n}@box.test>")[0] for n in range(6)]
        assert set(codes) <= {421, 450, 451}, codes
        assert time.monotonic() - begun < 45
    wait_until(lambda: not site.box.processes(), 30, "the last one to end")
    start_again(site)
    site.settle()


def test_t54_a_port_that_is_busy(site):
    site.box.postfix("stop", check=True)
    with socket.create_server((site.box.address, 25)):
        done = site.box.postfix("start")
        assert done.returncode == 1 and "Address already in use" in done.stderr
        assert not site.box.running()
    assert site.box.postfix("start").returncode == 0
    site.settle()


def test_t54_a_storm_of_signals(site, rng):
    """HUP as fast as can be sent, with senders at work; and every other harmless one."""
    master = site.master()
    with site.senders(4) as senders:
        for _ in range(200):
            os.kill(master, rng.choice((signal.SIGHUP, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH)))
            time.sleep(rng.random() / 100)
        senders.progress(5)
    assert site.master() == master
    site.settle()


# -- T55 ----------------------------------------------------------------------------------


POSTSUPER = ["-h ALL", "-H ALL", "-r ALL", "-s", "-p", "-h ALL deferred", "-H ALL", "-r ALL deferred", "-r ALL hold", "-e ALL", "-f ALL"]


def torment(site, words, rounds):
    """postsuper with one of these at a time, while mail comes in; return what it said."""
    end, said = threading.Event(), []

    def run():
        while not end.is_set():
            said.append(site.box.run("postsuper " + site.rng.choice(words)))
            site.box.run(["postqueue", "-f"])

    tormentor = threading.Thread(target=run)
    tormentor.start()
    with site.senders(3) as senders:
        for _ in range(rounds):
            senders.progress(8)
    end.set()
    tormentor.join()
    site.box.run("postsuper -H ALL", check=True)
    return said


def forget_expired_reports(site):
    """A report that is expired in its turn is for nobody: whom it was about, the sender never hears."""
    site.drain()
    log = "\n".join(site.box.log.lines)
    found = site.arrivals()
    came = found.copies + found.returned
    for report in re.findall(r": (\w+): from=<>, status=force-expired", log):
        for queue_id in re.findall(rf": (\w+): sender non-delivery notification: {report}$", log, re.M):
            for name in re.findall(rf": {queue_id}: message-id=<(m\d+)@ledger>", log):
                site.ledger.acked[name] = [r for r in site.ledger.acked[name] if came[name, r]]


def test_t55_postsuper_at_work_in_a_live_queue(site, short):
    """Held, released, requeued, expired, flushed, structured again and again: nothing is lost or crossed."""
    said = torment(site, POSTSUPER, 4 if short else 25)
    forget_expired_reports(site)
    site.settle()
    failures = [done.stderr for done in said if done.returncode]
    assert not failures, failures[:3]


def test_t55_mail_is_deleted_in_a_live_queue(site, short):
    """No more is missing than was deleted, and nothing of that is left."""
    said = torment(site, [*POSTSUPER, *["-d ALL"] * 3], 4 if short else 25)
    deleted = sum(int(n) for done in said for n in re.findall(r"Deleted: (\d+) message", done.stderr))
    site.drain()
    found = site.arrivals()
    came = found.copies + found.returned
    missing = [name for name, to in site.ledger.acked.items() if not any(came[name, r] for r in to)]
    assert 0 < deleted and len(missing) <= deleted, (missing, deleted)
    for name, to in site.ledger.acked.items():  # some may have been deleted half delivered
        site.ledger.acked[name] = [r for r in to if came[name, r]]
    site.settle()


# Where mail that is returned, and mail that is delivered, spends its time. Each call lasts
# long enough for postsuper to come in between.
INSTANTS = [
    ("qmgr", "rename"),
    ("qmgr", "unlink"),
    ("local", "pwrite64"),
    ("bounce", "flock"),
    ("bounce", "fsync"),
    ("bounce", "unlink"),
    ("cleanup", "fsync"),
    ("virtual", "rename"),
]


def late(talk):
    talk.say("220 sink.test")
    converse(talk, {"RCPT": "450 4.2.0 later"})


@pytest.mark.parametrize("option", ["-r", "-h", "-d"])
@pytest.mark.parametrize("program, call", INSTANTS)
def test_t55_postsuper_at_any_instant(site, program, call, option, short):
    """What is put back or held is neither lost nor done twice; what is deleted leaves nothing."""
    for n in range(2 if short else 8):
        site.warm(["bounce", "vmaildir", "relay"])
        site.sink.script = late
        with Tracer(site.box.processes(program), call, f"delay_{'enter' if n % 2 else 'exit'}=300000"):
            assert site.send(["bounce", "vmaildir", "relay"] if n % 4 < 2 else ["bounce"], 200)
            time.sleep(site.rng.random() / 2)
            site.box.run(f"postsuper {option} ALL", check=True)
            time.sleep(0.3)
        site.sink.script = polite
        name = list(site.ledger.acked)[-1]
        if option == "-d":
            site.ledger.acked.pop(name)
        site.box.run("postsuper -H ALL", check=True)
        try:
            site.settle()
        except AssertionError as wrong:
            raise AssertionError(f"{wrong}\n" + "\n".join(site.story(name))) from None
        site.forget()


def test_t55_delete_and_expire_all(site):
    """-d takes what is there and nothing else; -e and -f return it to its sender."""
    site.box.configure("defer_transports = virtual smtp local\n")
    for _ in range(5):
        assert site.send(["vmaildir"])
    wait_until(lambda: len(site.box.queue_files("deferred")) == 5, 30, "mail to be deferred")
    site.box.run("postsuper -d ALL", check=True)
    assert site.orphans() == []
    site.forget()
    for _ in range(5):
        assert site.send(["vmaildir"])
    wait_until(lambda: len(site.box.queue_files("deferred")) == 5, 30, "mail to be deferred")
    site.box.configure("defer_transports = smtp local\ndefer_transports =\n")
    site.box.run("postsuper -f ALL; postqueue -f", check=True)
    site.settle()


@pytest.mark.parametrize("depth", ["1", "2", "3"])
def test_t55_a_copied_queue_is_put_in_order_and_interrupted(site, rng, depth, short):
    """hash_queue_depth changes, every file has a new inode; postsuper -s dies at some call, and
    a second one finishes what it began: mail that waits, is held, and comes in by sendmail."""
    site.box.configure("defer_transports = virtual smtp local\nenable_long_queue_ids = no\n")
    for _ in range(10 if short else 40):
        assert site.send(["vmaildir", "relay"])
    wait_until(lambda: not site.box.queue_files("incoming") and not site.box.queue_files("active"), 60, "all to be deferred")
    for queue_id in list(site.box.queue_files("deferred"))[::3]:
        site.box.run(["postsuper", "-h", queue_id], check=True)
    site.box.postfix("stop", check=True)
    assert site.submit(["mbox", "vmbox"])
    site.box.run(f"postconf -e hash_queue_depth={depth} 'hash_queue_names=deferred defer incoming'", check=True)
    site.box.run("cd /var/spool/postfix && for q in deferred defer hold maildrop; do cp -a $q copy && rm -rf $q && mv copy $q; done", check=True)
    for _ in range(3 if short else 10):
        n = rng.randrange(1, 30)
        site.box.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e", f"inject=rename,renameat,renameat2:signal=SIGKILL:when={n}", "postsuper", "-s"])
    assert site.box.run(["postsuper", "-s"]).returncode == 0
    second = site.box.run(["postsuper", "-s"])
    assert second.returncode == 0 and "rename" not in second.stderr, second.stderr
    site.box.run("postsuper -H ALL", check=True)
    site.box.run("postconf -e defer_transports=", check=True)
    assert site.box.postfix("start").returncode == 0
    site.settle()


