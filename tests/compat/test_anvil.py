"""What clients are told when they do too much, and the statistics of anvil: ours beside
Debian's Postfix. Each set of limits has a port of its own."""

import contextlib
import re
import socket

import pytest

from compat.test_smtpd import read_reply
from harness.sandbox import wait_until

DOMAIN = "example.test"
LIMITS = {
    "count": ["connection_count_limit = 2"],
    "connections": ["connection_rate_limit = 3"],
    "messages": ["message_rate_limit = 2"],
    "recipients": ["recipient_rate_limit = 3"],
    "message details": ["message_rate_limit = 1"],
    "recipient details": ["recipient_rate_limit = 1"],
    "all": ["connection_rate_limit = 4", "message_rate_limit = 1", "recipient_rate_limit = 1"],
    "none": ["connection_count_limit = 0"],
    "excepted address": ["connection_rate_limit = 1", "event_limit_exceptions = 127.0.0.9"],
    "excepted network": ["connection_rate_limit = 1", "event_limit_exceptions = 127.0.0.8/30"],
    "excepted name": ["connection_rate_limit = 1", "event_limit_exceptions = host.peer.test"],
    "excepted domain": ["connection_rate_limit = 1", "event_limit_exceptions = .peer.test"],
    "excepted domain without dot": ["connection_rate_limit = 1", "event_limit_exceptions = peer.test"],
    "excepted but one": ["connection_rate_limit = 1", "event_limit_exceptions = !127.0.0.9, 127.0.0.0/8"],
    "exceptions fail": ["connection_rate_limit = 1", "event_limit_exceptions = hash:/none"],
    "old exceptions": ["connection_rate_limit = 1", "connection_limit_exceptions = 127.0.0.9"],
    "ports logged": ["connection_rate_limit = 1", "port_logging = yes"],
}
PORTS = {name: 2800 + i for i, name in enumerate(LIMITS)}
MAIN = """\
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 50
smtpd_hard_error_limit = 50
mynetworks = 127.0.0.10
smtputf8_enable = no
anvil_status_update_time = 1s
anvil_rate_time_unit = 100s
smtpd_relay_restrictions = reject_unauth_destination
"""
MASTER = "".join(
    f"{PORTS[name]} inet n - n - - smtpd" + "".join(f" -o {{ smtpd_client_{limit} }}" for limit in limits) + "\n"
    for name, limits in LIMITS.items()
)
HELLO = ["HELO x.test"]
MAIL = ["MAIL FROM:<a@client.test>", "RSET"]
RCPT = ["MAIL FROM:<a@client.test>", "RCPT TO:<joe@example.test>", "RCPT TO:<no@example.test>"]
CASES = {
    "count": [HELLO, HELLO, HELLO, HELLO],
    "connections": [HELLO, HELLO, HELLO, HELLO, HELLO],
    "messages": [HELLO + MAIL + ["MAIL", "MAIL FROM:<a b>"] + MAIL + ["MAIL FROM:<>", "RCPT TO:<joe@example.test>"], MAIL],
    "recipients": [HELLO + RCPT + ["RCPT", "RCPT TO:<a b>"], [*RCPT, "DATA"]],
    "message details": [
        [*MAIL, *HELLO, "MAIL FROM:<a@client.test>", "MAIL FROM:<a@client.test>", "RSET", "MAIL FROM:<a@client.test> FOO=1"],
        ["MAIL FROM:", "MAIL FROM:<a@client.test> SIZE=99999999999", "RCPT TO:<joe@example.test>", "VRFY joe"],
    ],
    "recipient details": [
        ["RCPT TO:<joe@example.test>", MAIL[0], "RCPT TO:", "RCPT TO:<joe@example.test> FOO=1", "RCPT TO:<joe@example.test>"],
        ["VRFY", "VRFY a b", "VRFY joe", MAIL[0], "RCPT TO:<a@elsewhere.test>", "RCPT TO:<>", "RCPT"],
    ],
    "all": [HELLO + RCPT, RCPT + RCPT, HELLO, HELLO, HELLO],
    "none": [HELLO, HELLO, HELLO],
    **{name: [HELLO, HELLO, HELLO] for name in LIMITS if "except" in name or name == "ports logged"},
}
PTR = {"9.0.0.127.in-addr.arpa": {"PTR": ["host.peer.test"]}, "host.peer.test": {"A": ["127.0.0.9"]}}


def ended(mta, mark, n):
    wait_until(lambda: len(mta.log.matching(r"smtpd\[\d+\]: disconnect from", mark)) >= n, what="all sessions to end")


def play(mta, port, sessions, at_once):
    """The replies in all sessions, one after the other or all open at the end; the log."""
    mark = mta.log.mark()
    seen = []
    with contextlib.ExitStack() as stack:
        for said in sessions:
            s = stack.enter_context(socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)))
            lines = stack.enter_context(s.makefile("rb"))
            replies = [read_reply(lines)]
            for line in said if replies[0][0].startswith("220") else ():
                s.sendall(line.encode() + b"\r\n")
                replies.append(read_reply(lines))
            seen.append(replies)
            if not at_once:
                stack.pop_all().close()
                ended(mta, mark, len(seen))
    ended(mta, mark, len(seen))
    lines = [re.sub(r"]:\d+", "]:PORT", line) for line in mta.masked_log(mark, "/smtpd.*(warning|reject)")]
    return [[mta.mask(reply) for reply in replies] for replies in seen], lines


def test_statistics(ours, oracle, dns):
    """First of all, since a peak is of whoever reached it first."""
    dns.names.update(PTR)
    seen = []
    for mta in (ours, oracle):
        mark = mta.log.mark()
        play(mta, PORTS["recipients"], [HELLO + RCPT], False)
        for what in ("connection rate", "connection count", "recipient rate", "cache size"):
            mta.log.wait(rf"anvil\[\d+\]: statistics: max {what} ", since=mark)
        seen.append(set(mta.masked_log(mark, "/anvil.*statistics")))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", CASES)
def test_limit(ours, oracle, dns, name):
    dns.names.update(PTR)
    mine, theirs = (play(mta, PORTS[name], CASES[name], name == "count") for mta in (ours, oracle))
    assert mine[0] == theirs[0]
    if name != "exceptions fail":  # the warning has words of our own
        assert mine[1] == theirs[1]
