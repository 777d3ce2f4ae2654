"""What monit and its like rely on: a daemon that is killed comes back, and master says so in
the words of Debian's Postfix; the pid file and the names of programs are as they expect."""

import os
import re
import signal
import socket

import pytest

from harness.sandbox import wait_until

DOMAIN = "same.test"
TEXT = "Subject: still there\n\nhello\n"
DAEMONS = ("smtpd", "cleanup", "qmgr", "pickup", "trivial-rewrite", "local")


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_that_is_killed_comes_back(ours, oracle, name):
    shown = []
    for box in ours, oracle:
        with box.smtp() as client:  # keeps an smtpd, and what it talks to
            client.sendmail("a@client.test", [f"joe@{DOMAIN}"], TEXT)
            box.wait_empty()
            mark, before = box.log.mark(), len(box.mbox("joe"))
            assert box.kill(name) > 0
            said = box.log.wait(r"master\[\d+\]: (warning: process .*)", since=mark)[1]
        for user in "joe", "bob":
            box.sendmail([user], TEXT)
        wait_until(lambda: len(box.mbox("joe")) > before, what="mail after the kill")
        box.wait_empty()
        shown.append(re.sub(r"pid \d+", "pid N", said))
    assert shown[0] == shown[1]
    assert shown[0].startswith(f"warning: process /usr/lib/postfix/sbin/{name} pid N killed by signal 9")


# Those that somebody connects to; name of the socket and of the program.
ON_DEMAND = (
    ("private/bounce", "bounce"),
    ("private/proxymap", "proxymap"),
    ("private/anvil", "anvil"),
    ("private/lmtp", "lmtp"),
    ("private/smtp", "smtp"),
    ("private/error", "error"),
    ("private/discard", "discard"),
    ("private/virtual", "virtual"),
    ("private/pipe", "pipe"),
    ("private/spawn", "spawn"),
    ("public/flush", "flush"),
)


def connect_unix(box, name):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(box.path(f"/var/spool/postfix/{name}")))
    return client


def kill_on_demand(box, name, program):
    """Have a daemon killed that serves us; what master says of it."""
    with connect_unix(box, name):
        wait_until(lambda: box.processes(program), what=f"{program} to start")
        mark = box.log.mark()
        box.kill(program)
        said = box.log.wait(rf"master\[\d+\]: (warning: process .*/{program} pid .*)", since=mark)[1]
    return re.sub(r"pid \d+", "pid N", said)


def test_every_daemon_that_is_killed_comes_back(ours, oracle):
    shown = []
    for box in ours, oracle:
        for name in "pipe", "spawn":
            box.run(["postconf", "-Me", f"{name}/unix={name} unix - n n - - {name} user=vmail argv=/bin/cat"], check=True)
        box.run(["postconf", "-P", "virtual/unix/virtual_mailbox_base=/home"], check=True)
        box.reload()
        shown.append([kill_on_demand(box, *which) for which in ON_DEMAND])
        clients = [connect_unix(box, name) for name, _ in ON_DEMAND]
        for _, program in ON_DEMAND:
            wait_until(lambda: box.processes(program), what=f"{program} to come back")
        for client in clients:
            client.close()
        box.run(["postconf", "-PX", "virtual/unix/virtual_mailbox_base"], check=True)
        box.run(["postconf", "-MX", "pipe/unix", "spawn/unix"], check=True)
        box.reload()
    assert shown[0] == shown[1]
    assert len(shown[0]) == len(ON_DEMAND)
    assert all(words.endswith("pid N killed by signal 9") for words in shown[0])


def hang_up(box):
    """Reload without postfix(1), which refuses what cannot be."""
    mark = box.log.mark()
    os.kill(box.processes("master")[0], signal.SIGHUP)
    box.log.wait(r"master\[\d+\]: reload -- version", since=mark)


def test_a_daemon_that_cannot_start_is_throttled(ours, oracle):
    shown = []
    for box in ours, oracle:
        mark = box.log.mark()
        box.run(["postconf", "-Me", "bad/unix=bad unix - - n - - smtpd -o nosuch"], check=True)
        hang_up(box)
        box.run("python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"/var/spool/postfix/private/bad\")'")
        lines = [
            box.log.wait(r"master\[\d+\]: (warning: process .*exit status.*)", since=mark)[1],
            box.log.wait(r"master\[\d+\]: (warning: .*bad command startup.*)", since=mark)[1],
        ]
        box.run(["postconf", "-MX", "bad/unix"], check=True)
        box.reload()
        shown.append([re.sub(r"pid \d+", "pid N", line) for line in lines])
    assert shown[0] == shown[1]


def test_the_pid_file_names_a_running_master(ours, oracle):
    """As Debian's hooks read it: blanks off, then the program behind it."""
    for box in ours, oracle:
        text = box.read("/var/spool/postfix/pid/master.pid")
        assert re.fullmatch(r" *\d+\n", text) and len(text) == 33
        program = box.run(f"readlink /proc/{text.strip()}/exe", check=True).stdout.strip()
        assert os.path.basename(program) == "master"
        assert box.postfix("status").returncode == 0
