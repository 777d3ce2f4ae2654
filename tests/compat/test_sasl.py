"""AUTH, as clients, logs and queue files see it: ours beside Debian's Postfix, with a real
Dovecot and with the Cyrus SASL library. Each set of settings has a port of its own."""

import re
import socket

import pytest

from harness import auth
from harness.auth import b64, cram, plain

DOMAIN = "same.test"
MAIN = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_security_options =
smtpd_error_sleep_time = 0
smtpd_discard_ehlo_keywords = chunking, starttls, silent-discard
smtputf8_enable = no
mynetworks = 127.0.0.10
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_login_maps = inline:{{own@box.test=JOE} {two@box.test=ann, joe} {ann@box.test=ann} {@dom.test=joe}}
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
"""
CYRUS, DOVECOT = "cyrus", "dovecot"
DOVECOT_CF = ["smtpd_sasl_type = dovecot", "smtpd_sasl_path = private/auth"]
ETC = {
    "postfix/sasl/smtpd.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5\n",
    "postfix/sasl/daemon.conf": "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n",
}
EHLO = "EHLO x.test"
JOE = "RCPT TO:<joe@same.test>"
BAD = plain(password="bad")


def senders(*addresses):
    """One attempt of each to send."""
    return [line for a in addresses for line in (f"MAIL FROM:<{a}>", JOE, "RSET")]


OWNERS = senders("own@box.test", "two@box.test", "ann@box.test", "x@dom.test", "none@box.test", "")
FREE = ["smtpd_relay_restrictions = reject_unauth_destination"]

# name: (whom it is asked of, [what stands in main.cf], [lines that the client says])
CASES = {
    "plain": ([CYRUS, DOVECOT], [], [EHLO, plain(), "MAIL FROM:<a@b.test>", "RCPT TO:<a@elsewhere.test>", "QUIT"]),
    "plain without EHLO": ([CYRUS, DOVECOT], [], [plain(), "QUIT"]),
    "plain, two lines": ([CYRUS, DOVECOT], [], [EHLO, "AUTH PLAIN", plain().split()[2], "QUIT"]),
    "plain, wrong": ([CYRUS, DOVECOT], [], [EHLO, BAD, plain("nobody", "bad"), plain(), "QUIT"]),
    "plain for another": ([CYRUS, DOVECOT], [], [EHLO, plain(other="joe"), "QUIT"]),
    "login": ([CYRUS, DOVECOT], [], [EHLO, "AUTH LOGIN", b64("joe"), b64("secret"), "QUIT"]),
    "login, wrong": ([CYRUS, DOVECOT], [], [EHLO, "AUTH LOGIN", b64("joe"), b64("bad"), "AUTH LOGIN", b64("nobody"), b64("bad"), "QUIT"]),
    "login, name at once": ([CYRUS, DOVECOT], [], [EHLO, f"AUTH LOGIN {b64('joe')}", b64("secret"), "QUIT"]),
    "small letters": ([CYRUS, DOVECOT], [], [EHLO, "auth plain " + plain().split()[2], "QUIT"]),
    "cram": ([CYRUS, DOVECOT], [], [EHLO, "AUTH CRAM-MD5", cram(), "QUIT"]),
    "cram, wrong": ([CYRUS, DOVECOT], [], [EHLO, "AUTH CRAM-MD5", cram(password="bad"), "QUIT"]),
    "anonymous": ([DOVECOT], [], [EHLO, f"AUTH ANONYMOUS {b64('me')}", "MAIL FROM:<a@b.test>", JOE, "QUIT"]),
    "given up": ([CYRUS, DOVECOT], [], [EHLO, "AUTH PLAIN", "*", "AUTH LOGIN", "*", "AUTH LOGIN", b64("joe"), "*", plain(), "QUIT"]),
    "syntax": ([CYRUS, DOVECOT], [], [EHLO, "AUTH", "AUTH PLAIN a b", "AUTH  PLAIN  " + plain().split()[2], "QUIT"]),
    "twice": ([CYRUS, DOVECOT], [], [EHLO, plain(), plain(), "AUTH", EHLO, plain(), "QUIT"]),
    "within mail": ([CYRUS, DOVECOT], [], [EHLO, "MAIL FROM:<a@b.test>", plain(), "RSET", plain(), "MAIL FROM:<a@b.test>", plain(), "QUIT"]),
    "no base 64": ([DOVECOT], [], [EHLO, "AUTH PLAIN x", "AUTH PLAIN", "x!", "AUTH PLAIN", " " + plain().split()[2], "AUTH LOGIN =", "=", "QUIT"]),
    "an empty response": ([CYRUS, DOVECOT], [], [EHLO, "AUTH PLAIN", "", "QUIT"]),
    "control characters": ([DOVECOT], [], [EHLO, plain("jo\te\nx"), plain("joe", "secret\0"), "QUIT"]),
    "too long": ([CYRUS, DOVECOT], [], [EHLO, "AUTH LOGIN", "A" * 20000, "AUTH LOGIN", "A" * 12280, "QUIT"]),
    "old clients": ([CYRUS, DOVECOT], ["broken_sasl_auth_clients = yes"], [EHLO, "QUIT"]),
    "not enabled": ([CYRUS], ["smtpd_sasl_auth_enable = no", "smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch"], [EHLO, plain(), "MAIL FROM:<a@b.test> AUTH=<>", JOE, "QUIT"]),
    "withdrawn": ([CYRUS, DOVECOT], ["smtpd_discard_ehlo_keywords = auth, chunking, starttls"], [EHLO, plain(), "QUIT"]),
    "exception": ([CYRUS, DOVECOT], ["smtpd_sasl_exceptions_networks = !127.0.0.8, 127.0.0.0/8"], [EHLO, plain(), "QUIT"]),
    "TLS only": ([CYRUS, DOVECOT], ["smtpd_tls_auth_only = yes"], [EHLO, plain(), "QUIT"]),
    "helo required": ([CYRUS, DOVECOT], ["smtpd_helo_required = yes"], [plain(), "AUTH", EHLO, plain(), "QUIT"]),
    "security": ([CYRUS, DOVECOT], ["smtpd_sasl_security_options = noplaintext, noanonymous"], [EHLO, "AUTH CRAM-MD5", cram(), "QUIT"]),
    "filter": ([CYRUS, DOVECOT], ["smtpd_sasl_mechanism_filter = !login, !digest-md5, static:all"], [EHLO, plain(), "QUIT"]),
    "rate": ([CYRUS, DOVECOT], ["smtpd_client_auth_rate_limit = 2"], [EHLO, "AUTH", BAD, plain(), "AUTH", "QUIT"]),
    "header": ([CYRUS, DOVECOT], ["smtpd_sasl_authenticated_header = yes"], [EHLO, plain(), "MAIL FROM:<a@b.test>", JOE, "QUIT"]),
    "MAIL AUTH=": (
        [CYRUS, DOVECOT],
        [],
        [EHLO, plain(), "MAIL FROM:<a@b.test> AUTH=<>", "RSET", "MAIL FROM:<a@b.test> AUTH", "MAIL FROM:<a@b.test> AUTH=x+20y@z", JOE, "RSET", "MAIL FROM:<a@b.test> AUTH=x AUTH=y", "QUIT"],
    ),
    "reject_sender_login_mismatch": ([CYRUS, DOVECOT], [*FREE, "smtpd_sender_restrictions = reject_sender_login_mismatch"], [EHLO, *OWNERS, plain(), *OWNERS, "QUIT"]),
    "reject_known_sender_login_mismatch": ([DOVECOT], [*FREE, "smtpd_sender_restrictions = reject_known_sender_login_mismatch"], [EHLO, *OWNERS, plain(), *OWNERS, "QUIT"]),
    "reject_authenticated_sender_login_mismatch": ([DOVECOT], [*FREE, "smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch"], [EHLO, *OWNERS, plain(), *OWNERS, "QUIT"]),
    "reject_unauthenticated_sender_login_mismatch": ([DOVECOT], [*FREE, "smtpd_sender_restrictions = reject_unauthenticated_sender_login_mismatch"], [EHLO, *OWNERS, plain(), *OWNERS, "QUIT"]),
    "owners cannot be found out": ([DOVECOT], ["smtpd_sender_login_maps = fail:x", "smtpd_sender_restrictions = reject_sender_login_mismatch"], [EHLO, *senders("a@b.test", ""), plain(), *senders("a@b.test", ""), "QUIT"]),
    "check_sasl_access": (
        [CYRUS, DOVECOT],
        ["smtpd_sender_restrictions = check_sasl_access inline:{{joe=REJECT not you} {ann=HOLD}}"],
        [EHLO, *senders("a@b.test"), plain(), *senders("a@b.test"), "QUIT"],
    ),
    "check_sasl_access holds": ([DOVECOT], ["smtpd_sender_restrictions = check_sasl_access inline:{ann=HOLD}"], [EHLO, plain("ann"), *senders("a@b.test"), "QUIT"]),
    "check_sasl_access fails": ([DOVECOT], ["smtpd_sender_restrictions = check_sasl_access fail:x"], [EHLO, *senders("a@b.test"), plain(), *senders("a@b.test"), "QUIT"]),
    "permit is logged": ([DOVECOT], ["smtpd_log_access_permit_actions = static:all"], [EHLO, plain(), "MAIL FROM:<a@b.test>", JOE, "QUIT"]),
    "over TCP": ([DOVECOT], ["smtpd_sasl_path = inet:ADDRESS:12345"], [EHLO, plain(), "QUIT"]),
    "a path in full": ([DOVECOT], ["smtpd_sasl_path = unix:/var/spool/postfix/private/auth"], [EHLO, plain(), "QUIT"]),
    "saslauthd": ([CYRUS], ["smtpd_sasl_path = daemon"], [EHLO, plain(), "QUIT"]),
    "saslauthd, wrong": ([CYRUS], ["smtpd_sasl_path = daemon"], [EHLO, BAD, plain(other="ann"), "QUIT"]),
    "realm": ([CYRUS], ["smtpd_sasl_local_domain = other.test"], [EHLO, plain(), plain("joe@mail.same.test"), "QUIT"]),
    "in a jail": ([CYRUS, DOVECOT], ["jail"], [EHLO, BAD, plain(), "QUIT"]),
}
PAIRS = [(name, kind) for name, (kinds, *_) in CASES.items() for kind in kinds]
PORTS = {pair: 2600 + i for i, pair in enumerate(PAIRS)}


def service(pair):
    name, kind = pair
    options = list(CASES[name][1])
    jail = "y" if "jail" in options else "n"
    options = (DOVECOT_CF if kind == DOVECOT else []) + [o for o in options if o != "jail"]
    return f"{PORTS[pair]} inet n - {jail} - - smtpd" + "".join(f" -o {{ {o} }}" for o in options) + "\n"


MASTER = "".join(service(pair) for pair in PAIRS)


@pytest.fixture(scope="module")
def both(ours, oracle):
    """Both, each with all that checks passwords."""
    keepers = []
    for box in (ours, oracle):
        keepers.append(auth.Dovecot(box))
        auth.sasldb(box)
        auth.saslauthd(box)
        box.run(["sed", "-i", f"s/ADDRESS/{box.address}/", "/etc/postfix/master.cf"], check=True)
        box.reload()
    yield ours, oracle
    for dovecot in keepers:
        dovecot.stop()


def talk(mta, port, said):
    """[what the server said] and what smtpd logged."""
    mark = mta.log.mark()
    seen, reply = [], ""
    with socket.create_connection((mta.address, port), 60, ("127.0.0.9", 0)) as s, s.makefile("rb") as lines:
        for line in [None, *said]:
            line = line(reply) if callable(line) else line
            if line is not None:
                s.sendall(line.encode() + b"\r\n")
            while True:
                reply = lines.readline().decode(errors="replace").rstrip("\r\n")
                seen.append(reply)
                if reply[3:4] != "-":
                    break
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return mta.mask(seen), mta.masked_log(mark, "/smtpd")


# What Debian's Postfix does not do yet, or shows of a secret, or has no words for.
NEWER = [
    (r" sasl_(method|username|sender)=\S*(?=( sasl_|$))", ""),
    (r"(request longer than \d+): .*", r"\1"),
    (r"^(334 )[A-Za-z0-9+/]{40,}=*$", r"\1CHALLENGE"),
    (r"warning: (table )?fail:x:? lookup error.*", "warning: fail:x lookup error"),
]


def comparable(lines):
    for pattern, word in NEWER:
        lines = [re.sub(pattern, word, line) for line in lines]
    return lines


@pytest.mark.parametrize("name, kind", PAIRS)
def test_session(both, name, kind):
    said = CASES[name][2]
    mine, theirs = (talk(mta, PORTS[name, kind], said) for mta in both)
    assert comparable(mine[0]) == comparable(theirs[0])
    assert comparable(mine[1]) == comparable(theirs[1])


@pytest.mark.parametrize("kind", [CYRUS, DOVECOT])
def test_message(both, kind):
    """Records, header and log of mail from one who has logged in."""
    seen = []
    for mta in both:
        mark = mta.log.mark()
        with mta.smtp(port=PORTS["header", kind]) as client:
            client.ehlo("x.test")
            assert client.docmd(plain())[0] == 235
            client.docmd("MAIL FROM:<a@b.test> AUTH=a+2Bb@c.test")
            client.docmd(JOE)
            code, reply = client.data("Subject: from joe\r\n\r\nhello\r\n")
            assert code == 250, reply
        mta.wait_removed(reply.decode().split()[-1])
        message = mta.mbox("joe")[-1]
        seen.append((mta.mask(message["Received"]), comparable(mta.masked_log(mark, "client="))))
    assert seen[0] == seen[1]
    assert "(Authenticated sender: joe)" in seen[0][0]
    assert "with ESMTPA id" in seen[0][0]


def test_queue_file(both):
    """The attributes that delivery agents get."""
    seen = []
    for mta in both:
        with mta.smtp(port=PORTS["check_sasl_access holds", DOVECOT]) as client:
            client.ehlo("x.test")
            assert client.docmd(plain("ann"))[0] == 235
            client.docmd("MAIL FROM:<a@b.test> AUTH=a+2Bb@c.test")
            client.docmd(JOE)
            code, reply = client.data("Subject: from ann\r\n\r\nhello\r\n")
            assert code == 250, reply
        (path,) = [p for q, p in mta.queue_files("hold").items() if q == reply.decode().split()[-1]]
        seen.append([r for r in mta.records(path) if b"sasl" in r[1]])
    assert seen[0] == seen[1]
    assert seen[0] == [("A", b"sasl_method=PLAIN"), ("A", b"sasl_username=ann"), ("A", b"sasl_sender=a+2Bb@c.test")]
