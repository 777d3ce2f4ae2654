"""Mail to users of the machine: mailboxes, .forward files, aliases; always as the right user."""

import os
import re

from harness.sandbox import USERS, wait_until

TEXT = "From: a@client.test\nSubject: t\n\nhello\n"
MAIN = "recipient_delimiter = +\n"
SENDER = "a@client.test"


def owner(mta, path):
    return mta.path(path).stat().st_uid


def uid(user):
    return USERS[user][0]


def test_mbox(mta):
    lines = mta.deliver(SENDER, f"joe@{mta.domain}", "Subject: t\n\nFrom here on\nhello\n")
    assert any("relay=local" in l and "status=sent (delivered to mailbox)" in l for l in lines)
    text = mta.read("/var/mail/joe")
    assert re.match(r"From a@client\.test  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n", text)
    assert "\n>From here on\n" in text and text.endswith("hello\n\n")
    assert f"\nX-Original-To: joe@{mta.domain}\nDelivered-To: joe@{mta.domain}\n" in text
    assert owner(mta, "/var/mail/joe") == uid("joe")
    assert mta.path("/var/mail/joe").stat().st_mode & 0o777 == 0o600


def test_extension_goes_to_the_same_user(mta):
    before = len(mta.mbox("joe"))
    mta.deliver(SENDER, f"joe+lists@{mta.domain}", TEXT)
    message = mta.mbox("joe")[before]
    assert message["Delivered-To"] == f"joe+lists@{mta.domain}"


def test_maildir_named_in_forward(mta):
    mta.write("/home/ann/.forward", "/home/ann/Maildir/\n", "ann")
    try:
        mta.deliver(SENDER, f"ann@{mta.domain}", TEXT)
    finally:
        mta.path("/home/ann/.forward").unlink()
    (message,) = mta.maildir("/home/ann/Maildir")
    assert message.startswith("Return-Path: <a@client.test>\n") and message.endswith("\n\nhello\n")
    for name in ("new", "cur", "tmp"):
        assert owner(mta, f"/home/ann/Maildir/{name}") == uid("ann")
    (file,) = mta.path("/home/ann/Maildir/new").iterdir()
    assert file.stat().st_uid == uid("ann") and file.stat().st_mode & 0o777 == 0o600
    assert not os.listdir(mta.path("/home/ann/Maildir/tmp"))


def test_forward_command_runs_as_its_user(mta):
    mta.write("/home/bob/.forward", '"|cat >/home/bob/got; id -un >/home/bob/who; env >/home/bob/env"\n', "bob")
    try:
        lines = mta.deliver(SENDER, f"bob+x@{mta.domain}", TEXT)
    finally:
        mta.path("/home/bob/.forward").unlink()
    assert any("status=sent (delivered to command: cat >/home/bob/got; " in l for l in lines)
    assert mta.read("/home/bob/who") == "bob\n"
    assert owner(mta, "/home/bob/got") == uid("bob")
    assert mta.read("/home/bob/got").startswith("From a@client.test  ")
    env = dict(line.split("=", 1) for line in mta.read("/home/bob/env").splitlines())
    wanted = {
        "LOCAL": "bob+x",
        "USER": "bob",
        "LOGNAME": "bob",
        "HOME": "/home/bob",
        "EXTENSION": "x",
        "SENDER": SENDER,
        "RECIPIENT": f"bob+x@{mta.domain}",
        "ORIGINAL_RECIPIENT": f"bob+x@{mta.domain}",
        "DOMAIN": mta.domain,
    }
    assert {k: env.get(k) for k in wanted} == wanted
    assert "MAIL_CONFIG" in env and "LD_PRELOAD" not in env


def test_failing_command_decides_what_happens(mta):
    """sysexits.h: EX_TEMPFAIL tries again, EX_NOUSER bounces, output is quoted."""
    mta.write("/home/bob/.forward", '"|cat >/dev/null; echo not now; exit 75"\n', "bob")
    mark = mta.log.mark()
    queue_id = mta.submit(SENDER, f"bob@{mta.domain}", TEXT)
    deferred = mta.log.wait(rf"{queue_id}: to=.*dsn=(\S+), status=deferred \((.*)\)$", since=mark)
    assert deferred[1] == "4.3.0"
    assert deferred[2].startswith("temporary failure. Command output: not now")
    mta.write("/home/bob/.forward", '"|cat >/dev/null; exit 67"\n', "bob")
    bounced = mta.log.wait(rf"{queue_id}: to=.*dsn=(\S+), status=bounced \((.*)\)$", since=mark)
    assert bounced[1] == "5.1.1" and bounced[2].startswith("user unknown")
    mta.path("/home/bob/.forward").unlink()
    mta.wait_removed(queue_id)


