"""T16, T18: what somebody with the rights of the mail system, or a failing disk, leaves
in the queue."""

import os
import re
import socket

import pytest

from harness.sandbox import USERS, wait_until

from .site import Site

SPOOL = "/var/spool/postfix"
OWNER = USERS["postfix"]
QUEUES = ("incoming", "active", "deferred", "hold", "corrupt", "maildrop", "bounce", "defer", "trace", "flush")


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


def litter(folder, names, victim):
    """One of everything that is no message."""
    for kind, name in zip(("dir", "fifo", "link", "loop", "device", "socket", "hard", "empty", "noise"), names):
        path = os.path.join(folder, name)
        if kind == "dir":
            os.makedirs(path + "/deeper/still")
        elif kind == "fifo":
            os.mkfifo(path, 0o700)
        elif kind == "link":
            os.symlink("/etc/shadow", path)
        elif kind == "loop":
            os.symlink(name, path)
        elif kind == "device":
            os.mknod(path, 0o700 | 0o020000, os.makedev(1, 5))  # /dev/zero
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as s:
                here = os.open(folder, os.O_RDONLY)
                s.bind(f"/proc/self/fd/{here}/{name}"[:107])
                os.close(here)
        elif kind == "hard":
            os.link(victim, path)
        else:
            with open(path, "wb") as f:
                f.write(b"" if kind == "empty" else os.urandom(500))
            os.chmod(path, 0o700)
        os.chown(path, *OWNER[:2], follow_symlinks=False)


def valid_names(rng, count):
    return [f"{rng.randrange(16**5):05X}{rng.randrange(1, 16**6):X}" for _ in range(count)]


@pytest.mark.parametrize("queue", QUEUES)
def test_t16_objects_that_are_no_messages(site, rng, queue):
    """No program opens a device, waits on a FIFO, follows a link, goes round in circles or dies."""
    site.warm()
    victim = site.box.write("/var/spool/postfix/victim", "secret\n", "postfix", 0o700)
    folder = site.box.path(f"{SPOOL}/{queue}")
    odd = [".hidden", "a b", "x" * 255, "\udcff\udcfe", "new\nline", "core", "..data", "A" * 19 + "!", "-rf"]
    for names in (valid_names(rng, 9), odd):
        litter(folder, [n.encode(errors="surrogateescape").decode(errors="surrogateescape") for n in names], victim)
    master = site.master()
    for command in ("postqueue -p", "postqueue -j", "postqueue -f", "postsuper -p", "postfix reload", "postqueue -p", "postsuper -s"):
        done = site.box.run(command, timeout=30)
        assert done.returncode in (0, 1), (command, done)
        assert "root:" not in done.stdout
    assert site.send(["vmaildir", "vmbox", "bounce"])
    site.box.run(["postqueue", "-f"])
    site.probe()
    wait_until(lambda: set(site.arrivals().copies + site.arrivals().returned) >= {(n, r) for n, to in site.ledger.acked.items() for r in to}, 60, "all mail to arrive")
    assert site.master() == master
    assert site.box.crashes() == []
    assert victim.read_text() == "secret\n"
    site.box.postfix("stop", check=True)
    assert site.box.postfix("start").returncode == 0
    site.probe()


# -- T18 ----------------------------------------------------------------------------------

# Whatever is done to the queue, and however often it is flushed, mail stays in it.
NOBODY = "smtp:[127.0.0.99]:25"
LATER = f"virtual_transport = {NOBODY}\nlocal_transport = {NOBODY}\ndefault_transport = {NOBODY}\n"
NOW = "virtual_transport = virtual\nlocal_transport = local:$myhostname\ndefault_transport = smtp\n"


def put(site, queue, data, number, owner="postfix", mode=0o700):
    """A file with the name that goes with its inode; return that."""
    path = site.box.write(f"{SPOOL}/{queue}/new.{number}", data, owner, mode)
    name = f"{number:05X}{path.stat().st_ino:X}"
    folder = path.parent
    if queue == "deferred":
        folder = folder / name[0]
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, *OWNER[:2])
    path.rename(folder / name)
    return name


