"""TLS towards clients: what an attacker would like to do, and what must go on working."""

import re
import select
import smtplib
import socket
import ssl
import subprocess
import time

import pytest
from harness.certificates import Authority

MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = /etc/postfix/tls/ca.pem
smtpd_tls_chain_files = /etc/postfix/tls/server.pem
smtpd_client_event_limit_exceptions =
mynetworks = 127.0.0.10
"""
PLAIN, JAILED, AHEAD, SLOW, OTHER, RATE, BROKEN, WRAPPED = range(2600, 2608)
MASTER = f"""\
{PLAIN} inet n - n - 1 smtpd -o smtpd_tls_security_level=none
{JAILED} inet n - y - 1 smtpd
{AHEAD} inet n - n - - smtpd -o smtpd_forbid_unauth_pipelining=no
{SLOW} inet n - n - - smtpd -o smtpd_starttls_timeout=1s
{OTHER} inet n - n - 1 smtpd
{RATE} inet n - n - - smtpd -o smtpd_client_new_tls_session_rate_limit=2
{BROKEN} inet n - n - - smtpd -o smtpd_tls_chain_files=/etc/postfix/tls/none.pem
{WRAPPED} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
"""


@pytest.fixture(scope="module")
def ca(work, mta):
    """The authority; the server's key, which only root can read, is in place."""
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    server = ca.issue("server", "mail.test", names=[mta.hostname])
    mta.write("/etc/postfix/tls/ca.pem", ca.cert)
    path = mta.write("/etc/postfix/tls/server.pem", server.key + server.cert)
    path.chmod(0o600)
    return ca


def context(ca, own=None, most=ssl.TLSVersion.TLSv1_3):
    made = ssl.create_default_context(cafile=ca.cert_file)
    made.maximum_version = most
    if own:
        made.load_cert_chain(own.cert_file, own.key_file)
    return made


def encrypted(mta, ca, port, **how):
    """A client of smtplib that has said STARTTLS and verified the server."""
    client = mta.smtp(port=port)
    client._host = mta.hostname
    client.starttls(context=context(ca, **how))
    return client



def ready(s, seconds=20):
    return bool(select.select([s], [], [], seconds)[0])


def say(s, line):
    s.sendall(line.encode() + b"\r\n")
    reply = b""
    while not re.search(rb"(?m)^\d{3} .*\r\n\Z", reply):
        piece = s.recv(1000)
        assert piece, reply
        reply += piece
    return reply.decode()


def test_large_mail_comes_whole(mta, ca):
    """Also into a jail, where neither key nor OpenSSL can be read."""
    lines = "".join(f"{i} {'x' * (i % 900)}\r\n" for i in range(10000))
    mark = mta.log.mark()
    with encrypted(mta, ca, JAILED) as client:
        client.ehlo()
        client.sendmail("a@client.test", [f"joe@{mta.domain}"], "Subject: large\r\n\r\n" + lines)
    mta.log.wait(r"status=sent", since=mark)
    assert mta.mbox("joe")[-1].get_payload().replace("\n", "\r\n").endswith(lines)


def test_mail_of_swaks(mta, ca):
    mark = mta.log.mark()
    words = ["swaks", "--tls", "--tls-verify", "--server", mta.address, "--to", f"ann@{mta.domain}", "--tls-ca-path", ca.cert_file]
    done = subprocess.run([*words, "--from", "a@client.test"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    mta.log.wait(r"status=sent", since=mark)
    assert "with ESMTPS id" in mta.mbox("ann")[-1]["Received"]


def test_a_name_in_a_certificate_ends_neither_string_nor_comment(mta, ca):
    own = ca.issue("hostile", 'x") by\\\\ evil')
    mark = mta.log.mark()
    with encrypted(mta, ca, 25, own=own) as client:
        client.sendmail("a@client.test", [f"bob@{mta.domain}"], "Subject: x\r\n\r\nx\r\n")
    mta.log.wait(r"status=sent", since=mark)
    assert '(Client CN "x?? by? evil", Issuer "Test CA" (verified OK))' in mta.mbox("bob")[-1]["Received"]


def test_what_was_said_in_the_clear_is_forgotten(mta, ca):
    """Commands ahead of the handshake, in the same segment, have no effect behind it
    (CVE-2011-0411), and neither has what came before STARTTLS."""
    with socket.create_connection((mta.address, AHEAD), 20, ("127.0.0.9", 0)) as s:
        assert s.recv(1000).startswith(b"220 ")
        say(s, "EHLO x.test")
        say(s, "MAIL FROM:<a@x.test>")
        s.sendall(b"STARTTLS\r\nRSET\r\nMAIL FROM:<evil@x.test>\r\n")
        assert s.recv(1000) == b"220 2.0.0 Ready to start TLS\r\n"
        with context(ca).wrap_socket(s, server_hostname=mta.hostname) as t:
            t.settimeout(0.3)
            with pytest.raises(TimeoutError):
                t.recv(1000)
            t.settimeout(20)
            assert say(t, "RCPT TO:<joe@x.test>").startswith("503 5.5.1 Error: need MAIL command")
            assert "PIPELINING" in say(t, "EHLO x.test")
            assert "STARTTLS" not in say(t, "EHLO x.test")


def test_a_handshake_has_a_deadline_as_a_whole(mta, ca):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with socket.create_connection((mta.address, SLOW), 20, ("127.0.0.9", 0)) as s:
        s.recv(1000)
        say(s, "EHLO x.test")
        say(s, "STARTTLS")
        with pytest.raises(ssl.SSLWantReadError):
            context(ca).wrap_bio(incoming, outgoing, server_hostname=mta.hostname).do_handshake()
        began, mark = time.monotonic(), mta.log.mark()
        with pytest.raises(OSError):  # it hangs up
            for byte in outgoing.read() + 1000 * b"\0":
                s.sendall(bytes([byte]))
                time.sleep(0.1)
        assert time.monotonic() - began < 10
    mta.log.wait(r"SSL_accept error from unknown\[127.0.0.9\]: Connection timed out", since=mark - 1)


def test_a_session_is_resumed_by_its_own_service_only(mta, ca):
    how = context(ca, most=ssl.TLSVersion.TLSv1_2)

    def session(port, before=None):
        with socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)) as s:
            s.recv(1000)
            say(s, "EHLO x.test")
            say(s, "STARTTLS")
            with how.wrap_socket(s, server_hostname=mta.hostname, session=before) as t:
                say(t, "QUIT")
                return t.session, t.session_reused

    first, _ = session(JAILED)
    assert session(JAILED, first)[1]
    assert not session(OTHER, first)[1]


