"""Deliveries of agents, ours beside Debian's Postfix: a case is set up in each, its
messages are sent, and log lines and all files that deliveries may write compared."""

import difflib
import os
import re
import stat

from harness.sandbox import wait_until

TEXT = "From: Ann <a@client.test>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\nMessage-Id: <x@y>\n\nhello\nFrom me\n.\n"
SENDER = "a@client.test"
DUMP = '#!/bin/sh\n(printf "ARGS"; printf " <%s>" "$@"; echo; env | sort; id; umask; ls /proc/self/fd | wc -l; cat) >/tmp/out/dump.$(id -u)\n'


class Case:
    """What to do in one setting: forwards {user: text or (text, mode, owner, name)},
    shell commands, then one message to each recipient or tuple of recipients."""

    def __init__(self, name, *to, setting="", shell="", sender=SENDER, text=TEXT, **forwards):
        self.name, self.to, self.setting = name, to, setting
        self.shell, self.sender, self.text, self.forwards = shell, sender, text, forwards


def prepare(mta, case):
    if mta.setting != case.setting:
        mta.write("/etc/postfix/main.cf", mta.usual)
        mta.configure(case.setting)
        mta.setting = case.setting
    mta.run(
        "rm -rf /tmp/out /var/mail/* /home/*/* /home/*/.forward*; mkdir -m 1777 /tmp/out;"
        " chgrp 0 /var/mail; chmod g-s,a=rwx,+t /var/mail; [ -d /home/bob ] || mv /home/b /home/bob",
        check=True,
    )
    for user, value in case.forwards.items():
        text, mode, owner, name = (value, 0o644, user, ".forward") if isinstance(value, str) else value
        mta.write(f"/home/{user}/{name}", text, owner, mode)
    if case.shell:
        mta.run(case.shell, check=True)


def moving(mta):
    return mta.queue_files("maildrop") | mta.queue_files("incoming") | mta.queue_files("active")


def settle(mta):
    """Until each message is gone or deferred, and all that was logged has been read."""
    # Twice: a report may have come into a queue that was looked at when its message left another.
    wait_until(lambda: not moving(mta) and not moving(mta), what="the message to settle")
    mark = mta.log.mark()
    mta.run(["postlog", "-t", "here", "settled"], check=True)
    mta.log.wait("settled", since=mark)


def outcomes(mta, mark):
    """The lines of agents, sorted: two agents may be faster in either order."""
    wanted = re.compile(r"\b(to=<|passing <)")
    lines = mta.mask([l for l in mta.log.lines[mark:] if wanted.search(l)])
    lines = [re.sub(r"EPOCH\.P\d+\.", "UNIQUE.", l) for l in lines]
    # how much of endless output was read before it was cut depends on who was faster
    lines = [re.sub(r"(?:y{60} ){20,}y*", "Y ", l) for l in lines]
    return sorted(l for l in lines if not l.startswith("postfix/smtp["))


def snapshot(mta):
    """{name: [mode and owner, *lines]} of what deliveries may have written."""
    found = {}
    for top in ("/var/mail", "/home", "/tmp/out"):
        for folder, folders, files in os.walk(mta.path(top)):
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                about = os.lstat(path)
                inside = re.sub(r"\d+\.V\w+I\w+M\d+\.", "UNIQUE.", path.split(top, 1)[1])
                content = []
                if stat.S_ISREG(about.st_mode):
                    with open(path, encoding="utf-8", errors="replace") as f:
                        content = sorted(mta.mask(f.read()).splitlines())
                found[top + inside] = [f"{stat.filemode(about.st_mode)} {about.st_uid}:{about.st_gid}", *content]
    return found


def differences(mine, theirs):
    """What is not the same, line by line; the order of lines does not count."""
    found = [f"{name}: only {'ours' if name in mine else 'theirs'}" for name in mine.keys() ^ theirs.keys()]
    for name in mine.keys() & theirs.keys():
        lines = difflib.ndiff(theirs[name], mine[name])
        found += [f"{name}: {line}" for line in lines if line[0] in "+-"]
    return found


def play(mta, case):
    prepare(mta, case)
    mark = mta.log.mark()
    for names in case.to:
        names = [names] if isinstance(names, str) else names
        mta.submit(case.sender, [n if "@" in n else f"{n}@{mta.domain}" for n in names], case.text)
        settle(mta)
    crashed = [l for l in mta.log.lines[mark:] if re.search(r"killed by signal|panic|fatal: (?!execvp|cannot change)", l)]
    seen = {"log": outcomes(mta, mark), "files": snapshot(mta), "crashed": crashed}
    mta.run(["postsuper", "-d", "ALL"], check=True)
    return seen


def compare(both, case):
    mine, theirs = (play(mta, case) for mta in both)
    assert mine["crashed"] == []
    assert mine["log"] == theirs["log"]
    assert differences(mine["files"], theirs["files"]) == []


def ready(both):
    """Put the command dump there, and remember the usual main.cf."""
    for mta in both:
        mta.write("/tmp/bin/dump", DUMP, mode=0o755)
        mta.usual = mta.read("/etc/postfix/main.cf")
        mta.setting = ""
    return both


def names(cases):
    return [f"{c.name}{' ' + c.setting if c.setting else ''}" for c in cases]
