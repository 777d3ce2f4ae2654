"""A mail system with one mailbox for each way of delivery, and its ledger.

    mbox      joe       local, /var/mail/joe         relay     far@far.test, smtp to a Sink
    maildir   ann       local, ~/Maildir/            bounce    missing, returned to the sender
    vmbox     tom@box.test  virtual, a file          forward   list, an alias: local, cleanup, virtual
    vmaildir  sue@box.test  virtual, a Maildir
"""

import re
import smtplib
import threading
import time

from harness.instance import Instance, merged
from harness.sandbox import USERS, wait_until

from .ledger import Arrivals, Ledger, Lost
from .sink import SINK, Sink

VMAIL = USERS["vmail"]
MAIN = f"""
virtual_mailbox_domains = box.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = inline:{{sue@box.test=sue/, tom@box.test=tom, back@box.test=back/, dest@box.test=dest/}}
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
virtual_mailbox_lock = fcntl
mailbox_delivery_lock = fcntl
local_recipient_maps =
transport_maps = inline:{{far.test=smtp:[{SINK}]}}
"""
SENDER = "back@box.test"
KINDS = ("mbox", "maildir", "vmbox", "vmaildir", "forward", "relay", "bounce")
MAILDIRS = {"maildir": "/home/ann/Maildir", "vmaildir": "/home/vmail/sue", "forward": "/home/vmail/dest"}
MBOXES = {"mbox": "/var/mail/joe", "vmbox": "/home/vmail/tom"}
# Where no file stays when all mail has gone: a message, or what was noted about one.
QUEUES = ("maildrop", "incoming", "active", "deferred", "bounce", "defer", "trace")


