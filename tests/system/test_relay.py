"""Mail between hosts: to and from Debian's Postfix, found by DNS or by relayhost."""

import smtplib

import pytest

from compat.scripted import Server
from harness.instance import Instance

TEXT = "From: a@client.test\nSubject: over the wire\n\n.leading dot\nhello\n"


@pytest.fixture(scope="module")
def peer(work, mta):
    """Debian's Postfix as the host of peer.test, which sends everything else to mta."""
    instance = Instance.make(work / "peer", "oracle", f"relayhost = [{mta.address}]", domain="peer.test")
    instance.start()
    yield instance
    instance.close()


@pytest.fixture
def mx(dns, peer):
    dns.names |= {
        "peer.test": {"MX": ["10 mail.peer.test"]},
        "mail.peer.test": {"A": [peer.address]},
    }
    return dns


def test_to_the_peer_by_mx(mta, peer, mx):
    lines = mta.deliver("a@client.test", ["joe@peer.test", "ann@peer.test"], TEXT)
    sent = [l for l in lines if "status=sent" in l]
    assert len(sent) == 2
    for line in sent:
        assert f"relay=mail.peer.test[{peer.address}]:25," in line and "dsn=2.0.0" in line
        assert "(250 2.0.0 Ok: queued as " in line
    peer.wait_empty()
    (message,) = peer.mbox("joe")
    assert message.get_payload() == ".leading dot\nhello\n"
    assert message["Return-Path"] == "<a@client.test>"
    assert f"from {mta.hostname} (unknown [{mta.address}])" in message.get_all("Received")[0]
    assert len(peer.mbox("ann")) == 1


def test_from_the_peer(mta, peer):
    peer.deliver("joe@peer.test", f"joe@{mta.domain}", TEXT)
    mta.wait_empty()
    (message,) = mta.mbox("joe")
    assert message.get_payload() == ".leading dot\nhello\n"
    assert f"from mail.peer.test (unknown [{peer.address}])" in message.get_all("Received")[0]


def test_refused_recipient_bounces_and_the_other_arrives(mta, peer, mx):
    before = len(peer.mbox("joe"))
    lines = mta.deliver(f"joe@{mta.domain}", ["joe@peer.test", "nobody.here@peer.test"], TEXT)
    (bounced,) = [l for l in lines if "status=bounced" in l]
    assert "dsn=5.1.1" in bounced
    assert f"(host mail.peer.test[{peer.address}] said: 550 5.1.1 <nobody.here@peer.test>: Recipient" in bounced
    assert bounced.endswith("(in reply to RCPT TO command))")
    peer.wait_empty()
    assert len(peer.mbox("joe")) == before + 1


def test_a_host_that_is_down_defers_and_a_flush_delivers(mta, peer, mx):
    mta.configure("minimal_backoff_time = 1h\nmaximal_backoff_time = 1h")
    mx.names["mail.peer.test"]["A"] = ["127.0.0.66"]
    mark = mta.log.mark()
    queue_id = mta.submit("a@client.test", "bob@peer.test", TEXT)
    mta.log.wait(
        rf"{queue_id}: to=<bob@peer.test>, relay=none, .*dsn=4\.4\.1, status=deferred "
        r"\(connect to mail\.peer\.test\[127\.0\.0\.66\]:25: Connection refused\)$",
        since=mark,
    )
    mx.names["mail.peer.test"]["A"] = [peer.address]
    mta.run(["postqueue", "-f"], check=True)
    mta.wait_removed(queue_id)
    peer.wait_empty()
    assert len(peer.mbox("bob")) == 1


@pytest.mark.parametrize(
    "names, status, words",
    [
        ({}, r"5\.4\.4, status=bounced", r"Host or domain name not found\. Name service error for name=gone.test"),
        ({"MX": ["0 ."]}, r"5\.1\.0, status=bounced", r"Domain gone\.test does not accept mail \(nullMX\)"),
        ({"MX": "SERVFAIL"}, r"4\.4\.3, status=deferred", r"Host or domain name not found\. .*try again"),
    ],
    ids=["no such domain", "null MX", "name server fails"],
)
def test_what_dns_says(mta, dns, names, status, words):
    if names:
        dns.names["gone.test"] = names
    mark = mta.log.mark()
    queue_id = mta.submit("a@client.test", "x@gone.test", TEXT)
    mta.log.wait(rf"{queue_id}: to=<x@gone\.test>, relay=none, .*dsn={status} \({words}", since=mark)
    mta.run(["postsuper", "-d", queue_id])


def test_the_hosts_of_a_service_are_found_by_srv_records(mta, dns, peer):
    """Debian's Postfix is too old for that."""
    if mta.flavour == "oracle":
        pytest.skip("no use_srv_lookup")
    dns.names |= {
        "_submission._tcp.peer.test": {"SRV": ["10 0 26 mail.peer.test", "20 5 25 mail.peer.test"]},
        "mail.peer.test": {"A": [peer.address]},
    }
    mta.configure("use_srv_lookup = submission\nrelayhost = peer.test:submission")
    mark = mta.log.mark()
    lines = mta.deliver("a@client.test", "joe@peer.test", TEXT)
    assert [l for l in mta.log.lines[mark:] if f"connect to mail.peer.test[{peer.address}]:26: Connection refused" in l]
    assert [l for l in lines if f"relay=mail.peer.test[{peer.address}]:25," in l and "status=sent" in l]
    mta.configure("relayhost =")


def test_internationalized_mail_finds_the_exchanger_that_takes_it(mta, dns):
    """Debian's Postfix gives up at the first one."""
    if mta.flavour == "oracle":
        pytest.skip("since Postfix 3.11")
    dns.names |= {
        "intl.test": {"MX": ["10 old.intl.test", "20 new.intl.test"]},
        "old.intl.test": {"A": ["127.0.0.6"]},
        "new.intl.test": {"A": ["127.0.0.7"]},
    }
    utf8 = {"EHLO": b"250-peer.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"}
    with Server("127.0.0.6", {}) as old, Server("127.0.0.7", utf8) as new:
        mark = mta.log.mark()
        mta.sendmail(["-f", "joe", "j\u00f6@intl.test"], TEXT)
        mta.log.wait(r"to=<j\u00f6@intl.test>, relay=new\.intl\.test.*status=sent", since=mark)
        mta.log.wait(r"SMTPUTF8 is required, but was not offered by host old\.intl\.test", since=mark)
        assert "RCPT TO:<j\u00f6@intl.test>" in new.heard[2] and old.heard == ["EHLO mail.postern.test", "QUIT"]
    with Server("127.0.0.6", {}), Server("127.0.0.7", {}):
        mta.sendmail(["-f", "joe", "j\u00f6@intl.test"], TEXT)
        mta.log.wait(r"to=<j\u00f6@intl.test>.*dsn=5\.6\.7, status=bounced \(SMTPUTF8 is required", since=mark)


def test_strangers_may_not_relay(mta):
    with mta.smtp(source="127.9.9.9") as client:
        client.ehlo()
        client.mail("a@client.test")
        code, text = client.rcpt("x@else.test")
        assert (code, text[:5]) == (454, b"4.7.1") and b"Relay access denied" in text
        client.rset()
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@client.test", ["x%else.test@[127.0.0.1]"], TEXT)
