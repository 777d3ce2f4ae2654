"""Dovecot takes mail over LMTP, by a socket in our queue directory or by TCP, and shows
it over IMAP; what it says about a recipient becomes what we say."""

import imaplib
import re

import pytest

from harness import auth

DOMAIN = "same.test"
MAIN = """
virtual_mailbox_domains = box.test
virtual_transport = lmtp:unix:private/dovecot-lmtp
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
IMAP, LMTP = 1143, 1024
SOCKET = "/var/spool/postfix/private/dovecot-lmtp"
TEXT = "From: a@client.test\nSubject: to Dovecot\n\n.leading dot\nhello\n"

DOVECOT_CONF = """
base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /tmp/dovecot.log
listen = ADDRESS
protocols = imap lmtp
ssl = no
disable_plaintext_auth = no
default_internal_user = vmail
default_internal_group = vmail
default_login_user = nobody
first_valid_uid = 1
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
mail_plugins = quota
recipient_delimiter = +
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
service imap-login {
  inet_listener imap {
    port = 1143
  }
}
service lmtp {
  unix_listener SOCKET {
    user = postfix
    group = postfix
    mode = 0600
  }
  inet_listener lmtp {
    port = 1024
  }
}
service stats {
  chroot =
}
service anvil {
  chroot =
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=10M
  quota_grace = 0
}
lmtp_rcpt_check_quota = yes
protocol lmtp {
  postmaster_address = postmaster@box.test
}
"""
USERS = """\
joe@box.test:{PLAIN}secret:9204:9204::/home/vmail/joe::
ann@box.test:{PLAIN}secret:9204:9204::/home/vmail/ann::
full@box.test:{PLAIN}secret:9204:9204::/home/vmail/full::userdb_quota_rule=*:bytes=1
"""


class Dovecot(auth.Dovecot):
    """A running Dovecot inside `box`; the files of /etc/dovecot are of the test."""

    conf, users, place = DOVECOT_CONF.replace("SOCKET", SOCKET), USERS, SOCKET

    def start(self):
        log = self.box.path("/tmp/dovecot.log")
        try:
            super().start()
        except AssertionError as gone:
            raise AssertionError(f"{gone}\n{log.read_text() if log.exists() else ''}") from None

    def fetch(self, user):
        """The messages of the INBOX, as IMAP gives them."""
        with imaplib.IMAP4(self.box.address, IMAP, timeout=20) as client:
            client.login(f"{user}@box.test", "secret")
            _, (count,) = client.select("INBOX", readonly=True)
            return [client.fetch(str(i), "(RFC822)")[1][0][1].decode() for i in range(1, int(count) + 1)]


def running(box):
    dovecot = Dovecot(box)
    yield box, dovecot
    dovecot.stop()


@pytest.fixture(scope="module")
def postern(ours):
    yield from running(ours)


@pytest.fixture(scope="module")
def reference(oracle):
    yield from running(oracle)


@pytest.fixture(scope="module")
def both(postern, reference):
    return postern, reference


def outcome(box, recipients):
    """What each recipient's log line says from relay= on, masked; and the queue after it."""
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", recipients, TEXT)
    lines = []
    for recipient in recipients:
        pattern = rf"{queue_id}: to=<{re.escape(recipient)}>, (relay=.*)"
        line = box.mask(box.log.wait(pattern, since=mark)[1])
        lines.append(re.sub(r"[\w+/:]+ Saved", "SESSION Saved", line))
    return lines


def test_unix_socket_to_imap(both):
    expected = outcome(both[1][0], ["joe@box.test", "ann@box.test"])
    assert outcome(both[0][0], ["joe@box.test", "ann@box.test"]) == expected
    assert all("relay=mail.DOMAIN[private/dovecot-lmtp], " in line for line in expected)
    shown = []
    for box, dovecot in both:
        for user in "joe", "ann":
            (text,) = dovecot.fetch(user)
            assert "\r\nSubject: to Dovecot\r\n" in text and text.endswith("\r\n\r\n.leading dot\r\nhello\r\n")
            assert text.startswith("Return-Path: <a@client.test>\r\n")
            shown.append(text)
    assert [text.count("Received: ") for text in shown] == [2] * 4


def test_inet(both):
    lines = []
    for box, dovecot in both:
        before = len(dovecot.fetch("joe"))
        box.configure(f"virtual_transport = lmtp:inet:[{box.address}]:{LMTP}")
        try:
            lines.append(outcome(box, ["joe@box.test"]))
        finally:
            box.configure("virtual_transport = lmtp:unix:private/dovecot-lmtp")
        assert len(dovecot.fetch("joe")) == before + 1
    assert lines[0] == lines[1]
    assert f"[ADDRESS]:{LMTP}, " in lines[0][0]


def test_each_recipient_has_an_outcome_of_its_own(both):
    """One over quota, one unknown, one fine."""
    recipients = ["joe@box.test", "full@box.test", "nobody@box.test", "ann+ext@box.test"]
    expected = outcome(both[1][0], recipients)
    assert outcome(both[0][0], recipients) == expected
    assert ["status=sent" in line for line in expected] == [True, False, False, True]
    assert "dsn=5.1.1, status=bounced" in expected[2]
    for box, _ in both:
        box.run(["postsuper", "-d", "ALL"], check=True)
        box.wait_empty()


def test_mail_waits_until_dovecot_is_back(postern):
    box, dovecot = postern
    before = len(dovecot.fetch("ann"))
    dovecot.stop()
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", "ann@box.test", TEXT)
    box.log.wait(rf"{queue_id}: to=.*, relay=none, .*dsn=4\.4\.1, status=deferred \(connect to .*dovecot-lmtp\]", since=mark)
    dovecot.start()
    box.run(["postqueue", "-f"], check=True)
    box.wait_removed(queue_id)
    assert len(dovecot.fetch("ann")) == before + 1


def test_the_socket_of_dovecot_survives_our_restart_and_check(postern):
    box, _ = postern
    path = box.path(SOCKET)
    before = path.stat()
    box.postfix("stop", check=True)
    box.postfix("check", check=True)
    box.postfix("start", check=True)
    after = path.stat()
    assert (before.st_ino, before.st_uid, before.st_mode) == (after.st_ino, after.st_uid, after.st_mode)
    box.deliver("a@client.test", "joe@box.test", TEXT)
