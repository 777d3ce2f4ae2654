"""Where the time of a message goes: the CPU of each program, by system call, and between them.

    /usr/bin/python3 tests/bench/anatomy.py                     SMTP -> Maildir, ours
    /usr/bin/python3 tests/bench/anatomy.py relay --flavour oracle --messages 1000

The kernel's tracer tells when each process enters and leaves a call, and when it runs and
when it sleeps, so time asleep counts for nothing. Each event costs some 0.3 microseconds of
its own: compare lines, not the sum with that of count.py. "computing" is what lies between
calls. Processes are not renewed meanwhile (max_use), so what starts cost is not in it.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402

from bench import disk, scenarios, systems  # noqa: E402
from bench.load import Load  # noqa: E402

TRACING = pathlib.Path("/sys/kernel/tracing/instances")
EVENTS = "raw_syscalls/sys_enter", "raw_syscalls/sys_exit", "sched/sched_switch"
LINE = re.compile(r" *(?P<comm>.{1,16})-(?P<pid>\d+) +\[\d+\] \S+ (?P<at>[\d.]+): (?P<event>\w+): (?P<rest>.*)")
SWITCH = re.compile(r"prev_comm=.* prev_pid=(\d+) .* next_comm=(.*) next_pid=(\d+) ")
COMPUTING = "(computing)"


@contextlib.contextmanager
def trace(pids):
    """A function that gives the lines of what PIDS did since."""
    folder = TRACING / f"postern-bench-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "buffer_size_kb").write_text("65536")
        (folder / "options/event-fork").write_text("1")  # children too
        (folder / "set_event_pid").write_text(" ".join(map(str, pids)))
        for event in EVENTS:
            (folder / "events" / event / "enable").write_text("1")
        yield lambda: (folder / "trace").read_text(errors="replace").splitlines()
    finally:
        (folder / "tracing_on").write_text("0")
        folder.rmdir()


def call_names():
    """{number: name} of the system calls of this machine."""
    text = subprocess.run(
        ["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], capture_output=True, text=True, check=True
    ).stdout
    return {int(n): name for name, n in re.findall(r"#define __NR_(\w+) (\d+)", text)}


class Process:
    """Adds up the time that one process runs, for what it does at the moment."""

    def __init__(self, comm):
        self.comm, self.does, self.runs_since, self.so_far = comm, COMPUTING, None, 0.0

    def stops(self, at):
        if self.runs_since is not None:
            self.so_far += at - self.runs_since
        self.runs_since = None

    def turns_to(self, at, what):
        """It does something else now; what it did, and for how long."""
        self.stops(at)
        done, self.does, self.so_far, self.runs_since = (self.comm, self.does, self.so_far), what, 0.0, at
        return done


def spans(lines, names):
    """(program, what it did, microseconds) for each stretch between two events."""
    processes = {}
    for found in filter(None, map(LINE.match, lines)):
        at, pid = float(found["at"]) * 1e6, int(found["pid"])
        if found["event"] == "sched_switch":
            before, comm, after = SWITCH.search(found["rest"]).groups()
            if int(before) in processes:
                processes[int(before)].stops(at)
            processes.setdefault(int(after), Process(comm)).runs_since = at
            continue
        process = processes.setdefault(pid, Process(found["comm"].strip()))
        number = int(re.match(r"NR (-?\d+)", found["rest"])[1])
        what = names.get(number, str(number)) if found["event"] == "sys_enter" else COMPUTING
        yield process.turns_to(at, what)


def measure(system, scenario, messages):
    """{program: {call: [microseconds]}}."""
    load = Load(scenario)
    system.prepare(scenario)
    load.run(system, 100)
    system.clear()
    with trace(system.processes()) as lines:
        load.run(system, messages)
        traced = lines()
    programs = {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in system.processes()}
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for comm, what, took in spans(traced, call_names()):
        if comm in programs:
            found[comm][what].append(took)
    return found


def show(found, messages):
    totals = {comm: sum(map(sum, calls.values())) for comm, calls in found.items()}
    print(f"{'microseconds a message':<28}{sum(totals.values()) / messages:8.1f}   times    each")
    for comm, total in sorted(totals.items(), key=lambda item: -item[1]):
        print(f"{comm:<28}{total / messages:8.1f}")
        for what, times in sorted(found[comm].items(), key=lambda item: -sum(item[1])):
            if sum(times) / messages >= 0.5:
                print(f"    {what:<24}{sum(times) / messages:8.1f}{len(times) / messages:8.2f}{sum(times) / len(times):8.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("row", nargs="?", default="maildir", help="of count.py: maildir, relay, discard-20")
    parser.add_argument("--flavour", choices=["postern", "oracle"], default="postern")
    parser.add_argument("--messages", type=int, default=500)
    options = parser.parse_args()
    scenario = next((s for s in scenarios.table(True) if s.name == options.row), None)
    if not scenario:
        parser.error(f"no such row: {options.row}")
    if options.flavour == "oracle":
        roots.oracle()
    sandbox.enter_network()
    NameServer()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(disk.ground(roots.TOP / "build/tmp"))
        systems.start_sink(stack, systems.build_floor(folder))
        (folder / "site").mkdir()
        system = systems.Mail.begin(stack, folder / "site", options.flavour, ["max_use = 1000000"])
        show(measure(system, scenario, options.messages), options.messages)


if __name__ == "__main__":
    main()
