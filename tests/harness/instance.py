"""A whole mail system in a sandbox: ours or the oracle, by the same code.

    with Instance.make(folder, "postern") as mta:
        mta.start()
        mta.smtp().sendmail("a@client.test", ["joe@postern.test"], TEXT)
        mta.log.wait(r"status=sent")

Names: host mail.<flavour>.test, domain <flavour>.test, one loopback address
each. Times are short, so that tests wait for events and never sleep.
"""

import itertools
import mailbox
import os
import re
import smtplib
import struct
import subprocess

from . import roots
from .maillog import MailLog
from .masks import mask
from .sandbox import FORKED, Sandbox, wait_until

ADDRESSES = {"postern": itertools.count(1), "oracle": itertools.count(1)}
NETWORKS = {"postern": "127.0.1", "oracle": "127.0.2"}

MAIN_CF = """\
compatibility_level = 3.6
config_directory = /etc/postfix
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = {host}
mydomain = {domain}
mydestination = $myhostname, $mydomain, localhost
mynetworks = 127.0.0.0/16
inet_interfaces = {address}
inet_protocols = ipv4
smtp_bind_address = {address}
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
relayhost =
biff = no
notify_classes =
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
service_throttle_time = 1s
"""

MASTER_CF = """\
smtp      inet  n       -       n       -       -       smtpd
pickup    unix  n       -       n       1       1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
lmtp      unix  -       -       n       -       -       lmtp
showq     unix  n       -       n       -       -       showq
flush     unix  n       -       n       1000?   0       flush
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
postlog   unix-dgram n  -       n       -       1       postlogd
"""
# Services that Postfix's own programs call, and ours do not need yet.
ORACLE_ONLY = """\
scache    unix  -       -       n       -       1       scache
"""


# Daemons that end when they are idle after a reload.
RETIRING = ("qmgr", "smtpd", "cleanup", "trivial-rewrite", "local", "virtual", "smtp", "lmtp", "bounce", "error", "pickup")


def merged(text, more):
    """main.cf text with the lines of MORE, each in place of an earlier one of its name."""
    new = [line for line in more.splitlines() if line.strip()]
    names = {line.split("=")[0].strip() for line in new}
    old = [line for line in text.splitlines() if line.split("=")[0].strip() not in names]
    return "\n".join(old + new) + "\n"


# Where sanitizers write (the Makefile sets the options); daemons must be let have them.
SANITIZER_LOG = "/tmp/sanitizer"
SANITIZER_CF = """\
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C ASAN_OPTIONS UBSAN_OPTIONS
"""


