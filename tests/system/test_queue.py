"""The queue and its commands; reload keeps serving; stop leaves nothing."""

import json
import os
import re
import threading

import pytest

from harness.sandbox import wait_until

DOWN = "127.0.0.66"  # nobody listens there
MAIN = f"""
relayhost = [{DOWN}]
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
TEXT = "Subject: waiting\n\nhello\n"


@pytest.fixture
def deferred(mta):
    """The queue id of a message that waits for a host that is down."""
    mark = mta.log.mark()
    queue_id = mta.submit("a@client.test", ["x@else.test", "y@else.test"], TEXT)
    mta.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark, count=2)
    wait_until(lambda: queue_id in mta.queue_files("deferred"), what="the deferred queue")
    yield queue_id
    mta.run(["postsuper", "-d", "ALL"], check=True)
    mta.wait_empty()


def test_mailq(mta, deferred):
    text = mta.run(["mailq"], user="joe", check=True).stdout
    assert re.fullmatch(
        r"-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"
        rf"{deferred}  +\d+ \w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d  a@client\.test\n"
        rf" *\(connect to {DOWN}\[{DOWN}\]:25: Connection refused\)\n"
        r" {41}x@else\.test\n {41}y@else\.test\n\n"
        r"-- \d+ Kbytes in 1 Request\.\n",
        text,
    )


def test_queue_as_json(mta, deferred):
    (line,) = mta.run(["postqueue", "-j"], user="joe", check=True).stdout.splitlines()
    entry = json.loads(line)
    assert (entry["queue_name"], entry["queue_id"]) == ("deferred", deferred)
    assert entry["sender"] == "a@client.test" and entry["forced_expire"] is False
    assert [r["address"] for r in entry["recipients"]] == ["x@else.test", "y@else.test"]
    assert all("Connection refused" in r["delay_reason"] for r in entry["recipients"])


def test_empty_queue(mta):
    assert mta.run(["mailq"], check=True).stdout == "Mail queue is empty\n"
    assert mta.run(["postqueue", "-j"], check=True).stdout == ""


def test_postcat(mta, deferred):
    text = mta.run(["postcat", "-q", deferred], check=True).stdout
    path = mta.queue_files("deferred")[deferred].removeprefix("/var/spool/postfix/")
    assert text.startswith(f"*** ENVELOPE RECORDS {path} ***\n")
    assert "\nsender: a@client.test\n" in text
    assert "\nrecipient: x@else.test\n" in text and "\nSubject: waiting\n" in text
    assert text.endswith(f"*** MESSAGE FILE END {path} ***\n")
    assert mta.run(["postcat", "-q", deferred], user="joe").returncode != 0


def test_hold_and_release(mta, deferred):
    done = mta.run(["postsuper", "-h", deferred], check=True)
    assert done.stderr == f"postsuper: {deferred}: placed on hold\npostsuper: Placed on hold: 1 message\n"
    assert list(mta.queue_files("hold")) == [deferred]
    assert f"\n{deferred}! " in mta.run(["mailq"], check=True).stdout
    mta.run(["postsuper", "-H", deferred], check=True)
    assert mta.queue_files("hold") == {}
    assert list(mta.queue_files()) == [deferred]


def test_requeue_and_deliver(mta, deferred):
    mta.configure("virtual_alias_maps = inline:{x@else.test=joe, y@else.test=ann}")
    try:
        before = len(mta.mbox("joe")), len(mta.mbox("ann"))
        mta.run(["postsuper", "-r", deferred], check=True)
        mta.wait_empty()
        assert (len(mta.mbox("joe")), len(mta.mbox("ann"))) == (before[0] + 1, before[1] + 1)
        assert mta.mbox("joe")[-1]["X-Original-To"] == "x@else.test"
    finally:
        mta.configure("virtual_alias_maps =")


def test_delete(mta, deferred):
    done = mta.run(["postsuper", "-d", deferred], check=True)
    assert done.stderr == f"postsuper: {deferred}: removed\npostsuper: Deleted: 1 message\n"
    assert mta.queue_files() == {}
    assert mta.run(["postsuper", "-d", deferred]).stderr == "postsuper: Deleted: 0 messages\n"
    assert mta.run(["postsuper", "-d", "ALL"], user="joe").returncode == 1


def test_deliver_one_now(mta, deferred):
    mark = mta.log.mark()
    mta.run(["postqueue", "-i", deferred], user="joe", check=True)
    mta.log.wait(rf"{deferred}: to=.*status=deferred", since=mark, count=2)


def test_deferred_mail_survives_a_restart(mta, deferred):
    mta.postfix("stop", check=True)
    assert list(mta.queue_files("deferred")) == [deferred]
    mta.postfix("start", check=True)
    mark = mta.log.mark()
    mta.run(["postqueue", "-f"], check=True)
    mta.log.wait(rf"{deferred}: to=.*status=deferred", since=mark, count=2)


def test_reload_keeps_serving(mta):
    """A client that stays, and one that comes anew for each message, lose nothing."""
    mta.wait_empty()
    before = len(mta.mbox("joe"))
    sent, stop = [], threading.Event()

    def one_session():
        with mta.smtp() as client:
            while not stop.is_set():
                client.sendmail("a@client.test", [f"joe@{mta.domain}"], TEXT)
                sent.append(1)

    def many_sessions():
        while not stop.is_set():
            mta.submit("a@client.test", f"joe@{mta.domain}", TEXT)
            sent.append(1)

    failures = []

    def run(work):
        try:
            work()
        except Exception as failure:  # noqa: BLE001 - shown below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in (one_session, many_sessions)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        mark, count = mta.log.mark(), len(sent)
        mta.postfix("reload", check=True)
        mta.log.wait(r"reload -- version", since=mark)
        wait_until(lambda: len(sent) > count + 20 or failures, what="mail after a reload")
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    mta.wait_empty()
    assert len(mta.mbox("joe")) == before + len(sent)


def test_stop_leaves_nothing(mta):
    mta.submit("a@client.test", f"joe@{mta.domain}", TEXT)
    mta.wait_empty()
    assert mta.postfix("status").returncode == 0
    mta.postfix("stop", check=True)
    assert mta.processes() == []
    assert mta.postfix("status").returncode != 0
    assert mta.postfix("stop").returncode != 0
    for queue in ("incoming", "active", "maildrop"):
        assert list((mta.folder / "spool" / queue).rglob("*.*")) == []
    with pytest.raises(OSError):
        mta.smtp()
    mta.postfix("start", check=True)
    assert mta.postfix("start").returncode != 0, "a second start is refused"
    assert len(mta.processes("master")) == 1


def test_folders_have_the_rights_that_keep_secrets(mta):
    spool = mta.folder / "spool"
    for name in ("active", "bounce", "defer", "deferred", "hold", "incoming", "private"):
        status = os.stat(spool / name)
        assert (status.st_mode & 0o777, status.st_uid) == (0o700, 9101), name
    assert os.stat(spool / "maildrop").st_mode & 0o777 == 0o730
    assert os.stat(spool / "public").st_mode & 0o777 == 0o710
