"""What a message costs: system calls and CPU of all processes, ours and Debian's
Postfix side by side in the same run.

    make bench                                   the whole table
    /usr/bin/python3 tests/bench/count.py --only maildir --calls

Both systems run in sandboxes of tests/harness. CPU is what the kernel charged
to a control group with all processes of a system, user and system time
together, while it was warm; system calls are counted by strace in a run of
their own, since strace costs CPU. Rounds alternate between the two systems,
and the median stands in the table, so that a busy machine hits both alike.

Reading order: Scenario (what is sent where), Load and Sink (the other ends),
cpu_of and calls_of (the two measurements), main (the table).
"""

import argparse
import collections
import contextlib
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.instance import Instance  # noqa: E402
from harness.sandbox import USERS, wait_until  # noqa: E402

SINK = "127.0.0.8"
VMAIL = USERS["vmail"]
MAIN = f"""
virtual_mailbox_domains = maildir.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
transport_maps = inline:{{discard.test=discard:, relay.test=smtp:[{SINK}]}}
mynetworks = 127.0.0.0/8
default_process_limit = 100
"""
BODY = "From: a@client.test\nTo: x\nSubject: cost\n\n" + 64 * (63 * "x" + "\n")  # 4 KB

Scenario = collections.namedtuple("Scenario", "name title recipient by")
SCENARIOS = [
    Scenario("discard", "SMTP -> discard", "x@discard.test", "smtp"),
    Scenario("maildir", "SMTP -> Maildir", "x@maildir.test", "smtp"),
    Scenario("relay", "SMTP -> relay", "x@relay.test", "smtp"),
    Scenario("sendmail", "sendmail -> Maildir", "x@maildir.test", "sendmail"),
]


