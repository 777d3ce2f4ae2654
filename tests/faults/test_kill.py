"""T1: each program is killed at each call by which it changes something, while a
message goes to a mailbox of each kind, to another server, and back to its sender."""

import threading

import pytest

from harness.sandbox import wait_until
from harness.trace import Tracer

from .site import KINDS, Site
from .sweep import golden, points

# Whose death may cost second copies, and how many: after mail was safe and before that was
# noted. Agents: a delivery before its mark. bounce: a report. pickup: a copy of maildrop/.
# cleanup: what an agent or bounce hands in, between the sync and the answer.
MAY_DOUBLE = {"local": 1, "virtual": 1, "smtp": 1, "bounce": 1, "cleanup": 1, "pickup": len(KINDS)}
MBOX_WRITERS = ("local", "virtual")
PROGRAMS = ("smtpd", "qmgr", "trivial-rewrite", *MAY_DOUBLE)


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


def hand_in(site, program):
    """By SMTP, or by sendmail for pickup's sake."""
    if program == "pickup":
        site.submit()
    else:
        site.send()


def killed_at(site, program, call, n):
    """One run; return how many processes died."""
    site.warm()
    mark = site.box.log.mark()
    with Tracer(site.box.processes(program), call, f"signal=SIGKILL:when={n}"):
        hand_in(site, program)
        site.drain()
    site.box.all_read()
    return len(site.box.log.matching(r"killed by signal 9", mark))


@pytest.mark.parametrize("program", PROGRAMS)
def test_t01_a_kill_at_every_step(site, program, some):
    found = points(golden(site, program, lambda: hand_in(site, program)))
    assert found
    hits = 0
    chosen = some(found, 4)
    for call, n in chosen:
        kills = killed_at(site, program, call, n)
        hits += kills > 0
        try:
            site.settle(kills * MAY_DOUBLE.get(program, 0), kills if program in MBOX_WRITERS else 0)
        except AssertionError as wrong:
            raise AssertionError(f"{program} killed at {call} number {n}: {wrong}") from None
        site.forget()
    print(f"{program}: {hits} of {len(chosen)} points hit")
    # the message may take other processes than those that are traced
    assert hits >= len(found) // 2 or len(chosen) < len(found)


def start_again(site):
    wait_until(lambda: not site.box.processes(), 30, "the rest to follow master")
    wait_until(lambda: site.box.postfix("start").returncode == 0, 30, "a new start")


@pytest.mark.slow
def test_t01_master_is_killed_at_every_step(site, some):
    """While it starts processes for a message, and while it reloads."""

    def busy():
        site.box.postfix("reload")
        site.send()

    found = points(golden(site, "master", busy))
    assert found
    hits = 0
    chosen = some(found, 3)
    for call, n in chosen:
        site.warm()
        with Tracer(site.box.processes("master"), call, f"signal=SIGKILL:when={n}", children=False):
            busy()
            wait_until(lambda: not (site.box.processes("master") and site.orphans()), 30, "an end")
        if not site.box.processes("master"):
            hits += 1
            start_again(site)
        site.settle()
        site.forget()
    print(f"master: {hits} of {len(chosen)} points hit")
    assert hits >= len(found) // 2 or len(chosen) < len(found)


def test_t01_a_new_queue_manager_waits_for_a_delivery_under_way(site):
    """The agent holds the lock of the queue file that the dead one gave it."""
    go = threading.Event()

    def slow(talk):
        talk.say("220 sink.test")
        while line := talk.command():
            if line[:4] == b"DATA":
                talk.say("354 go on")
                talk.keep(talk.data())
                go.wait(60)
            talk.say("250 2.0.0 fine")

    site.sink.script = slow
    assert site.send(["relay"])
    wait_until(lambda: site.sink.messages, 30, "the content at the other side")
    mark = site.box.log.mark()
    assert site.box.kill("qmgr")
    site.box.log.wait(r"qmgr\[\d+\]: \w+: skipped, still being delivered|qmgr.*queue active", since=mark)
    go.set()
    site.settle()
