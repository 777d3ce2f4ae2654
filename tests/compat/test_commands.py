"""The commands of users and administrators: the same words and the same queue
give the same output, exit status and files, with ours and with Debian's Postfix.

The mail system is down, so that nothing moves by itself; each row of the tables
below is one call.
"""

import json
import os
import pathlib
import re
import time

import pytest

from harness.instance import parse_records, record
from harness.sandbox import POSTFIX

DOMAIN = "example.test"
MAIN = "enable_long_queue_ids = no\nfast_flush_domains = relay.test, .sub.test\n"
SPOOL = "/var/spool/postfix"
TEXT = "Subject: x\n\nhello\n"


@pytest.fixture(scope="module")
def pair(ours, oracle):
    for mta in (ours, oracle):
        mta.postfix("stop")
        mta.log.wait(r"terminating on signal")
    return ours, oracle


NOISE = re.compile(
    r"invalid option|requires an argument"  # of getopt: said once by ours, twice by the oracle
    r"|mail_stream_cleanup|: name_mask: |: inet_addr_local: "  # of the oracle's inside
)


def said(text):
    """Standard error without noise; of usage lines and of broken files only the start,
    since the words are each system's own."""
    lines = [l for l in text.splitlines() if not NOISE.search(l)]
    return [re.sub(r"(usage: \w+|/bad:|/none:) .*", r"\1", l) for l in lines]


def call(mta, words, user="root", text=None, env=None):
    done = mta.run(words, user=user, input=text, env=env)
    return {"status": done.returncode, "out": done.stdout, "err": said(done.stderr)}


# -- sendmail: what it puts into maildrop ------------------------------------------------


def submissions(mta):
    """Each file of maildrop in words: envelope, text, recipients of the header."""
    found = []
    for path in sorted(mta.queue_files("maildrop").values()):
        envelope, text, behind, where = [], "", [], "envelope"
        for kind, data in parse_records(mta.path(path).read_bytes()):
            if kind in "MX":
                where = {"M": "text", "X": "behind"}[kind]
            elif where == "text":
                text += data.decode("latin-1") + ("\n" if kind == "N" else "")
            elif kind != "T":
                (envelope if where == "envelope" else behind).append(f"{kind} {data.decode('latin-1')}")
        mode = mta.path(path).stat()
        found.append((envelope, text.rstrip("\n"), behind, oct(mode.st_mode), mode.st_uid, mode.st_gid))
        mta.path(path).unlink()
    return found


OPTIONS = [
    "joe",
    "joe ann bob",
    "joe,ann 'Ann A <a@x.test>' 'b (comment)' 'g: c, d;' e@[192.0.2.1]",
    "'\"a b\"@x.test' a@b@c '' '<>'",
    "-- -joe",
    "joe -f ann",
    "-f ann@x.test joe",
    "-fann@x.test -i joe",
    "-r ann joe",
    "-f '' joe",
    "-f '<>' joe",
    "-f '<ann@x.test>' joe",
    "-f 'Ann B <ann@x.test> (hi)' joe",
    "-f '\"a b\"@x.test' joe",
    "-f ann,bob joe",
    "-f ' ' joe",
    "-F 'Full Name' joe",
    "-FCronDaemon -i -B8BITMIME -oem joe",
    "-F '' joe",
    "-oem -oi -f ann -B8BITMIME -N failure,delay -R hdrs -- joe",
    "-oi -odi -oem -N success,delay,failure -R full -V ENV-1 -f ann joe ann",
    "-N never joe",
    "-N never,delay joe",
    "-N bogus joe",
    "-N '' joe",
    "-R bogus joe",
    "-V 'a b' joe",
    "-V '' joe",
    "-B7BIT joe",
    "-B7bit joe",
    "-Bx joe",
    "-XV joe",
    "-XV-+ joe",
    "-XVx joe",
    "-XVab joe",
    "-f '' -XV joe",
    "-Xlog joe",
    "-G joe",
    "-L tag -A x -h 5 -m -O a=b -p x -U -e x -c joe",
    "-o7 joe",
    "-o8 joe",
    "-oA joe",
    "-bm joe",
    "-bv joe ann",
    "-bv -f ann@x.test joe",
    "-bv -f '' joe",
    "-bv -v joe",
    "-bv -N success joe",
    "-bv -t joe",
    "-bv",
    "-v joe",
    "-v -f '' joe",
    "-bz joe",
    "-bp joe",
    "-bi joe",
    "-I joe",
    "-bs joe",
    "-bd joe",
    "-bh joe",
    "-q joe",
    "-qx joe",
    "-qS1 joe",
    "-qR joe",
    "-qI joe",
    "-qRx joe",
    "-bp -qIx",
    "-bp -t",
    "-n joe",
    "-Q joe",
    "-C /nonexistent joe",
    "",
    "-t",
    "-t joe",
]