def specimen(site):
    """A queue file of about 2 KB, and the words of its body that look like addresses."""
    site.box.configure(LATER)
    text = "Subject: specimen\n\n" + "body1@evil.test R body2@evil.test\n" * 30
    queue_id = site.box.submit("back@box.test", ["sue@box.test", "tom@box.test"], text)
    wait_until(lambda: queue_id in site.box.queue_files("deferred"), 30, "it to be deferred")
    data = site.box.path(site.box.queue_files("deferred")[queue_id]).read_bytes()
    site.box.run("postsuper -d ALL", check=True)
    return data


def damaged(data, rng, some, share):
    """Cut at lengths and changed at bytes."""
    cuts = [data[:n] for n in some(range(len(data)), share)]
    flips = []
    for n in some(range(len(data)), share):
        flips.append(data[:n] + bytes([data[n] ^ rng.choice((1, 0x20, 0x80, 0xFF))]) + data[n + 1 :])
    return cuts + flips


@pytest.mark.parametrize("queue", ["incoming", "deferred"])
def test_t18_damaged_queue_files(site, rng, some, queue):
    """Mail is deferred throughout, so whatever is read stands in the queue to be looked at."""
    data = specimen(site)
    files = damaged(data, rng, some, 60)
    mark = site.box.log.mark()
    for start in range(0, len(files), 400):
        site.box.postfix("stop")
        batch = {}
        for number, content in enumerate(files[start : start + 400]):
            batch[put(site, queue, content, number)] = content
        assert site.box.postfix("start").returncode == 0
        site.box.run(["postqueue", "-f"])
        cut = {name for name, content in batch.items() if len(content) < len(data)}
        wait_until(lambda: not cut & site.box.queue_files(queue).keys(), 60, "all to be looked at")
        wait_until(lambda: not site.box.queue_files("incoming"), 60, "incoming to be empty")
        wait_until(lambda: not site.box.queue_files("active"), 60, "active to be empty")
        listed = site.box.run("postqueue -j", check=True).stdout
        assert not re.search(r'"address": "[^"]*body\d@evil', listed), "a recipient out of the body"
        corrupt = site.box.queue_files("corrupt")
        assert cut <= corrupt.keys(), f"cut short and taken: {[len(batch[n]) for n in cut - corrupt.keys()]}"
        seen = site.box.all_read()
        site.box.run(["postqueue", "-f"])
        site.box.postfix("reload", check=True)
        assert not any(name in line for line in site.box.log.lines[seen:] for name in corrupt), "a corrupt file was read again"
        site.box.postfix("stop", check=True)
        wait_until(lambda: not site.box.processes(), 30, "all to end")
        site.box.run("cd /var/spool/postfix && find incoming active deferred corrupt maildrop bounce defer trace -type f -delete", check=True)
    assert site.box.crashes() == []
    assert site.box.log.matching("saving corrupt file", mark)
    site.box.configure(NOW, reload=False)
    site.box.postfix("start", check=True)
    site.settle()


def test_t18_damaged_files_of_users(site, rng, some):
    """The same in maildrop: whole messages go out, others stand apart or are dropped."""
    site.box.postfix("stop", check=True)
    assert site.submit(["vmaildir"], 1500)
    (path,) = site.box.queue_files("maildrop").values()
    data = site.box.path(path).read_bytes()
    site.box.path(path).unlink()
    site.forget()
    site.box.postfix("start", check=True)
    site.box.configure(LATER)
    for number, content in enumerate(damaged(data, rng, some, 60)):
        put(site, "maildrop", content, number, "joe", 0o744)
    site.box.run(["postkick", "public", "pickup", "W"], check=True)
    wait_until(lambda: not site.box.queue_files("maildrop"), 120, "pickup to look at all")
    assert site.box.crashes() == []
    site.box.run("postsuper -d ALL; find /var/spool/postfix/corrupt -type f -delete", check=True)
    site.box.configure(NOW)
    site.probe()
