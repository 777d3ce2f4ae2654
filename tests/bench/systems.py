"""What is measured: a mail system in a sandbox, and the floor."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading

from harness import roots
from harness.instance import Instance
from harness.sandbox import etc_files, wait_until

from bench import load, scenarios
from bench.measure import Group

FLOOR, DIVIDED = "127.0.3.1", "127.0.3.2"
FLOOR_SOURCE = roots.TOP / "tests/bench/floor.c"


class Mail(Instance):
    """One of the two mail systems, running, with all its processes in one group."""

    @classmethod
    def begin(cls, stack, folder, flavour, settings):
        main = scenarios.MAIN + "".join(f"{line}\n" for line in settings)
        mta = cls.make(folder, flavour, main, etc=scenarios.ETC)
        mta.etc["passwd"] = etc_files(mta.hostname)["passwd"] + scenarios.PASSWD
        mta.group = stack.enter_context(Group(flavour))
        stack.callback(mta.close)
        mta.start()
        for i in range(1, scenarios.MAILBOXES + 1):
            home = mta.path(f"/home/u{i}")
            home.mkdir()
            os.chown(home, 9300 + i, 9300 + i)
        for pid in mta.processes():
            mta.group.add(pid)  # their children follow them
        return mta

    def prepare(self, scenario):
        self.write("/tmp/message", scenario.text())

    def mark(self):
        return self.log.mark()

    def wait_gone(self, mark, messages, deliveries):
        load.wait_gone(self.log, mark, messages, deliveries)

    def troubles(self):
        return [line for line in self.log.lines if re.search(r": (warning|error|fatal|panic): ", line)][-20:]

    def clear(self):
        """Empty the mailboxes, and have that written: the next round does not pay for it."""
        self.wait_empty()
        for new in self.folder.glob("home/vmail/*/new"):
            for file in new.iterdir():
                file.unlink()
        for mbox in self.folder.glob("mail/*"):
            os.truncate(mbox, 0)
        sync(self.folder)


class Floor:
    """The process of floor.c, for one scenario; or divided, four of them that also write log lines."""

    def __init__(self, stack, folder, program, scenario, divided=False):
        self.flavour = "divided" if divided else "floor"
        self.address = DIVIDED if divided else FLOOR
        self.folder = folder
        self.group = stack.enter_context(Group(self.flavour))
        stack.callback(shutil.rmtree, folder)
        for name in ("incoming", "active", "tmp", "new", "mail"):
            (folder / name).mkdir(parents=True)
        where = {"maildir": folder, "mbox": folder / "mail", "relay": scenarios.SINK}
        words = [scenario.floor, where[scenario.floor]] if scenario.floor else []
        how = ["-d", log_reader(stack, folder / "log")] if divided else []
        self.process = start(stack, program, *how, self.address, "25", folder, *words)
        self.group.add(self.process.pid)

    def processes(self, name=None):  # noqa: ARG002
        return [self.process.pid]

    def prepare(self, scenario):
        pass

    def mark(self):
        return 0

    def wait_gone(self, *_):
        """One process delivers before it answers what comes next; of four, three may have work left."""
        queues = [self.folder / name for name in ("incoming", "active")]
        wait_until(lambda: not any(os.listdir(queue) for queue in queues), 60, "the floor to deliver")

    def troubles(self):
        return []

    def clear(self):
        for name in ("new", "mail"):
            for file in (self.folder / name).iterdir():
                file.unlink()
        sync(self.folder)


def log_reader(stack, path):
    """A socket for log lines, which are read and dropped; its path."""
    reader = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    reader.bind(str(path))

    def read():
        while reader.recv(4096):
            pass

    thread = threading.Thread(target=read)
    thread.start()
    stack.callback(thread.join)
    stack.callback(end_of_log, path)
    return path


def end_of_log(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as writer:
        writer.sendto(b"", str(path))


def build_floor(folder):
    """Compile floor.c; the program."""
    program = folder / "floor"
    subprocess.run(
        ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o", program, FLOOR_SOURCE], check=True
    )
    return program


def start(stack, program, *words):
    process = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    address = words[words.index("25") - 1]
    wait_until(lambda: listens(address), 10, f"{program} to listen")
    return process


def listens(address):
    """Is there a listener at port 25 of it? A connection would be a message less in the count."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + ":0019"
    with open("/proc/net/tcp", encoding="ascii") as table, contextlib.suppress(IndexError):
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in table)
    return False


def start_sink(stack, program):
    """The far end of the relay scenarios; not measured."""
    start(stack, program, "-n", "120", scenarios.SINK, "25")


def sync(folder):
    subprocess.run(["sync", "-f", folder], check=True)
