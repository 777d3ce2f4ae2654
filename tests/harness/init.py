"""Process 1 of a sandbox: lays the private file systems, then reaps orphans.

Runs in fresh mount, pid, uts and ipc namespaces (see sandbox.py). Prints one
line, its pid as the outside sees it, when all is mounted. Lives until its
standard input closes; the kernel then ends whatever still runs inside, so
nothing is left behind however a test run dies.

Mounted: overlays over /usr (programs under test above the machine's own),
/etc and /var, written parts in memory; queue, mailboxes and homes are folders
of the test; /dev, /run, /root and /tmp are new.
"""

import ctypes
import json
import os
import select
import socket
import subprocess
import sys

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def overlay(target, layers, upper):
    """Mount LAYERS (topmost first) and the machine's own folder at TARGET."""
    lower = ":".join([*(f for f in layers if os.path.isdir(f)), target])
    options = f"lowerdir={lower}"
    if upper:
        for name in ("upper", "work"):
            os.makedirs(f"{upper}/{name}")
        options += f",upperdir={upper}/upper,workdir={upper}/work"
    elif ":" not in lower:
        return
    mount("-t", "overlay", "-o", options, "overlay", target)


def private_devices(scratch):
    dev = f"{scratch}/dev"
    os.makedirs(dev)
    mount("-t", "tmpfs", "-o", "mode=755", "dev", dev)
    for name in DEVICES:
        open(f"{dev}/{name}", "w").close()
        mount("--bind", f"/dev/{name}", f"{dev}/{name}")
    os.symlink("/proc/self/fd", f"{dev}/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")
    mount("--move", dev, "/dev")


def write_etc(files):
    for name, text in files.items():
        path = f"/etc/{name}"
        if os.path.islink(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)


def build(plan):
    scratch = plan["scratch"]
    layers = plan["layers"]
    mount("-t", "tmpfs", "-o", "mode=755", "scratch", scratch)
    overlay("/usr", [f"{f}/usr" for f in layers], None)
    overlay("/etc", [f"{f}/etc" for f in layers], f"{scratch}/etc")
    overlay("/var", [], f"{scratch}/var")
    write_etc(plan["etc"])
    for target, source in plan["binds"].items():
        os.makedirs(target, exist_ok=True)
        mount("--bind", source, target)
    private_devices(scratch)
    for target in ("/run", "/root", "/var/lib/postfix", "/tmp"):
        os.makedirs(target, exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "private", target)
    os.chown("/var/lib/postfix", plan["mail_owner"], 0)
    os.chmod("/tmp", 0o1777)
    os.chmod("/root", 0o700)
    mount("-t", "proc", "proc", "/proc")
    socket.sethostname(plan["hostname"])


def reap_until_end_of_input():
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], 0.1)
        if ready and not sys.stdin.read(1):
            return
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass


def main():
    outside_pid = os.readlink("/proc/self")
    libc = ctypes.CDLL(None, use_errno=True)
    die_with_parent = 1
    libc.prctl(die_with_parent, 9, 0, 0, 0)
    build(json.loads(sys.argv[1]))
    print(outside_pid, flush=True)
    reap_until_end_of_input()


main()
