"""Clients whose addresses are of one block are counted as one (anvil, since Postfix 3.8)."""

import socket
import subprocess

import pytest

SERVICES = {  # port: (address, prefix lengths, more)
    "standard": ("ADDRESS", 2900, "-o smtpd_client_connection_rate_limit=2"),
    "ipv4 24": ("ADDRESS", 2901, "-o smtpd_client_connection_rate_limit=2 -o smtpd_client_ipv4_prefix_length=24"),
    "ipv4 0": ("ADDRESS", 2902, "-o smtpd_client_connection_rate_limit=2 -o smtpd_client_ipv4_prefix_length=0"),
    "ipv6": ("::1", 2903, "-o smtpd_client_connection_rate_limit=2"),
    "ipv6 128": ("::1", 2904, "-o smtpd_client_connection_rate_limit=2 -o smtpd_client_ipv6_prefix_length=128"),
    "ipv6 48": ("::1", 2905, "-o smtpd_client_connection_rate_limit=2 -o smtpd_client_ipv6_prefix_length=48"),
}
MAIN = """\
inet_protocols = all
smtpd_client_event_limit_exceptions =
smtpd_peername_lookup = no
"""
MASTER = "".join(
    f"{'[::1]:' if address == '::1' else ''}{port} inet n - n - - smtpd {options}\n"
    for address, port, options in SERVICES.values()
)
OURS = ("127.0.0.9", "127.0.0.10", "127.0.1.9")
SIX = ("fd00:1::1", "fd00:1::f:1", "fd00:1::ffff:0:0:1", "fd00:2::1")
CASES = {  # service: (clients, which of them are refused)
    "standard": ((OURS[0], OURS[0], OURS[1], OURS[2], OURS[0]), [4]),
    "ipv4 24": ((OURS[0], OURS[1], OURS[2], OURS[0], OURS[2], OURS[2]), [3, 5]),
    "ipv4 0": (OURS, [2]),
    "ipv6": ((SIX[0], SIX[1], SIX[2], SIX[3], SIX[0], SIX[2]), [4]),
    "ipv6 128": ((SIX[0], SIX[1], SIX[0], SIX[1], SIX[1]), [4]),
    "ipv6 48": ((SIX[0], SIX[1], SIX[2], SIX[3]), [2]),
}


@pytest.fixture(scope="module")
def six():
    for address in SIX:
        subprocess.run(["ip", "-6", "addr", "replace", f"{address}/128", "dev", "lo", "nodad"], check=True)


@pytest.mark.parametrize("name", CASES)
def test_clients_of_a_block_count_as_one(mta, six, name):
    if mta.flavour == "oracle":
        pytest.skip("Debian's version has no blocks")
    address, port, _ = SERVICES[name]
    clients, refused = CASES[name]
    mark = mta.log.mark()
    found = []
    for number, client in enumerate(clients):
        to = mta.address if address == "ADDRESS" else address
        with socket.create_connection((to, port), 20, (client, 0)) as s, s.makefile("rb") as lines:
            code = lines.readline()[:3]
        assert code in (b"220", b"421")
        if code == b"421":
            found.append(number)
            mta.log.wait(rf"Connection rate limit exceeded: 3 from unknown\[{client}\] for service", since=mark)
    assert found == refused
