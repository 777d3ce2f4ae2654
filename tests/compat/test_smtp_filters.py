"""smtp and lmtp beside Debian's: rules for DNS answers and for outcomes, and what senders
ask to be told (DSN).
"""

import re

import pytest

from compat.scripted import FIRST, compare, two_systems
from compat.test_smtp import A1, A2, LATER, NEVER, hello, mx, one_host


@pytest.fixture(scope="module")
def pair(work):
    with two_systems(work) as instances:
        yield instances


# --- smtp_dns_reply_filter -------------------------------------------------------------------

TWO_MX = mx((10, "one.test"), (20, "two.test"), one_test=A2, two_test=A1)
BOTH = {"elsewhere.test": {"A": [FIRST], "AAAA": ["::7"]}}
RECORDS = {
    "all A": ("/^elsewhere.test. 60 IN A 127.0.0.7$/ IGNORE", "", {"elsewhere.test": A1}),
    "letter case": ("/^ELSEWHERE/ ignore it", "", {"elsewhere.test": A1}),
    "one MX": ("/ IN MX 10 one.test.$/ IGNORE", "", TWO_MX),
    "all MX": ("/ IN MX / IGNORE", "", TWO_MX),
    "all MX, with A": ("/ IN MX / IGNORE", "", {"elsewhere.test": {"MX": ["10 one.test"], "A": [FIRST]}}),
    "all MX, errors ignored": (
        "/ IN MX / IGNORE",
        "ignore_mx_lookup_error = yes",
        {"elsewhere.test": {"MX": ["10 one.test"], "A": [FIRST]}},
    ),
    "A of the MX": ("/ IN A / IGNORE", "", mx((10, "one.test"), one_test=A1)),
    "A, then native": ("/ IN A / IGNORE", "smtp_host_lookup = dns, native", {"elsewhere.test": A1}),
    "AAAA": ("/ IN AAAA ::7$/ IGNORE", "inet_protocols = all", BOTH),
    "null MX": ("/ IN MX / IGNORE", "", mx((0, "."))),
    "A behind an alias": (
        "/^real.test. / IGNORE",
        "",
        {"elsewhere.test": {"CNAME": ["real.test"]}, "real.test": A1},
    ),
    "nothing": ("/ IN TXT / IGNORE", "", TWO_MX),
}


@pytest.mark.parametrize("case", RECORDS)
def test_dns_reply_filter(pair, dns, case):
    rule, settings, names = RECORDS[case]
    dns.names |= names
    compare(pair, [(FIRST, {})], settings=f"smtp_dns_reply_filter = pcre:{{{{{rule.replace('$', '$$')}}}}}\n{settings}")


@pytest.mark.parametrize("table", ["fail:x", "pcre:{{/./ DROP}}"], ids=["fails", "unknown action"])
def test_dns_reply_filter_that_fails(pair, dns, table):
    """Only the warning about the table differs."""
    dns.names |= TWO_MX
    compare(pair, [(FIRST, {})], settings=f"smtp_dns_reply_filter = {table}", log="status=")


# --- delivery status filters -----------------------------------------------------------------

OUTCOMES = {
    "bounced to deferred": ("/^5.1.1 (.*)/ 4.1.1 soft $$1", {"RCPT": NEVER}),
    "deferred to bounced": ("/^4([.]\\S+) (.*)/ 5$$1 hard $$2", {"RCPT": LATER}),
    "deferred to bounced, all": ("/^4([.]\\S+) (.*)/ 5$$1 hard $$2", {"MAIL": LATER}),
    "deferred to bounced, host": ("/^4([.]\\S+) (.*)/ 5$$1 hard $$2", {"greeting": b""}),
    "sent to other words": ("/^2([.]\\S+) (.*)/ 2.7.7 yes $$2", {}),
    "sent to bounced": ("/^2([.]\\S+) (.*)/ 5.7.7 no $$2", {}),
    "bounced to sent": ("/^5([.]\\S+) (.*)/ 2.7.7 yes $$2", {"RCPT": NEVER}),
    "no status": ("/^5/ what", {"RCPT": NEVER}),
    "no words": ("/^5/ 5.7.7", {"RCPT": NEVER}),
}


@pytest.mark.parametrize("case", OUTCOMES)
@pytest.mark.parametrize("name", ["smtp", "default"])
def test_delivery_status_filter(pair, dns, name, case):
    """The words about slips in the table are our own."""
    one_host(dns)
    rule, replies = OUTCOMES[case]
    compare(pair, [(FIRST, replies)], settings=f"{name}_delivery_status_filter = pcre:{{{{{rule}}}}}", log="status=")


def test_delivery_status_filter_of_lmtp(pair):
    settings = "default_transport = lmtp:[127.0.0.7]:25\nlmtp_delivery_status_filter = pcre:{{/^5.2.2 (.*)/ 4.2.2 soft $$1}}"
    compare(pair, [(FIRST, {"end": b"552 5.2.2 full\r\n"})], settings=settings)


def test_delivery_status_filter_that_fails(pair, dns):
    one_host(dns)
    compare(pair, [(FIRST, {"RCPT": NEVER})], settings="smtp_delivery_status_filter = fail:x", log="status=")


# --- DSN --------------------------------------------------------------------------------------

RCPT = ["", "NOTIFY=SUCCESS", "NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb+3D@x.test",
        "ORCPT=utf-8;x\\x{E4}\\x{2B}@y.test", "ORCPT=x400;some+20thing"]  # fmt: skip
MAIL = ["", "RET=FULL ENVID=a+2Bb+3D", "RET=HDRS"]
OFFERS = {"dsn": ["DSN"], "dsn and utf8": ["DSN", "SMTPUTF8", "8BITMIME"], "none": []}


@pytest.mark.parametrize("rcpt", RCPT)
@pytest.mark.parametrize("mail", MAIL)
@pytest.mark.parametrize("offer", OFFERS)
def test_dsn(pair, dns, offer, mail, rcpt):
    one_host(dns)
    compare(pair, [(FIRST, hello(OFFERS[offer]))], mail=mail, rcpt=rcpt)


@pytest.mark.parametrize("offer", OFFERS)
def test_dsn_of_refused_mail(pair, dns, offer):
    one_host(dns)
    compare(pair, [(FIRST, hello(OFFERS[offer]) | {"RCPT": NEVER})], rcpt="NOTIFY=NEVER", program="smtp|bounce")


def reported(mta, offer, settings):
    """What the report of success says was done."""
    from compat.scripted import Server, configured

    configured((mta,), settings)
    seen = len(mta.mbox("ann"))
    keywords = "".join(f"250-{word}\r\n" for word in offer)
    with Server(FIRST, {"LHLO": f"250-peer.test\r\n{keywords}250 HELP\r\n".encode()}) as server:
        mta.submit("ann@mail.same.test", "v@elsewhere.test", "Subject: x\n\nx\n", rcpt="NOTIFY=SUCCESS")
        mta.wait_empty()
    mail = mta.mbox("ann")[seen:]
    return server.heard, [re.findall(r"^Action: .*", m.as_string(), re.M) for m in mail]


@pytest.mark.parametrize("offer", [[], ["DSN"]], ids=["no DSN", "DSN"])
@pytest.mark.parametrize("setting", ["no", "yes"])
def test_lmtp_assume_final(pair, offer, setting):
    settings = f"default_transport = lmtp:[127.0.0.7]:25\nlmtp_assume_final = {setting}"
    theirs, ours = (reported(mta, offer, settings) for mta in pair)
    assert ours == theirs
