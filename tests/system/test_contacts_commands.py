"""procmail, maildrop and Dovecot's deliver as mailbox_command or in .forward: mail ends
where their rules say, and their exit codes mean what they mean to Debian's Postfix."""

import re

import pytest

pytestmark = pytest.mark.slow
DOMAIN = "same.test"
MAIN = """
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
SENDER = "a@client.test"
TEXT = "From: a@client.test\nTo: joe@same.test\nSubject: {}\n\nFrom me\nhello\n"

PROCMAILRC = """\
MAILDIR=$HOME/mail
LOGFILE=$HOME/procmail.log

:0
* ^Subject: list
lists/

:0
* ^Subject: away
! ann@same.test

:0
* ^Subject: pipe
| cat >$HOME/piped

EXITCODE=@CODE@
:0
* ^Subject: refuse
/dev/null

EXITCODE=0
:0
inbox
"""
MAILFILTER = """\
logfile "/home/joe/maildrop.log"
if (/^Subject: list/)
{
    to "/home/joe/Lists/"
}
if (/^Subject: away/)
{
    to "! ann@same.test"
}
if (/^Subject: refuse/)
{
    EXITCODE=@CODE@
    exit
}
to "/home/joe/dropped"
"""
COMMANDS = {
    "procmail": "procmail -a \"$EXTENSION\"",
    "maildrop": "/usr/bin/maildrop",
}


def masked(box, text):
    text = re.sub(r"(?m)^(From \S+)  .*", r"\1", text)
    return box.mask(re.sub(r"with SMTP id .*|\bid \w{9,}", "ID", text))


def files(box, paths):
    """What is in those files and Maildirs, masked; None where there is nothing."""
    found = {}
    for path in paths:
        there = box.path(path)
        if there.is_dir():
            found[path] = [masked(box, text) for text in box.maildir(path)]
        else:
            found[path] = masked(box, box.read(path)) if there.exists() else None
    return found


def outcome(box, subject, paths=(), recipient="joe"):
    mark = box.log.mark()
    queue_id = box.submit(SENDER, f"{recipient}@{DOMAIN}", TEXT.format(subject))
    line = box.log.wait(rf"{queue_id}: to=.*, (relay=local.*)", since=mark)[1]
    box.run(["postsuper", "-d", queue_id])
    box.wait_empty()
    return box.mask(line), files(box, paths)


@pytest.fixture(scope="module", params=COMMANDS)
def both(request, ours, oracle):
    for box in ours, oracle:
        for name in "mail", "Lists", "dropped", "piped":
            box.run(["rm", "-rf", f"/home/joe/{name}"])
        box.run("mkdir -p /home/joe/mail; rm -f /var/mail/ann; touch /var/mail/joe; chown joe /var/mail/joe", user="root")
        box.run("chown joe /home/joe/mail")
        box.run(["maildirmake.maildrop", "/home/joe/Lists"], user="joe", check=True)
        rules(box, 0)
        box.configure(f"mailbox_command = {COMMANDS[request.param]}")
    yield ours, oracle


def rules(box, code):
    """With `code` as the exit status for what is to be refused."""
    for name, text in (".procmailrc", PROCMAILRC), (".mailfilter", MAILFILTER):
        box.write(f"/home/joe/{name}", text.replace("@CODE@", str(code)), "joe", mode=0o600)


PATHS = ("/home/joe/mail/inbox", "/home/joe/mail/lists", "/home/joe/Lists", "/home/joe/dropped", "/home/joe/piped")


@pytest.mark.parametrize("subject", ["plain", "list", "pipe"])
@pytest.mark.parametrize("recipient", ["joe", "joe+ext"])
def test_rules_file_the_mail(both, subject, recipient):
    ours, oracle = both
    expected = outcome(oracle, subject, PATHS, recipient)
    assert outcome(ours, subject, PATHS, recipient) == expected
    assert "status=sent (delivered to command: " in expected[0]
    assert any(expected[1].values())


def test_rules_forward_by_sendmail(both):
    shown = []
    for box in both:
        before, mark = len(box.mbox("ann")), box.log.mark()
        outcome(box, "away")
        box.log.wait(r": to=<ann@.*, status=sent", since=mark)
        new = box.mbox("ann")[before:]
        shown.append([masked(box, m.as_string(unixfrom=True)) for m in new])
    assert shown[0] == shown[1] and len(shown[0]) == 1


@pytest.mark.parametrize("code", [1, 64, 67, 69, 75, 77, 78])
def test_exit_codes(both, code):
    ours, oracle = both
    for box in both:
        rules(box, code)
    expected = outcome(oracle, "refuse")
    assert outcome(ours, "refuse") == expected
    assert f"status={'deferred' if code == 75 else 'bounced'}" in expected[0]


def test_in_a_forward_file(ours, oracle):
    """As procmail's manual has it, with quotes and an exec."""
    shown = []
    for box in ours, oracle:
        rules(box, 0)
        box.configure("mailbox_command =")
        box.run("rm -rf /home/joe/mail/inbox")
        box.write("/home/joe/.forward", '"|IFS=\' \' && exec /usr/bin/procmail -f- || exit 75 #joe"\n', "joe")
        try:
            shown.append(outcome(box, "plain", PATHS[:1]))
        finally:
            box.path("/home/joe/.forward").unlink()
    assert shown[0] == shown[1]
    assert "status=sent (delivered to command: IFS=' ' && exec" in shown[0][0] and shown[0][1][PATHS[0]]


def test_dovecot_lda(ours, oracle):
    shown = []
    for box in ours, oracle:
        box.write(
            "/etc/dovecot/dovecot.conf",
            "mail_location = maildir:~/Maildir\nlog_path = /home/joe/dovecot.log\nbase_dir = /run/dovecot\n"
            "postmaster_address = postmaster@same.test\nprotocols =\nssl = no\nstats_writer_socket_path =\n",
        )
        box.configure('mailbox_command = /usr/lib/dovecot/dovecot-lda -c /etc/dovecot/dovecot.conf -f "$SENDER" -a "$RECIPIENT"')
        try:
            shown.append(outcome(box, "lda", ["/home/joe/Maildir"]))
        finally:
            box.configure("mailbox_command =")
    assert shown[0] == shown[1]
    (text,) = shown[0][1]["/home/joe/Maildir"]
    assert "Subject: lda" in text
