"""Commands that spawn(8) starts for clients: what they get is what Debian's gives them."""

import re
import socket
import time

import pytest

from harness.sandbox import wait_until

COMMANDS = {
    10025: "argv=/tmp/bin/dump a {b c} $x",
    10026: "argv=/bin/sh -c {read x; echo hi $x; exit 3}",
    10027: "argv=/bin/sh -c {kill -9 $$}",
    10028: "argv=cat",
    10029: "argv=/bin/sh -c {sleep 60 & echo out >&2}",
}
MASTER = "".join(f"{port} inet n n n - 0 spawn user=joe:ann {words}\n" for port, words in COMMANDS.items())
MASTER += "10030 inet n n n - 0 spawn user=joe argv=/bin/sh -c {sleep 60 & wait}\n"
MASTER += "local.sock unix - n n - 0 spawn user=nobody argv=cat\n"
MAIN = "10030_time_limit = 1s\n"
DUMP = "#!/bin/sh\nprintf ' <%s>' \"$@\"; echo; env | sort; id; pwd; umask; ls /proc/self/fd; read x; echo got $x\n"


@pytest.fixture(scope="module")
def both(ours, oracle):
    for mta in (ours, oracle):
        mta.write("/tmp/bin/dump", DUMP, mode=0o755)
    return ours, oracle


def talk(mta, port, wait=10):
    """Say a line; return what is answered until the end, or until the time is over."""
    with socket.create_connection((mta.address, port), timeout=wait) as s:
        s.sendall(b"hello\n")
        if port == 10028:
            s.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := s.recv(4096):
                answer += piece
        except (ConnectionResetError, TimeoutError):
            pass
    return mta.mask(answer.decode())


@pytest.mark.parametrize("port", COMMANDS)
def test_command(both, port):
    seen = []
    for mta in both:
        mark = mta.log.mark()
        answer = talk(mta, port, wait=2)
        mta.run(["postlog", "-t", "here", "settled"], check=True)
        mta.log.wait("settled", since=mark)
        lines = [l for l in mta.mask(mta.log.lines[mark:]) if "spawn[" in l]
        seen.append((answer, lines))
        mta.kill("sleep")
    assert seen[0] == seen[1]


def test_time_limit_ends_the_command_and_its_children(ours):
    began = time.monotonic()
    talk(ours, 10030)
    assert 0.5 < time.monotonic() - began < 8
    ours.log.wait(r"spawn\[\d+\]: warning: /bin/sh: command time limit exceeded")
    wait_until(lambda: not ours.processes("sleep"), 5, "the children of the command to end")


def test_several_clients_at_once(ours):
    clients = [socket.create_connection((ours.address, 10028), timeout=10) for _ in range(5)]
    for i, client in enumerate(clients):
        client.sendall(b"%d\n" % i)
        assert client.recv(100) == b"%d\n" % i
    for client in clients:
        client.close()


def test_service_without_rights_does_not_start(ours):
    for words, wanted in {
        "argv=/bin/true": "user= is missing",
        "user=joe": "argv= is missing",
        "user=root argv=/bin/true": "must not be root's",
        "user=postfix argv=/bin/true": "that is mail_owner",
        "user=joe bogus=x argv=/bin/true": 'unknown attribute "bogus=x"',
    }.items():
        text = re.sub(r"(?m)^10031 .*\n", "", ours.read("/etc/postfix/master.cf"))
        ours.write("/etc/postfix/master.cf", text + f"10031 inet n n n - 0 spawn {words}\n")
        ours.reload()
        mark = ours.log.mark()
        with socket.create_connection((ours.address, 10031), timeout=10):
            ours.log.wait(rf"spawn\[\d+\]: fatal: master.cf: service 10031: .*{wanted}", since=mark)
    ours.write("/etc/postfix/master.cf", text)
    ours.reload()
