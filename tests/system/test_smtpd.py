"""What smtpd does besides the talk itself: services that it refuses, notices to the postmaster."""

import socket

import pytest

MASTER = "4465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"


def test_a_service_that_begins_with_tls_takes_nothing_in_the_clear(mta):
    if mta.flavour == "oracle":
        pytest.skip("it has TLS")
    mark = mta.log.mark()
    with socket.create_connection((mta.address, 4465), 20):
        mta.log.wait(r"smtpd\[\d+\]: fatal: smtpd_tls_wrappermode = yes: this version has no TLS", since=mark)
        mta.log.wait(r"smtpd: bad command startup -- throttling", since=mark)
