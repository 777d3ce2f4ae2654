"""postmap and postalias: what Debian's cannot be compared with, or what must hold without it."""

import fcntl
import os
import signal
import subprocess
import threading

import pytest

from harness.instance import Instance
from harness.sandbox import wait_until


@pytest.fixture(scope="module")
def box(work):
    instance = Instance.make(work / "box", "postern")
    instance.start(mail=False)
    yield instance
    instance.close()


def test_json(box):
    box.write("/tmp/j", 'a plain\nb "quo\\ted"\nc \t tab\there\nd \xc3\x84\x01\x7f\n'.encode("latin-1"))
    box.run("postmap /tmp/j", check=True)
    assert box.run("postmap -jq b /tmp/j").stdout == '{"b": "\\"quo\\\\ted\\""}\n'
    assert sorted(box.run("postmap -js /tmp/j").stdout.splitlines()) == [
        '{"a": "plain"}',
        '{"b": "\\"quo\\\\ted\\""}',
        '{"c": "tab\\there"}',
        '{"d": "\u00c4\\u0001\\u007F"}',
    ]
    assert box.run("printf 'a\\nx\\nb\\n' | postmap -jq - /tmp/j").stdout.count("\n") == 2
    done = box.run("postmap -j /tmp/j")
    assert (done.returncode, done.stderr) == (1, "postmap: fatal: specify -j only with -q or -s\n")
    box.write("/tmp/ja", "Joe: ann,bob\n")
    assert box.run("postalias /tmp/ja && postalias -jq JOE /tmp/ja").stdout == '{"JOE": "ann, bob"}\n'


def test_status_and_words(box):
    box.write("/tmp/t", "a 1\nA 2\nb\n")
    done = box.run("postmap /tmp/t")
    assert done.returncode == 0
    assert done.stderr == (
        'postmap: warning: /tmp/t.db: duplicate entry: "a"\n'
        "postmap: warning: /tmp/t, line 3: expected format: key whitespace value\n"
    )
    for command, status, output in (
        ("-q A", 0, "1\n"),
        ("-q c", 1, ""),
        ("-d c", 1, ""),
        ("-d a", 0, ""),
        ("-q a", 1, ""),
        ("-s", 0, ""),
    ):
        done = box.run(f"postmap {command} /tmp/t")
        assert (done.returncode, done.stdout, done.stderr) == (status, output, ""), command


def left(box):
    return sorted(p.name for p in box.path("/tmp/left").iterdir() if p.name.endswith(".tmp"))


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_what_a_killed_run_left_is_removed_by_the_next(box, kind):
    box.run("rm -rf /tmp/left && mkdir /tmp/left && echo 'a b' >/tmp/left/t", check=True)
    table, index = f"{kind}:/tmp/left/t", "t.db"
    box.run(["postmap", table], check=True)
    running = box.popen(["postmap", "-i", table], stdin=subprocess.PIPE)
    wait_until(lambda: left(box), 10, "a temporary file")
    os.kill(*box.processes("postmap"), signal.SIGKILL)
    running.stdin.close()
    running.wait()
    assert len(left(box)) == 1
    others = [f"{index}.tmp", f"{index}.x1.tmp", f"other{index}.1.tmp", f"{index}.1.tmp2"]
    for name in others:
        box.write(f"/tmp/left/{name}", "")
    box.write(f"/tmp/left/{index}.1.tmp", "")
    with open(box.path(f"/tmp/left/{index}.1.tmp")) as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        box.run(["postmap", table], check=True)
        assert left(box) == sorted([*others[:3], f"{index}.1.tmp"])
    box.run(["postmap", table], check=True)
    assert left(box) == sorted(others[:3])
    assert box.run(["postmap", "-q", "a", table]).stdout == "b\n"


def test_a_user_builds_tables_of_his_own(box):
    box.run("mkdir /tmp/mine && chown joe /tmp/mine", check=True)
    done = box.run("cd /tmp/mine && echo 'a b' >t && postmap t && postmap -q a t", user="joe")
    assert (done.returncode, done.stdout) == (0, "b\n")
    # root, called to it, leaves an index that the user can build again
    box.run("postmap /tmp/mine/t", check=True)
    assert box.run("stat -c %U /tmp/mine/t.db").stdout == "joe\n"
    assert box.run("postmap /tmp/mine/t", user="joe").returncode == 0


def test_root_writes_nowhere_else_for_a_link(box):
    """reliability: who owns the directory must gain nothing from root's postmap."""
    box.run(
        "mkdir /tmp/trap && echo secret >/tmp/trap-target && chmod 600 /tmp/trap-target && ln -s /tmp/trap-target /tmp/trap/t.db"
        " && echo 'a b' >/tmp/trap/t && chown -h joe /tmp/trap /tmp/trap/*",
        check=True,
    )
    box.run("postmap /tmp/trap/t")
    box.run("echo 'c d' | postmap -i /tmp/trap/t")
    assert box.read("/tmp/trap-target") == "secret\n"
    assert box.run("stat -c '%U %a' /tmp/trap-target").stdout == "root 600\n"


def test_readers_never_see_half_a_table(box):
    """Two builders, and readers that ask for what is always there."""
    box.write("/tmp/big", "".join(f"key{i} value{i}\n" for i in range(3000)))
    box.run("postmap /tmp/big", check=True)
    failures = []
    end = threading.Event()

    def read():
        while not end.is_set():
            done = box.run("postmap -q key2999 /tmp/big")
            if done.stdout != "value2999\n":
                failures.append((done.returncode, done.stdout, done.stderr))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        done = box.run("postmap /tmp/big & postmap /tmp/big; wait")
        assert done.returncode == 0, done.stderr
    end.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert box.run("ls /tmp | grep tmp$").stdout == ""
