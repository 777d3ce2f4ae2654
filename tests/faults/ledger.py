"""The book in which every message stands: what was sent, what its sender was told,
where it arrived, what came back.

A message has an id and the hash of its body, both in a header of its own, so that
whoever finds a copy anywhere can tell which one it is and whether it is whole. An
entry is one message for one recipient; what must hold at the end is in settle().
"""

import collections
import hashlib
import itertools
import re
import threading

MARK = re.compile(r"^X-Ledger: (\S+) ([0-9a-f]{64})$", re.M)


def body_hash(body):
    return hashlib.sha256(body.rstrip("\n").encode(errors="surrogateescape")).hexdigest()


class Lost(AssertionError):
    """Mail is lost; name is the id of a message of it."""

    def __init__(self, words, name):
        super().__init__(words)
        self.name = name


class Ledger:
    def __init__(self, rng, before=None):
        """before: a ledger that this one goes on from; no id comes twice."""
        self._numbers = before._numbers if before else itertools.count()
        self._rng = rng
        self._lock = threading.Lock()
        self.sent = {}  # id: recipients it was sent to
        self.acked = {}  # id: recipients for which its sender was told yes
        self.refused = set()  # ids whose sender was told no
        self.closed = False  # the power has failed: who hears yes from now on dreams

    # -- sending ---------------------------------------------------------------

    def write(self, recipients, size=None):
        """A new message to these recipients: its id and its text."""
        with self._lock:
            name = f"m{next(self._numbers)}"
            self.sent[name] = list(recipients)
            body = self._body(name, size or self._rng.choice((200, 3000, 3000, 9000, 70000)))
        head = f"From: back@box.test\nSubject: {name}\nMessage-Id: <{name}@ledger>\nX-Ledger: {name} {body_hash(body)}\n"
        return name, f"{head}\n{body}"

    def _body(self, name, size):
        lines, left = [], size
        while left > 0:
            line = self._rng.choice((".", "..", "", "x" * 72, name * 9, "end of line ", ".dot", "\té" * 3))
            lines.append(line)
            left -= len(line) + 1
        return "\n".join(lines) + f"\nlast line of {name}\n"

    def accept(self, name, recipients=None):
        if not self.closed:
            self.acked[name] = list(recipients or self.sent[name])

    def refuse(self, name):
        self.refused.add(name)

    # -- what was found ----------------------------------------------------------

    def settle(self, arrivals, doubles=0, pieces=0):
        """Compare with what arrived, when nothing is left in the queue. doubles: how many
        second copies the faults of this run allow; None for any number. pieces: how many
        writers of an mbox file were killed, perhaps between two writes; None for any."""
        known = {(name, r) for name, to in self.sent.items() for r in to}
        owed = {(name, r) for name, to in self.acked.items() for r in to}
        came = arrivals.copies + arrivals.returned
        assert not arrivals.torn, f"not whole: {arrivals.torn}"
        assert pieces is None or len(arrivals.pieces) <= pieces, f"pieces: {arrivals.pieces}"
        assert came.keys() <= known, f"nobody sent these: {sorted(came.keys() - known)}"
        lost = sorted(owed - came.keys())
        if lost:
            raise Lost(f"{len(lost)} accepted and lost: {lost[:20]}", lost[0][0])
        again = {key: n for key, n in came.items() if n > 1}
        extra = sum(again.values()) - len(again)
        if doubles is not None:
            assert extra <= doubles, f"arrived again {extra} times, {doubles} allowed: {again}"
        return extra


class Arrivals:
    """Counts of what was found: copies and returned messages by (id, recipient)."""

    def __init__(self, aliases):
        """aliases: who was meant by a recipient that a report names."""
        self._aliases = aliases
        self.copies, self.returned = collections.Counter(), collections.Counter()
        self.torn, self.pieces = [], []

    def copy(self, recipient, text, where):
        """One message as it lies in a mailbox, or came over the net."""
        head, _, body = text.partition("\n\n")
        mark = MARK.search(head)
        if not mark or body_hash(body) != mark.group(2):
            self.torn.append((where, text[:300]))
        else:
            self.copies[mark.group(1), recipient] += 1

    def appended(self, recipient, text, where):
        """A stretch of an mbox file. A killed writer may leave the beginning of a message."""
        mark = MARK.search(text)
        if not mark or f"\nlast line of {mark.group(1)}\n" not in text:
            self.pieces.append((where, text[:300]))
        else:
            self.copy(recipient, text, where)

    def report(self, text, where):
        """A report to the sender: it names the recipient and holds the message's header."""
        mark = MARK.search(text)
        failed = re.findall(r"^Final-Recipient: rfc822; *(\S+)$", text, re.M)
        whole = re.search(r"^--(\S+)--$", text, re.M)
        if not mark or not failed or not whole:
            self.torn.append((where, text[:3000]))
            return
        for recipient in failed:
            self.returned[mark.group(1), self._aliases.get(recipient, recipient)] += 1
