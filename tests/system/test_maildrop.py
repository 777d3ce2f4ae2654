"""Files in maildrop belong to users: whatever they hold, pickup takes what is a
message, puts the rest aside, and goes on."""

import os

import pytest

from harness.instance import record
from harness.sandbox import POSTDROP, USERS, wait_until

MAIN = "defer_transports = local smtp\nnotify_classes =\n"
BODY = b"bodytext@body.test"
MESSAGE = b"".join(
    [
        record("T", b"1700000000 5"),
        record("A", b"rewrite_context=local"),
        record("F", b"Joe"),
        record("S", b"joe@example.test"),
        record("R", b"ann@example.test"),
        record("M"),
        record("N", b"Subject: x"),
        record("N", b""),
        record("N", b"R" + bytes([len(BODY)]) + BODY),
        record("X"),
        record("R", b"bob@example.test"),
        record("E"),
    ]
)


def put(mta, number, data, mode=0o744):
    path = mta.path(f"/var/spool/postfix/maildrop/AAAAA{number:06X}")
    path.write_bytes(data)
    os.chown(path, USERS["joe"][0], POSTDROP)
    path.chmod(mode)


@pytest.fixture
def settled(mta):
    """Let pickup look at all that is there."""

    def look():
        mta.run(["postkick", "public", "pickup", "W"], check=True)
        wait_until(lambda: not mta.queue_files("maildrop"), 60, "pickup to look at all files")
        mta.log.wait(r"postfix/pickup")

    yield look
    assert mta.log.crashes() == []
    mta.run("postsuper -d ALL; find /var/spool/postfix/corrupt -type f -delete", check=True)


def in_queue(mta):
    return mta.queue_files("deferred") | mta.queue_files("active") | mta.queue_files("incoming")


def recipients(mta):
    found = set()
    for path in in_queue(mta).values():
        try:
            found |= {data for kind, data in mta.records(path) if kind == "R"}
        except FileNotFoundError:
            continue
    return found


def test_cut_at_every_length(mta, settled):
    for length in range(len(MESSAGE)):
        put(mta, length, MESSAGE[:length])
    put(mta, len(MESSAGE), MESSAGE)
    settled()
    assert len(mta.queue_files("corrupt")) == len(MESSAGE)
    assert wait_until(lambda: recipients(mta), what="the whole one") == {b"ann@example.test", b"bob@example.test"}


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_changed_at_every_byte(mta, settled, change):
    for at in range(len(MESSAGE)):
        put(mta, at, MESSAGE[:at] + bytes([MESSAGE[at] ^ change]) + MESSAGE[at + 1 :])
    settled()
    total = len(mta.queue_files("corrupt")) + len(in_queue(mta))
    assert total >= len(MESSAGE) * 9 // 10  # some have only recipients that bounce at once
    assert not any(r.startswith(b"bodytext") for r in recipients(mta))


def test_what_is_not_ready_is_left_alone(mta, settled):
    put(mta, 1, MESSAGE, mode=0o600)
    put(mta, 2, MESSAGE)
    mta.run(["postkick", "public", "pickup", "W"], check=True)
    wait_until(lambda: len(mta.queue_files("maildrop")) == 1, what="the ready one to be taken")
    assert list(mta.queue_files("maildrop")) == ["AAAAA000001"]
    mta.run("rm /var/spool/postfix/maildrop/AAAAA000001", check=True)


def test_files_that_are_none(mta, settled):
    """Names that users cannot make, but root's cp can."""
    maildrop = "/var/spool/postfix/maildrop"
    mta.run(
        f"cd {maildrop}; mkfifo AAAAA00000A; ln -s /etc/shadow AAAAA00000B; mkdir AAAAA00000C;"
        " echo x >core; echo x >AAAAA00000D.tmp; chmod 744 *",
        check=True,
    )
    put(mta, 14, MESSAGE)
    mta.run(["postkick", "public", "pickup", "W"], check=True)
    wait_until(lambda: recipients(mta), what="the message to be taken")
    mta.run(f"cd {maildrop}; rm -rf AAAAA00000* core", check=True)


def test_a_users_file_is_not_taken_for_a_requeued_one(mta, settled):
    forged = MESSAGE.replace(record("F", b"Joe"), record("A", b"sasl_username=root"))
    put(mta, 1, forged)
    settled()
    (path,) = in_queue(mta).values()
    assert ("A", b"sasl_username=root") not in mta.records(path)
