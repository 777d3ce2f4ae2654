"""What the postmaster is told of sessions with errors: the same as by Debian's Postfix.

Three services ask for two or three classes of notify_classes each, so that who of them sent
a notice tells of which class the error is.
"""

import socket

import pytest

from harness.sandbox import wait_until

DOMAIN = "example.test"
CLASSES = [
    "bounce, policy, resource",
    "data, policy, software",
    "protocol, resource, software",
]
SPECIAL = {  # further ports, with lines of their own
    "local table fails": "local_recipient_maps=hash:/none",
    "disk full": "queue_minfree=1000000000000000",
    "message rate": "smtpd_client_message_rate_limit=1",
    "bare newline": "smtpd_forbid_bare_newline=reject -o smtpd_forbid_bare_newline_exclusions=",
    "access table fails": "smtpd_sender_restrictions=hash:/none",
    "client unknown": "smtpd_client_restrictions=reject_unknown_client_hostname -o smtpd_delay_reject=no",
    "helo required": "smtpd_helo_required=yes",
    "unauth pipelining": "smtpd_data_restrictions=reject_unauth_pipelining -o smtpd_forbid_unauth_pipelining=no",
    "no such restriction": "smtpd_sender_restrictions=foo",
    "defer if permit": "smtpd_sender_restrictions=defer_if_permit",
    "tls required": "smtpd_tls_security_level=encrypt",
}


def service(port, classes, special=""):
    return f"{port} inet n - n - - smtpd -o {{ notify_classes = {classes} }} {special}\n"


MASTER = service(2599, ", ".join(CLASSES))
for number, special in enumerate(["", *(f"-o {option}" for option in SPECIAL.values())]):
    for i, classes in enumerate(CLASSES):
        MASTER += service(2600 + 10 * number + i, classes, special)
MAIN = """\
smtputf8_enable = no
smtpd_discard_ehlo_keywords = chunking, starttls, silent-discard
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 8
message_size_limit = 5000
smtpd_recipient_limit = 2
smtpd_recipient_overshoot_limit = 1
smtpd_timeout = 1s
hopcount_limit = 3
mynetworks = 127.0.0.10
smtpd_sender_restrictions = check_sender_access inline:{r@x.test=REJECT,d@x.test=DEFER,w@x.test=WARN}
smtpd_relay_restrictions = reject_unauth_destination
header_checks = pcre:{{/^X-Rej/ REJECT} {/^X-Wait/ REJECT 4.7.1 wait} {/^X-Warn/ WARN}}
"""
HELLO = ["EHLO x.test"]
MAIL = HELLO + ["MAIL FROM:<a@x.test>"]
RCPT = MAIL + ["RCPT TO:<joe@example.test>"]
DATA = RCPT + ["DATA"]
END = "\r\n\r\n."
TIMEOUT = None

CASES = {
    "nothing": HELLO,
    "unknown command": HELLO + ["FOO"],
    "mail syntax": HELLO + ["MAIL"],
    "rcpt syntax": MAIL + ["RCPT"],
    "address": HELLO + ["MAIL FROM:<a b>"],
    "nested mail": MAIL + ["MAIL FROM:<a@x.test>"],
    "rcpt first": HELLO + ["RCPT TO:<joe@example.test>"],
    "data first": HELLO + ["DATA"],
    "no valid recipient": MAIL + ["DATA"],
    "unknown option": HELLO + ["MAIL FROM:<a@x.test> FOO=1"],
    "bad size": HELLO + ["MAIL FROM:<a@x.test> SIZE=x"],
    "declared size": HELLO + ["MAIL FROM:<a@x.test> SIZE=999999"],
    "ret": HELLO + ["MAIL FROM:<a@x.test> RET=x"],
    "notify": MAIL + ["RCPT TO:<joe@example.test> NOTIFY=x"],
    "helo syntax": ["HELO"],
    "rset syntax": HELLO + ["RSET x"],
    "vrfy syntax": HELLO + ["VRFY"],
    "vrfy address": HELLO + ["VRFY <a b>"],
    "vrfy unknown": HELLO + ["VRFY <no-such-user@example.test>"],
    "etrn syntax": HELLO + ["ETRN"],
    "etrn domain": HELLO + ["ETRN a..b"],
    "etrn refused": HELLO + ["ETRN nowhere.test"],
    "starttls": HELLO + ["STARTTLS"],
    "auth": HELLO + ["AUTH PLAIN"],
    "relay": MAIL + ["RCPT TO:<a@y.test>"],
    "unknown user": MAIL + ["RCPT TO:<no-such-user@example.test>"],
    "reject": HELLO + ["MAIL FROM:<r@x.test>", "RCPT TO:<joe@example.test>"],
    "defer": HELLO + ["MAIL FROM:<d@x.test>", "RCPT TO:<joe@example.test>"],
    "warn": HELLO + ["MAIL FROM:<w@x.test>", "RCPT TO:<joe@example.test>"],
    "recipients": RCPT + ["RCPT TO:<ann@example.test>", "RCPT TO:<joe@example.test>"],
    "overshoot": RCPT + ["RCPT TO:<ann@example.test>"] + 3 * ["RCPT TO:<joe@example.test>"],
    "too big": DATA + ["x: y\r\n\r\n" + "0123456789\r\n" * 800 + "."],
    "hops": DATA + ["Received: a\r\n" * 5 + "\r\n."],
    "header refused": DATA + ["X-Rej: a" + END],
    "header refused for now": DATA + ["X-Wait: a" + END],
    "sent": DATA + ["X-Warn: a" + END],
    "error, then sent": HELLO + ["FOO"] + DATA + ["Subject: a" + END],
    "http": ["GET / HTTP"],
    "header as command": HELLO + ["Subject: x"],
    "lost in data": DATA,
    "long line": HELLO + ["x" * 3000],
    "local table fails": RCPT,
    "disk full": MAIL,
    "message rate": MAIL + ["RSET"] + MAIL[1:],
    "bare newline": DATA + ["a\nb" + END],
    "access table fails": RCPT,
    "client unknown": HELLO,
    "helo required": ["MAIL FROM:<a@x.test>"],
    "unauth pipelining": RCPT + ["DATA\r\nx: y\r\n."],
    "no such restriction": RCPT,
    "defer if permit": RCPT,
    "tls required": MAIL,
}


