"""Deliveries to local users, ours beside Debian's Postfix: the same recipients with
the same aliases, .forward files and things in the way lead to the same outcomes,
the same files with the same owners, and the same environment of commands."""

import re
import socket

import pytest

from compat.deliveries import SENDER, TEXT, Case, compare, names, outcomes, prepare, ready, settle, snapshot
from harness.sandbox import USERS

DOMAIN = "example.test"
MAIN = """
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
local_recipient_maps =
deliver_lock_attempts = 2
relayhost = [127.0.0.66]
"""
ALIASES = r"""
plain: joe
Upper.Case: joe
ext: joe+abc
multi: joe, ann, bob
nested: multi, joe
"two words": bob
"odd;one": bob
key+x: bob
key: ann
self: self
joe.too: joe, \joe, joe@example.test
loop1: loop2
loop2: loop1
three1: three2
three2: three3, ann
three3: three1
remote: x@elsewhere.test, y@elsewhere.test
mixed: joe, x@elsewhere.test
bad: ann@, joe
null: <>
quoted: "joe smith"
list: joe, sub, x@elsewhere.test
sub: ann
owner-list: bob
outer: joe, inner
inner: ann
owner-outer: ann
owner-inner: bob
lfile: /tmp/out/lfile
owner-lfile: ann
lcmd: |/tmp/bin/dump
owner-lcmd: ann
cmd: "|/tmp/bin/dump a 'b c'"
cmd1: "|exit 1"
cmd64: "|echo some output; exit 64"
cmd67: "|exit 67"
cmd75: "|echo wait; exit 75"
cmd77: "|printf '4.2.2 full\n\tmore\n'; exit 77"
cmd552: "|echo 5.5.2 no; exit 200"
cmd200: "|exit 200"
cmd211: "|echo 2.1.1 fine; exit 3"
sig: "|kill -9 $$"
out0: "|echo 5.1.1 output of success"
somedefer: ann, "|exit 75", bob
somefail: ann, "|exit 1", "|exit 2"
file: /tmp/out/file
twice: /tmp/out/file, "/tmp/out/file", joe, joe
maildir: /tmp/out/maildir/
missing: /nonexistent/dir/file
devnull: /dev/null
inc: :include:/etc/list
incuser: :include:/home/joe/list
increl: :include:list
incdir: :include:/etc
incopen: :include:/etc/openlist
incmissing: :include:/etc/nolist
both: ann, :include:/etc/list, bob
mailer-daemon: ann
"""
ETC = {
    "services": "smtp 25/tcp\nbiff 512/udp comsat\n",
    "aliases": "postmaster: root\n" + ALIASES,
    "list": "joe\n# comment\nsub, x@elsewhere.test\n\"|exit 1\"\n/tmp/out/inc\n",
}


def aliases(names, setting=""):
    return [Case(f"alias {n}", n, setting=setting) for n in names.split()]


def forward(name, text, *to, setting=""):
    return Case(f"forward {name}", *(to or ("joe",)), setting=setting, joe=text)


IN_THE_WAY = {
    "symlink": "ln -s /tmp/out/victim /var/mail/joe; touch /tmp/out/victim; chown joe /tmp/out/victim",
    "dangling symlink": "ln -s /tmp/out/victim /var/mail/joe",
    "hard link": "touch /var/mail/v; chown joe /var/mail/v; ln /var/mail/v /var/mail/joe",
    "folder": "mkdir /var/mail/joe",
    "fifo": "mkfifo /var/mail/joe; chmod 666 /var/mail/joe",
    "device": "mknod /var/mail/joe c 1 3",
    "other owner": "touch /var/mail/joe; chown ann /var/mail/joe; chmod 666 /var/mail/joe",
    "unwritable": "touch /var/mail/joe; chown joe /var/mail/joe; chmod 400 /var/mail/joe",
    "lock file": "touch /var/mail/joe.lock; chown ann /var/mail/joe.lock",
    "content": "echo before >/var/mail/joe; chown joe /var/mail/joe; chmod 640 /var/mail/joe",
    "spool of root": "chmod 755 /var/mail",
    "spool of a group": "chgrp 8 /var/mail; chmod 2775 /var/mail",
}
EXTENDS = "propagate_unmatched_extensions = canonical, virtual, alias, forward, include"
SPOOL_MAILDIR = "mail_spool_directory = /var/mail/"
COMMAND = "mailbox_command = /tmp/bin/dump \"$EXTENSION\" $USER"

