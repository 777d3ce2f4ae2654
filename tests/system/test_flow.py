"""Much mail, some of it to nobody: a ledger of what became of each message, and
what the programs that stay for ever keep in memory.

Each message has a name of its own in its subject. The good ones go to a Maildir;
the bad ones go to a user that does not exist, and come back to their sender in a
report that carries their header.
"""

import collections
import pathlib
import re
import threading

import pytest

from harness.sandbox import USERS, wait_until

VMAIL = USERS["vmail"]
MAIN = f"""
virtual_mailbox_domains = box.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
local_recipient_maps =
smtpd_client_connection_count_limit = 100
"""
SUBJECT = re.compile(r"^Subject: (m\d+)$", re.M)
BAD_EVERY = 100
SESSIONS = 20


def memory(mta):
    """{program: resident KB} of the two that stay for ever."""
    found = {}
    for name in ("master", "qmgr"):
        (pid,) = mta.processes(name)
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        found[name] = int(re.search(r"VmRSS:\s+(\d+)", text).group(1))
    return found


def send(mta, names):
    """Hand in messages over SESSIONS connections; each must be accepted."""
    failures = []

    def session(share):
        try:
            with mta.smtp() as client:
                for name in share:
                    bad = int(name[1:]) % BAD_EVERY == 0
                    to = f"nobody.{name}@{mta.domain}" if bad else "sue@box.test"
                    client.sendmail(f"joe@{mta.domain}", [to], f"Subject: {name}\n\n" + 3000 * "x" + "\n")
        except Exception as failure:  # noqa: BLE001 - raised below
            failures.append(failure)

    threads = [threading.Thread(target=session, args=(names[i::SESSIONS],)) for i in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def delivered(mta):
    """How often each message is in the Maildir."""
    return collections.Counter(SUBJECT.search(text).group(1) for text in mta.maildir("/home/vmail/all"))


def returned(mta):
    """How often each message came back to joe."""
    reports = [m for m in mta.mbox("joe") if m.get_content_type() == "multipart/report"]
    return collections.Counter(SUBJECT.search(m.as_string()).group(1) for m in reports)


def flow(mta, count):
    for path in ("/home/vmail/all", "/var/mail/joe"):
        mta.run(["rm", "-rf", path], check=True)
    names = [f"m{n}" for n in range(count)]
    quarter = count // 4  # bursts of the same size, since memory follows their backlog
    levels = []
    for begin in range(0, count, quarter):
        send(mta, names[begin : begin + quarter])
        mta.wait_empty(300)
        levels.append(memory(mta))
    bad = {name for name in names if int(name[1:]) % BAD_EVERY == 0}
    wait_until(lambda: sum(returned(mta).values()) >= len(bad), what="the reports")
    assert returned(mta) == collections.Counter(bad)
    assert delivered(mta) == collections.Counter(set(names) - bad)
    print(f"\nKB after each {quarter} messages: {levels}")
    return levels


def test_every_message_arrives_or_comes_back_once(mta):
    flow(mta, 1000)


@pytest.mark.slow
def test_20000_messages_over_20_sessions_leave_nothing_in_memory(mta):
    levels = flow(mta, 20_000)
    for name, kb in levels[-1].items():
        assert kb <= levels[1][name] + 256, levels
