"""Programs that hand mail to sendmail: cron, mail readers, git, PHP. What arrives must
be, to the byte, what Debian's Postfix makes of the same call, and so must the log."""

import itertools
import re
import signal

import pytest

DOMAIN = "same.test"
TO = f"joe@{DOMAIN}"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def both(ours, oracle):
    for box in ours, oracle:
        box.write("/tmp/body", "Hello,\n\n.lone\n.\nFrom me to you\n")
        box.write("/tmp/latin", "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}ezi\n")
        box.write("/tmp/0001-first.patch", PATCH, "joe")
    return ours, oracle


PATCH = """From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001
From: Joe Tester <joe@same.test>
Date: Mon, 2 Mar 2026 10:00:00 +0100
Subject: [PATCH] a change

From within: .
---
 a | 1 +

diff --git a/a b/a
--- a/a
+++ b/a
@@ -0,0 +1 @@
+.
--
2.39.5

"""

# What may differ although our part is equal: names of the moment, and their lengths.
MOMENTS = [
    (r"(?m)^(Message-Id|Message-ID|message-id|Date|X-Cron-Env|References):.*(\n[ \t].*)*", r"\1: SET"),
    (r"message-id=<[^>]*>", "message-id=<ID>"),
    (r"uid=\d+", "uid=N"),
    (r"\bsize=\d+", "size=N"),
    (r"(?m)^From (\S+)  .*", r"From \1"),
    (r"=_[\w-]+|boundary=\"[^\"]*\"|^--\S{16,}", "BOUNDARY"),
]


def plain(box, text):
    for pattern, word in MOMENTS:
        text = re.sub(pattern, word, text)
    return box.mask(text)


def outcome(box, command, users, user="joe", arrivals=1):
    """Exit status, output, new mail of each of `users`, and the log, masked."""
    before = {u: len(box.mbox(u)) for u in users}
    mark = box.log.mark()
    done = box.run(command, user=user)
    box.log.wait(r": removed$", since=mark, count=arrivals)
    box.wait_empty()
    mail = {u: [plain(box, m.as_string(unixfrom=True)) for m in box.mbox(u)[n:]] for u, n in before.items()}
    lines = [l for l in box.log.lines[mark:] if "statistics" not in l]
    log = sorted(plain(box, l) for l in lines if re.match(r"postfix/\S+\[\d+\]: ", l))
    return {"status": done.returncode, "error": box.mask(done.stderr), "mail": mail, "log": log}


CALLS = {
    "bsd-mailx": f"bsd-mailx -s subject {TO} </tmp/body",
    "bsd-mailx with a sender and Cc": f"bsd-mailx -s subject -r list@else.test -c ann {TO} </tmp/body",
    "s-nail": f"s-nail -s subject {TO} </tmp/body",
    "s-nail 8-bit": f"LC_ALL=C.UTF-8 s-nail -s subject -r list@else.test {TO} </tmp/latin",
    "mutt": f"mutt -F /dev/null -s subject {TO} </tmp/body",
    "mutt with DSN options": "mutt -F /dev/null -e 'set dsn_notify=\"failure,delay\"' -e 'set dsn_return=hdrs' "
    f"-s subject {TO} </tmp/body",
    "mutt 8-bit, envelope sender": "LC_ALL=C.UTF-8 mutt -F /dev/null -e 'set use_8bitmime' -e 'set use_envelope_from' "
    f"-e 'set from=ann@{DOMAIN}' -s subject {TO} </tmp/latin",
    "PHP": "php8.2 -d sendmail_path='/usr/sbin/sendmail -t -i' -r "
    f"'exit(mail(\"{TO}\", \"subject\", \"hello\\r\\n.\\r\\nend\\n\", \"From: ann@{DOMAIN}\\r\\nX-A: b\", "
    f"\"-flist@else.test\") ? 0 : 1);'",
    "git send-email": "git -c sendemail.from=joe@same.test send-email --quiet --confirm=never --suppress-cc=all "
    f"--to={TO} --cc=ann@{DOMAIN} --bcc=bob@{DOMAIN} /tmp/0001-first.patch",
    "procmail's !": "printf 'From: a@client.test\\nSubject: t\\n\\nhello\\n' | "
    f"procmail DEFAULT=/dev/null /tmp/forward.rc",
    "uux and maildrop options": f"sendmail -oi -oem -odi -FAnacron joe </tmp/body",
    "headers decide, with CRLF": f"printf 'To: {TO}\\r\\nBcc: ann@{DOMAIN}\\r\\nSubject: t\\r\\n\\r\\nhi\\r\\n' | sendmail -t -i",
}


