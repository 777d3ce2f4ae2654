"""What smtpd does besides the talk itself: services that it refuses, deadlines."""

import itertools
import select
import socket
import time

import pytest

MASTER = """\
2598 inet n - n - - smtpd -o smtpd_forbid_bare_newline_reject_code=250
4465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
2525 inet n - n - - smtpd -o smtpd_per_request_deadline=yes -o smtpd_timeout=1s
"""


def test_a_service_that_begins_with_tls_takes_nothing_in_the_clear(mta):
    """Though there is no certificate."""
    mark = mta.log.mark()
    with socket.create_connection((mta.address, 4465), 20) as client:
        assert client.recv(1000) == b""
    mta.log.wait(r"smtpd\[\d+\]: warning: Wrapper-mode request dropped from .* for service 4465", since=mark)


def test_a_code_that_accepts_is_no_refusal(mta):
    mark = mta.log.mark()
    with socket.create_connection((mta.address, 2598), 20):
        mta.log.wait(r"smtpd\[\d+\]: fatal: .*smtpd_forbid_bare_newline_reject_code.* 250 < 500", since=mark)


def ends_within(client, said, seconds):
    """Say a byte at a time, five a second; the server has to hang up in time."""
    client.settimeout(0.2)
    end = time.monotonic() + seconds
    for byte in itertools.cycle(said):
        try:
            client.send(bytes([byte]))
            if not client.recv(1000):
                return True
        except TimeoutError:
            pass
        except OSError:
            return True
        if time.monotonic() > end:
            return False


def test_a_request_has_a_deadline_as_a_whole(mta):
    mark = mta.log.mark()
    with socket.create_connection((mta.address, 2525), 20, ("127.0.0.9", 0)) as client:
        assert client.recv(1000).startswith(b"220 ")
        assert ends_within(client, b"a", 10)
    mta.log.wait(r"smtpd\[\d+\]: timeout after CONNECT from", since=mark)


def test_content_has_a_least_speed(mta):
    mark = mta.log.mark()
    with mta.smtp(port=2525) as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@x.test>")
        client.docmd(f"RCPT TO:<joe@{mta.domain}>")
        client.docmd("DATA")
        for _ in range(4):  # this is fast enough, though it takes longer than one time limit
            client.send("Subject: " + 900 * "a" + "\r\n")
            assert not select.select([client.sock], [], [], 0.4)[0]
        assert ends_within(client.sock, b"a\r\n", 10)
    mta.log.wait(r"smtpd\[\d+\]: timeout after DATA \(\d+ bytes\) from", since=mark)


def questions(dns, name):
    return sum(asked[0] == name for asked in dns.questions)


def test_the_name_of_a_client_is_not_asked_for_again_within_the_second(mta, dns):
    """Nor is it believed longer; and what could not be found out is asked each time."""
    if mta.flavour == "oracle":
        pytest.skip("it asks each time")
    address, pointer = "127.0.0.61", "61.0.0.127.in-addr.arpa"
    dns.names[pointer] = {"PTR": ["client.peer.test"]}
    dns.names["client.peer.test"] = {"A": [address]}

    def call(name):
        mark = mta.log.mark()
        with socket.create_connection((mta.address, 25), 20, (address, 0)) as client:
            assert client.recv(100).startswith(b"220 ")
            mta.log.wait(rf"smtpd\[\d+\]: connect from {name}\[{address}\]", since=mark)

    for _ in range(2):
        dns.questions.clear()
        began = time.monotonic()
        for _ in range(8):
            call("client.peer.test")
        processes = len(mta.processes("smtpd"))
        assert questions(dns, pointer) <= processes * (1 + int(time.monotonic() - began)) < 8
        time.sleep(1)
    assert questions(dns, pointer) >= 1
    dns.names[pointer] = {"PTR": "SERVFAIL"}
    dns.questions.clear()
    for _ in range(4):
        call("unknown")
    assert questions(dns, pointer) >= 4
