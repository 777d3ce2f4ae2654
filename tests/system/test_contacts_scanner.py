"""A mail scanner that works on the queue itself, as MailScanner does: it takes files from
hold/, changes them, puts them into incoming/ under new names, and wakes the queue manager."""

import os
import socket

import pytest

from harness.instance import parse_records, record

DOMAIN = "same.test"
MAIN = "header_checks = static:HOLD\n"
TEXT = "Subject: to be scanned\n\nhello\n"
SPOOL = "/var/spool/postfix"
HEADER_LINE = b"X-Scanned: yes"


def scan(box, queue_id):
    """Copy the held file with one more header line into incoming/; return its new name."""
    old = box.path(f"{SPOOL}/hold/{queue_id}")
    records = list(parse_records(old.read_bytes()))
    at = next(i for i, (kind, _) in enumerate(records) if kind == "M") + 1
    new = box.path(f"{SPOOL}/incoming/scanning")
    records.insert(at, ("N", HEADER_LINE))
    # pointers of the old file mean nothing in the new one; its size record is made anew
    kept = [(kind, data) for kind, data in records if kind not in "pw"]
    envelope = len(b"".join(record(k, d) for k, d in kept[:at]))
    content = len(b"".join(record(k, d) for k, d in kept[at : [k for k, _ in kept].index("X")]))
    fields = kept[0][1].split()
    size = b"%15d %15d %15d %15d %15d %15d" % (content, envelope, *(int(f) for f in fields[2:5]), content)
    new.write_bytes(record("C", size) + b"".join(record(k, d) for k, d in kept[1:]))
    os.chown(new, *(old.stat().st_uid, old.stat().st_gid))
    name = f"{new.stat().st_mtime_ns // 1000 % 0xFFFFF:05X}{new.stat().st_ino:X}"
    new.chmod(0o700)
    new.rename(box.path(f"{SPOOL}/incoming/{name}"))
    old.unlink()
    return name


def wake(box):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path(f"{SPOOL}/public/qmgr")))
        client.sendall(b"I")


@pytest.fixture(scope="module")
def both(ours, oracle):
    return ours, oracle


def test_mail_goes_on_hold_and_comes_back_changed(both):
    shown = []
    for box in both:
        mark = box.log.mark()
        queue_id = box.submit("a@client.test", [f"joe@{DOMAIN}", f"ann@{DOMAIN}"], TEXT)
        box.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
        assert list(box.queue_files("hold")) == [queue_id]
        kinds = [kind for kind, _ in box.records(f"{SPOOL}/hold/{queue_id}")]
        assert kinds[0] == "C" and kinds.count("R") == 2 and kinds.count("M") == 1
        name = scan(box, queue_id)
        mark = box.log.mark()
        wake(box)
        box.wait_removed(name)
        (message,) = box.mbox("joe")
        assert message["X-Scanned"] == "yes" and message["Subject"] == "to be scanned"
        assert len(box.mbox("ann")) == 1
        lines = [l for l in box.masked_log(mark) if "statistics" not in l]
        shown.append(sorted(l.replace(name, "ID") for l in lines))
        assert not box.log.troubles(mark)
    assert shown[0] == shown[1]


def test_released_by_postsuper(both):
    for box in both:
        queue_id = box.submit("a@client.test", f"bob@{DOMAIN}", TEXT)
        box.run(["postsuper", "-H", queue_id], check=True)
        box.wait_removed(queue_id)
        assert len(box.mbox("bob")) == 1
