"""haproxy in front of smtpd: the client's address is the one that counts."""

import smtplib
import socket
import ssl

import pytest

from harness.sandbox import wait_until

MAIN = "smtpd_peername_lookup = no\n"
MASTER = """\
2526 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
2527 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_tls_wrappermode=yes -o smtpd_tls_chain_files=/etc/postfix/key.pem
"""
CONFIGURATION = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen first
    bind 127.0.0.8:2501
    server mail {0}:2526 send-proxy
listen second
    bind 127.0.0.8:2502
    server mail {0}:2526 send-proxy-v2 check check-send-proxy inter 500ms
listen third
    bind 127.0.0.8:2504
    server mail {0}:2527 send-proxy-v2
listen plain
    bind 127.0.0.8:2503
    server mail {0}:2526
"""


@pytest.fixture(scope="module")
def haproxy(mta):
    mta.run(
        "cd /etc/postfix && openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=mail.test -keyout key.pem"
        " -out /tmp/cert.pem && cat /tmp/cert.pem >>key.pem",
        check=True,
    )
    mta.write("/etc/haproxy.cfg", CONFIGURATION.format(mta.address))
    process = mta.popen("exec haproxy -db -f /etc/haproxy.cfg")
    wait_until(lambda: mta.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.8/2503"]).returncode == 0, what="haproxy")
    yield process
    process.terminate()
    process.wait(20)


def connect(port):
    return smtplib.SMTP("127.0.0.8", port, "client.test", 20, ("127.0.0.33", 0))


@pytest.mark.parametrize("port", [2501, 2502])
def test_the_client_is_known(mta, haproxy, port):
    mark = mta.log.mark()
    with connect(port) as client:
        client.sendmail("a@client.test", ["joe@postern.test"], "Subject: x\n\nhello\n")
    mta.log.wait(r"smtpd\[\d+\]: connect from unknown\[127.0.0.33\]", since=mark)
    mta.wait_empty()
    assert "[127.0.0.33]" in mta.mbox("joe")[-1]["Received"]


def test_a_balancer_that_tells_nothing(mta, haproxy):
    mark = mta.log.mark()
    with pytest.raises(Exception, match="421"):
        connect(2503)
    mta.log.wait(r"warning: haproxy read: timeout error", since=mark)


def test_the_checks_of_the_balancer(mta, haproxy):
    """They say LOCAL: it is the balancer's own connection."""
    mta.log.wait(r"connect from unknown\[(?!127.0.0.33)\S+\]", count=2)


def careless():
    """TLS with whomever."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_tls_from_the_first_byte_on(mta, haproxy):
    with smtplib.SMTP_SSL("127.0.0.8", 2504, "client.test", timeout=20, source_address=("127.0.0.33", 0), context=careless()) as client:
        assert client.noop()[0] == 250


HEADERS = {
    "line": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 465\r\n",
    "bytes": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 7, 192, 0, 2, 8]) + b"\x10\xe1\x01\xd1",
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_what_a_client_says_at_once_comes_with_the_header(mta, haproxy, header):
    """A balancer may send both in one piece."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = careless().wrap_bio(incoming, outgoing)
    with socket.create_connection((mta.address, 2527), 10) as client:
        ahead, done = header, False
        while not done:
            try:
                talk.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                client.sendall(ahead + outgoing.read())
                ahead = b""
                incoming.write(client.recv(16384))
        client.sendall(outgoing.read())
        greeting = b""
        while b"\n" not in greeting:
            try:
                greeting += talk.read(1000)
            except ssl.SSLWantReadError:
                incoming.write(client.recv(16384))
    assert greeting.startswith(b"220 ")
