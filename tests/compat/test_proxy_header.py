"""smtpd_upstream_proxy_protocol = haproxy: headers of load balancers, good and bad, ours beside
Debian's Postfix."""

import re
import socket
import struct

import pytest

DOMAIN = "example.test"
MAIN = """
smtpd_error_sleep_time = 0
smtpd_upstream_proxy_protocol = haproxy
smtpd_upstream_proxy_timeout = 2s
smtpd_client_port_logging = yes
smtpd_peername_lookup = no
inet_protocols = all
"""
MASTER = "2525 inet n - n - - smtpd -o smtpd_client_restrictions=check_client_access,static:REJECT\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command=0x21, family=0x11, addresses=None, more=b"", length=None):
    if addresses is None:
        addresses = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.8") + struct.pack(">HH", 4321, 25)
    body = addresses + more
    return SIGNATURE + struct.pack(">BBH", command, family, len(body) if length is None else length) + body


SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::8") + struct.pack(">HH", 4321, 25)
CASES = {
    "v1": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25\r\n",
    "v1, six": b"PROXY TCP6 2001:db8::7 2001:db8::8 4321 25\r\n",
    "v1, six in capitals": b"PROXY TCP6 2001:DB8:0:0::7 2001:db8::8 4321 25\r\n",
    "v1, unknown": b"PROXY UNKNOWN\r\n",
    "v1, unknown with addresses": b"PROXY UNKNOWN 192.0.2.7 192.0.2.8 4321 25\r\n",
    "v1, LF alone": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25\n",
    "v1, mapped": b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 4321 25\r\n",
    "v1, wrong family": b"PROXY TCP4 2001:db8::7 2001:db8::8 4321 25\r\n",
    "v1, other protocol": b"PROXY UDP4 192.0.2.7 192.0.2.8 4321 25\r\n",
    "v1, bad address": b"PROXY TCP4 192.0.2.777 192.0.2.8 4321 25\r\n",
    "v1, bad port": b"PROXY TCP4 192.0.2.7 192.0.2.8 43210000 25\r\n",
    "v1, port zero": b"PROXY TCP4 192.0.2.7 192.0.2.8 0 25\r\n",
    "v1, no port": b"PROXY TCP4 192.0.2.7 192.0.2.8\r\n",
    "v1, more words": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25 x\r\n",
    "v1, blanks": b"PROXY  TCP4 192.0.2.7  192.0.2.8 4321 25\r\n",
    "v1, small letters": b"proxy tcp4 192.0.2.7 192.0.2.8 4321 25\r\n",
    "v1, long": b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25" + 100 * b" " + b"\r\n",
    "v2": v2(),
    "v2, six": v2(family=0x21, addresses=SIX),
    "v2, with extras": v2(more=b"\x04\0\x03abc"),
    "v2, local": v2(command=0x20),
    "v2, local without addresses": v2(command=0x20, family=0, addresses=b""),
    "v2, unspecified": v2(family=0, addresses=b""),
    "v2, UNIX": v2(family=0x31, addresses=216 * b"a"),
    "v2, datagrams": v2(family=0x12),
    "v2, version 3": v2(command=0x31),
    "v2, other command": v2(command=0x22),
    "v2, too short": v2(addresses=b"\xc0\0\x02\x07"),
    "v2, huge": v2(length=0xFFFF),
    "nothing": b"",
    "SMTP": b"EHLO x.test\r\n",
    "half": b"PROXY TCP4 192.0.2.7",
    "half a second version": SIGNATURE,
    "other": b"GET / HTTP/1.0\r\n\r\n",
}


def talk(mta, name, port=25):
    mark, heard = mta.log.mark(), b""
    with socket.create_connection((mta.address, port), 10, ("127.0.0.9", 0)) as client:
        client.sendall(CASES[name])
        try:
            heard += client.recv(1000)
            if heard.startswith((b"220", b"554")):
                client.sendall(b"QUIT\r\n")
            while piece := client.recv(1000):
                heard += piece
        except OSError:
            heard += b"(reset)"
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return mta.mask(heard.decode()), mta.masked_log(mark, "/smtpd")


# Debian's says what it saw, too, and takes what is not there yet for what never comes.
REASONS = re.compile(r"(warning: haproxy read: ).*")


def plain(lines):
    return [re.sub(r"(\[127.0.0.9\]):\d+", r"\1:PORT", REASONS.sub(r"\1REASON", line)) for line in lines]


@pytest.mark.parametrize("name", CASES)
def test_header(ours, oracle, name):
    mine, theirs = (talk(mta, name) for mta in (ours, oracle))
    assert mine[0].removesuffix("(reset)") == theirs[0].removesuffix("(reset)")
    assert plain(mine[1]) == plain(theirs[1])


def test_the_header_counts(ours, oracle):
    """In tables of clients, and for the client's greeting in a second write."""
    for mta in (ours, oracle):
        mark = mta.log.mark()
        with socket.create_connection((mta.address, 2525), 10) as client, client.makefile("rb") as lines:
            client.sendall(CASES["v2"])
            assert lines.readline().startswith(b"220 ")
            for line in ("EHLO x", "MAIL FROM:<a@client.test>"):
                client.sendall(line.encode() + b"\r\n")
                while lines.readline()[3:4] == b"-":
                    pass
            client.sendall(b"RCPT TO:<joe@example.test>\r\n")
            assert lines.readline() == b"554 5.7.1 <unknown[192.0.2.7]:4321>: Client host rejected: Access denied\r\n"
        mta.log.wait(r"NOQUEUE: reject: RCPT from unknown\[192.0.2.7\]:4321: ", since=mark)


def test_a_header_in_pieces(ours):
    """Ours waits for the rest; Debian's does not."""
    for name in ("v1", "v2", "v2, with extras"):
        with socket.create_connection((ours.address, 25), 10) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(CASES[name])):
                client.sendall(CASES[name][i : i + 1])
            assert client.recv(100).startswith(b"220 ")
