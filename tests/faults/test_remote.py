"""T48, T49, T50: others that are slow, mad or dead: servers, destinations, the log."""

import contextlib
import signal
import threading
import time

import pytest

from bench.deferred import spread
from harness.maillog import MailLog
from harness.sandbox import wait_until
from harness.trace import Tracer

from .sink import Sink, converse, polite
from .site import SENDER, Site

SLOW = "127.0.0.71"
MAIN = f"""
transport_maps = inline:{{ {{far.test=smtp:[127.0.0.70]}}, {{slow.test=smtp:[{SLOW}]}}, {{dead.test=smtp:[127.0.0.72]}} }}
smtp_connect_timeout = 2s
smtp_helo_timeout = 2s
smtp_mail_timeout = 2s
smtp_rcpt_timeout = 2s
smtp_data_init_timeout = 2s
smtp_data_done_timeout = 2s
smtp_data_xfer_timeout = 2s
smtp_quit_timeout = 1s
"""


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng, MAIN) as site:
        site.recipients["slow"] = "slow@slow.test"
        yield site


@pytest.fixture
def slow(site):
    """Another server, whose mail counts as the ledger's."""
    server = Sink(SLOW)
    yield server
    server.close()


def tarpit(stage):
    def script(talk):
        if stage == "220":
            threading.Event().wait(10)
        talk.say("220 slow.test")
        while line := talk.command():
            if line[:4].upper().decode() == stage:
                time.sleep(10)
                return
            talk.say("354 go" if line[:4] == b"DATA" else "250 ok")
            if line[:4] == b"DATA":
                talk.data()
                time.sleep(10)
                return

    return script


def saying(**answers):
    def script(talk):
        talk.say(answers.get("greeting", "220 slow.test"))
        converse(talk, {k: v for k, v in answers.items() if k != "greeting"} | ({".": answers["dot"]} if "dot" in answers else {}))

    return script


def drop_after_dot(talk):
    """Takes it, and is gone before it says so."""
    talk.say("220 slow.test")
    while line := talk.command():
        if line[:4] == b"DATA":
            talk.say("354 go")
            talk.keep(talk.data())
            return
        talk.say("250 ok")


def drop_after_answer(talk):
    talk.say("220 slow.test")
    while line := talk.command():
        if line[:4] == b"DATA":
            talk.say("354 go")
            talk.keep(talk.data())
            talk.say("250 kept")
            return
        talk.say("250 ok")


def answer_before_dot(talk):
    """Says 250 to data that it has not seen, and keeps it when it has."""
    talk.say("220 slow.test")
    while line := talk.command():
        if line[:4] == b"DATA":
            talk.say("354 go\r\n250 kept")
            text = talk.data()
            if text is not None:
                talk.keep(text)
            return
        talk.say("250 ok")


