"""TLS towards servers: when mail may go, when not, and that it goes as it was meant to."""

import itertools
import re
import socket
import threading
import time

import pytest
from harness.certificates import Authority
from harness.tls_server import TlsServer

HOST, NAME = "127.0.0.77", "server.test"
NUMBERS = itertools.count()
RULES = {
    "example.test": "encrypt",
    ".parent.test": "secure match=server.test policy_type=sts { policy_string = version: STSv1 }",
    "[server.test]:2626": "none",
    "unsaid.test": "encrypt connection_reuse=no",
}
MAIN = """\
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_CAfile = /etc/postfix/tls/ca.pem
smtp_tls_chain_files = /etc/postfix/tls/client.pem
smtp_tls_policy_maps = texthash:/etc/postfix/policies
smtp_connection_cache_destinations = static:all
lmtp_tls_security_level = verify
lmtp_tls_CAfile = /etc/postfix/tls/ca.pem
lmtp_tls_loglevel = 1
smtp_host_lookup = dns
transport_maps = texthash:/etc/postfix/transport
"""
MASTER = """\
jailed unix - - y - - smtp
slow unix - - n - - smtp -o smtp_starttls_timeout=1s -o smtp_tls_security_level=encrypt -o smtp_tls_policy_maps=
reusing unix - - n - 1 smtp -o smtp_tls_connection_reuse=yes
loop unix - - n - - smtp -o smtp_tls_security_level=secure -o smtp_tls_policy_maps= -o smtp_tls_secure_cert_match=hostname
4465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
"""
ETC = {
    "postfix/policies": "".join(f"{key} {value}\n" for key, value in RULES.items()),
    "postfix/transport": """\
jailed.test jailed:[server.test]
slow.test slow:[server.test]
reused.test reusing:[server.test]
loop.test loop:[server.test]:2525
lmtp.test lmtp:inet:server.test:2424
port.test smtp:[server.test]:2626
""",
}


@pytest.fixture(scope="module")
def known(work, mta):
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    server, client = ca.issue("server", names=[NAME, "mx.test"]), ca.issue("client")
    mta.write("/etc/postfix/tls/ca.pem", ca.cert)
    mta.write("/etc/postfix/tls/client.pem", client.key + client.cert).chmod(0o600)
    return {"ca": ca, "server": server, "other": ca.issue("other", names=["other.test"])}


@pytest.fixture
def names(dns):
    dns.names[NAME] = dns.names["mx.test"] = {"A": [HOST]}
    for domain in ("example.test", "x.parent.test", "parent.test", "plain.test", "unsaid.test"):
        dns.names[domain] = {"MX": ["10 mx.test"]}


def send(mta, domain, status="sent", count=1, header=""):
    """Messages one after the other; the log line of the last."""
    mark = mta.log.mark()
    for _ in range(count):
        queue_id = mta.submit("a@client.test", f"u{next(NUMBERS)}@{domain}", f"Subject: x\r\n{header}\r\nx\r\n")
        found = mta.log.wait(rf"{queue_id}: to=.* status=(\w+) .*", since=mark)
        assert found[1] == status, found[0]
    mta.run(["postsuper", "-d", "ALL"], check=True)
    return found[0]


def test_the_policy_of_a_next_hop(mta, names, known):
    with TlsServer((HOST, 25), known["server"], ["no-offer"]) as server:
        assert "TLS is required, but was not offered" in send(mta, "example.test", "deferred")
        send(mta, "plain.test")
        # what was deferred may be tried again, before it is deleted
        assert re.match("(EHLO QUIT )+EHLO MAIL RCPT DATA", " ".join(server.heard))


def test_a_sender_waives_tls_for_one_message(mta, names, known):
    """RFC 8689 section 5. The connection, which others would use again, is not kept."""
    with TlsServer((HOST, 25), known["server"], ["no-offer"]) as server:
        send(mta, "example.test", header="TLS-Required: No\r\n")
        assert "TLS is required, but was not offered" in send(mta, "example.test", "deferred")
        assert server.heard.count("MAIL") == 1
    with TlsServer((HOST, 25), known["other"]) as server:
        send(mta, "x.parent.test", header="TLS-Required: No\r\n")
        assert "(TLSv1.3)" in server.heard  # it is welcome all the same
        send(mta, "x.parent.test", "deferred", header="TLS-Required: yes\r\n")


def test_the_policy_of_a_parent(mta, names, known):
    """It holds below it only."""
    mark = mta.log.mark()
    with TlsServer((HOST, 25), known["server"]):
        send(mta, "x.parent.test")
        assert mta.log.wait(r"(\w+) TLS connection established to mx.test", since=mark)[1] == "Verified"
    with TlsServer((HOST, 25), known["other"]):
        assert "Server certificate not verified" in send(mta, "x.parent.test", "deferred")
        send(mta, "parent.test")


