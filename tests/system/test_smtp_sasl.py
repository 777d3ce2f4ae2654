"""smtp logs in to a server that asks a real Dovecot: our own smtpd, at another port."""

import re

import pytest

from compat.scripted import FIRST, Server
from harness import auth

DOMAIN = "same.test"
MAIN = """\
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous, noplaintext
smtp_sasl_tls_security_options = noanonymous
smtp_sasl_password_maps = inline:{{[ADDRESS]:2601=joe:secret} {[ADDRESS]:2602=joe:SeKret-1} {[ADDRESS]:2603=ann:secret} {[ADDRESS]:2605=joe:secret} {[127.0.0.7]=joe:SeKret-1}}
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
transport_maps = inline:{{right.test=smtp:[ADDRESS]:2601} {wrong.test=smtp:[ADDRESS]:2602} {safe.test=smtp:[ADDRESS]:2603} {plain.test=nologin:[ADDRESS]:2604} {tls.test=smtp:[ADDRESS]:2605} {broken.test=smtp:[127.0.0.7]} {open.test=open:[127.0.0.7]}}
smtp_tls_security_level = may
smtp_starttls_timeout = 2s
notify_classes = protocol
"""
LOGIN = "-o smtpd_sasl_auth_enable=yes -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject } -o content_filter=discard:"
MASTER = f"""\
2601 inet n - n - - smtpd {LOGIN}
2602 inet n - n - - smtpd {LOGIN}
2603 inet n - n - - smtpd {LOGIN} -o {{ smtpd_sasl_mechanism_filter = cram-md5, scram-sha-1 }}
2604 inet n - n - - smtpd -o content_filter=discard:
2605 inet n - n - - smtpd {LOGIN} -o smtpd_tls_security_level=may -o smtpd_tls_auth_only=yes -o smtpd_tls_chain_files=/etc/postfix/key.pem -o {{ smtpd_sasl_mechanism_filter = plain }}
open unix - - n - - smtp -o smtp_sasl_auth_enable=no
nologin unix - - n - - smtp -o smtp_sasl_auth_enable=no
"""
# A server that hangs up when the handshake begins.
BREAKS = {"STAR": b"220 go\r\n"} | {f"\x16\x03\x01{chr(n)}": b"" for n in range(8)}
TEXT = "Subject: x\n\nx\n"


@pytest.fixture(scope="module")
def box(mta):
    mta.run(
        "cd /etc/postfix && openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=mail.same.test -keyout key.pem"
        " -out /tmp/cert.pem && cat /tmp/cert.pem >>key.pem",
        check=True,
    )
    mta.run(["sed", "-i", f"s/ADDRESS/{mta.address}/g", "/etc/postfix/main.cf"], check=True)
    mta.reload()
    dovecot = auth.Dovecot(mta)
    yield mta
    dovecot.stop()


def send(box, recipient):
    mark = box.log.mark()
    queue_id = box.submit("a@b.test", [recipient], TEXT)
    box.log.wait(rf"smtp\[\d+\]: {queue_id}: to=<{recipient}>.*status=", since=mark)
    return "\n".join(box.log.lines[mark:])


def test_right_password(box):
    log = send(box, "u@right.test")
    assert re.search(r"smtpd\[\d+\]: \w+: client=.*, sasl_method=\S+, sasl_username=joe$", log, re.M)
    assert "status=sent (250 2.0.0 Ok: queued as " in log


def test_wrong_password(box):
    before = len(box.mbox("root"))
    log = send(box, "u@wrong.test")
    assert f"dsn=4.7.8, status=deferred (SASL authentication failed; server {box.address}[{box.address}] said: 535 5.7.8 Error: authentication failed: " in log
    box.run(["postsuper", "-d", "ALL"], check=True)
    text = log + "".join(m.as_string() for m in box.mbox("root")[before:])
    assert "SeKret" not in text and auth.b64("SeKret-1").rstrip("=") not in text


def test_safe_mechanism(box):
    log = send(box, "u@safe.test")
    assert "sasl_username=ann" in log and "status=sent" in log


def test_library_is_loaded_by_those_who_log_in(box):
    send(box, "u@right.test")
    send(box, "u@plain.test")
    found = {}
    for pid in box.processes("smtp"):
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/cmdline", encoding="ascii") as words:
            found["nologin" in words.read()] = "libsasl2" in maps.read()
    assert found == {False: True, True: False}


def test_tls_has_options_of_its_own(box):
    """The server has PLAIN only, which is for TLS only."""
    log = send(box, "u@tls.test")
    assert "sasl_method=PLAIN, sasl_username=joe" in log and "status=sent" in log


def test_who_breaks_tls_hears_no_password(box):
    offer = b"250-peer.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n"
    with Server(FIRST, BREAKS | {"EHLO": offer, "AUTH": [b"235 ok\r\n"]}) as server:
        assert "status=deferred (Cannot start TLS: handshake failure)" in send(box, "u@broken.test")
        # once it has waited for minimal_backoff_time, mail would be tried in the clear
        mark = box.log.mark()
        box.log.wait(r"to=<u@broken.test>.*status=deferred \(Cannot start TLS: handshake failure\)", since=mark)
        box.run(["postsuper", "-d", "ALL"], check=True)
        assert [line for line in server.heard if line.startswith(("AUTH", "MAIL"))] == []
    with Server(FIRST, BREAKS | {"EHLO": offer}) as server:
        mark = box.log.mark()
        send(box, "u@open.test")
        box.log.wait(r"to=<u@open.test>.*status=sent", since=mark)
        assert [line for line in server.heard if line.startswith("AUTH")] == []
