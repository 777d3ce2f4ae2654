"""T48, T49, T50: others that are slow, mad or dead: servers, destinations, the log."""

import signal
import threading
import time

import pytest

from harness.sandbox import wait_until

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


def test_t49_one_dead_site_among_live_ones(site, request):
    """Hundreds of messages for a site that does not answer: the live ones do not wait for it."""
    storm = 150 if request.config.option.sample else 2000
    box = site.box
    with box.smtp() as client:
        client.ehlo()
        for n in range(storm // 50):
            client.sendmail(SENDER, [f"x{n}.{m}@dead.test" for m in range(50)], f"Subject: storm {n}\n\nx\n")
    slowest = 0
    for _ in range(20):
        begun = time.monotonic()
        before = len(site.sink.messages)
        assert site.send(["relay"], 200)
        wait_until(lambda: len(site.sink.messages) > before, 20, "live mail")
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 2, slowest
    box.log.wait(r"x\d+\.\d+@dead\.test>.*status=deferred")
    box.run("postsuper -d ALL", check=True)
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


def test_t50_nobody_reads_the_log(site, request):
    """Mail flows on, and the lines that were lost are counted afterwards."""
    site.warm()
    mark = site.box.log.mark()
    seconds = 5 if request.config.option.sample else 60
    with DeafLog(site.box), site.senders(4) as senders:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            senders.progress(1, 30)
    site.settle()
    assert site.box.log.matching(r"lines? (was|were) lost|lost .* lines|\d+ log lines", mark) or senders.accepted < 50


@pytest.mark.parametrize("trouble", ["full", "stopped", "gone"])
def test_t50_the_log_is_a_file(work, rng, trouble):
    """postlogd on a full disk, standing still, or unable to open its file."""
    with Site(work / "site", rng) as site:
        box = site.box
        box.run("mkdir -p /var/log/postfix && mount -t tmpfs -o size=64k none /var/log/postfix", check=True)
        box.run("postconf -e maillog_file=/var/log/postfix/maillog && postfix stop && postfix start", check=True)
        site.probe()
        if trouble == "full":
            box.run("cat /dev/zero >/var/log/postfix/filler")
        if trouble == "stopped":
            assert box.kill("postlogd", signal.SIGSTOP)
        if trouble == "gone":
            box.run("rm /var/log/postfix/maillog; mkdir /var/log/postfix/maillog; postfix reload")
        with site.senders(4) as senders:
            senders.progress(30)
        if trouble == "full":
            box.run("rm /var/log/postfix/filler")
        if trouble == "stopped":
            box.kill("postlogd", signal.SIGCONT)
        if trouble == "gone":
            box.run("rmdir /var/log/postfix/maillog")
        site.settle()
        wait_until(lambda: "postfix" in box.run("tail -c 300 /var/log/postfix/maillog").stdout, 30, "the log to go on")


