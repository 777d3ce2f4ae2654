"""In which order the recipients of a message reach an agent, and its destinations their
turn: in a command's arguments, to a server, in reports and in the log."""

import random
import re

import pytest

from compat.deliveries import settle
from compat.scripted import Server

DOMAIN = "example.test"
RELAY = "127.0.0.66"
MASTER = """\
args unix - n n - 1 pipe user=joe argv=/tmp/bin/dump $recipient
turns unix - n n - 1 pipe user=joe argv=/tmp/bin/dump $recipient
fails unix - n n - 1 pipe user=joe argv=/bin/false
local unix - n n - 1 local
"""
MAIN = f"""
recipient_delimiter = +
relayhost = [{RELAY}]
minimal_backoff_time = 1h
local_recipient_maps =
turns_destination_recipient_limit = 2
turns_initial_destination_concurrency = 1
transport_maps = inline:{{args.test=args:, .args.test=args:hop, one.test=args:hop, two.test=args:hop,
    n1.test=turns:, n2.test=turns:, n3.test=turns:Bhop, n4.test=turns:ahop:24, fails.test=fails:}}
"""
TEXT = "Subject: t\n\nx\n"
DUMP = '#!/bin/sh\necho "$@" >>/tmp/out/args\ncat >/dev/null\n'
CHANCE = random.Random(3)


def some(n, domains):
    """That many addresses, of letters in both cases and what stands around "@" in ASCII."""
    return ["".join(CHANCE.choices("abAB01_+-", k=4)).strip("-") + f"{i}@{CHANCE.choice(domains)}" for i in range(n)]


ARGUMENTS = {
    "one": ["a@args.test"],
    "letter case": ["b@args.test", "A@args.test", "C@args.test", "a1@args.test", "B2@Args.test"],
    "extensions": [f"{local}@args.test" for local in ("ab", "a+b", "a", "a-b", "a.b", "a+", "A+b", "a_b", "a0", '"a b"')],
    "duplicates": ["b@args.test", "a@args.test", "B@args.test", "b@ARGS.test", "a@args.test", "c@args.test"],
    "domains": ["z@two.test", "a@TWO.test", "c@x.args.test", "b@one.test", "y@One.test", "x@a.args.test"],
    "numbers": [f"u{i * 37 % 50}@args.test" for i in range(50)],
    "more than a delivery takes": [f"u{i * 37 % 120}@{('one', 'two')[i % 2]}.test" for i in range(120)],
    "by chance": some(50, ["one.test", "Two.test", "two.test", "x.args.test"]),
    "destinations": ["a@n1.test", "b@n3.test", "c@n4.test", "d@n2.test", "b@n1.test", "C@n1.test", "f@N4.test"],
}


@pytest.fixture(scope="module")
def both(ours, oracle):
    for mta in (ours, oracle):
        mta.write("/tmp/bin/dump", DUMP, mode=0o755)
    return ours, oracle


def sent(mta, recipients, sender="a@client.test"):
    mta.run("rm -rf /tmp/out; mkdir -m 1777 /tmp/out", check=True)
    mark = mta.log.mark()
    mta.submit(sender, recipients, TEXT)
    settle(mta)
    return [re.sub(r"relay=.*", "", line) for line in mta.masked_log(mark, r" to=<")]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_commands(both, name):
    seen = []
    for mta in both:
        log = sent(mta, ARGUMENTS[name])
        seen.append((mta.read("/tmp/out/args").splitlines(), log))
    assert seen[0][0] == seen[1][0]
    assert name != "destinations" or seen[0][1] == seen[1][1]  # several processes may log else


def test_local_recipients(both):
    names = ["Zed", "joe+x", "abe", "Joe+a", "bob", "joe+B", "cid"]
    mine, theirs = (sent(mta, [f"{name}@example.test" for name in names], "") for mta in both)
    assert mine == theirs
    assert len(mine) == len(names)


@pytest.mark.parametrize("n", [1, 7, 60])
def test_recipients_told_to_a_server(both, n):
    recipients = some(n, ["else.test", "Elder.test", "a.else.test", "ELSE.test"])
    heard = []
    for mta in both:
        with Server((RELAY, 25), {}) as server:
            sent(mta, recipients)
        heard.append([line for line in server.heard if line.startswith("RCPT")])
    assert heard[0] == heard[1]
    assert len(heard[0]) == n


def test_recipients_in_a_report(both):
    recipients = some(12, ["fails.test", "Fails.test"])
    reports = []
    for mta in both:
        mta.path("/var/mail/joe").unlink(missing_ok=True)
        sent(mta, recipients, "joe@example.test")
        report = mta.read("/var/mail/joe")
        reports.append(re.findall(r"^(?:Final-Recipient: .*|<.*@.*>: )", report, re.M))
    assert reports[0] == reports[1]
    assert len(reports[0]) == 2 * len(recipients)
