"""The same mail, through our cleanup and Debian's: equal queue files and equal log lines.

Both sites have one name, so that headers are folded at the same places. All
mail is held by the server's own header check, and read from the file.
"""

import difflib
import os
import random
import re

import pytest

from harness.sandbox import wait_until

MAIN = """\
myhostname = mx.site.test
mydomain = site.test
myorigin = site.test
mydestination = $myhostname, $mydomain, localhost
header_checks = pcre:/etc/postfix/hold
mime_header_checks =
nested_header_checks =
local_recipient_maps =
recipient_delimiter = +
masquerade_domains = !keep.masq.test masq.test
masquerade_exceptions = root
virtual_alias_maps = hash:/etc/postfix/virtual
canonical_maps = hash:/etc/postfix/canonical
sender_bcc_maps = inline:{watched@x.test=sbcc@x.test}
recipient_bcc_maps = inline:{watched@x.test=rbcc}
delay_warning_time = 4h
"""
HOLD = "/^Received: (from|by)/ HOLD\n"
VIRTUAL = """\
list@site.test    a@x.test, b@x.test, joe
loop@site.test    loop2@site.test, c@x.test
loop2@site.test   loop@site.test
self@site.test    Self@site.test, d@x.test
ext@site.test     e@x.test
@dom.test         @other.test
odd@x.test        "quo ted"@x.test, <angle@x.test>, Foo Bar <fb@x.test> (note), plain
joe@x.test        joe@x.test, jim@x.test
nest@x.test       joe@x.test, z@x.test
"""
CANONICAL = """\
old@site.test     new@site.test
new@site.test     newer@site.test
@cd.test          @ce.test
cext@x.test       cext2@x.test
"a b"@x.test      "c d"@x.test
canon             "bar baz"@x.test
named@x.test      Some Name <wn@x.test>
"""


@pytest.fixture(scope="module")
def pair(ours, oracle):
    for mta in (ours, oracle):
        mta.write("/etc/postfix/hold", HOLD)
        mta.table("virtual", VIRTUAL)
        mta.table("canonical", CANONICAL)
        mta.configure(MAIN)
    return ours, oracle


@pytest.fixture
def with_main(pair):
    """Lines of main.cf for one test."""
    before = [mta.read("/etc/postfix/main.cf") for mta in pair]

    def configure(text):
        for mta in pair:
            mta.configure(text)

    yield configure
    restore(pair, before)


def restore(pair, texts):
    for mta, text in zip(pair, texts):
        mta.write("/etc/postfix/main.cf", text)
        mta.reload()


# -- what is compared ----------------------------------------------------------------

# Sizes and offsets follow from the rest, which is compared; ids differ in length.
def without_sizes(data):
    fields = data.split()
    return " ".join(fields[2:4] + fields[5:6])


def masked(mta, kind, data):
    text = data.decode("utf-8", "backslashreplace")
    if kind == "C":
        return without_sizes(text)
    if kind in "TW":
        return "time"
    text = re.sub(r"^(create_time|log_client_port|client_port)=\d+$", r"\1=N", text)
    text = re.sub(r"^log_ident=\w+$", "log_ident=ID", text)
    return mta.mask(text)


def held_files(mta):
    """The records of all held messages, as lines; the messages are removed."""
    found = []
    for path in mta.queue_files("hold").values():
        found.append([f"{kind} {masked(mta, kind, data)}" for kind, data in mta.records(path)])
        os.unlink(mta.path(path))
    return sum(sorted(found), [])


def cleanup_log(mta, mark):
    lines = [l for l in mta.log.lines[mark:] if re.match(r"postfix/cleanup\[", l)]
    return [re.sub(r" id \w+\?\?", " id ID??", line) for line in mta.mask(lines)]


def compare(pair, submit, in_order=True):
    """submit(mta) gives a reply; that, the files and the log must be equal."""
    ours, oracle = [], []
    for mta, lines in zip(pair, (ours, oracle)):
        mark = mta.log.mark()
        lines.append(mta.mask(str(submit(mta))))
        lines += held_files(mta) + cleanup_log(mta, mark)
    if not in_order:
        ours.sort()
        oracle.sort()
    difference = difflib.unified_diff(oracle, ours, "Debian's", "ours", n=0, lineterm="")
    assert ours == oracle, "\n" + "\n".join(difference)