class Sink:
    """An SMTP server that takes everything and keeps nothing."""

    def __init__(self):
        listener = socket.create_server((SINK, 25), backlog=100)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, client.makefile("rb") as lines:
            client.sendall(b"220 sink ESMTP\r\n")
            for line in lines:
                verb = line[:4].upper()
                if verb == b"DATA":
                    client.sendall(b"354 go on\r\n")
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                if verb == b"EHLO":
                    client.sendall(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
                elif verb == b"QUIT":
                    client.sendall(b"221 bye\r\n")
                    return
                else:
                    client.sendall(b"250 ok\r\n")


class Load:
    """Hands in messages in one of the two ways, and waits until they are gone."""

    def __init__(self, mta, scenario, sessions):
        self.mta, self.scenario, self.sessions = mta, scenario, sessions

    def run(self, messages, wrap=""):
        mark = self.mta.log.mark()
        getattr(self, self.scenario.by)(messages, wrap)
        self.mta.log.wait(r"qmgr\[\d+\]: \w+: removed$", since=mark, count=messages, timeout=300)
        self.mta.wait_empty()

    def smtp(self, messages, _):
        failures = []

        def session(count):
            try:
                for _ in range(count):
                    self.mta.submit("a@client.test", self.scenario.recipient, BODY)
            except Exception as failure:  # noqa: BLE001 - raised below
                failures.append(failure)

        share = [messages // self.sessions + (i < messages % self.sessions) for i in range(self.sessions)]
        threads = [threading.Thread(target=session, args=(count,)) for count in share]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def sendmail(self, messages, wrap):
        """One command after another, from a shell of the measured group."""
        command = f"{wrap} sendmail -i -f joe {self.scenario.recipient} </tmp/message"
        self.shell(messages, command)

    def shell(self, times, command):
        loop = f"i=0; while [ $i -lt {times} ]; do {command}; i=$((i+1)); done"
        self.mta.run(loop, check=True, timeout=600)


# --- CPU ------------------------------------------------------------------------


def group_of(mta):
    """The control group of that system: its folder, and how to read its CPU in ms."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup/cpuacct"), pathlib.Path("/sys/fs/cgroup")
    if v1.is_dir():
        folder = v1 / f"postern-bench-{os.getpid()}-{mta.flavour}"
        read = lambda: int((folder / "cpuacct.usage").read_text()) / 1e6  # noqa: E731
    elif (v2 / "cgroup.controllers").exists():
        folder = v2 / f"postern-bench-{os.getpid()}-{mta.flavour}"
        read = lambda: int(re.search(r"usage_usec (\d+)", (folder / "cpu.stat").read_text())[1]) / 1e3  # noqa: E731
    else:
        sys.exit("count.py: this machine has no control groups to measure CPU with")
    folder.mkdir(exist_ok=True)
    return folder, read


def gather(mta):
    """All processes of the system into its group; their children follow them."""
    mta.group, mta.cpu_ms = group_of(mta)
    for pid in mta.processes():
        (mta.group / "cgroup.procs").write_text(str(pid))


def cpu_of(load, messages):
    """CPU in ms a message."""
    mta = load.mta
    before, children = mta.cpu_ms(), os.times()
    load.run(messages)
    total = mta.cpu_ms() - before
    if load.scenario.by == "sendmail":
        # the commands ran outside the group; the loop itself is not theirs
        total += child_ms(children)
        children = os.times()
        load.shell(messages, "( : ) </tmp/message")
        total -= child_ms(children)
    return total / messages


def programs_ms(mta):
    """{(pid, program): CPU in ms so far} of what runs now."""
    found = {}
    for pid in mta.processes():
        with contextlib.suppress(OSError):
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            # the CPU clock of another process, as clock_getcpuclockid(3) makes it
            found[pid, name] = time.clock_gettime((~pid << 3) | 2) * 1e3
    return found


def cpu_by_program(load, messages):
    """{program: CPU in ms a message}; what processes that ended had used is "ended"."""
    before, total = programs_ms(load.mta), load.mta.cpu_ms()
    load.run(messages)
    total = load.mta.cpu_ms() - total
    used = collections.Counter()
    for (pid, name), value in programs_ms(load.mta).items():
        used[name] += value - before.get((pid, name), 0)
    used["(ended, and sandbox)"] = total - sum(used.values())
    return {name: value / messages for name, value in used.items()}


def child_ms(before):
    now = os.times()
    return 1e3 * (now.children_user + now.children_system - before.children_user - before.children_system)


# --- system calls -----------------------------------------------------------------


def calls_of(load, messages):
    """{call: how often a message}, all processes."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/daemons"
        pids = [word for pid in load.mta.processes() for word in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-q", "-c", "-o", out, *pids], stderr=subprocess.DEVNULL)
        wait_until(lambda: traced(load.mta, tracer.pid), 30, "strace")
        # a nested strace, since that of the daemons does not see the commands
        load.run(messages, wrap="strace -f -q -c -o /tmp/calls.$i")
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        counts = parse(pathlib.Path(out).read_text())
        if load.scenario.by == "sendmail":
            for i in range(messages):
                counts += parse(load.mta.read(f"/tmp/calls.{i}"))
    return {name: count / messages for name, count in counts.items()}


def traced(mta, tracer):
    """Has strace taken hold of every process?"""
    for pid in mta.processes():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        if f"TracerPid:\t{tracer}\n" not in status:
            return False
    return True


def parse(summary):
    """The table that strace -c prints."""
    counts = collections.Counter()
    for line in summary.splitlines():
        found = re.match(r" *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$", line)
        if found and found[2] != "total":
            counts[found[2]] += int(found[1])
    return counts


# --- the table ----------------------------------------------------------------------


def measure(systems, scenario, options):
    cpu, calls = {m.flavour: [] for m in systems}, {}
    loads = {m.flavour: Load(m, scenario, options.sessions) for m in systems}
    for load in loads.values():
        load.run(options.sessions * 10)  # warm: processes are there, caches filled
        gather(load.mta)
    for _ in range(options.rounds):
        for flavour, load in loads.items():
            cpu[flavour].append(cpu_of(load, options.messages))
    if options.programs:
        print_programs({f: cpu_by_program(load, options.messages) for f, load in loads.items()})
    for flavour, load in loads.items():
        calls[flavour] = calls_of(load, max(options.messages // 5, 20))
    return {f: statistics.median(v) for f, v in cpu.items()}, calls


def row(title, cpu, calls):
    totals = {flavour: sum(counts.values()) for flavour, counts in calls.items()}
    cells = []
    for values, form in ((totals, "{:8.0f}"), (cpu, "{:8.2f}")):
        ours, theirs = values.get("postern"), values.get("oracle")
        cells += [form.format(v) if v is not None else "       -" for v in (ours, theirs)]
        cells.append(f"{ours / theirs:7.2f}" if ours and theirs else "      -")
    print(f"{title:<22}" + " ".join(cells), flush=True)


def print_calls(calls):
    names = sorted({n for c in calls.values() for n in c}, key=lambda n: -max(c.get(n, 0) for c in calls.values()))
    for name in names:
        values = [f"{calls[f].get(name, 0):8.1f}" if f in calls else "       -" for f in ("postern", "oracle")]
        print(f"    {name:<18}" + " ".join(values))


def print_programs(used):
    names = sorted({n for u in used.values() for n in u}, key=lambda n: -max(u.get(n, 0) for u in used.values()))
    for name in names:
        values = [f"{used[f].get(name, 0):8.3f}" if f in used else "       -" for f in ("postern", "oracle")]
        print(f"    {name:<22}" + " ".join(values))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("root", nargs="?", help="where our programs are installed (build/base/root)")
    parser.add_argument("--only", choices=[s.name for s in SCENARIOS], action="append", help="one scenario")
    parser.add_argument("--flavour", choices=["postern", "oracle"], help="one system alone")
    parser.add_argument("--messages", type=int, default=500, help="messages a round (500)")
    parser.add_argument("--sessions", type=int, default=4, help="clients at the same time (4)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds to take the median of (3)")
    parser.add_argument("--calls", action="store_true", help="list the system calls by name")
    parser.add_argument("--programs", action="store_true", help="list the CPU of each program, above its row")
    return parser.parse_args()


def main():
    options = arguments()
    if options.root:
        os.environ["POSTERN_ROOT"] = options.root
    flavours = [options.flavour] if options.flavour else ["postern", "oracle"]
    if "oracle" in flavours:
        roots.oracle()
    sandbox.enter_network()
    NameServer()
    Sink()
    (roots.TOP / "build/tmp").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=roots.TOP / "build/tmp")))
        systems = []
        for flavour in flavours:
            mta = Instance.make(folder / flavour, flavour, MAIN)
            stack.callback(finish, mta)
            mta.start()
            mta.write("/tmp/message", BODY)
            systems.append(mta)
        print("a message costs           system calls               CPU, ms")
        print("                          ours  Postfix   ratio     ours  Postfix   ratio")
        for scenario in SCENARIOS:
            if options.only and scenario.name not in options.only:
                continue
            cpu, calls = measure(systems, scenario, options)
            row(scenario.title, cpu, calls)
            if options.calls:
                print_calls(calls)


def finish(mta):
    mta.close()
    if hasattr(mta, "group"):
        wait_until(lambda: not (mta.group / "cgroup.procs").read_text(), 10, "the group to be empty")
        mta.group.rmdir()


if __name__ == "__main__":
    main()
