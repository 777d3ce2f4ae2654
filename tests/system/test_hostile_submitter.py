"""A user who prepares everything that he controls before he runs postdrop: what
comes out is a whole message of his own or nothing."""

import signal
import time

import pytest

from harness.instance import record
from harness.sandbox import USERS, wait_until

WHOLE = record("S", b"a@b.test") + record("R", b"joe") + record("M") + record("N", b"x") + record("X") + record("E")
BEGIN = record("S", b"a@b.test") + record("R", b"joe") + record("M")


@pytest.fixture(scope="module")
def down(mta):
    """The mail system is stopped: what is submitted stays in maildrop."""
    mta.postfix("stop")
    mta.log.wait(r"terminating on signal")
    return mta


@pytest.fixture(autouse=True)
def empty_maildrop(down):
    yield
    down.run("find /var/spool/postfix/maildrop -type f -delete", check=True)


def maildrop(mta):
    """{name: (mode, owner)} of all files there, whatever their names."""
    folder = mta.path("/var/spool/postfix/maildrop")
    return {f.name: (oct(f.stat().st_mode), f.stat().st_uid) for f in folder.iterdir()}


def only_a_whole_message(mta):
    files = list(maildrop(mta).values())
    assert files in ([], [("0o100744", USERS["joe"][0])])
    return len(files) == 1


CALLS = {
    "plain": ("postdrop", True),
    "no standard output": ("postdrop >&-", None),
    "no standard error": ("postdrop 2>&-", True),
    "no output at all": ("postdrop >&- 2>&-", None),
    "full device": ("postdrop >/dev/full", None),
    "no core, one process": ("ulimit -c 0; ulimit -u 1; exec postdrop", True),
    "sendmail, one process": ("ulimit -u 1; exec sendmail joe", None),
    "sendmail, few descriptors": ("ulimit -n 5; exec sendmail joe", False),
    "sendmail, no standard input": ("exec sendmail joe <&-", True),
    "sendmail, a directory as input": ("exec sendmail joe </home", False),
    "few descriptors": ("ulimit -n 4; exec postdrop", None),
    "no memory": ("ulimit -v 20000; exec postdrop", None),
    "small files": ("ulimit -f 0; exec postdrop", False),
    "a Berkeley DB configuration here": ("cd /home/joe; echo nonsense >DB_CONFIG; exec postdrop", True),
    "a directory that is gone": ("mkdir /home/joe/gone; cd /home/joe/gone; rmdir ../gone; exec postdrop", True),
    "an environment": ("env LD_LIBRARY_PATH=/home/joe LD_PRELOAD=/home/joe/x.so IFS=x PATH=/home/joe postdrop", None),
    "a zone": ("env TZ=:/etc/shadow postdrop", True),
    "umask": ("umask 777; exec postdrop", True),
    "ignored signals": ("trap '' HUP INT QUIT TERM PIPE XFSZ CHLD ALRM; exec postdrop", True),
    "a configuration": ("env MAIL_CONFIG=/home/joe postdrop", False),
    "a configuration by option": ("postdrop -c /home/joe", False),
    "a configuration through a link": ("ln -sf /etc/postfix /home/joe/link; postdrop -c /home/joe/link", False),
    "the same configuration": ("env MAIL_CONFIG=/etc/postfix postdrop", True),
}


@pytest.mark.parametrize("words,taken", CALLS.values(), ids=CALLS)
def test_whole_or_nothing(down, words, taken):
    down.write("/home/joe/main.cf", "queue_directory = /home/joe\n", owner="joe")
    down.run(words, user="joe", input=WHOLE, timeout=30)
    assert taken in (None, only_a_whole_message(down))
    only_a_whole_message(down)