CASES = [
    *aliases(
        "plain UPPER.case ext multi nested key key+x key+y self joe.too loop1 three1 remote mixed bad null quoted list"
        " outer lfile lcmd cmd cmd1 cmd64 cmd67 cmd75 cmd77 cmd552 cmd200 cmd211 sig out0 somedefer somefail file"
        " twice maildir missing devnull inc increl incdir incmissing both mailer-daemon postmaster cmd+ext"
    ),
    Case("quoted alias", '"two words"', '"odd;one"'),
    Case("user", "joe", "JOE", "joe+ext", "nosuch", "nosuch+ext", '"joe smith"'),
    Case("null sender", "joe", sender=""),
    Case("odd sender", "joe", sender='"a b"@client.test'),
    Case("slash in extension", "joe+a/b"),
    Case("include of a user", "incuser", shell="echo ann >/home/joe/list; chown joe /home/joe/list; chmod 600 /home/joe/list"),
    Case("include for all to write", "incopen", shell="echo ann >/etc/openlist; chmod 666 /etc/openlist"),
    Case("was here", "joe", "plain", "ann", text="Delivered-To: joe@mail.example.test\n" + TEXT),
    Case("was at the user", "joe", text="delivered-to: JOE@example.test\n" + TEXT),
    *(Case(f"mailbox: {name}", "joe", shell=shell) for name, shell in IN_THE_WAY.items()),
    forward("empty", ""),
    forward("comment", "# nothing\n\n"),
    forward("other", "ann\n"),
    forward("self and other", "\\joe, ann\n"),
    forward("lines", "joe\nann\n bob@mail.example.test\nx@elsewhere.test\n"),
    forward("self", "joe@example.test\n"),
    forward("self with extension", "joe+more\n", "joe", "joe+ext"),
    forward("command", "\"|/tmp/bin/dump x $USER\"\n", "joe+abc"),
    forward("command with odd address", "\"|/tmp/bin/dump\"\n", '"joe+$(id) x;y*"'),
    forward("files", "/home/joe/box\n~/other\n/home/joe/Maildir/\n"),
    forward("no file of ours", "/etc/passwd\n"),
    forward("relative file", "./box\n"),
    forward("home of another", "~ann/box\n"),
    forward("include", ":include:/home/joe/list\n"),
    forward("twice", "ann, ann, joe, joe, ann@mail.example.test\n"),
    forward("deferral stops", "bob\n\"|exit 75\", ann\nann\n"),
    forward("failure goes on", "\"|exit 1\"\nann\n"),
    forward("forms", "Ann <ann@mail.example.test>, (c) bob\n<x@elsewhere.test> y@elsewhere.test\n"),
    forward("alias", "multi\n"),
    forward("loop", "joe@mail.example.test, ann\n"),
    forward("open to all", ("ann\n", 0o666, "joe", ".forward")),
    forward("open to a group", ("ann\n", 0o664, "joe", ".forward")),
    forward("unreadable", ("ann\n", 0, "joe", ".forward")),
    forward("of another", ("ann\n", 0o644, "bob", ".forward")),
    forward("of root", ("ann\n", 0o644, "root", ".forward")),
    forward("with extension", ("ann\n", 0o644, "joe", ".forward+abc"), "joe", "joe+abc", "joe+xyz", "joe+ABC"),
    Case("forward is a link", "joe", shell="ln -s /etc/list /home/joe/.forward"),
    Case("forward is a folder", "joe", shell="mkdir /home/joe/.forward"),
    Case("forward is a fifo", "joe", shell="mkfifo /home/joe/.forward; chown joe /home/joe/.forward"),
    Case("two who forward to each other", "joe", joe="ann\n", ann="joe\n"),
    *aliases("multi key+ext both+ext", EXTENDS),
    forward("keeps the extension", "ann, x@elsewhere.test\n", "joe+ext", setting=EXTENDS),
    *aliases("list outer", "expand_owner_alias = yes"),
    *aliases("list outer", "reset_owner_alias = yes"),
    *aliases("list", "owner_request_special = no"),
    *aliases("file cmd inc", "allow_mail_to_commands =\nallow_mail_to_files =\n"),
    *aliases("inc", "allow_mail_to_commands = include\nallow_mail_to_files = include"),
    *aliases("plain remote file cmd", "prepend_delivered_header =\nenable_original_recipient = no"),
    *aliases("plain remote", "frozen_delivered_to = no"),
    *aliases("joe", "alias_maps = hash:/etc/aliases, fail:here"),
    *aliases("plain", "alias_maps = hash:/etc/no-such-table"),
    Case("home mailbox", "joe", setting="home_mailbox = Mailbox"),
    Case("home Maildir", "joe", setting="home_mailbox = Maildir/"),
    Case("home mailbox in a missing folder", "joe", setting="home_mailbox = no/Mailbox"),
    Case("spool of Maildirs", "joe", setting=SPOOL_MAILDIR),
    Case("spool of Maildirs that users can't make", "joe", setting=SPOOL_MAILDIR, shell="chmod 755 /var/mail"),
    Case("missing spool", "joe", setting="mail_spool_directory = /nonexistent"),
    Case("mailbox command", "joe", "joe+ext", "root", setting=COMMAND),
    Case("mailbox command and forward", "joe", setting=COMMAND, joe="joe\n"),
    Case("mailbox command by table", "joe", "ann", setting="mailbox_command_maps = inline:{joe=/tmp/bin/dump}"),
    Case("command in its directory", "joe", setting=COMMAND + "\ncommand_execution_directory = $home"),
    Case("slow command", "joe", setting="mailbox_command = sleep 9\ncommand_time_limit = 1s"),
    Case("command by a shell", "joe", setting=COMMAND + "\nlocal_command_shell = /bin/sh -c"),
    Case("full mailbox", "joe", setting="mailbox_size_limit = 1000\nmessage_size_limit = 1000"),
    Case("flock", "joe", setting="mailbox_delivery_lock = flock", shell=IN_THE_WAY["lock file"]),
    Case("ownership does not matter", "joe", setting="strict_mailbox_ownership = no", shell=IN_THE_WAY["other owner"]),
    Case("luser_relay", "nosuch+ext", "plain", setting="luser_relay = ann"),
    Case("luser_relay with macros", "nosuch+ext", setting="luser_relay = $user.$extension@elsewhere.test"),
    Case("luser_relay without end", "nosuch+ext", setting="luser_relay = $user.x@mail.example.test"),
    Case("luser_relay unknown", "nosuch", setting="luser_relay = |no.command"),
    Case("mailbox transport", "joe", "nosuch", "plain", "multi", setting="mailbox_transport = error:5.2.1 closed"),
    Case("mailbox transport and forward", "joe", setting="mailbox_transport = discard:", joe="joe, ann\n"),
    Case("transport by table", "joe", "ann", setting="mailbox_transport_maps = inline:{joe=discard:}"),
    Case("fallback transport", "joe", "nosuch", setting="fallback_transport = error:gone"),
    Case("fallback by table", "one", "two", setting="fallback_transport_maps = inline:{one=discard:}"),
    Case("missing home", "bob", setting="require_home_directory = yes", shell="mv /home/bob /home/b"),
    Case("other forward_path", "joe+x", setting="forward_path = /home/joe/$user.${extension}, $home/.forward", joe="ann\n"),
]