def by_smtp(sender, recipients, content, options=""):
    def submit(mta):
        mark = mta.log.mark()
        reply = session(mta)
        mta.log.wait(r"postfix/smtpd\[\d+\]: disconnect from", since=mark)
        return reply

    def session(mta):
        with mta.smtp(source=mta.address) as client:
            client.command_encoding = "utf-8"
            client.ehlo()
            client.docmd(f"MAIL FROM:<{sender}> {options}")
            for recipient in recipients:
                code, reply = client.docmd(f"RCPT TO:{recipient}")
                assert code == 250, reply
            client.docmd("DATA")
            client.send(content.replace(b"\n", b"\r\n") + b"\r\n.\r\n")
            code, reply = client.getreply()
            return code, reply.decode().split(" queued as ")[0]

    return submit


def has_held_mail(mta):
    """Held and complete: both write and log before that."""
    return any(mta.path(path).stat().st_mode & 0o100 for path in mta.queue_files("hold").values())


def by_sendmail(words, content):
    def submit(mta):
        mark = mta.log.mark()
        result = mta.run(["sendmail", *words], user="joe", input=content)
        if result.returncode == 0:
            mta.log.wait(r"postfix/cleanup\[\d+\]: \w+: message-id=", since=mark)
            wait_until(lambda: has_held_mail(mta), 30, "the message to be held")
        return result.returncode

    return submit


# -- envelopes --------------------------------------------------------------------------