@pytest.mark.parametrize("name", CALLS)
def test_what_a_caller_sends_arrives_as_from_the_reference(both, name):
    ours, oracle = both
    for box in both:
        box.write("/tmp/forward.rc", ":0\n! " + TO + "\n", "joe")
    users = ("joe", "ann", "bob")
    expected = outcome(oracle, CALLS[name], users)
    assert expected["status"] == 0 and expected["mail"]["joe"]
    assert outcome(ours, CALLS[name], users) == expected


def test_cron(both):
    """A job that runs at start-up; its output comes with cron's own headers."""
    job = "@reboot joe echo from the job; echo gr\\303\\274ezi; exit 3\n"
    results = []
    for box in both:
        box.write("/etc/cron.d/job", "MAILTO=ann\n" + job)
        box.write("/etc/crontab", "")
        box.run("mkdir -p /var/spool/cron/crontabs; chmod 1730 /var/spool/cron/crontabs; echo crontab:x:999: >>/etc/group")
        cron = box.popen(["cron", "-f"])
        try:
            results.append(outcome(box, "true", ("ann",), user="root"))
        finally:
            box.kill("cron", signal.SIGTERM)
            cron.wait(10)
    ours, expected = results
    (text,) = expected["mail"]["ann"]
    assert "Subject: Cron <joe@mail> echo from the job" in text
    assert ours == expected


TALK = """EHLO client.test
VRFY joe
MAIL FROM:<a@client.test> BODY=8BITMIME RET=HDRS ENVID=e1 SIZE=100
RCPT TO:<{to}> NOTIFY=SUCCESS ORCPT=rfc822;joe
RCPT TO:<ann@elsewhere.test>
NOSUCH
DATA
Subject: by SMTP

.. hello
.
MAIL FROM:<>
RSET
STARTTLS
AUTH PLAIN AGEAYg==
QUIT
"""
NO_MAIL = ["sendmail -bp", "mailq", "sendmail -q", "sendmail -bi", "newaliases", "sendmail -I", "sendmail -qRelse.test", "sendmail -qI0000"]


@pytest.mark.parametrize("user", ["joe", "root"])
@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_sendmail_speaks_smtp_as_the_reference(both, user, ends):
    seen = []
    for box in both:
        box.write("/tmp/talk", TALK.format(to=TO).replace("\n", ends))
        mark, before = box.log.mark(), len(box.mbox("joe"))
        done = box.run("sendmail -bs </tmp/talk", user=user)
        box.log.wait(r": removed$", since=mark)
        box.wait_empty()
        mail = [plain(box, m.as_string(unixfrom=True)) for m in box.mbox("joe")[before:]]
        offers = set(re.findall(r"(?m)^250.(SIZE \d+|VRFY|ETRN|ENHANCEDSTATUSCODES|8BITMIME|DSN|PIPELINING)\r?$", done.stdout))
        replies = re.findall(r"(?m)^(?!250[- ][A-Z]).*", plain(box, done.stdout))
        seen.append((done.returncode, offers, replies, done.stderr, mail))
    assert seen[0] == seen[1] and "DSN" in seen[0][1] and len(seen[0][4]) == 1


@pytest.mark.parametrize("words", ["-bv nosuch", "-v joe", "-bv -f ann@same.test joe"])
def test_the_report_of_sendmail_is_as_from_the_reference(both, words):
    sender = "ann" if "ann" in words else "root"
    ours, oracle = (outcome(box, f"echo hello | sendmail {words}", [sender], "root", arrivals=2) for box in both)
    for seen in ours, oracle:  # the words for people are each system's own
        (text,) = seen["mail"][sender]
        seen["mail"][sender] = [re.sub(r"(?s)(Description: Notification\n).*(\nContent-Description: Delivery report)", r"\1\2", text)]
    assert ours == oracle
    assert re.search(r"Action: (un)?deliver", ours["mail"][sender][0])


@pytest.mark.parametrize("words", NO_MAIL)
def test_what_sendmail_does_besides_mail(both, words):
    seen = [both[0].run(words), both[1].run(words)]
    assert len({(d.returncode, d.stdout, d.stderr) for d in seen}) == 1
