"""STARTTLS in postscreen, through tlsproxy: what is said in it, and what must not get into it."""

import contextlib
import os
import signal
import smtplib
import socket
import ssl
import subprocess

import pytest

from harness.certificates import Authority
from harness.sandbox import wait_until

MAIN = """\
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/postfix/tls/server.pem
smtpd_tls_loglevel = 1
postscreen_greet_wait = 1s
postscreen_access_list =
postscreen_non_smtp_command_enable = yes
postscreen_cache_map =
"""
WORDS = {
    2621: "",
    2622: "-o postscreen_tls_security_level=encrypt",
    2623: "-o tlsproxy_service_name=nowhere",
    2624: "-o postscreen_tls_security_level=none",
    2625: "-o postscreen_pipelining_enable=yes -o postscreen_pipelining_action=ignore",
}
MASTER = "smtpd pass - - n - - smtpd\ntlsproxy unix - - y - 0 tlsproxy\n" + "".join(
    f"{port} inet n - y - 1 postscreen {words}\n" for port, words in WORDS.items()
)


@pytest.fixture(scope="module", autouse=True)
def trust(work, mta):
    """A context that believes in the server's certificate."""
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    server = ca.issue("server", "mail.test", names=["mail.test"])
    mta.write("/etc/postfix/tls/server.pem", server.key + server.cert).chmod(0o600)
    return ssl.create_default_context(cadata=ca.cert.decode() if isinstance(ca.cert, bytes) else ca.cert)


def connect(mta, port, source):
    return smtplib.SMTP(mta.address, port, "client.test", 30, (source, 0))


def begin_tls(client, trust):
    """As smtplib's starttls, which would ask for the name that it connected to."""
    assert client.docmd("STARTTLS")[0] == 220
    client.sock = trust.wrap_socket(client.sock, server_hostname="mail.test")
    client.file = None
    client.ehlo_resp = client.helo_resp = None
    client.esmtp_features = {}


def test_a_session_in_tls(mta, trust):
    """It takes no mail either; the client is passed on when it comes again."""
    mark = mta.log.mark()
    with connect(mta, 2621, "127.0.0.51") as client:
        client.ehlo()
        assert client.has_extn("STARTTLS")
        begin_tls(client, trust)
        client.ehlo()
        assert not client.has_extn("STARTTLS")
        assert client.docmd("STARTTLS") == (554, b"5.5.1 Error: TLS already active")
        assert client.mail("a@client.test")[0] == 250
        assert client.rcpt(f"joe@{mta.domain}") == (450, b"4.3.2 Service currently unavailable")
    mta.log.wait(r"NOQUEUE: reject: RCPT from \[127.0.0.51\]:\d+: 450 4.3.2 .*proto=ESMTP, helo=<client.test>", since=mark)
    mta.log.wait(r"postscreen\[\d+\]: PASS NEW \[127.0.0.51\]:\d+", since=mark)
    mta.log.wait(r"tlsproxy\[\d+\]: Anonymous TLS connection established from \[127.0.0.51\]:\d+: TLSv1", since=mark)
    with connect(mta, 2621, "127.0.0.51") as client:
        client.ehlo()
        begin_tls(client, trust)
        client.sendmail("a@client.test", [f"joe@{mta.domain}"], "Subject: x\n\nhello\n")
    mta.log.wait(r"smtpd\[\d+\]: connect from unknown\[127.0.0.51\]", since=mark)


def test_swaks(mta):
    """It is refused for now in TLS, and gets through at the second try."""
    words = ["swaks", "--server", mta.address, "--port", "2621", "--tls", "--from", "a@client.test", "--to", f"joe@{mta.domain}", "-li", "127.0.0.52"]
    first, second = (subprocess.run(words, capture_output=True, text=True, timeout=60, check=False) for _ in range(2))
    assert "TLS started with cipher" in first.stdout and "450 4.3.2 Service currently unavailable" in first.stdout
    assert second.returncode == 0, second.stdout


def read_reply(lines):
    while line := lines.readline():
        if line[3:4] != b"-":
            return line
    return b""


@pytest.mark.parametrize("port", [2621, 2625])
def test_nothing_is_injected(mta, trust, port):
    """What came behind STARTTLS in the clear is no part of what is said in TLS, whatever is done about pipelining."""
    source = "127.0.0.53"
    with socket.create_connection((mta.address, port), 30, (source, 0)) as client:
        with client.makefile("rb", buffering=0) as lines:
            read_reply(lines)
            client.sendall(b"EHLO clear.test\r\n")
            read_reply(lines)
            client.sendall(b"STARTTLS\r\nMAIL FROM:<injected@client.test>\r\n")
            assert read_reply(lines).startswith(b"220 ")
        with trust.wrap_socket(client, server_hostname="mail.test") as inside, inside.makefile("rb") as lines:
            inside.sendall(b"RCPT TO:<joe@postern.test>\r\nVRFY x\r\n")
            assert read_reply(lines) == b"503 5.5.1 Error: need MAIL command\r\n"
            assert read_reply(lines).startswith(b"450 4.3.2 ")


def test_tls_is_demanded(mta, trust):
    with connect(mta, 2622, "127.0.0.54") as client:
        client.ehlo()
        assert client.mail("a@client.test") == (530, b"5.7.0 Must issue a STARTTLS command first")
        begin_tls(client, trust)
        client.ehlo()
        assert client.mail("a@client.test")[0] == 250


def test_tlsproxy_is_not_there(mta):
    """What was said goes on, commands that came too early too."""
    mark = mta.log.mark()
    with connect(mta, 2623, "127.0.0.55") as client:
        client.ehlo()
        assert client.docmd("STARTTLS") == (454, b"4.7.0 TLS not available due to local problem")
        assert client.mail("a@client.test")[0] == 250
        client.send(b"STARTTLS\r\nNOOP\r\n")
        assert client.getreply()[0] == 454
        assert client.getreply()[0] == 250
    mta.log.wait(r"postscreen\[\d+\]: warning: \[127.0.0.55\]:\d+: no STARTTLS: ", since=mark)


def test_tls_is_not_offered(mta):
    with connect(mta, 2624, "127.0.0.56") as client:
        client.ehlo()
        assert not client.has_extn("STARTTLS")
        assert client.docmd("STARTTLS")[0] == 502


def test_a_failed_handshake(mta):
    """It ends the session; others go on."""
    mark = mta.log.mark()
    with connect(mta, 2621, "127.0.0.57") as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 220
        with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
            client.sock.sendall(b"EHLO no tls\r\n" * 10)
            while client.sock.recv(1000):
                pass
        client.close()
    mta.log.wait(r"HANGUP after [\d.]+ from \[127.0.0.57\]:\d+ in tests after SMTP handshake", since=mark)
    assert mta.processes("postscreen")


def test_tlsproxy_dies(mta, trust):
    """In the middle of a session: the client is hung up on, and the next has a new one."""
    mark = mta.log.mark()
    with connect(mta, 2621, "127.0.0.58") as client:
        client.ehlo()
        begin_tls(client, trust)
        client.ehlo()
        for pid in mta.processes("tlsproxy"):
            os.kill(pid, signal.SIGKILL)
        mta.log.wait(r"HANGUP after [\d.]+ from \[127.0.0.58\]:\d+ in tests after SMTP handshake", since=mark)
        client.close()
    wait_until(lambda: not mta.processes("tlsproxy"), what="tlsproxy to be gone")
    with connect(mta, 2621, "127.0.0.59") as client:
        client.ehlo()
        begin_tls(client, trust)
        assert client.ehlo()[0] == 250