@pytest.fixture(scope="module")
def both(ours, oracle):
    return ready((ours, oracle))


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_delivery(both, case):
    compare(both, case)


def test_verification_says_what_would_happen(both):
    results = []
    for mta in both:
        prepare(mta, Case("", joe="joe, ann, x@elsewhere.test, \"|exit 1\"\n/tmp/out/f\n"))
        mark = mta.log.mark()
        mta.sendmail(["-bv", "joe", "plain", "cmd", "file", "nosuch", "list"], "", user="ann")
        settle(mta)
        results.append((outcomes(mta, mark), [n for n in snapshot(mta) if "out" in n]))
    assert results[0] == results[1]


def test_users_have_no_other_ids(both):
    """Nothing that was delivered belongs to anybody but its user, or is readable by others."""
    for mta in both:
        prepare(mta, Case("", joe="joe\n/home/joe/box\n/home/joe/Maildir/\n\"|umask >/home/joe/umask\"\n"))
        mta.deliver(SENDER, f"joe@{mta.domain}", TEXT)
        for name, (about, *_) in snapshot(mta).items():
            if name == "/var/mail/joe" or re.match(r"/home/joe/\w", name):
                assert re.fullmatch(r"[d-].{3}------ %d:%d" % USERS["joe"][:2], about), name


@pytest.mark.parametrize("words", [("-N", "success"), ("-N", "success,failure", "-V", "envid"), ("-v",)], ids=" ".join)
@pytest.mark.parametrize("name", ["bob", "plain", "multi", "list", "ann", "remote", "nosuch", "cmd1", "cmd67", "file"])
def test_reports(both, name, words):
    """Who is told what: success of a mailbox, an alias, a list, a .forward; and -v."""
    reports = []
    for mta in both:
        prepare(mta, Case("", ann="ann, bob, x@elsewhere.test\n"))
        mta.sendmail(["-f", "joe", *words, name], TEXT, user="joe")
        settle(mta)
        text = mta.read("/var/mail/joe") if mta.path("/var/mail/joe").exists() else ""
        lines = mta.mask(text).splitlines()
        reports.append(sorted(l for l in lines if re.match(r"<|Action|Status|Final|Original|Diag|Subject", l)))
        mta.run(["postsuper", "-d", "ALL"], check=True)
    assert reports[0] == reports[1]


def test_comsat_is_told_where_the_message_starts(both):
    told = []
    for mta in both:
        prepare(mta, Case("", setting="biff = yes", shell="echo before >/var/mail/joe; chown joe /var/mail/joe"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 512))
            s.settimeout(20)
            mta.deliver(SENDER, f"joe@{mta.domain}", TEXT)
            told.append(s.recv(100))
    assert told[0] == told[1] == b"joe@7\0"
