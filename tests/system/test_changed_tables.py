"""A table that changes holds from the very next session and delivery on.

In a jail no table can be opened again, so who finds that one has changed must not take the client
that comes: `postmap` and then one mail is how administrators see whether a change works.
"""

import pytest

from compat.scripted import Server

JAILED = """
2525 inet n - y - - smtpd
agent unix - - y - - smtp
"""
MAIN = """
smtpd_delay_reject = no
smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/access
smtp_generic_maps = hash:/etc/postfix/generic
transport_maps = inline:{away.test=agent:[127.0.5.1]:25}
"""


@pytest.fixture(scope="module")
def site(mta):
    mta.table("access", "a@x.test OK\n")
    mta.table("generic", "joe@x.test jim@x.test\n")
    mta.write("/etc/postfix/master.cf", mta.read("/etc/postfix/master.cf") + JAILED)
    mta.configure(MAIN)
    return mta


def judged(client, sender):
    client.ehlo()
    return client.mail(sender)[0]


@pytest.mark.parametrize("port", (25, 2525))
def test_by_the_next_session(site, port):
    """Several processes wait for it, and each has the table of before."""
    site.table("access", "a@x.test OK\n")
    clients = [site.smtp(port=port) for _ in range(3)]
    for client in clients:
        assert judged(client, "a@x.test") == 250
    for client in clients:
        client.quit()
    for turn in range(4):
        action, code = ("OK", 250) if turn % 2 else ("550 no", 550)
        site.table("access", f"a@x.test {action}\n")
        with site.smtp(port=port) as client:
            assert judged(client, "a@x.test") == code


def test_by_the_next_delivery(site):
    """qmgr keeps its connection to the agent."""
    with Server("127.0.5.1", {}) as server:
        for turn in range(4):
            server.heard.clear()
            site.table("generic", f"joe@x.test name{turn}@x.test\n")
            site.deliver("joe@x.test", ["b@away.test"], "Subject: x\n\nx\n")
            assert any(line.startswith(f"MAIL FROM:<name{turn}@x.test>") for line in server.heard)