class Site:
    """An Instance (box), its Sink and its Ledger."""

    def __init__(self, folder, rng, main="", flavour="postern", domain=None, master=""):
        self._plan = folder, main, domain, master
        self.box = self._make(flavour)
        self.past = []  # log lines of earlier lives
        self.rng, self.ledger, self.sink = rng, Ledger(rng), Sink()
        self.maildirs = dict(MAILDIRS)
        domain = self.box.domain
        self.recipients = {
            "mbox": f"joe@{domain}",
            "maildir": f"ann@{domain}",
            "vmbox": "tom@box.test",
            "vmaildir": "sue@box.test",
            "forward": f"list@{domain}",
            "relay": "far@far.test",
            "bounce": f"missing@{domain}",
        }

    def _make(self, flavour):
        folder, main, domain, master = self._plan
        etc = {"aliases": "postmaster: root\nlist: dest@box.test\n"}
        return Instance.make(folder, flavour, merged(MAIN, main), master, etc=etc, domain=domain)

    def change(self, flavour):
        """The stopped system gives way to the other one, on the same files."""
        self.cut()
        self.box = self._make(flavour)
        self.start()

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error):
        self.close()

    def start(self):
        self.box.start()
        if not self.past:
            self.box.write("/home/ann/.forward", "/home/ann/Maildir/\n", "ann")
            self.box.run("sync -f /home/ann/.forward", check=True)

    def close(self):
        self.sink.close()
        self.box.close()

    def master(self):
        """Its pid. What it has forked has its name until it is another program."""
        found = lambda: (pids := self.box.processes("master")) and len(pids) == 1 and pids
        return wait_until(found, 10, "one master alone")[0]

    def cut(self):
        """End all at once; start() goes on from what is on the disk."""
        self.past += [*self.box.log.lines, "-- cut --"]
        self.box.cut()

    def story(self, name):
        """What the log says of a message, of reports on it and of its restarts."""
        lines = self.past + self.box.log.lines
        ids = {m.group(1) for m in (re.search(rf": (\w+): message-id=<{name}@", l) for l in lines) if m}
        ids |= {m.group(2) for m in (re.search(r": (\w+): sender non-delivery notification: (\w+)", l) for l in lines) if m and m.group(1) in ids}
        return [l for l in lines if l.startswith("--") or any(f": {i}:" in l for i in ids)]

    # -- mail in ----------------------------------------------------------------------

    def addresses(self, kinds):
        return [self.recipients[kind] for kind in kinds]

    def send(self, kinds=KINDS, size=None, client=None):
        """Hand in one message by SMTP and note the answer; True when it was accepted.
        client: a connection to use, else one of its own."""
        to = self.addresses(kinds)
        name, text = self.ledger.write(to, size)
        try:
            with client or self.box.smtp() as mine:
                refused = mine.sendmail(SENDER, to, text.encode().replace(b"\n", b"\r\n"))
        except (smtplib.SMTPException, OSError, AssertionError) as failure:
            if isinstance(failure, smtplib.SMTPResponseException):
                self.ledger.refuse(name)
            return False
        self.ledger.accept(name, [r for r in to if r not in refused])
        return True

    def submit(self, kinds=KINDS, size=None, user="joe"):
        """The same by the sendmail command."""
        to = self.addresses(kinds)
        name, text = self.ledger.write(to, size)
        done = self.box.sendmail(["-i", "-f", SENDER, *to], text, user, check=False)
        if done.returncode == 0:
            self.ledger.accept(name)
        else:
            self.ledger.refuse(name)
        return done.returncode == 0

    def senders(self, count, kinds=KINDS, sendmail=False):
        return Senders(self, count, kinds, sendmail)

    # -- mail out ---------------------------------------------------------------------

    def arrivals(self):
        found = Arrivals({"dest@box.test": self.recipients["forward"]})
        for kind, path in MBOXES.items():
            for text in self._mbox(path):
                found.appended(self.recipients[kind], text, path)
        for kind, path in self.maildirs.items():
            for text in self.box.maildir(path):
                found.copy(self.recipients[kind], text, path)
        for text in self.box.maildir("/home/vmail/back"):
            found.report(text, "back")
        for recipient, text in list(self.sink.messages):
            found.copy(recipient, text, "sink")
        return found

    def _mbox(self, path):
        """No line of a ledger message begins with "From "."""
        file = self.box.path(path)
        if not file.exists():
            return []
        pieces = re.split(r"^From .*\n", file.read_text(errors="surrogateescape"), flags=re.M)
        return pieces if pieces[0] else pieces[1:]

    def orphans(self):
        """Files that are left in the queue. Unfinished ones (mode 0600) of a killed writer
        are none: nobody was told that they exist, and they are removed when they are old."""
        spool, found = self.box.folder / "spool", []
        for queue in QUEUES:
            for path in (spool / queue).rglob("*"):
                try:
                    mode = path.stat().st_mode
                except FileNotFoundError:
                    continue
                unfinished = queue in ("incoming", "maildrop") and not mode & 0o100
                if path.is_file() and not unfinished:
                    found.append(f"{queue}/{path.name}")
        return found

    def drain(self, timeout=60):
        """Kick the queue until nothing is left in it."""

        def empty():
            self.box.run(["postqueue", "-f"])
            return not self.orphans() and not self.orphans()  # one may move while we look

        try:
            wait_until(empty, timeout, "the queue to be empty")
        except AssertionError as late:
            raise AssertionError(f"{late}; left: {self.orphans()}") from None

    def settle(self, doubles=0, pieces=0, timeout=60, corrupt=False):
        """Rule Z: the ledger balances, nothing crashed, nothing is left over, and new mail
        is delivered. corrupt: files may stand in corrupt/. Return how many second copies
        there are."""
        self.probe()
        self.drain(timeout)
        try:
            extra = self.ledger.settle(self.arrivals(), doubles, pieces)
        except Lost as lost:
            raise AssertionError(f"{lost}\n" + "\n".join(self.story(lost.name))) from None
        assert self.box.crashes() == []
        # a cut may leave a file complete in its mode and empty, of which nobody was told
        left = self.box.queue_files("corrupt")
        assert not left or corrupt or doubles is None, f"corrupt: {left}"
        return extra

    def probe(self, timeout=70):
        """A fresh message is taken and arrives; some service may be at rest for a while."""
        end = time.monotonic() + timeout
        while not self.send(["vmaildir"], 200):
            assert time.monotonic() < end, "no message is accepted any more"
            time.sleep(0.1)
        name = list(self.ledger.acked)[-1]
        path = self.box.path("/home/vmail/sue/new")

        def arrived():
            files = path.iterdir() if path.exists() else []
            return any(f"\nSubject: {name}\n" in f.read_text(errors="replace") for f in files)

        wait_until(arrived, timeout, "a fresh message to arrive")

    def forget(self):
        """Empty the mailboxes, for good, and begin a new ledger; nothing is in the queue."""
        self.box.run("rm -rf /var/mail/joe /home/ann/Maildir /home/vmail/*; sync -f /var/mail /home", check=True)
        self.sink.messages.clear()
        self.ledger = Ledger(self.rng, self.ledger)
        self.past = self.past[-1:]

    def warm(self, kinds=KINDS):
        """One message of each kind goes through, so that a process of each program waits."""
        assert self.send(kinds, 200)
        self.drain()
        if not self.box.processes("pickup"):
            assert self.submit(["vmbox"], 200)
            self.drain()


class Senders:
    """Clients that hand in mail, one message after the other, until they are stopped."""

    def __init__(self, site, count, kinds, sendmail):
        self._site, self._kinds, self._sendmail = site, kinds, sendmail
        self._end = threading.Event()
        self.accepted = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._end.is_set():
            kinds = self._site.rng.sample(self._kinds, self._site.rng.choice((1, 1, 2)))
            take = self._site.submit if self._sendmail else self._site.send
            if take(kinds):
                self.accepted += 1
            else:
                time.sleep(0.02)

    def progress(self, count, timeout=60):
        """Wait until so many more were accepted."""
        goal = self.accepted + count
        wait_until(lambda: self.accepted >= goal, timeout, f"{count} more messages")
