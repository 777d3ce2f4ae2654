"""What a long deferred queue costs: ours and Debian's Postfix, one after the other,
with the same number of messages that wait for a host that is down.

    /usr/bin/python3 tests/bench/deferred.py                 100,000 messages, both
    /usr/bin/python3 tests/bench/deferred.py --messages 10000 --flavour postern

The queue is made of copies of one message that the system itself deferred, with
its defer log, under names of its own form. Measured are

  start      CPU of "postfix start" itself, and of all daemons, until a fresh message is delivered
  scan       CPU that the queue manager has used when it has looked at everything
  fresh      delay of fresh mail (median), without and with the long queue
  mailq      time and CPU of a whole listing
  memory     of the queue manager: waiting; and with the active queue full
  flush      time and CPU until "postqueue -f" has delivered everything
"""

import argparse
import os
import pathlib
import re
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench.measure import programs_ms  # noqa: E402
from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.instance import Instance  # noqa: E402
from harness.sandbox import wait_until  # noqa: E402

MAIN = """
relayhost = [127.0.0.66]
transport_maps = inline:{fresh.test=discard:}
queue_run_delay = 300s
minimal_backoff_time = 300s
maximal_backoff_time = 4000s
default_process_limit = 100
"""
SPOOL = "/var/spool/postfix"
TEXT = "From: a@client.test\nSubject: wait\n\n" + 10 * (63 * "x" + "\n")


def template(mta):
    """The bytes of a deferred message, and of its defer log."""
    queue_id = mta.submit("a@client.test", "x@down.test", TEXT)
    mta.log.wait(rf"{queue_id}: to=.*status=deferred")
    wait_until(lambda: queue_id in mta.queue_files("deferred"), what="the message to be deferred")
    log = mta.path(f"{SPOOL}/defer/{queue_id[0]}/{queue_id}")
    return mta.path(mta.queue_files()[queue_id]).read_bytes(), log.read_bytes()


def spread(mta, count, message, log):
    """COUNT such messages, not due for an hour, while the system is stopped. Their ids
    are made of their inodes, or the start would give them other names."""
    deferred, defer = (mta.folder / "spool" / queue for queue in ("deferred", "defer"))
    owner = os.stat(deferred)
    later = time.time() + 3600
    for folder in (deferred, defer):
        for letter in "0123456789ABCDEF":
            (folder / letter).mkdir(mode=0o700, exist_ok=True)
            os.chown(folder / letter, owner.st_uid, owner.st_gid)

    def write(path, content, mode):
        with open(path, "wb") as f:
            f.write(content)
            os.fchmod(f.fileno(), mode)
            os.fchown(f.fileno(), owner.st_uid, owner.st_gid)
            inode = os.fstat(f.fileno()).st_ino
        os.utime(path, (later, later))
        return inode

    for n in range(count):
        inode = write(deferred / "new", message, 0o700)
        name = f"{n * 7919 % 1000000:05X}{inode:X}"
        os.rename(deferred / "new", deferred / name[0] / name)
        write(defer / name[0] / name, log, 0o600)
    os.sync()  # not to be paid by who starts now


def fresh(mta, count=40):
    """Median time from the connection to the removal of a fresh message, in ms."""
    took = []
    for _ in range(count):
        begun = time.monotonic()
        removed = f"{mta.submit('a@client.test', 'x@fresh.test', TEXT)}: removed"
        while not any(line.endswith(removed) for line in mta.log.lines[-20:]):
            time.sleep(0.0005)
        took.append(time.monotonic() - begun)
    return 1e3 * statistics.median(took)


def child_ms(before):
    """CPU of the commands that ended since os.times() was BEFORE."""
    now = os.times()
    return 1e3 * (now.children_user + now.children_system - before.children_user - before.children_system)


def cpu(mta, only=None):
    """CPU so far, in ms, of the mail system's programs."""
    return sum(ms for (_, name), ms in programs_ms(mta).items() if not name.startswith("python") and (only is None or name == only))