ENVELOPES = {
    "plain": ("a@x.test", ["<r@x.test>"], ""),
    "null sender": ("", ["<r@x.test>"], ""),
    "bare names": ("joe", ["<joe>", "<jim+x>"], ""),
    "several": ("a@x.test", ["<r1@x.test>", "<r2@x.test>", "<R1@x.test>", "<r1@x.test>"], ""),
    "aliases": ("a@x.test", ["<list@site.test>", "<self@site.test>", "<ext+foo@site.test>"], ""),
    "alias domain": ("a@x.test", ["<u+x@dom.test>", "<odd@x.test>", "<nest@x.test>"], ""),
    "alias loop": ("a@x.test", ["<loop@site.test>"], ""),
    "canonical": ("old@site.test", ["<old@site.test>", "<u@cd.test>", "<cext+y@x.test>"], ""),
    "canonical quoted": ("a@x.test", ['<"a b"@x.test>', "<canon>", "<named@x.test>"], ""),
    "masquerade": ("a@h.masq.test", ["<r@h.masq.test>"], ""),
    "masquerade exception": ("root@h.masq.test", ["<r@x.test>"], ""),
    "masquerade kept": ("a@keep.masq.test", ["<r@x.test>"], ""),
    "body": ("a@x.test", ["<r@x.test>"], "BODY=8BITMIME"),
    "dsn": (
        "a@x.test",
        [
            "<list@site.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;q+2B@x",
            "<r@x.test> NOTIFY=NEVER",
            "<r@x.test> NOTIFY=FAILURE",
            "<r@x.test> ORCPT=rfc822;1@x",
            "<r@X.test> ORCPT=rfc822;1@X",
        ],
        "RET=HDRS ENVID=id+2B1",
    ),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes(pair, name):
    sender, recipients, options = ENVELOPES[name]
    compare(pair, by_smtp(sender, recipients, b"Subject: x\n\nbody\n", options))


# Debian's writes the copy for the sender's watcher before attributes, ours behind them.
def test_copies(pair):
    compare(
        pair,
        by_smtp("watched@x.test", ["<watched@x.test>", "<r@x.test>"], b"Subject: x\n\nbody\n"),
        in_order=False,
    )


# -- headers ------------------------------------------------------------------------------

HEADERS = {
    "addresses": b"""\
From: joe
To: jim, al@x.test (a comment), Some One <so@host>, "Quo, Ted" <q@x.test>,
 undisclosed-recipients:;, Group: a, b@x.test;, <angle>, "spa ce"@x.test
Cc: old@site.test, u@cd.test, named@x.test, 'single'
Reply-To: a%b@c, h!u, u%h, @route.test:user@x.test, user@[127.0.0.1], x@y.
Errors-To: joe
Sender: (only a comment)
""",
    "long list": b"To: " + b", ".join(b"user%d" % i for i in range(60)) + b"\n",
    "folded": b"To: a,\n\tb@x.test,\n   c@x.test,\n\td@x.test\nSubject: one\n two\n\tthree\n",
    "unchanged": b"To: a@x.test,b@x.test ,\n  c@x.test\nFrom:   Joe   <joe@x.test>\n",
    "empty": b"To:\nFrom: \nCc: ,\nSubject:\nReply-To: <>\n",
    "odd": b"To: joe smith@x.test, a@b@c, a..b@x.test, \"un\\\"q\"@x.test, <y, z>\n",
    "odd 2": b"To: joe@, a@x, b@x;c@x.test\nCc: \"unclosed <c@x>, d\n",
    "odd 3": b"From: a <b <c@x>>, (nest (ed)) e, f (closed)\nTo: =?utf-8?q?x?= <m>\n",
    "names": b"FROM: joe\ntO: jim\nX-To: joe\nApparently-To: joe\nMail-Followup-To: joe\n",
    "dropped": b"Bcc: secret\nContent-Length: 5\nReturn-Path: <x>\nResent-Bcc: y\nSubject: s\n",
    "colon": b"Subject : spaced\nTo\t: joe\nX-Foo:bar\nX-Empty:\n",
    "no empty line": b"Subject: m\nno header\nX-After: x\n",
    "8 bit": b"Subject: gr\xc3\xbc\xc3\x9f\nX-Bad: \xe4\nTo: \xc3\xa4@x.test, joe\n",
    "message-id": b"Message-ID: <a@b>\nDate: today\nFrom: a@x.test\n",
    "message-id folded": b"Message-Id:\n  <a\n b@c>  \nFrom: a@x.test\n",
    "message-id empty": b"Message-Id: \nFrom: a@x.test\n",
    "resent": b"From: a\nResent-To: r@x.test\nResent-Sender: b\nMessage-Id: <1@x>\n",
    "resent all": b"Resent-From: a\nResent-Date: x\nResent-Message-Id: <r@x>\n",
    "received": b"Received: from x\n\tby y\n" * 10 + b"Subject: x\n",
    "too many hops": b"Received: x\n" * 55,
    "masquerade": b"From: a@h.masq.test, root@h.masq.test\nTo: b@i.masq.test, c@keep.masq.test\n",
    "long": b"Subject: " + b"x" * 5000 + b"\nX-Fold: " + b"y\n " * 50 + b"z\n",
    "beyond the limit": b"Subject: " + b"long text " * 12000 + b"\nX-After: x\n",
    "encoding": b"Content-Transfer-Encoding: 8bit\nMime-Version: 1.0\n",
    "content type": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"
    b"Content-Transfer-Encoding: 8bit\n\n\xe4\n--a--\n",
    "mime": b"Content-Type: multipart/mixed; boundary=a\n\n--a\nTo: joe\n\nBcc: x\n"
    b"--a\nContent-Type: message/rfc822\n\nTo : joe\nBcc: jim\n\nbody\n--a--\n",
    "no text": b"",
    "starts with blank": b" foo\nSubject: m\n",
    "from line": b"From joe Mon\nSubject: m\n",
    "stray CR": b"Subject: a\rb\r\r\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(pair, name):
    compare(pair, by_smtp("a@x.test", ["<r@x.test>"], HEADERS[name] + b"\nbody\n"))


ADDRESSES = """\
joe
joe@x.test
Joe Doe <j@x.test>
<joe>
"J, D" <jd>
a@b (c)
(c) a@b
Grp: a, b@x.test;
Grp: ;
undisclosed-recipients:;
"q q"@x.test
"q"
a.b.c
a%b
h!u
a%b@c
u@[127.0.0.1]
u@h.
=?utf-8?q?x?= <m>
J\u00f6rg <j\u00f6@x.test>
x.y@very.long.domain.name.example.test
Some Very Long Display Name Here <some.very.long.address@example.test>
<>
"a\\"b" <c>
<@r1,@r2:u@h>
u@h (a (b) c)
O'Neil <o@x.test>
""".splitlines()
NAMES_OF_LISTS = ["To", "Cc", "From", "Reply-To", "Sender", "Errors-To", "X-Foo", "Resent-To"]


def test_address_lists_made_by_chance(pair):
    chance = random.Random(5322)
    for _ in range(60):
        content = ""
        for _ in range(4):
            content += chance.choice(NAMES_OF_LISTS) + ": "
            for _ in range(chance.randint(0, 12)):
                content += chance.choice(ADDRESSES) + chance.choice([", ", ",", " ,", ",\n ", ",\n\t"])
            content += chance.choice(ADDRESSES) + "\n"
        compare(pair, by_smtp("a@x.test", ["<r@x.test>"], content.encode() + b"\nbody\n"))


@pytest.mark.parametrize("name", ["addresses", "message-id", "8 bit", "resent", "content type"])
def test_headers_of_strangers(pair, with_main, name):
    with_main("local_header_rewrite_clients =\n")
    compare(pair, by_smtp("a@x.test", ["<r@x.test>"], HEADERS[name] + b"\nbody\n"))


@pytest.mark.parametrize("name", ["addresses", "odd"])
def test_headers_of_strangers_with_a_domain(pair, with_main, name):
    with_main("local_header_rewrite_clients =\nremote_header_rewrite_domain = remote.test\n")
    compare(pair, by_smtp("a@x.test", ["<r@x.test>"], HEADERS[name] + b"\nbody\n"))


def test_missing_headers_of_strangers(pair, with_main):
    with_main(
        "local_header_rewrite_clients =\nalways_add_missing_headers = yes\n"
        "undisclosed_recipients_header = To: undisclosed-recipients:;\n"
    )
    compare(pair, by_smtp("a@x.test", ["<r@x.test>"], b"Subject: x\n\nbody\n"))


def test_without_rewriting_of_any_kind(pair, with_main):
    with_main(
        "append_at_myorigin = no\nallow_percent_hack = no\nswap_bangpath = no\n"
        "enable_original_recipient = no\nreceive_override_options = no_address_mappings\n"
    )
    compare(pair, by_smtp("joe", ["<joe>", "<list@site.test>"], HEADERS["addresses"] + b"\nx\n"))


# -- local submission --------------------------------------------------------------------------

SUBMISSIONS = {
    "plain": (["r@x.test"], b"Subject: x\n\nbody\n"),
    "from header": (["-t"], b"To: a@x.test, joe\nCc: list@site.test\nBcc: b@x.test\n\nbody\n"),
    "both": (["-t", "c@x.test"], b"To: a@x.test\n\nbody\n"),
    "resent": (["-t"], b"To: a@x.test\nResent-To: b@x.test\nResent-Bcc: c@x.test\n\nbody\n"),
    "full name": (["-F", "Joe \"X\" Doe", "r@x.test"], b"Subject: x\n\nbody\n"),
    "full name 2": (["-F", "A.B (c)", "r@x.test"], b"Subject: x\n\nbody\n"),
    "sender": (["-f", "a b@x.test", "r@x.test"], b"Subject: x\n\nbody\n"),
    "null sender": (["-f", "", "r@x.test"], b"Subject: x\n\nbody\n"),
    "nothing": (["r@x.test"], b""),
    "no header": (["r@x.test"], b"just text\nTo: x\n"),
    "options": (["-N", "failure,delay", "-R", "hdrs", "-B8BITMIME", "r@x.test"], b"X: y\n\n"),
    "utf-8": (["r@x.test"], b"Subject: gr\xc3\xbc\xc3\x9f\n\nbody\n"),
    "canonical": (["old@site.test", "canon", "list@site.test"], b"To: old@site.test\n\nbody\n"),
}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_local_submission(pair, name):
    compare(pair, by_sendmail(*SUBMISSIONS[name]))


# -- checks -------------------------------------------------------------------------------------

CHECKS = """\
/^X-Reject: (.*)/ REJECT no $1
/^X-Status:/ REJECT 5.7.9 other
/^X-Rej3:/ REJECT
/^X-Wait:/ REJECT 4.7.2 wait
/^X-Discard:/ DISCARD why
/^X-Hold:/ HOLD why
/^X-Warn:/ WARN why
/^X-Info:/ INFO
/^X-Ignore:/ IGNORE
/^X-Strip:/ STRIP gone
/^X-Replace: (.*)/ REPLACE X-New: $1
/^X-Address:/ REPLACE To: joe, jim
/^X-BadReplace:/ REPLACE foo bar
/^X-Prepend:/ PREPEND X-Before: 1
/^X-BadPrepend:/ PREPEND foo
/^X-Redirect:/ REDIRECT re@x.test
/^X-BadRedirect:/ REDIRECT re x
/^X-Filter:/ FILTER smtp:[f.test]
/^X-BadFilter:/ FILTER smtp
/^X-Bcc:/ BCC list@site.test
/^X-Ok:/ OK foo
/^X-Pass:/ PASS
/^X-Odd:/ FOO bar
/^X-Long:/ WARN
"""
NAMES = re.findall(r"\^(X-\w+):", CHECKS)


@pytest.fixture(scope="module")
def with_checks(pair):
    before = [mta.read("/etc/postfix/main.cf") for mta in pair]
    for mta in pair:
        mta.write("/etc/postfix/checks", CHECKS)
        mta.write("/etc/postfix/body", CHECKS.replace("/^X", "/^B"))
        mta.configure(
            "header_checks = pcre:/etc/postfix/checks pcre:/etc/postfix/hold\n"
            "mime_header_checks = $header_checks\nnested_header_checks = $header_checks\n"
            "body_checks = pcre:/etc/postfix/body\n"
        )
    yield pair
    restore(pair, before)


@pytest.mark.parametrize("name", NAMES)
def test_header_checks(with_checks, name):
    content = f"Subject: s\n{name}: 1\nX-Warn: 2\n{name}: 2\n\nbody\n".encode()
    compare(with_checks, by_smtp("a@x.test", ["<r@x.test>", "<joe>"], content))


@pytest.mark.parametrize("name", NAMES)
def test_body_checks(with_checks, name):
    content = f"Subject: s\n\n{name.replace('X-', 'B-')}: 1\nB-Warn: 2\n".encode()
    compare(with_checks, by_smtp("a@x.test", ["<r@x.test>"], content))


def test_discard_in_the_last_header(with_checks):
    compare(with_checks, by_smtp("a@x.test", ["<r@x.test>"], b"Subject: s\nX-Discard: 1\n\nbody\n"))


def test_checks_of_parts(with_checks):
    content = (
        b"Content-Type: multipart/mixed; boundary=abc\n\nX-Warn: preamble\n--abc\nX-Warn: part\n"
        b" folded\n\nB-Warn: text\n--abc trailing\nX-Info: part\nno header\n--abc\n"
        b"Content-Type: message/rfc822\n\nX-Replace: nested\nContent-Type: multipart/digest;\n"
        b' boundary="d e"\n\n--d e\n\nX-Warn: in digest\n\nB-Warn: text\n--d e--\nX-Warn: no\n'
        b"--abc\nX-Strip: stripped\n--abc--\nX-Warn: no\nB-Warn: " + b"long " * 1000 + b"\n"
    )
    compare(with_checks, by_smtp("a@x.test", ["<r@x.test>"], content))


LINES = """\
--a
--b
--a--
--b--
--c
--a 
--ab

text
X-H: v
 cont
Content-Type: multipart/mixed; boundary=a
Content-Type: multipart/digest; boundary=b
Content-Type: multipart/alternative; boundary="ab"
Content-Type: message/rfc822
Content-Type: text/plain
Content-Type: message/partial
Content-Transfer-Encoding: 8bit
Content-Transfer-Encoding: base64
Content-Type:
X-Spaced : x
no colon
- dash
--
MIME-Version: 1.0
Bcc: foo
""".splitlines()


def test_structures_made_by_chance(pair, with_main):
    chance = random.Random(2045)
    with_main(
        "header_checks = pcre:{{/^Received: from/ HOLD} {/./ WARN header}}\n"
        "mime_header_checks = static:{WARN mime}\nnested_header_checks = static:{WARN nested}\n"
        "body_checks = static:{WARN body}\n"
    )
    for _ in range(60):
        lines = [chance.choice(LINES) for _ in range(chance.randint(1, 25))]
        content = "\n".join(["Content-Type: multipart/mixed; boundary=a", *lines]).encode()
        compare(pair, by_smtp("a@x.test", ["<r@x.test>"], content))


@pytest.mark.parametrize(
    "option",
    ["strict_7bit_headers", "strict_8bitmime", "strict_8bitmime_body", "strict_mime_encoding_domain",
     "disable_mime_input_processing"],
)
def test_strictness(pair, with_main, option):
    with_main(f"{option} = yes\n")
    for content in (
        b"Subject: \xe4\n\nx\n",
        b"Subject: x\n\n\xe4\n",
        b"Content-Transfer-Encoding: 8bit\n\n\xe4\n",
        b"Content-Transfer-Encoding: quoted-printable\n\n\xe4\n",
        b"Content-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: base64\n\n--a\n\nx\n",
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nx\n",
        b"Content-Type: message/partial\nContent-Transfer-Encoding: 8bit\n\nx\n",
        b"".join(b"Content-Type: multipart/x; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(103)),
    ):
        compare(pair, by_smtp("a@x.test", ["<r@x.test>"], content))


def test_characters(pair, with_main):
    with_main("message_strip_characters = \\1\nmessage_reject_characters = \\2\\003\n")
    for content in (b"Subject: a\1b\n\nx\1y\n", b"Subject: a\2b\n\nx\n", b"Subject: a\n\nx\3y\n"):
        compare(pair, by_smtp("a@x.test", ["<r@x.test>"], content))


def test_refused_local_mail_goes_back(with_checks):
    for header in ("X-Reject: a", "Received: x\n" * 55 + "X: y"):
        results = []
        for mta in with_checks:
            mark = mta.log.mark()
            mta.sendmail(["-f", "sender@x.test", "r@x.test", "list@site.test"], f"{header}\n\nbody\n")
            mta.log.wait(r"sender non-delivery notification", since=mark)
            results.append([l for l in cleanup_log(mta, mark) if "status=" in l or "reject:" in l])
            held_files(mta)
        assert results[0] == results[1]
