"""strace on running processes: what they call, and calls that are made to go wrong.

    with Tracer(mta.processes("local"), "fsync", "error=EIO:when=2") as t:
        ...
    t.calls()  ->  [Call(pid=123, name="fsync", text='fsync(9) = -1 EIO (INJECTED)')]

The N of when=N counts in each process. A signal arrives before the call takes effect.
"""

import collections
import re
import subprocess
import tempfile

from .sandbox import wait_until

Call = collections.namedtuple("Call", "pid name text")
LINE = re.compile(r"^(?:(\d+) +)?((\w+)\(.*)$")


def traced(pid):
    """Is it traced, or gone?"""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return "TracerPid:\t0\n" not in f.read()
    except OSError:
        return True


class Tracer:
    def __init__(self, pids, calls, inject=None, children=True):
        """calls: comma-separated names. inject: what strace's inject= takes after the
        names, as "signal=SIGKILL:when=1". children: those that they start, too."""
        assert pids, "no process to trace"
        self.pids = pids
        self._output = tempfile.NamedTemporaryFile(mode="r", encoding="utf-8", errors="replace")
        words = ["strace", *(["-f"] if children else []), "-qq", "-s", "200", "-o", self._output.name]
        words += ["-e", f"trace={calls}", "-e", "signal=none"]
        words += ["-e", f"inject={calls}:{inject}"] if inject else []
        self._strace = subprocess.Popen(
            words + [w for pid in pids for w in ("-p", str(pid))], stderr=subprocess.DEVNULL
        )

    def __enter__(self):
        wait_until(lambda: all(map(traced, self.pids)), 20, "strace to attach")
        return self

    def __exit__(self, *error):
        self._strace.terminate()
        self._strace.wait(20)

    def calls(self):
        """What was called so far, in order; calls that another interrupted in the record
        have what was known at their start."""
        self._output.seek(0)
        found = [LINE.match(line) for line in self._output]
        return [Call(int(m[1] or self.pids[0]), m[3], m[2]) for m in found if m]