class Instance(Sandbox):
    @classmethod
    def make(cls, folder, flavour, main="", master="", etc=None, domain=None):
        """flavour: "postern" or "oracle". main: lines added to main.cf, or put in place
        of a line of that name. master: lines added to master.cf. etc: more files under
        /etc. domain: another one than <flavour>.test, say one that two instances share."""
        number = next(ADDRESSES[flavour])
        root = roots.ours() if flavour == "postern" else roots.oracle()
        domain = domain or f"{flavour}.test"
        box = cls(folder, [root, roots.TOOLS], f"mail.{domain}")
        box.flavour = flavour
        box.address = f"{NETWORKS[flavour]}.{number}"
        box.domain = domain
        box.etc["hosts"] += f"{box.address} {box.hostname}\n"
        names = {"host": box.hostname, "domain": box.domain, "address": box.address}
        base = MAIN_CF.format(**names) + (SANITIZER_CF if "ASAN_OPTIONS" in os.environ else "")
        box.etc["postfix/main.cf"] = merged(base, main)
        services = MASTER_CF + (ORACLE_ONLY if flavour == "oracle" else "")
        box.etc["postfix/master.cf"] = services + master
        box.etc |= etc or {}
        box.log = None
        return box

    def start(self, mail=True):
        """Make the sandbox; with mail, also the alias file and the mail system."""
        subprocess.run(["ip", "addr", "replace", f"{self.address}/32", "dev", "lo"], check=True)
        super().start()
        self.log = MailLog(self.path("/dev/log"))
        if mail:
            self.run(["postalias", "hash:/etc/aliases"], check=True)
            if self.postfix("start").returncode != 0:
                raise AssertionError("postfix start failed:\n" + "\n".join(self.log.lines))
            self.log.wait(r"daemon started")

    def close(self):
        """Stop all; a crash or a sanitizer's report since the start is an AssertionError."""
        crashes = []
        if self.log:
            if self.running():
                self.postfix("stop")
            crashes = self.crashes()
            self.log.close()
            self.log = None
        super().close()
        assert crashes == []

    def all_read(self):
        """The mark of the log when all that was logged so far has been read: on a busy machine
        our reader may be behind."""
        before = self.log.mark()
        self.run(["postlog", "-t", "test", "so far"], check=True)
        self.log.wait("so far", since=before)
        return self.log.mark()

    # -- control -----------------------------------------------------------------

    def cut(self):
        """End all at once, as a power cut does; another start() goes on from the disk."""
        self.halt()
        self.log.close()

    def postfix(self, *words, check=False):
        return self.run(["postfix", *words], check=check)

    def running(self):
        return bool(self.processes("master"))

    def write_main(self, text):
        """Write main.cf, a minute ago: Postfix waits until a new one is seconds old."""
        path = self.write("/etc/postfix/main.cf", text)
        os.utime(path, (path.stat().st_mtime - 60,) * 2)

    def configure(self, text, reload=True):
        """Add lines to main.cf, or put them in place of a line of that name."""
        self.write_main(merged(self.read("/etc/postfix/main.cf"), text))
        if reload:
            self.reload()

    def reload(self):
        """Reload, and wait until the processes with the old configuration are gone."""
        masters = self.processes("master")  # other programs have an "lmtp" too
        wait_until(lambda: not self.processes(FORKED, masters), 20, "what master forked to have its own name")
        old = {pid: name for name in RETIRING for pid in self.processes(name, masters)}
        mark = self.log.mark()
        self.postfix("reload", check=True)
        self.log.wait(r"reload -- version", since=mark)
        wait_until(lambda: not old.keys() & self.processes(), 20, f"{old} to retire")

    def table(self, name, text):
        """Write /etc/postfix/NAME and index it; return "hash:/etc/postfix/NAME"."""
        self._index(f"/etc/postfix/{name}", text, ["postmap", f"hash:/etc/postfix/{name}"])
        return f"hash:/etc/postfix/{name}"

    def aliases(self, text):
        self._index("/etc/aliases", "postmaster: root\n" + text, ["newaliases"])

    def _index(self, name, text, command):
        """Daemons see a change by a new time in whole seconds, so see to one."""
        index = self.path(name + ".db")
        before = int(index.stat().st_mtime) if index.exists() else 0
        self.write(name, text)
        self.run(command, check=True)
        if int(index.stat().st_mtime) <= before:
            os.utime(index, (before + 1, before + 1))

    # -- mail in -------------------------------------------------------------------

    def smtp(self, source=None, port=25):
        """A connected smtplib client; source: the client's address."""
        client = smtplib.SMTP(
            timeout=60, local_hostname="client.test", source_address=(source or "127.0.0.9", 0)
        )
        client.connect(self.address, port)
        return client

    def submit(self, sender, recipients, text, body="", mail="", rcpt=""):
        """One message by SMTP; return its queue id. body: 7BIT, 8BITMIME or not said.
        mail, rcpt: what else stands behind the addresses."""
        if isinstance(recipients, str):
            recipients = [recipients]
        with self.smtp() as client:
            client.ehlo()
            client.docmd(f"MAIL FROM:<{sender}>" + (f" BODY={body}" if body else "") + (mail and f" {mail}"))
            for recipient in recipients:
                code, reply = client.docmd(f"RCPT TO:<{recipient}>" + (rcpt and f" {rcpt}"))
                assert code == 250, reply
            code, reply = client.data(text)
            assert code == 250, reply
        return reply.decode().split()[-1]

    def sendmail(self, words, text, user="joe", check=True):
        """One message by the sendmail command."""
        return self.run(["sendmail", *words], user=user, input=text, check=check)

    # -- mail out ------------------------------------------------------------------

    def mbox(self, user):
        """The messages of /var/mail/USER."""
        path = self.path(f"/var/mail/{user}")
        return list(mailbox.mbox(path, create=False)) if path.exists() else []

    def maildir(self, name):
        """The messages in new/ of a Maildir, oldest first."""
        path = self.path(name) / "new"
        files = sorted(path.iterdir(), key=lambda f: f.stat().st_mtime_ns) if path.exists() else []
        return [f.read_text(errors="surrogateescape") for f in files]

    def wait_removed(self, queue_id, timeout=60):
        self.log.wait(rf"qmgr\[\d+\]: {queue_id}: removed", timeout=timeout)

    def deliver(self, sender, recipients, text):
        """Submit by SMTP, wait until it has left the queue, return its log lines."""
        mark = self.log.mark()
        queue_id = self.submit(sender, recipients, text)
        self.wait_removed(queue_id)
        return self.log.of(queue_id, mark)

    # -- queue -----------------------------------------------------------------------

    def queue_files(self, queue=None):
        """{queue id: inside path} of the messages in one queue or in all."""
        found = {}
        for name in [queue] if queue else ["maildrop", "incoming", "active", "deferred", "hold", "corrupt"]:
            for folder, _, files in os.walk(self.folder / "spool" / name):
                inside = "/var/spool/postfix/" + os.path.relpath(folder, self.folder / "spool")
                found |= {f: f"{inside}/{f}" for f in files if "." not in f}
        return found

    def is_empty(self):
        """Looked at twice: a file that moves meanwhile may not be seen by the first look."""
        return not self.queue_files() and not self.queue_files()

    def wait_empty(self, timeout=60):
        wait_until(self.is_empty, timeout, "the queue to be empty")

    def records(self, path):
        """The records of a queue file, in file order: [(type, data bytes)]."""
        return list(parse_records(self.path(path).read_bytes()))

    # -- health ------------------------------------------------------------------------

    def crashes(self):
        """Log lines and reports of sanitizers that tell of a defect."""
        reports = self.path("/tmp").glob(SANITIZER_LOG.removeprefix("/tmp/") + ".*")
        return self.log.crashes() + [report.read_text(errors="replace") for report in reports]

    # -- comparison ------------------------------------------------------------------

    def mask(self, text):
        """Mask a text or list of texts: times, ids, and who we are."""
        return mask(text, (self.address, "ADDRESS"), (self.domain, "DOMAIN"))

    def masked_log(self, since=0, only=None):
        lines = [l for l in self.log.lines[since:] if only is None or re.search(only, l)]
        return self.mask(lines)


def parse_records(data):
    at = 0
    while at < len(data):
        kind, at, length, shift = chr(data[at]), at + 1, 0, 0
        while True:
            byte, at = data[at], at + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield kind, data[at : at + length]
        at += length


def record(kind, data=b""):
    """One queue file record as bytes."""
    length, head = len(data), b""
    while length > 0x7F:
        head += struct.pack("B", 0x80 | (length & 0x7F))
        length >>= 7
    return kind.encode() + head + struct.pack("B", length) + data
