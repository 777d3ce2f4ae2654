"""Who may relay, with the networks as sites write them."""

import pytest

MAIN = "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"


@pytest.mark.parametrize(
    "networks, welcome",
    (
        ("127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", True),  # what Debian's package writes
        ("[::1]/128, [fe80::]/10 127.0.0.9", True),
        ("!127.0.0.9, 127.0.0.0/8", False),
        ("[::ffff:127.0.0.0]/104 [::1]/128", False),  # the client is known by its IPv4 address
        ("127.0.0.16/29 192.0.2.0/24", False),
    ),
)
def test_mynetworks(mta, networks, welcome):
    mta.configure(f"mynetworks = {networks}\n")
    with mta.smtp() as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<a@client.test>")[0] == 250
        code, words = client.docmd("RCPT TO:<b@far.test>")
    assert (code, words[:5]) == ((250, b"2.1.5") if welcome else (554, b"5.7.1")), words
    assert mta.postfix("check").returncode == 0