def test_the_policy_of_a_port(mta, names, known):
    with TlsServer((HOST, 2626), known["server"]) as server:
        send(mta, "port.test")
        assert server.heard[:4] == ["EHLO", "MAIL", "RCPT", "DATA"]


def test_a_jailed_client_shows_a_certificate_whose_key_only_root_can_read(mta, names, known):
    with TlsServer((HOST, 25), known["server"], ["ask"], known["ca"]) as server:
        send(mta, "jailed.test")
        assert "(TLSv1.3, certificate)" in server.heard


def test_lmtp_has_its_own_settings(mta, names, known):
    with TlsServer((HOST, 2424), known["server"]) as server:
        send(mta, "lmtp.test")
        assert server.heard == ["LHLO", "STARTTLS", "(TLSv1.3)", "LHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    with TlsServer((HOST, 2424), known["other"]):
        assert "Server certificate not verified" in send(mta, "lmtp.test", "deferred")


def test_a_session_is_used_again_where_that_is_allowed(mta, names, known):
    """With TLS, only then: the next message may need another server."""
    with TlsServer((HOST, 25), known["server"]) as server:
        send(mta, "reused.test", count=2)
        assert server.heard.count("STARTTLS") == 1
    with TlsServer((HOST, 25), known["server"]) as server:
        send(mta, "unsaid.test", count=2)
        assert server.heard.count("STARTTLS") == 2


def test_a_handshake_has_a_deadline_as_a_whole(mta, names, known):
    def drip():
        client, _ = listener.accept()
        try:
            client.sendall(b"220 x\r\n")
            client.recv(1000)
            client.sendall(b"250-x\r\n250 STARTTLS\r\n")
            client.recv(1000)
            client.sendall(b"220 go\r\n")
            for byte in b"\x16\x03\x03\x10\x00\x02\x00\x0f\xfc" + 1000 * b"\x03":
                client.sendall(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass

    with socket.create_server((HOST, 25)) as listener:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began, mark = time.monotonic(), mta.log.mark()
        assert "Cannot start TLS: handshake failure" in send(mta, "slow.test", "deferred")
        assert time.monotonic() - began < 10
        mta.log.wait(r"SSL_connect error to server.test\[127.0.0.77\]:25: Connection timed out", since=mark)
    thread.join(10)


def test_what_a_server_offers_in_the_clear_counts_only_there(mta, names, known):
    """Nor has what came ahead of the handshake any effect behind it (CVE-2021-38371)."""
    with TlsServer((HOST, 25), known["server"], ["early", "no-mail"]) as server:
        assert "450 4.0.0 later" in send(mta, "jailed.test", "deferred")
        assert server.heard[:5] == ["EHLO", "STARTTLS", "(TLSv1.3)", "EHLO", "MAIL"]


def test_from_ours_to_ours(mta, names, known, dns):
    """Through a second smtpd with our certificate; both sides say what they saw."""
    mta.write("/etc/postfix/tls/server.pem", known["server"].key + known["server"].cert)
    mta.write(
        "/etc/postfix/master.cf",
        mta.read("/etc/postfix/master.cf")
        + f"{HOST}:2525 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_tls_chain_files=/etc/postfix/tls/server.pem"
        + " -o smtpd_tls_loglevel=1 -o smtpd_tls_received_header=yes -o smtpd_tls_req_ccert=yes -o smtpd_tls_CAfile=/etc/postfix/tls/ca.pem"
        + " -o { virtual_alias_maps = inline:{@loop.test=joe} } -o virtual_alias_domains=loop.test"
        + " -o smtpd_relay_restrictions=permit_tls_all_clientcerts,reject -o cleanup_service_name=looped\n"
        + "looped unix n - n - 0 cleanup -o { virtual_alias_maps = inline:{{@loop.test = joe}} } -o virtual_alias_domains=loop.test\n",
    )
    mta.reload()
    mark = mta.log.mark()
    send(mta, "loop.test")
    mta.log.wait(r"smtp\[\d+\]: Verified TLS connection established to server.test", since=mark)
    mta.log.wait(r"smtpd\[\d+\]: Trusted TLS connection established from", since=mark)
    mta.log.wait(r"status=sent \(delivered to mailbox\)", since=mark)
    received = " ".join(mta.mbox("joe")[-1].get_all("Received"))
    assert '(Client CN "client", Issuer "Test CA" (verified OK))' in received
    assert "with ESMTPS id" in received