def read_reply(lines):
    line = lines.readline()
    while line[3:4] == b"-":
        line = lines.readline()


def session(mta, port, said):
    mark = mta.log.mark()
    with socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)) as s, s.makefile("rb") as lines:
        read_reply(lines)
        for line in said:
            if line is not TIMEOUT:
                s.sendall(line.encode() + b"\r\n")
            read_reply(lines)
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return mark


# cleanup gives only our own mail a Message-Id, and has the notice before the session's last line.
def tells(mta, port, said):
    mark = session(mta, port, said)
    return bool(mta.log.matching(r"cleanup\[\d+\]: \w+: message-id=<\d{14}\.", mark))


@pytest.mark.parametrize("name", CASES)
def test_which_errors_are_told(ours, oracle, name):
    number = 1 + list(SPECIAL).index(name) if name in SPECIAL else 0
    ports = [2600 + 10 * number + i for i in range(len(CLASSES))]
    told = [[tells(mta, port, CASES[name]) for port in ports] for mta in (ours, oracle)]
    assert told[0] == told[1]


TALKS = {
    "many errors": HELLO + 9 * ["FOO"],
    "relay, then lost": MAIL + ["RCPT TO:<a@y.test>"],
    "relay, then bye": MAIL + ["RCPT TO:<a@y.test>", "QUIT"],
    "lost in data": MAIL + ["RCPT TO:<a@y.test>", "RCPT TO:<joe@example.test>", "DATA"],
    "timeout": HELLO + ["FOO", TIMEOUT],
    "content stays secret": MAIL + ["RCPT TO:<a@y.test>"] + RCPT[2:] + ["DATA", "X-Rej: secret" + END, "QUIT"],
    "long lines": HELLO + ["FOO " + "x y " * 100, "RCPT TO:<" + "z" * 100 + "@example.test>", "", "QUIT"],
    "odd bytes": HELLO + ["FOO \x01\x7f\u00e4 x", "QUIT"],
    "long talk": HELLO + 20 * ["NOOP", "RSET"] + ["FOO"] + 60 * ["NOOP"] + ["BAR"] + HELLO + ["FOO", "QUIT"],
    "long talk, then no mistake": HELLO + ["FOO"] + 60 * ["NOOP"] + ["RSET", "QUIT"],
    "long talk, then mail": HELLO + ["FOO"] + 60 * ["NOOP"] + RCPT + ["DATA", "fine" + END, "BAR", "QUIT"],
}


def notices(mta, said):
    before = len(mta.mbox("root"))
    session(mta, 2599, said)
    wait_until(lambda: len(mta.mbox("root")) > before, 20, "the notice")
    mta.wait_empty()
    return sorted(mta.mask(notice.as_string()) for notice in mta.mbox("root")[before:])


@pytest.mark.parametrize("name", TALKS)
def test_what_the_postmaster_reads(ours, oracle, name):
    assert notices(ours, TALKS[name]) == notices(oracle, TALKS[name])
