"""The same deeds with ours and with Debian's Postfix: equal logs, mailboxes,
reports, listings and messages, once times, ids and addresses are masked."""

import difflib
import re

import pytest

from harness.sandbox import USERS, wait_until

DOMAIN = "example.test"
VMAIL = USERS["vmail"]
DOWN = "127.0.0.66"
MAIN = f"""
relayhost = [{DOWN}]
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
virtual_mailbox_domains = box.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = inline:{{sue@box.test=sue/, tim@box.test=tim}}
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
virtual_alias_domains = alias.test
virtual_alias_maps = inline:{{both@alias.test=joe@example.test, one@alias.test=sue@box.test}}
"""
TEXT = "From: Ann <a@client.test>\nTo: somebody\nSubject: t\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n\nhello\n"
FROM = "a@client.test"


@pytest.fixture(scope="module")
def both(ours, oracle):
    for mta in (ours, oracle):
        mta.aliases(
            "team: joe, ann, remote@else.test\nowner-team: bob\n"
            'program: "|cat >/dev/null; echo out; exit 75"\n'
            'nouser: "|cat >/dev/null; exit 67"\nfile: /home/vmail/missing/file\n'
            "loop: loop\nbad: :include:/etc/missing\n"
        )
    return ours, oracle


def sorted_log(mta, mark):
    """The lines since then, masked, without those of master and of the clock."""
    lines = [l for l in mta.log.lines[mark:] if not l.startswith("postfix/master[")]
    return sorted(masked(mta, lines))


def settle(mta, mark):
    """Until each message is gone or waits in the deferred queue, and the log says so."""

    def told():
        lines = mta.log.lines[mark:]
        seen = {m[1] for m in mta.log.matching(r"qmgr\[\d+\]: (\w+): from=", mark)}
        gone = {m[1] for m in mta.log.matching(r"qmgr\[\d+\]: (\w+): removed$", mark)}
        ends = [sum(word in line for line in lines) for word in ("]: connect from", "]: disconnect from")]
        return seen <= gone | set(mta.queue_files("deferred")) and ends[0] == ends[1]

    wait_until(
        lambda: not (mta.queue_files("maildrop") | mta.queue_files("incoming") | mta.queue_files("active")),
        what="the queue to settle",
    )
    wait_until(told, what="the log to tell of all")
    assert mta.log.troubles(mark) == []


# What reports say to people is in each system's own words, so their sizes differ.
OWN_WORDS = [
    (r"(?s)(Content-Description: Notification\n.*?\n\n).*?( +The mail system\n)", r"\1WORDS\n\2"),
    (r"from=<>, size=\d+", "from=<>, size=SIZE"),
    (r" +\d+ (.{19}  MAILER-DAEMON)", r" SIZE \1"),
]


def masked(mta, text):
    if not isinstance(text, str):
        return [masked(mta, line) for line in text]
    for pattern, replacement in OWN_WORDS:
        text = re.sub(pattern, replacement, text)
    return mta.mask(text)


def compare(both, deed):
    """Do it with each, and compare all that it returns, and the log."""
    seen = []
    for mta in both:
        for user in ("joe", "ann", "bob"):
            mta.path(f"/var/mail/{user}").unlink(missing_ok=True)
        mark = mta.log.mark()
        result = deed(mta) or []
        settle(mta, mark)
        boxes = {u: masked(mta, mta.read(f"/var/mail/{u}")) for u in USERS if mta.path(f"/var/mail/{u}").exists()}
        listing = masked(mta, mta.run(["mailq"], check=True).stdout)
        mta.run(["postsuper", "-d", "ALL"], check=True)
        lines = [l for l in sorted_log(mta, mark) if not l.startswith("postfix/postsuper")]
        seen.append({"result": mta.mask(result), "mail": boxes, "log": lines, "mailq": listing})
    same(*seen)


def same(mine, theirs):
    """Fail with the lines that differ."""
    for part in mine:
        one, other = (lines_of(x[part]) for x in (mine, theirs))
        if one != other:
            diff = difflib.unified_diff(other, one, "Debian's " + part, "our " + part, lineterm="", n=2)
            pytest.fail("\n".join(diff), pytrace=False)


def lines_of(value):
    """Any of the compared values as a list of lines."""
    if isinstance(value, dict):
        return [line for key in sorted(value) for line in [f"{key}:", *lines_of(value[key])]]
    if isinstance(value, list):
        return [line for item in value for line in lines_of(item)]
    return value.splitlines()