def options_id(words):
    return words or "none"


@pytest.mark.parametrize("words", OPTIONS, ids=options_id)
def test_options_of_sendmail(pair, words):
    seen = [(call(m, f"sendmail {words}", "joe", TEXT), submissions(m)) for m in pair]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("words", ["-bd", "-bl", "-bd -q15m", "-q15m -bd"])
def test_daemon_mode_of_sendmail(pair, words):
    """Start-up scripts are told 0 at once; what `postfix start` says to others is its own."""
    mark = pair[0].log.mark()
    assert [m.run(f"sendmail {words}", user="joe").returncode for m in pair] == [0, 0]
    pair[0].log.wait(r"the postfix command is reserved for the superuser", since=mark)


# Each letter alone, with a word, and behind -b, -o and -q: whatever old callers say.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ15%"
FORMS = ["-b{} joe", "-o{} joe", "-q{} joe", "-q{}", "-{} x joe", "-{}"]
STARTS = [f"-b{c} joe" for c in "dDls"]  # a daemon, or a talk by SMTP


@pytest.mark.parametrize("form", FORMS)
def test_every_letter_of_sendmail(pair, form):
    calls = [f"sendmail {form.format(c)}" for c in LETTERS if form.format(c) not in STARTS]
    script = "\n".join(f"echo '{c}'; echo hi | {c} 2>&1; echo status $?" for c in calls)
    seen = []
    for mta in pair:
        lines = [l.replace("open database /", "open /") for l in said(mta.run(script, user="joe").stdout)]
        taken = [envelope for envelope, *_ in submissions(mta)]
        seen.append((lines, sorted(taken)))
    assert seen[0] == seen[1]


