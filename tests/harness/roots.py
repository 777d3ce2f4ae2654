"""The folders laid over /usr and /etc: our programs, the oracle's, test tools.

ours    what `make install DESTDIR=...` writes (POSTERN_ROOT, default build/base/root)
oracle  Debian's Postfix, unpacked by tools/fetch-oracle into build/oracle/root
tools   what tools/deps could only unpack, not install (build/test-tools)
"""

import fcntl
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
TOOLS = TOP / "build/test-tools"


def ours():
    root = pathlib.Path(os.environ.get("POSTERN_ROOT", TOP / "build/base/root"))
    if not (root / "usr/sbin/postfix").exists():
        pytest.exit(f"{root}: no programs installed there; run `make system-root` first", 3)
    return root


def oracle():
    with open(TOP / "build/oracle.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several workers fetches it
        done = subprocess.run([TOP / "tools/fetch-oracle"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.exit(f"tools/fetch-oracle: {done.stderr.strip()}", 3)
    return pathlib.Path(done.stdout.strip())
