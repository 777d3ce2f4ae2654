"""What is sent where: the rows of the table, as data.

A way to hand in and deliver (WAYS), at one session, one 4 KB message with one
recipient a connection; then the same with one thing changed (CHANGES); with
`--all` every combination of the changes.
"""

import collections
import itertools

from harness.sandbox import USERS

SINK = "127.0.0.8"
MAILBOXES = 50
VMAIL = USERS["vmail"]

MAIN = f"""
mydestination = mbox.test
virtual_mailbox_domains = maildir.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = texthash:/etc/postfix/mailboxes
virtual_uid_maps = static:{VMAIL[0]}
virtual_gid_maps = static:{VMAIL[1]}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
transport_maps = inline:{{discard.test=discard:, relay.test=smtp:[{SINK}]}}
mynetworks = 127.0.0.0/8
default_process_limit = 100
"""
ETC = {"postfix/mailboxes": "".join(f"u{i}@maildir.test u{i}/\n" for i in range(1, MAILBOXES + 1))}
# mbox.test's users, as lines of /etc/passwd
PASSWD = "".join(f"u{i}:x:{9300 + i}:{9300 + i}::/home/u{i}:/bin/sh\n" for i in range(1, MAILBOXES + 1))

# by: "smtp" or "sendmail". floor: what tests/bench/floor.c delivers to.
Way = collections.namedtuple("Way", "title domain by floor messages")
WAYS = {
    "discard": Way("SMTP -> discard", "discard.test", "smtp", "", 300),
    "maildir": Way("SMTP -> Maildir", "maildir.test", "smtp", "maildir", 300),
    "mbox": Way("SMTP -> mbox", "mbox.test", "smtp", "mbox", 300),
    "relay": Way("SMTP -> relay", "relay.test", "smtp", "relay", 300),
    "sendmail": Way("sendmail -> Maildir", "maildir.test", "sendmail", None, 100),
}

# What is changed, and how many times as many messages make a round of a second or two.
Change = collections.namedtuple("Change", "title values times")
CHANGES = {
    "20": Change("20 sessions", {"sessions": 20}, 3),
    "1m": Change("1 MB", {"size": 1 << 20}, 1 / 6),
    "50": Change("50 recipients", {"recipients": 50}, 1 / 10),
    "reuse": Change("one connection, pipelined", {"reuse": True}, 1),
}

# What a message may cost: system calls, CPU as a share of Postfix's and as a multiple of the floor's.
Budget = collections.namedtuple("Budget", "calls share floor")
BUDGET = {
    "discard": Budget(130, 0.35, 2),
    "maildir": Budget(160, 0.40, 2),
    "mbox": Budget(None, None, 2),
    "relay": Budget(190, 0.35, 2),
    "sendmail": Budget(None, 0.50, None),
    **{f"{way}-1m": Budget(None, 0.60, None) for way in WAYS},
}
NO_BUDGET = Budget(None, None, None)
TIME_BUDGET = 1.05  # no work slower than Postfix's; two runs of the same differ by that much
IDLE_BUDGET = 0.60  # proportional memory of an idle smtpd
QUICK = ("maildir", "relay", "sendmail")


class Scenario:
    """One row: a way, with the changes of these names."""

    def __init__(self, way, changes=()):
        self.name = "-".join([way, *changes])
        self.title = ", ".join([WAYS[way].title, *(CHANGES[c].title for c in changes)])
        self.domain, self.by, self.floor = WAYS[way].domain, WAYS[way].by, WAYS[way].floor
        self.sessions, self.size, self.recipients, self.reuse = 1, 4096, 1, False
        self.share = WAYS[way].messages
        for change in changes:
            self.__dict__.update(CHANGES[change].values)
            self.share *= CHANGES[change].times

    def messages(self, scale):
        """How many in a round."""
        return max(self.sessions, round(self.share * scale), 4)

    def addresses(self, turn):
        """Whom one message goes to: another user each TURN, so that none waits for a mailbox's lock."""
        return [f"u{(turn + i) % MAILBOXES + 1}@{self.domain}" for i in range(self.recipients)]

    def text(self):
        head = "From: a@client.test\nTo: x\nSubject: cost\n\n"
        return head + (self.size // 64) * (63 * "x" + "\n")


def table(everything=False):
    """All rows; everything: every combination of the changes."""
    rows = []
    for way, what in WAYS.items():
        changes = [c for c in CHANGES if c != "reuse" or what.by == "smtp"]
        most = len(changes) if everything else 1
        for n in range(most + 1):
            rows += [Scenario(way, chosen) for chosen in itertools.combinations(changes, n)]
    return rows
