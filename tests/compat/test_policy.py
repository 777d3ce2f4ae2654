"""check_policy_service: what a policy server is asked, and what is made of its answers, ours
beside Debian's Postfix."""

import re
import socket

import pytest

from compat.policy import PLACE, PolicyServer, action
from compat.test_smtpd import read_reply

DOMAIN = "example.test"
MAIN = """\
smtpd_error_sleep_time = 0
smtpd_discard_ehlo_keywords = chunking, starttls, smtputf8, silent-discard
mynetworks = 127.0.0.10
smtpd_relay_restrictions = reject_unauth_destination
maximal_queue_lifetime = 0
fast_flush_domains = example.test
smtpd_policy_service_retry_delay = 1s
smtpd_policy_service_timeout = 2s
"""
ASK = "check_policy_service inet:127.0.0.9:9901"
HELLO = ["EHLO x.test"]


def rcpt(*recipients, sender="a@client.test", helo="EHLO x.test"):
    return [helo, f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients)]


JOE = rcpt("joe@example.test")
TEXT = ["DATA", "Subject: x\r\n\r\nxyz\r\n."]
R = f"smtpd_recipient_restrictions = {ASK}"
DUNNO = action("DUNNO")

# name: ([what stands in main.cf], [answers], [lines that the client says])
CASES = {
    "recipients": ([R], [DUNNO], [*rcpt("joe@example.test", "ann@example.test"), *TEXT, *JOE[1:], *TEXT, "QUIT"]),
    "null sender": ([R], [DUNNO], [*rcpt("joe@example.test", sender="", helo="HELO x"), "QUIT"]),
    "odd addresses": ([R], [DUNNO], ["HELO [127.0.0.9]", 'MAIL FROM:<"a b=c"@client.test> SIZE=1234', "RCPT TO:<JOE@Example.Test>", "QUIT"]),
    "no helo": ([R], [DUNNO], JOE[1:]),
    "peer with a name": ([R], [DUNNO], JOE, "127.0.0.20"),
    "peer with a name that does not lead back": ([R], [DUNNO], JOE, "127.0.0.21"),
    "etrn": ([f"smtpd_etrn_restrictions = {ASK}"], [DUNNO], [*HELLO, "ETRN example.test", "QUIT"]),
    "vrfy": ([R], [DUNNO], [*HELLO, "VRFY joe@example.test", "QUIT"]),
    "vrfy in a transaction": ([R], [DUNNO], [*HELLO, "MAIL FROM:<a@client.test>", "VRFY joe@example.test", "QUIT"]),
    "stress": ([R, "stress = yes"], [DUNNO], JOE),
    "context": ([R, "smtpd_policy_service_policy_context = some thing"], [DUNNO], JOE),
    "braces": ([f"smtpd_recipient_restrictions = check_policy_service {{ inet:127.0.0.9:9901, {{ policy_context = a b }}, timeout=1s }}"], [DUNNO], JOE),
    "delayed": ([f"smtpd_{x}_restrictions = {ASK}" for x in ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data")] + ["smtpd_reject_unlisted_recipient = no", f"smtpd_relay_restrictions = {ASK}, reject_unauth_destination"], [DUNNO], [*rcpt("joe@example.test", "ann@example.test"), *TEXT, *JOE[1:], *TEXT, "QUIT"]),
    "at once": (["smtpd_delay_reject = no"] + [f"smtpd_{x}_restrictions = {ASK}" for x in ("client", "helo", "sender", "recipient", "data", "end_of_data")], [DUNNO], [*rcpt("joe@example.test"), *TEXT, "QUIT"]),
    "data, SIZE": ([f"smtpd_data_restrictions = {ASK}"], [DUNNO], ["EHLO x.test", "MAIL FROM:<a@client.test> SIZE=99", JOE[2], "DATA", "x: y\r\n.", "MAIL FROM:<a@client.test>", JOE[2], "DATA"]),
    "end of data, SIZE": ([f"smtpd_end_of_data_restrictions = {ASK}", R], [DUNNO], ["EHLO x.test", "MAIL FROM:<a@client.test> SIZE=99", JOE[2], "DATA", "A: b\r\n\r\n..x\r\n\xe4\r\n.", "QUIT"]),
    "class": (["smtpd_restriction_classes = mine", f"mine = {ASK}", "smtpd_recipient_restrictions = check_recipient_access inline:{joe@=mine}"], [action("REJECT no")], JOE),
}
ACTIONS = ["OK", "ok", "permit", "1234", "REJECT", "REJECT 5.7.2 go away", "reject", "DEFER", "DEFER now not", "450 4.2.0 wait", "550 no", "550", "421 4.7.0 bye", "521 5.7.0 bye", "DEFER_IF_PERMIT", "DEFER_IF_PERMIT 4.3.9 soon", "DEFER_IF_REJECT 4.3.9 soon", "DISCARD", "DISCARD away", "HOLD", "HOLD it", "FILTER x:y", "FILTER x", "PREPEND X-A: b c", "PREPEND nothing", "REDIRECT ann@example.test", "REDIRECT x", "BCC ann@example.test", "WARN of it", "INFO of it", "reject_unauth_destination", "reject_non_fqdn_sender, reject", "no_such_thing", "", "DUNNO x", "permit_mynetworks", "REJECT tab\there", "check_policy_service"]
for a in ACTIONS:
    CASES[f"action {a}"] = ([R], [action(a)], [*JOE, *TEXT, "QUIT"])
for a in ("REJECT", "HOLD", "PREPEND X-A: b", "DISCARD", "450 4.2.0 wait", "REDIRECT ann@example.test", "FILTER x:y", "WARN x", "BCC ann@example.test"):
    CASES[f"action at end of data {a}"] = ([f"smtpd_end_of_data_restrictions = {ASK}"], [action(a)], [*JOE, *TEXT, "QUIT"])
    CASES[f"action at connect {a}"] = (["smtpd_delay_reject = no", f"smtpd_client_restrictions = {ASK}"], [action(a)], [*JOE, *TEXT, "QUIT"])
CASES |= {
    "closes": ([R], [None], JOE),
    "closes once": ([R], [None, DUNNO], JOE),
    "closes after each answer": ([R], [action("DUNNO") + b"!"], rcpt("joe@example.test", "ann@example.test", "bob@example.test")),
    "garbage": ([R], [b"HTTP/1.0 400 Bad\n\n"], JOE),
    "garbage with equal sign": ([R], [b"a=b\n\n"], JOE),
    "garbage without line end": ([R], [b"garbage!"], JOE),
    "empty": ([R], [b"\n"], JOE),
    "half": ([R], [b"action=DUN!"], JOE),
    "half, one line": ([R], [b"action=DUNNO\n!"], JOE),
    "no name": ([R], [b"=x\n\n"], JOE),
    "two actions": ([R], [b"action=REJECT one\naction=REJECT two\n\n"], JOE),
    "other attributes": ([R], [b"foo=bar\naction=REJECT one\nbar=foo\n\n"], JOE),
    "other attribute behind": ([R], [b"action=REJECT one\nbar=foo\n\n"], JOE),
    "spaces": ([R], [b" action = REJECT one\n\n"], JOE),
    "NUL": ([R], [b"action=REJECT o\0ne\n\n"], JOE),
    "control characters": ([R], [b"action=REJECT o\x01\x7fne \xff \xc3\xa9\n\n"], JOE),
    "control characters that are UTF-8": ([R], [b"action=REJECT o\x01\x7fne\t\x1b \xc3\xa9\n\n"], JOE),
    "size of bare newlines": ([f"smtpd_end_of_data_restrictions = {ASK}"], [DUNNO], [*JOE, "DATA", "A: b\n\n..x\ny\r\r\n.", "QUIT"]),
    "size of smuggled dots": ([f"smtpd_end_of_data_restrictions = {ASK}", "smtpd_forbid_bare_newline = yes"], [DUNNO], [*JOE, "DATA", "A: b\r\n\r\nx\n.\r\ny\r\n.", "QUIT"]),
    "long": ([R], [b"action=REJECT " + b"x" * 3000 + b"\n\n"], JOE),
    "a second answer ahead": ([R], [b"action=DUNNO\n\naction=REJECT\n\n", DUNNO], rcpt("joe@example.test", "ann@example.test")),
    "slow": ([R], [5], JOE),
    "default action": ([R, "smtpd_policy_service_default_action = DUNNO"], [None], JOE),
    "default action of its own": ([f"smtpd_recipient_restrictions = check_policy_service {{ inet:127.0.0.9:9901, {{ default_action = 550 5.7.9 no luck }} try_limit=1 }}"], [None], JOE),
    "default action that is none": ([R, "smtpd_policy_service_default_action = foo"], [None], JOE),
    "one try": ([R, "smtpd_policy_service_try_limit = 1"], [None, DUNNO], JOE),
    "three tries": ([R, "smtpd_policy_service_try_limit = 3"], [None], JOE),
    "request limit": ([R, "smtpd_policy_service_request_limit = 2"], [DUNNO], rcpt("joe@example.test", "ann@example.test", "bob@example.test")),
    "nobody there": (["smtpd_recipient_restrictions = check_policy_service inet:127.0.0.9:9902"], [None], JOE),
    "no socket": (["smtpd_recipient_restrictions = check_policy_service unix:private/none"], [None], JOE),
    "no host": (["smtpd_recipient_restrictions = check_policy_service inet:no.such.test:9902"], [None], JOE),
    "nothing": (["smtpd_recipient_restrictions = check_policy_service"], [DUNNO], JOE),
    "braces, braces": (["smtpd_recipient_restrictions = check_policy_service { inet:127.0.0.9:9901, { policy_context = x y } }"], [DUNNO], JOE),
    "warn_if_reject": ([f"smtpd_recipient_restrictions = warn_if_reject {ASK}"], [action("REJECT no")], JOE),
    "warn_if_reject, gone": ([f"smtpd_recipient_restrictions = warn_if_reject {ASK}"], [None], JOE),
    "logged permits": ([R, "smtpd_log_access_permit_actions = static:all"], [action("OK")], JOE),
    "two services": ([f"smtpd_recipient_restrictions = {ASK}, check_policy_service {{ inet:127.0.0.9:9901, policy_context=x }}"], [DUNNO], JOE),
    "the same twice": ([f"smtpd_recipient_restrictions = {ASK}, {ASK}"], [DUNNO], JOE),
}
PORTS = {name: 2600 + i for i, name in enumerate(CASES)}
MASTER = "".join(
    f"{PORTS[name]} inet n - n - - smtpd" + "".join(f" -o {{ {s} }}" for s in settings) + "\n"
    for name, (settings, *_) in CASES.items()
)
DNS = {
    "20.0.0.127.in-addr.arpa": {"PTR": ["host.peer.test"]},
    "host.peer.test": {"A": ["127.0.0.20"]},
    "21.0.0.127.in-addr.arpa": {"PTR": ["host.peer.test"]},
}


def talk(mta, name):
    """What the server was asked and how often it was called, the replies, the log."""
    _, answers, said, *source = CASES[name]
    mark, seen = mta.log.mark(), []
    with PolicyServer(answers) as server:
        client = socket.create_connection((mta.address, PORTS[name]), 20, (source[0] if source else "127.0.0.9", 0))
        with client, client.makefile("rb") as lines:
            seen.append(read_reply(lines))
            for line in said:
                if seen[-1] == [""] or seen[-1][-1][:3] in ("421", "521"):
                    break
                if line.startswith(("Subject:", "A:")) and seen[-1][-1][:3] != "354":
                    continue
                client.sendall(line.encode("latin-1") + b"\r\n")
                seen.append([line, *read_reply(lines)])
        mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    asked = [plain(mta, request) for request in server.requests]
    return asked, server.connections, [mta.mask(reply) for reply in seen], plain_log(mta.masked_log(mark, "/smtpd"))


# What differs from run to run, and what Debian's version does not say yet.
VARYING = re.compile(r"^(client_port|server_port|queue_id|instance)=.+")
NEWER = ("tls_sni=", "compatibility_level=", "mail_version=")
# Debian's tells of a failure in two lines, ours in one; the reasons have other words.
DETAIL = re.compile(r"warning: (connect to |missing attribute |premature end-of-input |timeout on |host or service )")
REASON = re.compile(r"(warning: problem talking to server \S+: ).*")


def plain(mta, request):
    return [VARYING.sub(r"\1=X", line) for line in mta.mask(request) if not line.startswith(NEWER)]


def plain_log(lines):
    return list(dict.fromkeys(REASON.sub(r"\1REASON", line) for line in lines if not DETAIL.search(line)))


# Warnings of configuration in words of our own.
OWN_WORDS = {"action no_such_thing", "action check_policy_service", "default action that is none", "nothing", "action ", "control characters"}


@pytest.mark.parametrize("name", CASES)
def test_question_and_answer(ours, oracle, dns, name):
    dns.names.update(DNS)
    mine, theirs = (talk(mta, name) for mta in (ours, oracle))
    if name != "a second answer ahead":  # ours makes another connection then
        assert mine[1] == theirs[1]
    assert mine[0] == theirs[0] and mine[2] == theirs[2]
    if name in OWN_WORDS:
        assert any("warning: " in line for line in mine[3])
    else:
        assert mine[3] == theirs[3]