def test_an_empty_argument_list(down):
    down.run(["bash", "-c", "exec -c -a '' /usr/sbin/postdrop"], user="joe", input=WHOLE)
    assert only_a_whole_message(down)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_leaves_nothing(down, number):
    process = down.popen("exec postdrop", user="joe", stdin=-1, stdout=-1, stderr=-3)
    process.stdin.write(BEGIN)
    process.stdin.flush()
    wait_until(lambda: maildrop(down), what="a file in maildrop")
    assert down.kill("postdrop", number) == 1
    assert process.wait(10) != 0
    assert maildrop(down) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("text", [b"Subject: x\n\nhello\n", b"x" * 100000], ids=["short", "long"])
def test_sendmail_that_is_interrupted_leaves_nothing(down, number, text):
    process = down.popen("exec sendmail ann", user="joe", stdin=-1, stdout=-1, stderr=-3)
    process.stdin.write(text)
    process.stdin.flush()
    wait_until(lambda: maildrop(down), what="a file in maildrop")
    assert down.kill("sendmail", number) == 1
    assert process.wait(10) != 0
    wait_until(lambda: not maildrop(down), what="postdrop's end")
    assert maildrop(down) == {}


def test_a_killed_submission_is_never_taken(down):
    process = down.popen("exec postdrop", user="joe", stdin=-1, stdout=-1, stderr=-3)
    process.stdin.write(BEGIN)
    process.stdin.flush()
    wait_until(lambda: maildrop(down), what="a file in maildrop")
    down.kill("postdrop", signal.SIGKILL)
    process.wait(10)
    ((mode, _),) = maildrop(down).values()
    assert mode == "0o100600"


def test_signals_while_the_file_is_finished(down):
    """Either it was told status 0 and the file is there, or it is not."""
    for delay in (0, 0.001, 0.002, 0.004, 0.008):
        process = down.popen("exec postdrop", user="joe", stdin=-1, stdout=-1, stderr=-3)
        process.stdin.write(WHOLE)
        process.stdin.close()
        time.sleep(delay)
        down.kill("postdrop", signal.SIGTERM)
        process.wait(10)
        told = process.stdout.read()
        assert only_a_whole_message(down) == (b"status\0" + b"0\0" in told)
        down.run("find /var/spool/postfix/maildrop -type f -delete", check=True)


FORGED = {
    "time": record("T", b"1 1"),
    "client": record("A", b"client_address=192.0.2.1"),
    "SASL": record("A", b"sasl_username=root"),
    "probe": record("A", b"trace_flags=256"),
    "filter": record("L", b"discard:"),
    "redirect": record(">", b"x@y.test"),
    "done": record("D", b"x"),
    "pointer": record("p", b"%15d" % 0),
    "type zero": b"\0\0",
    "long": b"R\xff\xff\xff\xff\x7f",
    "over-long": b"R\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "two senders": record("S", b"root"),
    "line end": record("R", b"a\nb@c.test"),
    "NUL": record("R", b"a\0b@c.test"),
    "huge": record("R", b"x" * 3000000),
}


@pytest.mark.parametrize("what", FORGED.values(), ids=FORGED)
def test_nobody_says_what_only_the_mail_system_may(down, what):
    start = time.time()
    down.run("postdrop", user="joe", input=record("S", b"a@b.test") + what + WHOLE[len(record("S", b"a@b.test")) :])
    if not only_a_whole_message(down):
        return
    (path,) = down.queue_files("maildrop").values()
    records = down.records(path)
    assert records[0][0] == "T" and int(records[0][1].split()[0]) >= int(start)
    assert [k for k, _ in records] == ["T", "S", "R", "M", "N", "X", "E"]


def test_what_the_caller_calls_himself_is_not_logged(down):
    mark = down.log.mark()
    forged = {"MAIL_LOGTAG": "postfix/x[1]: forged\n<22>postfix/y"}
    down.run(["postdrop", "-x"], user="joe", env=forged)
    down.log.wait(r"usage: postdrop", since=mark)
    (line,) = down.log.matching(r"usage: postdrop", since=mark)
    assert "forged" not in line.string and line.string.startswith("postfix/postdrop[")