def test_alias_file(mta):
    folder = mta.path("/var/lists")
    folder.mkdir()
    os.chown(folder, uid("nobody"), uid("nobody"))
    mta.write("/etc/team", "# the team\nann\nbob, \\joe\n")
    mta.aliases(
        "team: :include:/etc/team, archive\n"
        "archive: /var/lists/archive\n"
        'script: "|id -un >/var/lists/who; cat >/dev/null"\n'
        f"away: somebody@{mta.domain}\nsomebody: joe\n"
    )
    before = {user: len(mta.mbox(user)) for user in ("ann", "bob", "joe")}
    mta.deliver(SENDER, f"team@{mta.domain}", TEXT)
    wait_until(lambda: not mta.queue_files(), what="the members' copies")
    for user, count in before.items():
        assert len(mta.mbox(user)) == count + 1, user
    assert mta.read("/var/lists/archive").startswith("From a@client.test")
    assert owner(mta, "/var/lists/archive") == uid("nobody")
    mta.deliver(SENDER, f"script@{mta.domain}", TEXT)
    assert mta.read("/var/lists/who") == "nobody\n"
    mta.deliver(SENDER, f"away@{mta.domain}", TEXT)
    assert len(mta.mbox("joe")) == before["joe"] + 2


def test_tables_made_of_tables_have_the_rights_of_their_owners(mta):
    command = 'list "|id -un >/tmp/who"\n'
    mta.write("/home/joe/a", command, "joe")
    mta.write("/home/bob/a", command, "bob")
    mta.write("/home/joe/re", "/^list$/ " + command.split(" ", 1)[1], "joe")
    mta.write("/etc/postfix/roots", "other x\n")
    mta.run("mkdir -p -m 1777 /tmp", check=True)
    before = mta.run(["postconf", "-h", "alias_maps"], check=True).stdout.strip()
    try:
        for table in (
            "unionmap:{texthash:/etc/postfix/roots,texthash:/home/joe/a}",
            "pipemap:{inline:{list=list},texthash:/home/joe/a}",
            "regexp:/home/joe/re",
        ):
            mta.configure(f"alias_maps = {table}\nlocal_recipient_maps =\n")
            mta.deliver(SENDER, f"list@{mta.domain}", TEXT)
            assert mta.read("/tmp/who") == "joe\n", table
            mta.run("rm /tmp/who", check=True)
        for table in (
            "unionmap:{texthash:/home/bob/a,texthash:/home/joe/a}",
            "tcp:127.0.0.1:9",
            "unionmap:{socketmap:inet:127.0.0.1:9:x}",
        ):
            mta.configure(f"alias_maps = {table}\n")
            mark = mta.log.mark()
            mta.sendmail(["-f", SENDER, f"list@{mta.domain}"], TEXT)
            mta.log.wait(r"has no account|map is not allowed for security-sensitive data", since=mark)
            mta.log.wait(rf"to=<list@{mta.domain}>.*status=deferred \(alias database unavailable", since=mark)
        assert not mta.path("/tmp/who").exists()
    finally:
        mta.run(["postsuper", "-d", "ALL"], check=True)
        mta.configure(f"alias_maps = {before}\nlocal_recipient_maps = proxy:unix:passwd.byname $alias_maps\n")


def test_owner_alias_becomes_the_sender(mta):
    mta.aliases("list: ann\nowner-list: bob\n")
    mta.deliver(SENDER, f"list@{mta.domain}", TEXT)
    mta.wait_empty()
    assert mta.mbox("ann")[-1]["Return-Path"] == f"<owner-list@{mta.hostname}>"


def test_forward_to_an_address(mta):
    mta.write("/home/bob/.forward", "\\bob, ann\n", "bob")
    before = {user: len(mta.mbox(user)) for user in ("ann", "bob")}
    mta.deliver(SENDER, f"bob@{mta.domain}", TEXT)
    mta.wait_empty()
    mta.path("/home/bob/.forward").unlink()
    assert {u: len(mta.mbox(u)) - n for u, n in before.items()} == {"ann": 1, "bob": 1}


def test_a_forwarding_loop_ends(mta):
    mta.write("/home/bob/.forward", f"ann@{mta.domain}\n", "bob")
    mta.write("/home/ann/.forward", f"bob@{mta.domain}\n", "ann")
    mark = mta.log.mark()
    mta.submit(f"joe@{mta.domain}", f"bob@{mta.domain}", TEXT)
    mta.log.wait(r"dsn=5\.4\.6, status=bounced \(mail forwarding loop for (ann|bob)@", since=mark)
    mta.wait_empty()
    for user in ("ann", "bob"):
        mta.path(f"/home/{user}/.forward").unlink()


def test_a_forward_file_that_others_can_write_is_not_believed(mta):
    mta.write("/home/bob/.forward", '"|id -un >/tmp/evil"\n', "bob", mode=0o666)
    before = len(mta.mbox("bob"))
    mta.deliver(SENDER, f"bob@{mta.domain}", TEXT)
    mta.path("/home/bob/.forward").unlink()
    assert len(mta.mbox("bob")) == before + 1
    assert not mta.path("/tmp/evil").exists()


def test_mailbox_that_is_a_link_is_not_followed(mta):
    mta.write("/etc/precious", "precious\n", mode=0o666)
    path = mta.path("/var/mail/bob")
    path.unlink(missing_ok=True)
    path.symlink_to("/etc/precious")
    mark = mta.log.mark()
    queue_id = mta.submit(SENDER, f"bob@{mta.domain}", TEXT)
    mta.log.wait(rf"{queue_id}: to=.*status=(deferred|bounced)", since=mark)
    assert mta.read("/etc/precious") == "precious\n"
    path.unlink()
    mta.run(["postsuper", "-d", "ALL"])
    mta.wait_empty()
