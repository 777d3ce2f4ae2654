"""Hosted domains: virtual mailboxes and virtual aliases."""

from harness.sandbox import USERS

VMAIL = USERS["vmail"]
MAIN = f"""
virtual_mailbox_domains = box.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = hash:/etc/postfix/boxes
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
virtual_alias_domains = alias.test
virtual_alias_maps = hash:/etc/postfix/virtual
"""
ETC = {
    "postfix/boxes": "sue@box.test box.test/sue/\ntim@box.test tim.mbox\n",
    "postfix/virtual": "all@alias.test sue@box.test, tim@box.test\n",
}
TEXT = "Subject: t\n\nhello\n"


def setup_boxes(mta):
    mta.run(["postmap", "hash:/etc/postfix/boxes", "hash:/etc/postfix/virtual"], check=True)


def test_maildir_and_mbox(mta):
    setup_boxes(mta)
    lines = mta.deliver("a@client.test", ["sue@box.test", "tim@box.test"], TEXT)
    assert sum("relay=virtual" in l and "status=sent" in l for l in lines) == 2
    (message,) = mta.maildir("/home/vmail/box.test/sue")
    assert "\nDelivered-To: sue@box.test\n" in message
    assert "\n\nhello\n" in mta.read("/home/vmail/tim.mbox")
    assert mta.path("/home/vmail/tim.mbox").stat().st_uid == VMAIL[0]
    assert mta.path("/home/vmail/box.test/sue/new").stat().st_uid == VMAIL[0]


def test_alias_to_several(mta):
    setup_boxes(mta)
    before = len(mta.maildir("/home/vmail/box.test/sue"))
    lines = mta.deliver("a@client.test", "all@alias.test", TEXT)
    assert sum("orig_to=<all@alias.test>" in l for l in lines) == 2
    new = mta.maildir("/home/vmail/box.test/sue")[before:]
    assert len(new) == 1 and "\nX-Original-To: all@alias.test\n" in new[0]


def test_unknown_mailbox_is_refused(mta):
    setup_boxes(mta)
    with mta.smtp() as client:
        client.ehlo()
        client.mail("a@client.test")
        code, text = client.rcpt("nobody@box.test")
        assert code == 550 and b"5.1.1" in text and b"virtual mailbox table" in text
