"""Logging in to smtpd where Debian's Postfix can't be the judge: what happens while nobody
can be asked, what becomes of secrets, and what is loaded for it. With a real Dovecot and the
Cyrus SASL library."""

import re
import socket
import time

import pytest

from harness import auth
from harness.auth import b64, cram, plain

DOMAIN = "same.test"
MAIN = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_error_sleep_time = 0
notify_classes = protocol, policy, resource, software
mynetworks = 127.0.0.10
"""
MASTER = """\
2601 inet n - n - - smtpd -o { smtpd_sasl_type = cyrus } -o { smtpd_sasl_path = elsewhere } -o { cyrus_sasl_config_path = /etc/other }
2602 inet n - n - - smtpd -o { smtpd_sasl_mechanism_filter = cram-md5 }
2603 inet n - n - - smtpd -o { smtpd_sasl_mechanism_filter = fail:x }
2604 inet n - n - - smtpd -o { smtpd_sasl_auth_enable = no }
2605 inet n - n - - smtpd -o { smtpd_sasl_path = private/none }
2606 inet n - n - - smtpd -o { smtpd_forbid_unauth_pipelining = no }
2607 inet n - n - - smtpd -o { smtpd_command_filter = pcre:{{/^AUTH X-OLD (.*)/ AUTH PLAIN $1}} }
2609 inet n - n - - smtpd -o { smtpd_tls_security_level = may } -o { smtpd_tls_chain_files = /etc/postfix/key.pem } -o { smtpd_tls_auth_only = yes } -o { smtpd_sasl_authenticated_header = yes } -o { smtpd_tls_received_header = yes }
2610 inet n - n - - smtpd -o { smtpd_tls_security_level = may } -o { smtpd_tls_chain_files = /etc/postfix/key.pem } -o { smtpd_sasl_security_options = noplaintext } -o { smtpd_sasl_tls_security_options = }
2608 inet n - n - - smtpd -o { smtpd_sasl_security_options = noplaintext, forward_secrecy }
"""
ETC = {"other/elsewhere.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: CRAM-MD5\n"}
SECRET = plain().split()[2]


@pytest.fixture(scope="module")
def box(mta):
    mta.run(
        "cd /etc/postfix && openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=mail.same.test -keyout key.pem"
        " -out /tmp/cert.pem && cat /tmp/cert.pem >>key.pem",
        check=True,
    )
    mta.dovecot = auth.Dovecot(mta)
    auth.sasldb(mta)
    yield mta
    mta.dovecot.stop()


class Talk:
    """A session: say(line) gives the whole reply."""

    def __init__(self, box, port=25):
        self.socket = socket.create_connection((box.address, port), 60, ("127.0.0.9", 0))
        self.lines = self.socket.makefile("rb")
        self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def reply(self):
        reply = []
        while not reply or reply[-1][3:4] == "-":
            reply.append(self.lines.readline().decode().rstrip("\r\n"))
        return "\n".join(reply)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()


def logged(box, mark):
    box.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return "\n".join(box.log.lines[mark:])


def test_another_folder_for_the_library(box):
    with Talk(box, 2601) as client:
        assert "250-AUTH CRAM-MD5\n" in client.say("EHLO x.test")
        assert client.say(cram()(client.say("AUTH CRAM-MD5"))).startswith("235 2.7.0 ")


def smtpd_maps(box, port):
    """The objects that the process which serves port has in memory, while a client is there."""
    with Talk(box, port) as client:
        client.say("EHLO x.test")
        found = []
        for pid in box.processes("smtpd"):
            with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
                text = maps.read()
            with open(f"/proc/{pid}/cmdline", encoding="ascii") as words:
                found.append((words.read(), "libsasl2" in text, "postfix-sasl.so" in text))
        return {(sasl, plugin) for words, sasl, plugin in found if f"-n\0{port}\0" in words}


def test_library_is_loaded_by_those_who_ask_it(box):
    assert smtpd_maps(box, 2601) == {(True, True)}
    assert smtpd_maps(box, 2602) == {(False, False)}
    assert smtpd_maps(box, 2604) == {(False, False)}


def test_left_out_mechanism_is_not_accepted(box):
    with Talk(box, 2602) as client:
        assert "250-AUTH CRAM-MD5\n" in client.say("EHLO x.test")
        assert client.say(plain()) == "535 5.7.8 Error: authentication failed: Invalid authentication mechanism: 'PLAIN'"
        assert client.say("AUTH EXTERNAL =").startswith("535 5.7.8 ")
        assert client.say(cram()(client.say("AUTH CRAM-MD5"))).startswith("235 ")
    with Talk(box) as client:
        assert "EXTERNAL" not in client.say("EHLO x.test")
        assert client.say("AUTH EXTERNAL =").startswith("535 5.7.8 ")
        assert client.say("AUTH PLAIN\t\x01=").startswith("535 5.7.8 ")
        assert client.say("AUTH X\x01Y =") == "535 5.7.8 Error: authentication failed: Invalid authentication mechanism: 'X?Y'"


def test_filter_that_fails_refuses_for_now(box):
    with Talk(box, 2603) as client:
        assert "AUTH" not in client.say("EHLO x.test")
        assert client.say(plain()).startswith("454 4.7.0 ")


def test_no_mechanism_is_left(box):
    mark = box.log.mark()
    with Talk(box, 2608) as client:
        assert "AUTH" not in client.say("EHLO x.test")
        assert client.say("QUIT").startswith("221 ")
    box.log.wait("no SASL authentication mechanisms", since=mark)


def test_mail_comes_in_while_nobody_can_be_asked(box):
    mark = box.log.mark()
    with Talk(box, 2605) as client:
        assert "AUTH" not in client.say("EHLO x.test")
        assert client.say(plain()) == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server"
        client.say("MAIL FROM:<a@b.test>")
        assert client.say("RCPT TO:<joe@same.test>").startswith("250 ")
        client.say("QUIT")
    assert "warning: SASL: Connect to Dovecot auth socket 'private/none' failed: No such file or directory" in logged(box, mark)


def test_dovecot_is_started_anew(box):
    with Talk(box) as client:
        client.say("EHLO x.test")
        assert client.say(plain(password="bad")).startswith("535 ")
        box.dovecot.stop()
        assert client.say(plain()).startswith("454 4.7.0 ")
        box.dovecot.start()
        assert client.say(plain()).startswith("235 ")


def test_dovecot_goes_within_an_attempt(box):
    with Talk(box) as client:
        client.say("EHLO x.test")
        assert client.say("AUTH LOGIN").startswith("334 ")
        box.dovecot.stop()
        assert client.say(b64("joe")) == "454 4.7.0 Temporary authentication failure: Connection lost to authentication server"
        box.dovecot.start()
        assert client.say("AUTH PLAIN " + SECRET).startswith("235 ")


def test_long_command(box):
    """RFC 4954 section 4: a command of AUTH may have 12288 bytes, others may not."""
    with Talk(box) as client:
        client.say("EHLO x.test")
        assert client.say(f"AUTH PLAIN {b64(chr(0) + 'joe' + chr(0) + 'x' * 3000)}").startswith("535 5.7.8 ")
        assert client.say("AUTH PLAIN " + "A" * 12400).startswith("500 5.5.2 ")
        assert client.say("NOOP " + "A" * 3000).startswith("500 5.5.2 ")
        assert client.say(plain()).startswith("235 ")


def test_it_does_not_matter_how_a_long_command_arrives(box):
    """All pieces are sent before the one answer is awaited."""
    long = "AUTH PLAIN " + b64("\0joe\0" + "x" * 3000) + "\r\n"
    with Talk(box) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.say("EHLO x.test")
        for piece in (long[:3], long[3:9], long[9:2000], long[2000:]):
            client.socket.sendall(piece.encode())
            time.sleep(0.1)
        assert client.reply().startswith("535 5.7.8 ")


# What clients may say, and where it could show up.
SESSIONS = {
    "refused": (25, ["EHLO x", plain("joe", "SeKret-1"), "AUTH LOGIN", b64("joe"), b64("SeKret-1"), "FOO", "QUIT"]),
    "all at once": (25, ["EHLO x", f"AUTH LOGIN\r\n{b64('joe')}\r\n{b64('SeKret-1')}"]),
    "behind hello": (25, [f"EHLO x\r\n{plain('joe', 'SeKret-1')}"]),
    "response and more": (25, ["EHLO x", "AUTH LOGIN", f"{b64('joe')}\r\n{b64('SeKret-1')}"]),
    "all at once, let be": (2606, ["EHLO x", f"AUTH LOGIN\r\n{b64('joe')}\r\n{b64('SeKret-1')}", "FOO"]),
    "not enabled": (2604, ["EHLO x", f"AUTH LOGIN\r\n{b64('joe')}\r\n{b64('SeKret-1')}"]),
    "too long": (25, ["EHLO x", "AUTH LOGIN", b64("SeKret-1" * 2000), "AUTH PLAIN " + b64("SeKret-1" * 2000), "QUIT"]),
    "filtered": (2607, ["EHLO x", f"AUTH X-OLD {b64(chr(0) + 'joe' + chr(0) + 'SeKret-1')}", "FOO", "QUIT"]),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_secrets_are_in_no_log_and_no_notice(box, name):
    port, said = SESSIONS[name]
    mark, before = box.log.mark(), len(box.mbox("root"))
    with Talk(box, port) as client:
        for line in said:
            client.say(line)
    text = logged(box, mark)
    if re.search("postmaster|double-bounce", text):
        box.wait_empty()
    text = "\n".join(box.log.lines[mark:]) + "".join(m.as_string() for m in box.mbox("root")[before:])
    secrets = ["SeKret", b64("SeKret-1"), b64("SeKret-1" * 3)[:20], b64("\0joe\0SeKret-1")]
    assert [s for s in secrets if s.rstrip("=") in text] == []


def test_notice_shows_that_there_was_an_attempt(box):
    mark, before = box.log.mark(), len(box.mbox("root"))
    with Talk(box) as client:
        for line in ["EHLO x", "AUTH LOGIN", b64("joe"), "*", plain(), "FOO", "QUIT"]:
            client.say(line)
    box.log.wait(r"to=<root.*status=sent", since=mark)
    box.wait_empty()
    text = "".join(m.as_string() for m in box.mbox("root")[before:])
    assert " In:  AUTH LOGIN\n" in text and " In:  (not shown)\n" in text
    assert " In:  AUTH PLAIN (not shown)\n" in text
    assert " Out: 235 2.7.0 Authentication successful\n" in text


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_swaks_sends_through_us(box, mechanism):
    done = box.run(
        ["swaks", "--server", box.address, "--from", "a@b.test", "--to", "joe@same.test", "--auth", mechanism,
         "--auth-user", "joe", "--auth-password", "secret", "--helo", "x.test"]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "235 2.7.0 Authentication successful" in done.stdout


def test_only_in_tls(box):
    with box.smtp(port=2609) as client:
        client.ehlo("x.test")
        assert not client.has_extn("auth")
        assert client.docmd(plain()) == (503, b"5.5.1 Error: authentication not enabled")
        client._host = box.hostname  # smtplib has it from its constructor only
        assert client.starttls()[0] == 220
        client.ehlo("x.test")
        assert client.has_extn("auth")
        assert client.docmd(plain())[0] == 235
        client.docmd("MAIL FROM:<a@b.test>")
        client.docmd("RCPT TO:<joe@same.test>")
        code, reply = client.data("Subject: x\r\n\r\nx\r\n")
        assert code == 250, reply
    box.wait_removed(reply.decode().split()[-1])
    received = box.mbox("joe")[-1]["Received"]
    assert re.search(r"\(using TLS(?s:.*)\n\s+\(Authenticated sender: joe\)\n\s+by .* with ESMTPSA id", received), received


def test_tls_has_options_of_its_own_and_begins_anew(box):
    with box.smtp(port=2610) as client:
        client.ehlo("x.test")
        assert "PLAIN" not in client.esmtp_features["auth"]
        code, challenge = client.docmd("AUTH CRAM-MD5")
        assert client.docmd(cram()(f"{code} {challenge.decode()}"))[0] == 235
        client._host = box.hostname  # smtplib has it from its constructor only
        assert client.starttls()[0] == 220
        client.ehlo("x.test")
        assert "PLAIN" in client.esmtp_features["auth"]
        client.docmd("MAIL FROM:<a@b.test>")
        assert client.docmd("RCPT TO:<x@elsewhere.test>")[0] == 454  # who has not logged in may not relay
        client.docmd("RSET")
        assert client.docmd(plain())[0] == 235


def test_refusals_tell_who_it_was(box):
    mark = box.log.mark()
    with Talk(box) as client:
        client.say("EHLO x.test")
        client.say(plain())
        client.say("MAIL FROM:<a@b.test>")
        assert client.say("RCPT TO:<x@same.test>").startswith("550 5.1.1 ")
        client.say("QUIT")
    assert re.search(r"reject: RCPT from .*helo=<x.test> sasl_method=PLAIN sasl_username=joe$", logged(box, mark), re.M)