def memory(mta):
    """Resident memory of the queue manager in MB: now, and at most."""
    (pid,) = mta.processes("qmgr")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{key}:\s+(\d+)", status)[1]) / 1024 for key in ("VmRSS", "VmHWM"))


def settled(mta):
    """Wait until the queue manager does nothing any more; its CPU."""
    last = -1
    while (now := cpu(mta, "qmgr")) != last:
        last = now
        time.sleep(0.5)
    return now


def mailq(mta, count):
    """Seconds, and ms of CPU of showq and postqueue."""
    before, children, begun = cpu(mta), os.times(), time.monotonic()
    done = mta.run("postqueue -p | tail -1", check=True, timeout=600)
    took = time.monotonic() - begun
    assert f"in {count} Requests" in done.stdout, done.stdout
    return took, cpu(mta) - before + child_ms(children)


def flush(mta):
    """Deliver everything; seconds, and ms of CPU."""
    mta.configure("transport_maps = inline:{fresh.test=discard: down.test=discard:}")
    before, begun = cpu(mta), time.monotonic()
    mta.run(["postqueue", "-f"], check=True)
    while any(files for _, _, files in os.walk(mta.path(f"{SPOOL}/deferred"))) or mta.queue_files("active"):
        time.sleep(0.2)
        mta.log.lines.clear()
    return time.monotonic() - begun, cpu(mta) - before


def measure(mta, count):
    mta.start()
    show = lambda title, value: print(f"{mta.flavour:<8} {title:<32} {value}", flush=True)  # noqa: E731
    alone = fresh(mta)
    message, log = template(mta)
    mta.postfix("stop", check=True)
    mta.run(f"rm -rf {SPOOL}/deferred/* {SPOOL}/defer/*", check=True)
    spread(mta, count, message, log)
    begun, children = time.monotonic(), os.times()
    mta.postfix("start", check=True)
    command = child_ms(children)
    mta.wait_removed(mta.submit("a@client.test", "x@fresh.test", TEXT))
    show("start: first delivery after", f"{time.monotonic() - begun:.2f} s, CPU {command:.0f} + {cpu(mta):.0f} ms")
    show("scan: CPU of qmgr", f"{settled(mta):.0f} ms")
    show("memory of qmgr", f"{memory(mta)[0]:.1f} MB")
    show("fresh mail, without and with", f"{alone:.1f} ms, {fresh(mta):.1f} ms")
    mta.run(["postqueue", "-p"], timeout=600)  # caches filled for both
    show("mailq", "{:.2f} s, CPU {:.0f} ms".format(*mailq(mta, count)))
    before = cpu(mta, "qmgr")
    mta.run(["postkick", "public", "qmgr", "D"])  # Postfix's may end by SIGPIPE
    show("fresh mail during a scan", f"{fresh(mta, 10):.1f} ms")
    show("one more scan: CPU of qmgr", f"{settled(mta) - before:.0f} ms")
    show("flush", "{:.1f} s, CPU {:.0f} ms".format(*flush(mta)))
    show("memory of qmgr, then and at most", "{:.1f} MB, {:.1f} MB".format(*memory(mta)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--messages", type=int, default=100_000, help="in the deferred queue (100000)")
    parser.add_argument("--flavour", choices=["postern", "oracle"], help="one system alone")
    parser.add_argument("--folder", default=roots.TOP / "build/tmp", help="on which file system")
    options = parser.parse_args()
    if options.flavour != "postern":
        roots.oracle()
    sandbox.enter_network()
    NameServer()
    pathlib.Path(options.folder).mkdir(parents=True, exist_ok=True)
    for flavour in [options.flavour] if options.flavour else ["postern", "oracle"]:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            mta = Instance.make(pathlib.Path(folder) / "box", flavour, MAIN)
            try:
                measure(mta, options.messages)
            finally:
                mta.close()


if __name__ == "__main__":
    main()
