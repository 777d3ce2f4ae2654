"""T40: Debian's Postfix and this system take turns on one queue, also while mail flows."""

import json

import pytest

from harness.sandbox import wait_until

from .site import KINDS, Site

DOMAIN = "turns.test"
# Nothing moves while it is looked at.
STILL = "defer_transports = local virtual smtp\nqueue_run_delay = 1h\nminimal_backoff_time = 1h\nmaximal_backoff_time = 1h\n"
LONG = "enable_long_queue_ids = yes\n"


@pytest.fixture
def oracle(request):
    """The name makes the test run fetch Debian's Postfix."""


def listing(site):
    """What postqueue and postcat tell of the mail in the queue, without the places where
    the two word things of their own accord."""
    rows = [json.loads(line) for line in site.box.run(["postqueue", "-j"], check=True).stdout.splitlines()]
    for row in rows:
        row["recipients"] = sorted(r["address"] for r in row["recipients"])
        row.pop("forced_expire", None)
    found = {row["queue_id"]: row for row in rows}
    return found, {i: site.box.run(["postcat", "-q", i], check=True).stdout for i in found}


@pytest.mark.parametrize("ids", ["", LONG], ids=["short ids", "long ids"])
@pytest.mark.parametrize("first, second", [("oracle", "postern"), ("postern", "oracle")])
def test_t40_the_other_one_goes_on_with_the_queue(work, rng, oracle, first, second, ids):
    """Mail of every kind is deferred by one, shown alike by both, delivered whole by the other."""
    with Site(work / "site", rng, ids + STILL, flavour=first, domain=DOMAIN) as site:
        for kinds in (*([k] for k in KINDS), KINDS, KINDS):
            assert site.send(kinds)
        assert site.submit(KINDS)
        wait_until(lambda: len(site.box.queue_files("deferred")) == len(KINDS) + 3, 30, "all to be deferred")
        before = listing(site)
        site.box.postfix("stop", check=True)
        assert site.submit(KINDS), "mail handed in while all is down"
        site.change(second)
        site.box.run("postsuper -h ALL", check=True)
        wait_until(lambda: not any(map(site.box.queue_files, ("maildrop", "incoming", "active"))), 30, "the last one to be deferred")
        after = listing(site)
        for queue_id, text in before[1].items():
            assert after[1][queue_id] == text.replace("/deferred/", "/hold/") or lines(after[1][queue_id]) == lines(text)
        strip = lambda rows: {i: {k: v for k, v in r.items() if k != "queue_name"} for i, r in rows.items() if i in before[0]}
        assert strip(after[0]) == strip(before[0])
        site.box.configure("defer_transports =\n")
        site.box.run("postsuper -H ALL", check=True)
        site.settle(timeout=30)


def lines(text):
    return [l for l in text.splitlines() if not l.startswith("*** ")]


def test_t40_back_and_forth_under_load(work, rng, oracle, request):
    turns = 2 if request.config.option.sample else 8
    with Site(work / "site", rng, flavour="oracle", domain=DOMAIN) as site:
        with site.senders(3) as senders:
            for turn in range(turns):
                senders.progress(10)
                site.box.postfix("stop", check=True)
                wait_until(lambda: not site.box.processes(), 30, "all to end")
                site.change("oracle" if turn % 2 else "postern")
        site.settle(5 * turns)  # Debian's ends its processes in the middle of deliveries
