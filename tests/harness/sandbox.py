"""A private machine for one mail system: own users, files, processes.

Nothing on the real machine needs users "postfix" or "postdrop", a free port
25, or a mail system that is not running: the sandbox has its own /etc/passwd,
/etc/postfix, /var/spool/postfix, /var/mail, /home, /dev/log and process
numbers. Programs under test are laid over /usr, as a package would install
them. The network is the one the test run made for itself (enter_network).
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_PRIVATE_ALL = 0x4000 | 0x40000
INIT = pathlib.Path(__file__).with_name("init.py")
PYTHON = "/usr/bin/python3"

POSTFIX, POSTDROP = 9101, 9102
USERS = {
    "root": (0, 0, "/root"),
    "daemon": (1, 1, "/usr/sbin"),
    "nobody": (65534, 65534, "/nonexistent"),
    "postfix": (POSTFIX, POSTFIX, "/var/spool/postfix"),
    "joe": (9201, 9201, "/home/joe"),
    "ann": (9202, 9202, "/home/ann"),
    "bob": (9203, 9203, "/home/bob"),
    "vmail": (9204, 9204, "/home/vmail"),
}
PEOPLE = ("joe", "ann", "bob", "vmail")
FORKED = "(forked)"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def enter_network():
    """Give this process a network of its own with nothing but loopback.

    Called once at the start of a test run; every sandbox inherits it. All of
    127.0.0.0/8 and every port is then free.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: a private network is not allowed here")
    libc.mount(None, b"/", None, MS_PRIVATE_ALL, None)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # a log line finds room while our reader is busy, as systemd sees to on a real machine
    pathlib.Path("/proc/sys/net/unix/max_dgram_qlen").write_text("512")


def etc_files(hostname):
    passwd = "".join(
        f"{name}:x:{uid}:{gid}:{name.title()} Tester:{home}:/bin/sh\n"
        for name, (uid, gid, home) in USERS.items()
    )
    group = "".join(f"{name}:x:{gid}:\n" for name, (_, gid, _) in USERS.items())
    return {
        "passwd": passwd,
        "group": group + f"postdrop:x:{POSTDROP}:\nmail:x:8:\n",
        "shadow": "".join(f"{name}:*:19000:0:99999:7:::\n" for name in USERS),
        "hostname": hostname + "\n",
        "hosts": f"127.0.0.1 localhost\n::1 localhost\n127.0.0.2 {hostname}\n",
        "resolv.conf": "nameserver 127.0.0.1\noptions attempts:1 timeout:2\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n"
        "hosts: files dns\nservices: files\nprotocols: files\n",
        "services": "smtp 25/tcp mail\nsubmission 587/tcp\nlmtp 24/tcp\ndomain 53/udp\n",
        "mailname": hostname + "\n",
        "aliases": "postmaster: root\n",
        "mail.rc": "",
    }


class Sandbox:
    """Start with `with Sandbox(...) as box`, or start() and close()."""

    def __init__(self, folder, layers, hostname, etc=None):
        """folder: an empty place for this sandbox's files.
        layers: roots (each with usr/ and etc/) laid over the machine, topmost first.
        etc: further files under /etc, name to text."""
        self.folder = pathlib.Path(folder).absolute()
        self.layers = [str(layer) for layer in layers]
        self.hostname = hostname
        self.etc = etc_files(hostname) | (etc or {})
        self.keeper = None
        self.pid = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.close()

    def start(self):
        plan = {
            "scratch": self._make("scratch"),
            "layers": self.layers,
            "etc": self.etc,
            "hostname": self.hostname,
            "mail_owner": POSTFIX,
            "binds": {
                "/var/spool/postfix": self._make("spool"),
                "/var/mail": self._make("mail", 0o1777),
                "/var/log": self._make("log"),
                "/home": self._make("home"),
            },
        }
        for name in PEOPLE:
            home = self._make(f"home/{name}")
            os.chown(home, *USERS[name][:2])
        words = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        self.keeper = subprocess.Popen(
            [*words, "--propagation", "private", PYTHON, str(INIT), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.keeper.stdout.readline()
        if not line:
            raise RuntimeError(f"sandbox {self.folder}: set-up failed, see above")
        self.pid = int(line)

    def _make(self, name, mode=0o755):
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
        return str(path)

    def halt(self):
        """End everything inside at once; what is in the folder stays for another start()."""
        if self.keeper:
            self.keeper.stdin.close()
            self.keeper.wait(20)
            self.keeper.stdout.close()
            self.keeper = None

    def close(self):
        """End everything inside and remove the folder."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- files and commands ----------------------------------------------------

    def path(self, name):
        """The absolute path NAME of the inside, as the outside can open it."""
        return pathlib.Path(f"/proc/{self.pid}/root{name}")

    def write(self, name, text, owner="root", mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chown(path, *USERS[owner][:2])
        path.chmod(mode)
        return path

    def read(self, name):
        return self.path(name).read_text(encoding="utf-8", errors="surrogateescape")

    def _words(self, command, user):
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "--wd=/"]
        if user != "root":
            enter += ["setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        return [*enter, *(["sh", "-c", command] if isinstance(command, str) else command)]

    def _environment(self, user, extra):
        home = USERS[user][2]
        base = {"PATH": PATH, "HOME": home, "LOGNAME": user, "USER": user, "LC_ALL": "C"}
        keep = {k: v for k, v in os.environ.items() if k in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
        return base | keep | (extra or {})

    def run(self, command, user="root", input=None, check=False, env=None, timeout=120):
        """Run a command inside (a list, or text for sh); return what
        subprocess.run returns, output as text."""
        done = subprocess.run(
            self._words(command, user),
            input=input.encode() if isinstance(input, str) else input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            env=self._environment(user, env),
            timeout=timeout,
            check=False,
        )
        done.stdout = done.stdout.decode(errors="surrogateescape")
        done.stderr = done.stderr.decode(errors="surrogateescape")
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def popen(self, command, user="root", **options):
        return subprocess.Popen(
            self._words(command, user), env=self._environment(user, None), **options
        )

    # -- processes ---------------------------------------------------------------

    def processes(self, name=None, parents=None):
        """Outside pids of the processes inside, by program name and by the pids that
        started them, without pid 1. A child that master has just forked has no name of its
        own yet: FORKED."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) != self.pid:
                with contextlib.suppress(OSError):
                    found |= self._process(entry)
        for pid, (comm, parent) in found.items():
            if comm == "master" and found.get(parent, ("", 0))[0] == "master":
                found[pid] = FORKED, parent
        return [
            pid
            for pid, (comm, parent) in found.items()
            if (parents is None or parent in parents) and name in (None, comm)
        ]

    def _process(self, entry):
        """{pid: (name, parent)} of a directory of /proc; nothing when it is not inside, or dead."""
        if os.readlink(f"/proc/{entry}/ns/pid") != os.readlink(f"/proc/{self.pid}/ns/pid"):
            return {}
        with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
            comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        state, parent = rest.split()[:2]
        return {} if state == "Z" else {int(entry): (comm, int(parent))}

    def kill(self, name, signal_number=signal.SIGKILL):
        """Signal every process of that program name; return how many."""
        pids = self.processes(name)
        for pid in pids:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                pass
        return len(pids)


def wait_until(true, timeout=30, what="condition"):
    """Poll a function until it returns something true; return that."""
    end = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(0.03)