HEADERS = {
    "all kinds": "To: a@b.test, \"c d\"@e.test\nCc: f (g), h: i, j;\nBcc: K <k@l.test>\n\nhello\n",
    "folded": "To: a@b.test,\n\tb@b.test,\n c@b.test\n\nhello\n",
    "resent": "To: ann\nResent-To: bob\nResent-Bcc: joe\n\nhello\n",
    "resent from only": "To: ann\nResent-From: bob\n\nhello\n",
    "resent to nobody": "To: ann\nResent-To:\n\nhello\n",
    "apparently": "Apparently-To: ann\n\nhello\n",
    "not in the body": "To: ann\n\nTo: bob\n",
    "nobody": "To: undisclosed-recipients:;\nCc: <>\n\nhello\n",
    "twice": "To: a@b.test, a@b.test\n\nhello\n",
    "mailbox line": "From joe Fri Nov 20\n>From ann\nTo: ann\n\nhello\n",
    "CR LF": "To: ann\r\nSubject: x\r\n\r\nhello\r\n",
    "letter case": "tO: ann\nCC: bob\n\nhello\n",
    "long header": "To: " + ", ".join(f"user{i}@long.test" for i in range(400)) + "\n\nhello\n",
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_recipients_of_the_header(pair, text):
    seen = [(call(m, "sendmail -t -i", "joe", text), submissions(m)) for m in pair]
    assert seen[0] == seen[1]


TEXTS = {
    "dot": "a\n.\nb\n",
    "two dots": "a\n..\nb\n",
    "dot and CR": "a\r\n.\r\nb\r\n",
    "no line end": "a\nb",
    "empty": "",
    "only an empty line": "\n",
    "starts with a blank": " a\nb\n",
    "mailbox line": "From joe Fri Nov 20\nSubject: x\n\nFrom here\n",
    "long line": "a\n" + "x" * 9000 + "\nb\n",
    "NUL and controls": "a\0b\n\x01\x7f\n",
    "8-bit": "gr\u00fc\u00df Gott\n",
    "mixed line ends": "a\r\nb\nc\r\n",
}


@pytest.mark.parametrize("endings", ["always", "strict", "never"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_sendmail(pair, text, endings):
    for mta in pair:
        mta.configure(f"sendmail_fix_line_endings = {endings}", reload=False)
    for words in ("sendmail joe", "sendmail -i joe"):
        seen = [(call(m, words, "joe", text), submissions(m)) for m in pair]
        assert seen[0] == seen[1]


LIMITS = {
    "size": ("message_size_limit = 300", "sendmail joe", "x" * 400 + "\n"),
    "submit": ("authorized_submit_users = !joe, static:anyone", "sendmail joe", TEXT),
    "submit by SMTP": ("authorized_submit_users = ann", "sendmail -bs", "QUIT\r\n"),
    "sender": ("local_login_sender_maps = inline:{joe=joe@x.test}", "sendmail -f ann joe", TEXT),
    "sender with extension": (
        "recipient_delimiter = +\nlocal_login_sender_maps = inline:{joe=joe@x.test}",
        "sendmail -f JOE+y@X.test joe",
        TEXT,
    ),
    "sender in a domain": ("local_login_sender_maps = inline:{joe=@x.test}", "sendmail -f z@x.test joe", TEXT),
    "null sender": ("local_login_sender_maps = inline:{joe=joe@x.test}", "sendmail -f '' joe", TEXT),
    "submit by root": ("authorized_submit_users = !root, static:anyone", "sendmail joe", TEXT),
    "submit by a file": ("authorized_submit_users = /etc/postfix/users", "sendmail joe", TEXT),
    "submit by a table": ("authorized_submit_users = inline:{joe=yes}", "sendmail joe", TEXT),
    "submit by a table that fails": ("authorized_submit_users = fail:x", "sendmail joe", TEXT),
    "submit to postdrop": ("authorized_submit_users = ann", "postdrop", TEXT),
    "sender by a table that fails": ("local_login_sender_maps = fail:x", "sendmail joe", TEXT),
    "sender of nobody's": ("local_login_sender_maps = inline:{ann=*}", "sendmail joe", TEXT),
    "null sender allowed": ("local_login_sender_maps = inline:{joe=<>}", "sendmail -f '' joe", TEXT),
}
UNLIMITED = (
    "message_size_limit = 10240000\nauthorized_submit_users = static:anyone\n"
    "local_login_sender_maps = static:*\nrecipient_delimiter =\n"
)


@pytest.mark.parametrize("setting,words,text", LIMITS.values(), ids=LIMITS)
def test_limits_of_users(pair, request, setting, words, text):
    seen = []
    for mta in pair:
        mta.configure(setting, reload=False)
        user = "root" if "root" in request.node.callspec.id else "joe"
        result = call(mta, words, user, text)
        seen.append((result, submissions(mta)))
        mta.configure(UNLIMITED, reload=False)
    (mine, my_files), (theirs, their_files) = seen
    if "fails" in request.node.callspec.id or "file" in request.node.callspec.id:
        assert mine["err"] and theirs["err"]  # what is wrong with a table is told in words of our own
        mine["err"] = theirs["err"] = []
    assert mine == theirs
    if mine["status"] == 0:
        assert my_files == their_files
    else:  # the oracle may leave a file that is not complete
        assert my_files == []


LIMITED = "authorized_mailq_users = ann, /etc/postfix/users\nauthorized_flush_users = !joe, static:anyone\n"
ASKED = ["mailq", "postqueue -j", "postqueue -f", "postqueue -i 123456789A", "postqueue -s relay.test", "sendmail -q"]


@pytest.mark.parametrize("user", ["joe", "ann", "root", "postfix"])
@pytest.mark.parametrize("words", ASKED)
def test_who_may_ask_for_what(pair, words, user):
    """The mail system is down: who is allowed to hears that."""
    seen = []
    for mta in pair:
        mta.write("/etc/postfix/users", "nobody\nbob\n")
        mta.configure(LIMITED, reload=False)
        result = call(mta, words, user)
        result["err"] = is_down(result["err"])
        seen.append(result)
        mta.configure("authorized_mailq_users = static:anyone\nauthorized_flush_users = static:anyone\n", reload=False)
    assert seen[0] == seen[1]
    if user == "joe":
        assert "joe(9201) is not allowed to" in seen[0]["err"][0] and seen[0]["status"] in (69, 75)


ELSEWHERE = {
    "not listed": "",
    "alternate": "alternate_config_directories = /x, /etc/postfix-two",
    "instance": "multi_instance_directories = /etc/postfix-two",
}


@pytest.mark.parametrize("how", ["-c /etc/postfix-two", "MAIL_CONFIG"])
@pytest.mark.parametrize("setting", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("words", ["postqueue -p", "postdrop ", "sendmail -C /etc/postfix-two joe"])
def test_which_configuration_users_may_choose(pair, words, setting, how):
    """Only one that root has listed: a set-gid program would read and write what it names."""
    program, _, rest = words.partition(" ")
    seen = []
    for mta in pair:
        mta.run("cp -rp /etc/postfix /etc/postfix-two && postconf -c /etc/postfix-two -e syslog_name=two", check=True)
        if setting:
            mta.configure(setting, reload=False)
        env = {"MAIL_CONFIG": "/etc/postfix-two"} if how == "MAIL_CONFIG" else None
        line = words if env or program == "sendmail" else f"{program} {how} {rest}"
        result = call(mta, line, "joe", "")
        seen.append((result["status"], is_down(result["err"]), submissions(mta)))
        mta.run("rm -r /etc/postfix-two; postconf -X alternate_config_directories multi_instance_directories")
    assert seen[0] == seen[1]


def test_postdrop_takes_what_is_whole(pair):
    whole = record("S", b"a@b.test") + record("R", b"joe") + record("M") + record("N", b"x")
    whole += record("X") + record("E")
    for mta in pair:
        done = mta.run("postdrop -r", user="joe", input=whole)
        words = done.stdout.split("\0")
        assert done.returncode == 0
        assert words[:3] == ["protocol", "postdrop_protocol", "queue_id"]
        assert words[4:] == ["", "status", "0", "reason", "", "", ""]
    assert submissions(pair[0]) == submissions(pair[1])


BAD = {
    "no recipient": record("S") + record("M") + record("X") + record("E"),
    "no sender": record("R", b"joe") + record("M") + record("X") + record("E"),
    "no end of text": record("S") + record("R", b"joe") + record("M") + record("E"),
    "foreign type": record("S") + record("D", b"joe") + record("M") + record("X") + record("E"),
    "cut": record("S") + record("R", b"joe") + record("M") + record("N", b"hello")[:4],
    "text": b"hello\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_postdrop_keeps_nothing_of_what_is_not(pair, data):
    ours, _ = pair
    done = ours.run("postdrop -r", user="joe", input=data)
    assert done.returncode == 1
    assert "status\0" + "1\0" in done.stdout
    assert ours.queue_files("maildrop") == {}


def test_postdrop_forgets_what_is_given_up(pair):
    for mta in pair:
        done = mta.run("postdrop -r", user="joe", input=record("S") + record("R", b"joe"))
        assert done.returncode == 0 and "status" not in done.stdout
        assert mta.queue_files("maildrop") == {}


# -- the queue ---------------------------------------------------------------------------


def lines(text):
    return b"".join(record("N", line.encode()) for line in text.splitlines())


def queue_file(text, sender=b"a@client.test", recipients=(b"joe@example.test",), done=()):
    content = lines(text) if isinstance(text, str) else text
    envelope = record("T", b"1700000000 123456") + record("A", b"create_time=1700000000")
    envelope += record("A", b"rewrite_context=remote") + record("S", sender)
    envelope += record("A", b"log_client_name=client.test") + record("K", b"trace_flags=1024")
    for r in recipients:
        envelope += record("A", b"dsn_orig_rcpt=rfc822;" + r) + record("O", r) + record("R", r)
    for r in done:
        envelope += record("O", r) + record("D", r)
    offset = 97 + len(envelope) + 2
    size = " ".join(f"{n:15d}" for n in (len(content), offset, len(recipients) + len(done), 0, len(content), 0))
    return record("C", size.encode()) + envelope + record("M") + content + record("X") + record("E")


LOG = """
<joe@example.test>: host down.test[192.0.2.1] said: 450 4.2.0 later (in reply to RCPT TO command)
recipient=joe@example.test
offset={offset}
dsn_orig_rcpt=rfc822;joe@example.test
status=4.2.0
action=delayed
reason=host down.test[192.0.2.1] said: 450 4.2.0 later (in reply to RCPT TO command)

"""
QUEUE = {
    "deferred/A/A0000000001": queue_file("Subject: one\n\nhello"),
    "deferred/A/A0000000002": queue_file("Subject: two", b"", (b"joe@example.test", b"a b@example.test", b"c@x.test")),
    "hold/A0000000003": queue_file("Subject: held", b'"x y"@z', (b"bob@example.test",), (b"gone@example.test",)),
    "incoming/A0000000004": queue_file("Subject: new"),
    "active/A0000000005": queue_file("Subject: active"),
    "corrupt/A0000000006": b"nonsense",
}


@pytest.fixture
def queue(pair):
    """The same files in both queues, with a defer log for the first two."""
    for mta in pair:
        for name, data in QUEUE.items():
            put(mta, name, data)
        for number in (1, 2):
            data = QUEUE[f"deferred/A/A000000000{number}"]
            offset = data.index(record("R", b"joe@example.test"))
            put(mta, f"defer/A/A000000000{number}", LOG.format(offset=offset).encode(), 0o600)
    yield pair
    for mta in pair:
        for folder in ("deferred", "hold", "incoming", "active", "corrupt", "defer", "bounce", "maildrop"):
            mta.run(f"find {SPOOL}/{folder} -mindepth 1 -delete", check=True)


def put(mta, name, data, mode=0o700):
    path = mta.path(f"{SPOOL}/{name}")
    for folder in reversed(path.relative_to(mta.path(SPOOL)).parents[:-2]):  # hash directories
        mta.path(f"{SPOOL}/{folder}").mkdir(exist_ok=True)
        os.chown(mta.path(f"{SPOOL}/{folder}"), POSTFIX, POSTFIX)
    path.write_bytes(data)
    path.chmod(mode)
    os.chown(path, POSTFIX, POSTFIX)
    old = time.time() - 30 * 24 * 3600
    os.utime(path, (old, old))


def tree(mta, queues=("maildrop", "incoming", "active", "deferred", "hold", "corrupt")):
    """All files of the queues: name (with its own inode shown as INODE), mode, owner, content."""
    found = []
    for top in queues:
        for folder, _, files in os.walk(mta.path(f"{SPOOL}/{top}")):
            for name in files:
                path = os.path.join(folder, name)
                st = os.stat(path)
                inside = os.path.relpath(path, mta.path(SPOOL)).removesuffix(f"{st.st_ino:X}")
                own = "INODE" if name.endswith(f"{st.st_ino:X}") else ""
                content = pathlib.Path(path).read_bytes()
                found.append((inside + own, oct(st.st_mode), st.st_uid, content))
    return sorted(found)


def logs(mta):
    return tree(mta, ("defer", "bounce"))


LISTINGS = [
    "mailq",
    "sendmail -bp",
    "postqueue -p",
    "postqueue -j",
    "postqueue",
    "postqueue -x",
    "postqueue -p -j",
    "postqueue -p x",
    "postqueue -f",
    "sendmail -q",
    "postqueue -i ../x",
    "postqueue -i ''",
    "postqueue -s ''",
    "postqueue -s '['",
    "postqueue -s 'a b'",
    "postqueue -s 192.0.2.1",
    "postqueue -s other.test",
    "postqueue -s sub.test",
    "postqueue -s [192.0.2.1]",
    "sendmail -qRother.test",
]


def is_down(lines):
    """Why the socket does not answer: gone, or nobody behind it."""
    return [re.sub(r"No such file or directory(?=\)|$)", "Connection refused", l) for l in lines]


def as_before(json_lines):
    """Without what Postfix 3.11 added, and the older oracle does not know."""
    return re.sub(r'"orig_address": "(\\.|[^"])*", ', "", json_lines)


@pytest.mark.parametrize("user", ["root", "joe"])
@pytest.mark.parametrize("words", LISTINGS)
def test_views_of_the_queue(queue, words, user):
    seen = [call(m, words, user) for m in queue]
    for result in seen:
        result["err"] = is_down(result["err"])
        shown = as_before(result["out"])
        result["out"] = sorted(shown.split("\n\n") if "-j" not in words else shown.splitlines())
    assert seen[0] == seen[1]
    assert seen[0]["status"] != 0 or user == "root"


@pytest.mark.parametrize("words", ["mailq", "postqueue -j"])
def test_views_with_long_ids(queue, words):
    for mta in queue:
        mta.configure("enable_long_queue_ids = yes", reload=False)
    try:
        seen = [sorted(as_before(call(m, words)["out"]).splitlines()) for m in queue]
    finally:
        for mta in queue:
            mta.configure("enable_long_queue_ids = no", reload=False)
    assert seen[0] == seen[1] and len(seen[0]) > 3


def test_bounces_that_wait_to_be_reported_are_shown(queue):
    """As Postfix since 3.11: the recipient is done, its sender not told yet."""
    ours, _ = queue
    put(ours, "deferred/B/B0000000007", queue_file("x", recipients=(b"joe@x.test",), done=(b"ann@x.test",)))
    log = "\nrecipient=ann@x.test\noriginal_recipient=ann\noffset=7\nstatus=5.1.1\naction=failed\nreason=unknown\n\n"
    put(ours, "bounce/B0000000007", log.encode(), 0o600)
    entries = map(json.loads, ours.run("postqueue -j", check=True).stdout.splitlines())
    assert [e["recipients"] for e in entries if e["queue_id"] == "B0000000007"] == [
        [
            {"orig_address": "ann", "address": "ann@x.test", "bounce_reason": "unknown"},
            {"orig_address": "joe@x.test", "address": "joe@x.test"},
        ]
    ]
    (shown,) = [part for part in ours.run("mailq").stdout.split("\n\n") if "B0000000007" in part]
    columns = ["(unknown)", "ann@x.test", "(reason unavailable)", "joe@x.test"]
    assert [line.strip() for line in shown.splitlines()[-4:]] == columns


DEEDS = [
    "-d A0000000001",
    "-d A0000000001 -d A0000000002 -d FFFFFF",
    "-d ALL",
    "-d ALL deferred",
    "-d ALL hold incoming",
    "-h A0000000001",
    "-h ALL",
    "-h ALL deferred",
    "-H A0000000003",
    "-H ALL",
    "-h ALL -H ALL",
    "-r A0000000001",
    "-r A0000000003",
    "-r ALL",
    "-r ALL hold",
    "-e A0000000001",
    "-e ALL",
    "-e A0000000003",
    "-f A0000000003",
    "-f A0000000001",
    "-f ALL",
    "-d all",
    "-d a/b",
    "-d ''",
    "-p",
    "-s corrupt",
    "-d ALL nosuch",
    "-x",
    "-d",
]


@pytest.mark.parametrize("words", DEEDS)
def test_postsuper(queue, words):
    (mine, my_files), (theirs, their_files) = [(call(m, f"postsuper {words}"), tree(m)) for m in queue]
    assert sorted(mine.pop("err")) == sorted(theirs.pop("err"))
    assert mine == theirs
    assert my_files == their_files


def test_what_leaves_the_queue_leaves_no_log(queue):
    ours, _ = queue
    ours.run("postsuper -d A0000000001 -r A0000000002", check=True)
    assert logs(ours) == []


def test_requeued_mail_is_as_new(queue):
    ours, _ = queue
    ours.run("postsuper -r ALL", check=True)
    for path in ours.queue_files("maildrop").values():
        assert time.time() - ours.path(path).stat().st_mtime < 1000


MISPLACED = {
    "deferred/1/12345ABCDE1": b"one",
    "deferred/1/1234500DE2": b"two",
    "deferred/22345ABCDE3": b"three",
    "deferred/4/4/42345ABCDE4": b"four",
    "hold/5/52345ABCDE5": b"five",
    "maildrop/62345ABCDE6": b"six",
    "defer/1/12345ABCDE1": b"log of one",
    "defer/1/1234500DE2": b"log of two",
    "defer/42345ABCDE4": b"log of four",
    "bounce/12345ABCDE1": b"bounces of one",
}


@pytest.fixture(params=["hash_queue_depth = 1", "hash_queue_depth = 2", "hash_queue_names = hold"])
def misplaced(request, queue):
    """Files where another configuration had them, under ids that name another inode."""
    for mta in queue:
        for name, data in MISPLACED.items():
            put(mta, name, data)
        mta.configure(request.param, reload=False)
    yield queue
    for mta in queue:
        mta.configure("hash_queue_depth = 1\nhash_queue_names = deferred, defer", reload=False)


def test_postsuper_repairs_the_structure(misplaced):
    seen = []
    for mta in misplaced:
        result = call(mta, "postsuper -s")
        again = call(mta, "postsuper -s")
        seen.append((without_ids(result["err"]), result["status"], again, tree(mta)))
    assert seen[0] == seen[1]


def test_logs_go_with_their_message(misplaced):
    ours, _ = misplaced
    ours.run("postsuper -s", check=True)
    (message,) = names_of(ours, "deferred", b"one")
    for queue, content in (("defer", b"log of one"), ("bounce", b"bounces of one")):
        (log,) = names_of(ours, queue, content)
        assert os.path.basename(log) == os.path.basename(message)


def names_of(mta, queue, content):
    """The files of a queue that hold just this."""
    found = []
    for folder, _, files in os.walk(mta.path(f"{SPOOL}/{queue}")):
        paths = [os.path.join(folder, name) for name in files]
        found += [path for path in paths if pathlib.Path(path).read_bytes() == content]
    return found


def without_ids(said_lines):
    """Which files are renamed depends on the inodes that they got."""
    return sorted(l for l in said_lines if "mismatch: " not in l)


def test_postsuper_reads_ids_from_standard_input(queue):
    ids = "A0000000001\nA0000000003\nx y\n"
    seen = [(call(m, "postsuper -d -", text=ids), tree(m)) for m in queue]
    assert seen[0] == seen[1]


def test_postsuper_is_for_root(pair):
    seen = [call(m, "postsuper -d ALL", "joe") for m in pair]
    assert seen[0] == seen[1] and seen[0]["status"] == 1


CATS = ["", "-v", "-d", "-o", "-do", "-vo", "-vdo", "-h", "-b", "-e", "-he", "-hb", "-be", "-r", "-rv", "-hv", "-bd", "-s 97", "-s 97 -v"]
FILES = {
    "one": QUEUE["deferred/A/A0000000001"],
    "two": queue_file("Subject: one\n two\nX: y\n\nbody\nX: z\n", done=(b"d@x.test",)),
    "cut line": queue_file(lines("Subject: x\n\n") + record("L", b"one") + record("L", b"") + record("N", b"two")),
    "bad": b"nonsense",
    "none": b"",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("words", CATS)
def test_postcat(pair, words, name):
    seen = []
    for mta in pair:
        mta.write(f"/tmp/{name.split()[0]}", FILES[name])
        seen.append(call(mta, f"postcat {words} /tmp/{name.split()[0]}"))
    assert seen[0] == seen[1]


BY_ID = ["-q A0000000001", "-q A0000000003 A0000000004", "-bq A0000000005", "-q FFFF", "-q a/b", "/nonexistent", "-x"]


@pytest.mark.parametrize("words", BY_ID)
def test_postcat_by_id(queue, words):
    seen = [call(m, f"postcat {words}") for m in queue]
    assert seen[0] == seen[1]


def test_postcat_reads_standard_input(pair):
    ours, oracle = [call(m, "postcat", text=FILES["two"])["out"] for m in pair]
    assert ours == oracle + "*** MESSAGE FILE END stdin ***\n"  # the oracle cannot seek there


def test_postcat_with_file_names(queue):
    """As Postfix since 3.10: -f puts the name in front of each line."""
    ours, _ = queue
    plain = ours.run("postcat -eqh A0000000001 A0000000003", check=True).stdout.splitlines()
    named = ours.run("postcat -feqh A0000000001 A0000000003", check=True).stdout.splitlines()
    names = [line.partition(": ")[0] for line in named]
    assert [line.partition(": ")[2] for line in named] == plain
    assert set(names) == {"deferred/A/A0000000001", "hold/A0000000003"} and names == sorted(names)


# -- postlock, postkick -------------------------------------------------------------------

LOCKS = [
    "",
    "f",
    "-x f true",
    "f true",
    "f false",
    "f sh -c 'exit 7'",
    "f sh -c 'kill -9 $$'",
    "f nosuchcommand",
    "f ls -1 -A /tmp/locks",
    "-l dotlock f ls -1 -A /tmp/locks",
    "-l flock f ls -1 -A /tmp/locks",
    "-l fcntl new ls -1 -A /tmp/locks",
    "/nonexistent/f true",
    "/tmp true",
    "-l flock taken true",
    "-l dotlock dotted true",
    "-C /nonexistent f true",
]


@pytest.mark.parametrize("words", LOCKS)
def test_postlock(pair, words):
    seen = []
    for mta in pair:
        mta.configure("deliver_lock_attempts = 1\ndeliver_lock_delay = 1", reload=False)
        mta.run("mkdir -p /tmp/locks; cd /tmp/locks; rm -rf *; touch f taken dotted dotted.lock", check=True)
        held = f"cd /tmp/locks; flock taken postlock {words}"
        seen.append((call(mta, held), mta.run("ls /tmp/locks").stdout))
    assert seen[0] == seen[1]


KICKS = ["", "public qmgr", "-x", "public qmgr I x", "public nosuch I", "nosuch qmgr I", "-c /tmp public qmgr I"]


@pytest.mark.parametrize("words", KICKS)
def test_postkick(pair, words):
    seen = [call(m, f"postkick {words}") for m in pair]
    assert seen[0] == seen[1] and seen[0]["status"] == 1


# -- who writes to the log ---------------------------------------------------------------

MISTAKES = """\
postcat /none
postcat -q ABCDEF
postkick public nosuch x
postlock /none/x true
postconf -e
postmap hash:/none/x
postmap -q x hash:/none/x
postalias hash:/none/x
postsuper -d zzz
postqueue -i ABC
postmulti -i postfix-none -p status
postdrop -Z
sendmail -bz
newaliases x
mailq -bz
postsuper -d ALL -h ALL -H ALL -r ALL -e ALL -f ALL
postconf -M /inet
postconf -F /inet/chroot
postconf -P /inet/a"""


@pytest.mark.parametrize("words", MISTAKES.splitlines())
def test_mistakes_are_logged_alike(pair, words):
    found = []
    for mta in pair:
        mark = mta.all_read()
        done = mta.run(words)
        end = mta.all_read()
        tags = [line.split("[")[0] for line in mta.log.lines[mark:end] if "so far" not in line]
        names = [line.split(":")[0] for line in done.stderr.splitlines()] if "multi" not in words else []
        found.append((done.returncode, tags, names, re.findall("postsuper: .*", done.stderr)))
    assert found[0] == found[1]
