"""error, retry and discard: mail that goes nowhere, and what is said about it."""

import pytest

ROUTES = """
a.test error:5.1.1 nobody here
b.test error:plain words
c.test retry:4.7.1 later please
d.test retry:just later
e.test discard:thrown away
f.test discard:
g.test error:4.1.1 four
h.test retry:5.1.1 five
i.test error:
j.test discard:2.1.5 with code
k.test error:2.0.0 strange
l.test retry:
m.test discard:5.0.0 other class
"""
MAIN = """
transport_maps = hash:/etc/postfix/transport
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
ETC = {"postfix/transport": ROUTES}
TEXT = "Subject: x\n\nx\n"


@pytest.fixture(scope="module")
def routed(mta):
    mta.run(["postmap", "hash:/etc/postfix/transport"], check=True)
    yield mta
    mta.run(["postsuper", "-d", "ALL"], check=True)


def verdict_on(mta, recipient):
    """smtpd knows these routes and refuses some; the sendmail command does not ask."""
    mark = mta.log.mark()
    mta.sendmail(["-f", f"joe@{mta.domain}", recipient], TEXT)
    return mta.log.wait(rf"postfix/(\w+)\[\d+\]: \w+: to=(<{recipient}>.*)", since=mark)


@pytest.mark.parametrize(
    "domain, program, status, verdict",
    [
        ("a", "error", "5.1.1", "bounced (nobody here)"),
        ("b", "error", "5.0.0", "bounced (plain words)"),
        ("c", "error", "4.7.1", "deferred (later please)"),
        ("d", "error", "4.0.0", "deferred (just later)"),
        ("e", "discard", "2.0.0", "sent (thrown away)"),
        ("f", "discard", "2.0.0", "sent (f.test)"),
        ("g", "error", "5.0.0", "bounced (four)"),
        ("h", "error", "4.0.0", "deferred (five)"),
        ("i", "error", "5.0.0", "bounced (Address is undeliverable)"),
        ("j", "discard", "2.1.5", "sent (with code)"),
        ("k", "error", "5.0.0", "bounced (strange)"),
        ("l", "error", "4.0.0", "deferred (Address is undeliverable)"),
        ("m", "discard", "2.0.0", "sent (other class)"),
    ],
)
def test_the_reason_is_in_the_next_hop(routed, domain, program, status, verdict):
    line = verdict_on(routed, f"u@{domain}.test")
    assert line[1] == program
    assert line[2].startswith(f"<u@{domain}.test>, relay=none, delay=")
    assert line[2].endswith(f", dsn={status}, status={verdict}")


def test_a_bounce_tells_the_sender_the_reason(routed):
    mark = routed.log.mark()
    verdict_on(routed, "u@a.test")
    routed.log.wait(rf"local\[\d+\]: \w+: to=<joe@{routed.domain}>.*status=sent", since=mark)
    report = routed.mbox("joe")[-1].as_string()
    assert "<u@a.test>: nobody here" in report
    assert "Status: 5.1.1" in report and "Action: failed" in report


def test_soft_bounce_keeps_what_error_returns(routed):
    routed.configure("soft_bounce = yes")
    line = verdict_on(routed, "u@a.test")
    assert line[2].endswith("dsn=4.1.1, status=SOFTBOUNCE (nobody here)")
    routed.configure("soft_bounce = no")


def test_another_name_returns_nothing(routed):
    """The service name says what error does; a slip of the pen must not bounce mail."""
    master = routed.read("/etc/postfix/master.cf")
    routed.write("/etc/postfix/master.cf", master + "oops unix - - n - - error\n")
    routed.write("/etc/postfix/transport", ROUTES + "z.test oops:5.1.1 gone\n")
    routed.run(["postmap", "hash:/etc/postfix/transport"], check=True)
    routed.reload()
    mark = routed.log.mark()
    routed.sendmail(["u@z.test"], TEXT)
    routed.log.wait(r"error\[\d+\]: fatal: .*oops", since=mark)
    assert not routed.log.matching(r"to=<u@z.test>.*status=bounced", mark)
    routed.write("/etc/postfix/master.cf", master)
    routed.reload()
