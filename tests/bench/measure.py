"""The measurements: what the kernel charged to a group of processes.

CPU is read from a control group, user and system time together. System calls and
voluntary context switches are counted by two tracepoints of the kernel, for that
group alone, in a run of its own, since counting costs CPU. Where there are no
tracepoints strace counts the calls and nobody the switches.
"""

import collections
import contextlib
import ctypes
import fcntl
import os
import pathlib
import platform
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

from harness.sandbox import wait_until

CGROUPS = pathlib.Path("/sys/fs/cgroup")
TRACEPOINTS = pathlib.Path("/sys/kernel/tracing/events")


class Group:
    """A control group of version 2; of version 1 two, for CPU and for events."""

    def __init__(self, name):
        name = f"postern-bench-{os.getpid()}-{name}"
        if (CGROUPS / "cgroup.controllers").exists():
            self.cpu = self.events = CGROUPS / name
        elif (CGROUPS / "cpuacct").is_dir():
            where = "perf_event" if (CGROUPS / "perf_event").is_dir() else "unified"
            self.cpu, self.events = CGROUPS / "cpuacct" / name, CGROUPS / where / name
        else:
            sys.exit("bench: this machine has no control groups to measure CPU with")
        self.folders = [f for f in {self.cpu, self.events} if f.parent.is_dir()]

    def __enter__(self):
        for folder in self.folders:
            folder.mkdir()
        return self

    def __exit__(self, *error):
        for folder in self.folders:
            wait_until(lambda f=folder: not (f / "cgroup.procs").read_text(), 10, "the group to be empty")
            folder.rmdir()

    def add(self, pid):
        for folder in self.folders:
            with contextlib.suppress(ProcessLookupError):
                (folder / "cgroup.procs").write_text(str(pid))

    def join(self):
        """This process; called between fork and exec."""
        self.add(os.getpid())

    def cpu_ms(self):
        usage = self.cpu / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e6
        return int(re.search(r"usage_usec (\d+)", (self.cpu / "cpu.stat").read_text())[1]) / 1e3


def spent(load, system, messages, read):
    """By how much READ() grew for MESSAGES messages, each; and the seconds they took."""
    before = read()
    seconds = load.run(system, messages)
    total = read() - before
    before = read()
    load.around(system, messages)
    return (total - (read() - before)) / messages, seconds


# --- system calls and switches ---------------------------------------------------

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
TYPE_TRACEPOINT, FLAG_CGROUP, FLAG_CLOEXEC, IOC_SET_FILTER = 2, 4, 8, 0x40082406
ATTR = struct.Struct("IIQQQQQQQ")  # type, size, config; the rest of it 0


class Counter:
    """How often a tracepoint was passed by the processes of a group."""

    def __init__(self, group, event, condition=None):
        attr = ATTR.pack(TYPE_TRACEPOINT, ATTR.size, int((TRACEPOINTS / event / "id").read_text()), *6 * [0])
        folder = os.open(group.events, os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        self.files = []
        for cpu in range(os.cpu_count()):
            fd = libc.syscall(PERF_EVENT_OPEN, attr, folder, cpu, -1, FLAG_CGROUP | FLAG_CLOEXEC)
            if fd < 0:
                raise OSError(ctypes.get_errno(), f"perf_event_open {event}")
            self.files.append(fd)
            if condition:
                fcntl.ioctl(fd, IOC_SET_FILTER, condition.encode() + b"\0")
        os.close(folder)

    def read(self):
        return sum(struct.unpack("Q", os.read(fd, 8))[0] for fd in self.files)

    def close(self):
        for fd in self.files:
            os.close(fd)


def calls_and_switches(load, system, messages):
    """System calls and voluntary switches a message; None where nobody can count them."""
    try:
        calls = Counter(system.group, "raw_syscalls/sys_enter")
        # a process that would go on if it were let has state 0, or 256
        switches = Counter(system.group, "sched/sched_switch", "prev_state & 255")
    except OSError:
        counts = calls_by_name(load, system, max(messages // 3, 10))
        return sum(counts.values()), None
    with contextlib.closing(calls), contextlib.closing(switches):
        before = calls.read(), switches.read()
        load.run(system, messages)
        middle = calls.read(), switches.read()
        load.around(system, messages)
        after = calls.read(), switches.read()
    return tuple((2 * m - b - a) / messages for b, m, a in zip(before, middle, after))


def calls_by_name(load, system, messages):
    """{call: how often a message}, counted by strace in all processes."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/calls"
        pids = [word for pid in system.processes() for word in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-q", "-c", "-o", out, *pids], stderr=subprocess.DEVNULL)
        wait_until(lambda: traced(system, tracer.pid), 30, "strace")
        # commands are no children of the system's, so they have a strace of their own
        load.run(system, messages, tracer="strace -f -q -c -o /tmp/calls.$$.$i ")
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        counts = parse(pathlib.Path(out).read_text())
    if load.scenario.by == "sendmail":
        for file in system.path("/tmp").glob("calls.*"):
            counts += parse(file.read_text())
            file.unlink()
    return {name: count / messages for name, count in counts.items()}


def traced(system, tracer):
    """Has strace taken hold of every process?"""
    for pid in system.processes():
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


# --- single programs ----------------------------------------------------------------


def comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def programs_ms(mta):
    """{(pid, program): CPU in ms so far} of what runs now."""
    found = {}
    for pid in mta.processes():
        with contextlib.suppress(OSError):
            # the CPU clock of another process, as clock_getcpuclockid(3) makes it
            found[pid, comm(pid)] = time.clock_gettime((~pid << 3) | 2) * 1e3
    return found


def cpu_by_program(load, system, messages):
    """{program: CPU in ms a message}; what processes that ended had used is "ended"."""
    before, total = programs_ms(system), system.group.cpu_ms()
    load.run(system, messages)
    total = system.group.cpu_ms() - total
    used = collections.Counter()
    for (pid, name), value in programs_ms(system).items():
        used[name] += value - before.get((pid, name), 0)
    used["(ended, and commands)"] = total - sum(used.values())
    return {name: value / messages for name, value in used.items()}


def memory_kb(system, name=None):
    """{program: [proportional memory of a process, in KB]}."""
    found = collections.defaultdict(list)
    for pid in system.processes(name):
        with contextlib.suppress(OSError):
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            found[comm(pid)].append(int(re.search(r"^Pss: +(\d+)", rollup, re.M)[1]))
    return found