def by_smtp(*recipients):
    return lambda mta: mta.submit(FROM, list(recipients), TEXT) and None


def by_sendmail(*words):
    return lambda mta: mta.sendmail(words, TEXT) and None


DEEDS = {
    "mailbox": by_smtp("joe@example.test"),
    "two mailboxes": by_smtp("joe@example.test", "ann@example.test"),
    "address extension": by_smtp("joe+x@example.test"),
    "alias with owner": by_smtp("team@example.test"),
    "command that defers": by_smtp("program@example.test"),
    "command that bounces": by_smtp("nouser@example.test"),
    "file that cannot be written": by_smtp("file@example.test"),
    "include file that is missing": by_smtp("bad@example.test"),
    "virtual mailbox and Maildir": by_smtp("sue@box.test", "tim@box.test"),
    "virtual aliases": by_smtp("both@alias.test", "one@alias.test"),
    "remote host is down": by_smtp("x@else.test", "y@else.test"),
    "from a user": by_sendmail("-i", "ann"),
    "from a user, with a name": by_sendmail("-F", "Full Name", "-f", "joe", "ann"),
    "unknown user bounces": by_sendmail("-f", "joe", "nobody.here"),
    "bounce of a virtual mailbox": by_sendmail("-f", "joe", "none@box.test"),
    "bounce of a virtual alias": by_sendmail("-f", "joe", "none@alias.test"),
    "success report": by_sendmail("-f", "joe", "-N", "success", "-V", "envid", "ann"),
    "verification": by_sendmail("-f", "joe", "-bv", "ann"),
    "verification of nobody": by_sendmail("-f", "joe", "-bv", "nobody.here"),
    "null sender": by_sendmail("-f", "<>", "nobody.here"),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_mail(both, deed):
    compare(both, deed)


REFUSED = {
    "no user": ["HELO c", "MAIL FROM:<a@client.test>", "RCPT TO:<nobody.here@example.test>", "QUIT"],
    "no mailbox": ["HELO c", "MAIL FROM:<a@client.test>", "RCPT TO:<none@box.test>", "QUIT"],
    "no alias": ["HELO c", "MAIL FROM:<a@client.test>", "RCPT TO:<none@alias.test>", "QUIT"],
    "no order": ["RCPT TO:<joe@example.test>", "DATA", "FOO", "MAIL FROM:<a b@c>", "QUIT"],
    "no sender": ["HELO c", "MAIL FROM:<@>", "MAIL FROM: a@client.test", "RSET", "NOOP x", "QUIT"],
}


@pytest.mark.parametrize("talk", REFUSED.values(), ids=REFUSED)
def test_answers_and_their_log_lines(both, talk):
    def deed(mta):
        client = mta.smtp()
        return [f"{code} {text.decode()}" for code, text in map(client.docmd, talk)]

    compare(both, deed)


COMMANDS = [
    "sendmail -i",
    "sendmail -bx joe",
    "sendmail -X joe",
    "postcat -q 0123456789AB",
    "postcat /nonexistent",
    "postmap -q x hash:/nonexistent",
    "postmap -q joe inline:{joe=1}",
    "postmap -q x nosuch:y",
    "postmap -q joe@example.test static:yes",
    "postmap /nonexistent",
    "postmap -q 1.2.3.4 cidr:{{1.2.3.0/24 net}}",
    "postmap -q abc regexp:{{/^a(.)c$/ $1}}",
    "postmap -q abc pcre:{{/^a(.)c$/ ${1}}}",
    "postalias -q team hash:/etc/aliases",
    "postsuper -d 0123456789AB",
    "postsuper -d bad/name",
    "postqueue -i 0123456789AB",
    "postqueue -s example.test",
    "postqueue",
    "postconf -h myhostname mydestination",
    "postconf -x virtual_mailbox_base",
    "postconf nosuch_parameter",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("user", ["root", "joe"])
def test_commands(both, command, user):
    results = []
    for mta in both:
        done = mta.run(command.split() if "{{" not in command else command.split(" ", 3), user=user)
        results.append(mta.mask([str(done.returncode), done.stdout, done.stderr]))
    assert results[0] == results[1]


@pytest.mark.parametrize("words", ["", "nosuch", "status extra", "reload"])
def test_exit_status_of_the_postfix_command(both, words):
    """Its words are for people: ours says on stderr what Debian's only logs."""
    mine, theirs = (mta.run(["postfix", *words.split()]) for mta in both)
    assert mine.returncode == theirs.returncode
