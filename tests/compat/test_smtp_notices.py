"""What the postmaster is told of servers that break the protocol: the same as by Debian's
Postfix, when notify_classes has "protocol", and never of servers that only refuse.
"""

import re

import pytest

from compat.deliveries import settle
from compat.scripted import FIRST, PIPELINING, REPLIES, Server, configured, two_systems
from compat.test_smtp import one_host

STAGES = ["greeting", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "end"]
WANTED = "error_notice_recipient = joe\nnotify_classes = protocol"
LMTP = f"{WANTED}\ndefault_transport = lmtp:[{FIRST}]:25"


@pytest.fixture(scope="module")
def pair(work):
    with two_systems(work) as instances:
        yield instances


def told(mta, replies, sender):
    """The notices about one delivery, as lines. Ours leave out empty lines of replies."""
    seen = len(mta.mbox("joe"))
    mark = mta.log.mark()
    with Server(FIRST, replies):
        queue_id = mta.submit(sender, "v@elsewhere.test", "Subject: x\n\nx\n")
        mta.log.wait(rf"[sl]mtp\[\d+\]: {queue_id}: to=.*status=", since=mark)
        settle(mta)  # the notice is there before the queue manager hears of the end
    mta.run(["postsuper", "-d", "ALL"], check=True)
    notices = [m.as_string() for m in mta.mbox("joe")[seen:] if "client: errors from" in m["Subject"]]
    masked = [re.sub(r"[0-9A-F]{9,}|20\d{12}", "ID", mta.mask(n)).splitlines() for n in notices]
    return [[line for line in lines if line != " In:"] for lines in masked]


def compare(pair, dns, replies, settings=WANTED, sender="ann@mail.same.test"):
    one_host(dns)
    configured(pair, settings)
    theirs, ours = (told(mta, replies, sender) for mta in pair)
    assert ours == theirs, f"ours {ours}\ntheirs {theirs}"
    return ours


@pytest.mark.parametrize("reply", ["2xx", "3xx", "5xx", "1xx", "noise-within", "blank-first", "controls", "lost"])
@pytest.mark.parametrize("stage", STAGES)
def test_smtp(pair, dns, stage, reply):
    hello = {"EHLO": b"502 5.5.1 no\r\n"} if stage == "HELO" else {}
    compare(pair, dns, hello | {stage: REPLIES[reply]})


@pytest.mark.parametrize("reply", ["noise-first", "1xx"])
def test_pipelining(pair, dns, reply):
    assert compare(pair, dns, PIPELINING | {"RCPT": REPLIES[reply]})


def test_lmtp(pair, dns):
    assert compare(pair, dns, {"end": REPLIES["1xx"]}, LMTP)


@pytest.mark.parametrize("sender", ["", "double-bounce@mail.same.test", "double-bounce@other.test", "mailer-daemon@mail.same.test"])
def test_senders(pair, dns, sender):
    """A notice about a notice would have no end."""
    compare(pair, dns, {"RCPT": REPLIES["1xx"]}, sender=sender)


def test_nobody_who_does_not_want_it(pair, dns):
    assert not compare(pair, dns, {"RCPT": REPLIES["1xx"]}, "error_notice_recipient = joe\nnotify_classes = resource, policy")