# name: script, what the log says, may its mail come twice
SCRIPTS = {
    "tarpit at the greeting": (tarpit("220"), "timed out while receiving the initial server greeting", 0),
    "tarpit at EHLO": (tarpit("EHLO"), "timed out while performing the EHLO handshake", 0),
    "tarpit at MAIL": (tarpit("MAIL"), "timed out while sending MAIL FROM", 0),
    "tarpit at RCPT": (tarpit("RCPT"), "timed out while sending RCPT TO", 0),
    "tarpit at DATA": (tarpit("DATA"), "timed out while sending DATA command", 0),
    "tarpit at the dot": (tarpit("none"), "timed out while sending end of data -- message may be sent more than once", 0),
    "421 at once": (saying(greeting="421 4.3.2 later"), "status=deferred", 0),
    "421 at MAIL": (saying(MAIL="421 4.3.2 later"), "status=deferred", 0),
    "421 at RCPT": (saying(RCPT="421 4.3.2 later"), "status=deferred", 0),
    "450 at the dot": (saying(dot="450 4.3.0 later"), "status=deferred", 0),
    "garbage": (saying(greeting="\x00\x01garbage"), "status=deferred", 0),
    "a megabyte": (saying(greeting="220-" + "x" * 1_000_000), "status=deferred", 0),
    "drop after the dot": (drop_after_dot, "sending end of data -- message may be sent more than once", 9),
    "drop after 250": (drop_after_answer, "status=sent", 0),
    "250 before the dot": (answer_before_dot, "status=", 9),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_t48_a_server(site, slow, name):
    """The words for it are right, others have their mail at once, and in the end it has its own."""
    script, words, doubles = SCRIPTS[name]
    slow.script = script
    mark = site.box.log.mark()
    for _ in range(3):
        assert site.send(["slow"])
    begun = time.monotonic()
    assert site.send(["relay", "vmaildir"])
    wait_until(lambda: site.sink.messages, 10, "the other server to have its mail")
    assert time.monotonic() - begun < 5
    site.box.log.wait(words, since=mark)
    slow.script = polite
    site.drain(90)
    site.sink.messages += slow.messages
    slow.messages = []
    site.settle(doubles)


# -- T49 ----------------------------------------------------------------------------------


QUIET = "queue_run_delay = 300s\nminimal_backoff_time = 300s\nmaximal_backoff_time = 4000s\n"
LIVE = 100


@pytest.fixture
def live(site, dns):
    """100 sites with a server each."""
    servers = []
    for n in range(1, LIVE + 1):
        servers.append(Sink(f"127.0.3.{n}"))
        dns.names[f"s{n}.live.test"] = {"A": [f"127.0.3.{n}"]}
        site.recipients[f"live{n}"] = f"x@s{n}.live.test"
    yield servers
    for server in servers:
        server.close()


@pytest.mark.slow
def test_t49_one_dead_site_among_live_ones(site, live, request):
    """100,000 messages for a site that does not answer become due at once; those for 100 live
    ones do not wait for them."""
    storm = 1000 if request.config.option.sample else 100_000
    box = site.box
    box.configure(QUIET)
    queue_id = box.submit(SENDER, "x@dead.test", "Subject: storm\n\nx\n")
    wait_until(lambda: queue_id in box.queue_files("deferred"), 30, "it to be deferred")
    path = box.queue_files("deferred")[queue_id]
    message, log = box.path(path).read_bytes(), box.path(path.replace("/deferred/", "/defer/")).read_bytes()
    box.postfix("stop", check=True)
    spread(box, storm, message, log)
    box.postfix("start", check=True)
    mark = box.log.mark()
    box.run(["postqueue", "-f"], check=True)
    box.log.wait("@dead\\.test>.*status=deferred", mark)
    slowest = 0
    for n, server in enumerate(live, 1):
        begun = time.monotonic()
        assert site.send([f"live{n}"], 200)
        wait_until(lambda: server.messages, 20, "live mail")
        slowest = max(slowest, time.monotonic() - begun)
        site.sink.messages += server.messages
    left = len(box.queue_files("active")) + len(box.queue_files("incoming"))
    print(f"{storm} messages, {left} of them not deferred again; slowest of {LIVE} live ones {slowest:.2f} s")
    assert slowest < 2
    assert request.config.option.sample or left, "the storm was over before the live mail"
    box.postfix("stop", check=True)  # or some move on while the others are removed
    wait_until(lambda: not box.processes(), 60, "all to end")
    box.run("postsuper -d ALL", check=True)
    box.postfix("start", check=True)
    site.settle()


def test_t49_concurrency_backs_off_to_one(site, slow):
    """A site that fails again and again, and is not given up, gets one connection at a time."""
    site.box.configure("smtp_destination_concurrency_failed_cohort_limit = 1000\n")

    def busy(talk):
        time.sleep(0.2)
        talk.say("421 4.3.2 later")

    slow.script = busy
    with site.box.smtp() as client:
        client.ehlo()
        for n in range(60):
            client.sendmail(SENDER, [f"z{n}@slow.test"], "Subject: x\n\nx\n")
    wait_until(lambda: slow.connections > 30, 60, "30 failures")
    assert slow.most > 1  # it began with more
    wait_until(lambda: slow.open <= 1, 20, "the others to end")
    slow.most, before = slow.open, slow.connections
    wait_until(lambda: slow.connections > before + 10, 60, "10 more")
    assert slow.most == 1
    slow.script = polite
    site.box.run("postsuper -d ALL", check=True)
    site.settle()


def test_t49_a_hanging_site_is_left_alone(site, slow):
    slow.script = tarpit("220")
    with site.box.smtp() as client:
        client.ehlo()
        for n in range(60):
            client.sendmail(SENDER, [f"y{n}@slow.test"], "Subject: x\n\nx\n")
    site.box.log.wait(r"@slow\.test>.*status=deferred", count=20, timeout=60)
    site.box.log.wait(r"y\d+@slow\.test>.*delivery temporarily suspended", timeout=60)
    assert slow.most <= 20  # and each failure halves it
    slow.script = polite
    site.settle()


# -- T50 ----------------------------------------------------------------------------------


class DeafLog:
    """Nobody reads the log socket: its queue is full."""

    def __init__(self, box):
        self._log = box.log
        self._resume = threading.Event()

    def __enter__(self):
        original = self._log._socket.recv
        log = self._log

        class Held:
            def recv(_, size):
                self._resume.wait()
                return original(size)

            def __getattr__(_, name):
                return getattr(original.__self__, name)

        self._real = log._socket
        log._socket = Held()
        return self

    def __exit__(self, *error):
        self._resume.set()
        self._log._socket = self._real


@pytest.mark.slow
def test_t50_nobody_reads_the_log(site, request):
    """Mail flows on, and the lines that were lost are counted afterwards."""
    site.warm()
    mark = site.box.log.mark()
    seconds = 5 if request.config.option.sample else 600
    with DeafLog(site.box), site.senders(4) as senders:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            senders.progress(1, 30)
    site.settle()
    assert request.config.option.sample or site.box.log.matching(r"\d+ log lines were lost", mark)


def test_t50_the_log_socket_goes_and_comes(site):
    """As when the log daemon of the machine is started anew."""
    site.warm()
    path = site.box.path("/dev/log")
    site.box.log.close()
    path.unlink()
    with site.senders(4) as senders:
        senders.progress(30)
        site.box.log = MailLog(path)
        senders.progress(10)
    assert site.box.log.matching("status=sent")
    site.settle()


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["full", "stopped", "gone", "broken"])
def test_t50_the_log_is_a_file(work, rng, trouble, request):
    """postlogd on a full disk, standing still, unable to open its file, or told EIO."""
    seconds = 1 if request.config.option.sample else 120
    with Site(work / "site", rng) as site:
        box = site.box
        box.run(f"mkdir -p /var/log/postfix && mount -t tmpfs -o size={'64k' if trouble == 'full' else '64m'} none /var/log/postfix", check=True)
        box.run("postconf -e maillog_file=/var/log/postfix/maillog && postfix stop && postfix start", check=True)
        site.probe()
        if trouble == "full":
            box.run("cat /dev/zero >/var/log/postfix/filler")
        if trouble == "stopped":
            assert box.kill("postlogd", signal.SIGSTOP)
        if trouble == "gone":
            box.run("rm /var/log/postfix/maillog; mkdir /var/log/postfix/maillog; postfix reload")
        with contextlib.ExitStack() as stack:
            if trouble == "broken":
                stack.enter_context(Tracer(box.processes("postlogd"), "write,writev,pwrite64", "error=EIO"))
            senders = stack.enter_context(site.senders(4))
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                senders.progress(10)
        if trouble == "full":
            box.run("rm /var/log/postfix/filler")
        if trouble == "stopped":
            box.kill("postlogd", signal.SIGCONT)
        if trouble == "gone":
            box.run("rmdir /var/log/postfix/maillog")
        site.settle()
        wait_until(lambda: "postfix" in box.run("tail -c 300 /var/log/postfix/maillog").stdout, 30, "the log to go on")
        if trouble in ("full", "broken"):
            assert "log lines were lost" in box.run("cat /var/log/postfix/maillog").stdout