def test_there_is_no_renegotiation(mta, ca):
    words = ["openssl", "s_client", "-starttls", "smtp", "-tls1_2", "-connect", f"{mta.address}:25", "-bind", "127.0.0.9:0"]
    mark = mta.log.mark()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        mta.log.wait(r"TLS connection established", since=mark)
        client.stdin.write(b"R\n")
        client.stdin.flush()
        assert b"no renegotiation" in client.communicate(timeout=20)[0]


def test_too_many_new_sessions(mta, ca):
    """One too many is sent away when it has begun, the next before that."""
    for _ in range(2):
        with encrypted(mta, ca, RATE) as client:
            client.noop()
    with pytest.raises(smtplib.SMTPException):
        with encrypted(mta, ca, RATE) as client:
            code, words = client.getreply()
            assert (code, words.startswith(b"4.7.0 ")) == (421, True)
            assert b"Error: too many new TLS sessions from unknown[127.0.0.9]" in words
            raise smtplib.SMTPException
    with mta.smtp(port=RATE) as client:
        client.ehlo()
        assert client.docmd("STARTTLS") == (454, b"4.7.0 Error: too many new TLS sessions from unknown[127.0.0.9]")


def test_without_a_certificate_mail_still_comes_in_the_clear(mta, ca):
    mark = mta.log.mark()
    with mta.smtp(port=BROKEN) as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 454
        client.sendmail("a@client.test", [f"joe@{mta.domain}"], "Subject: x\r\n\r\nx\r\n")
    mta.log.wait(r"warning: error opening chain file: /etc/postfix/tls/none.pem: No such file", since=mark)


def test_a_message_that_breaks_off_is_not_taken(mta, ca):
    mark = mta.log.mark()
    client = encrypted(mta, ca, 25)
    client.ehlo()
    client.docmd("MAIL FROM:<a@client.test>")
    client.docmd(f"RCPT TO:<joe@{mta.domain}>")
    client.docmd("DATA")
    client.send("Subject: half\r\n\r\nhalf\r\n")
    client.close()
    mta.log.wait(r"lost connection after DATA \(\d+ bytes\) from", since=mark)
    assert not any("half" in str(m["Subject"]) for m in mta.mbox("joe"))


def test_openssl_is_loaded_by_who_uses_it(mta, ca):
    seen = {}
    for port in (PLAIN, JAILED):
        mark = mta.log.mark()
        with mta.smtp(port=port) as client:
            client.noop()
            pid = mta.log.wait(r"smtpd\[(\d+)\]: connect from", since=mark)[1]
            seen[port] = mta.run(["cat", f"/proc/{pid}/maps"], check=True).stdout
    assert "libssl" not in seen[PLAIN] and "libcrypto" not in seen[PLAIN]
    assert "libssl" in seen[JAILED]


def test_a_wrapped_service_takes_nothing_in_the_clear(mta, ca):
    with socket.create_connection((mta.address, WRAPPED), 20, ("127.0.0.9", 0)) as s:
        assert not ready(s, 0.3)
        s.sendall(b"EHLO x.test\r\n")
        assert ready(s)
        with pytest.raises(OSError):
            assert b"250" not in s.recv(1000)
            raise OSError
    client = smtplib.SMTP_SSL(context=context(ca), timeout=20, source_address=("127.0.0.9", 0))
    client._host = mta.hostname
    assert client.connect(mta.address, WRAPPED)[0] == 220
    assert client.noop()[0] == 250
    client.quit()
