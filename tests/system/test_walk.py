"""Random walks over SMTP verbs beside a model of the session: every reply must be the
model's, whatever came before. Each walk has a seed of its own, which a failure shows:

    WALK_SEED=77 WALKS=1 make system T='-k walk'        that walk again
    WALKS=200000 make system T='-k walk'                a long one
    make SAN=address,undefined system T='-k walk'       with sanitizers
    make system T='-k walk --flavour=oracle'            is the model right?
"""

import contextlib
import os
import random
import socket

WALKS = int(os.environ.get("WALKS", "200"))
SEED = int(os.environ.get("WALK_SEED", random.SystemRandom().randrange(10**6)))
STEPS = 25
ERRORS, JUNK, RECIPIENTS, OVERSHOOT, SIZE = 8, 4, 3, 1, 2000
MAIN = f"""\
mynetworks = 127.0.0.10
smtpd_peername_lookup = no
smtpd_helo_required = yes
smtpd_hard_error_limit = {ERRORS}
smtpd_soft_error_limit = 100
smtpd_junk_command_limit = {JUNK}
smtpd_recipient_limit = {RECIPIENTS}
smtpd_recipient_overshoot_limit = {OVERSHOOT}
smtpd_forbid_unauth_pipelining = yes
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_discard_ehlo_keywords = chunking, starttls, silent-discard
smtputf8_enable = no
message_size_limit = {SIZE}
mailbox_size_limit = 0
local_transport = discard:
maximal_queue_lifetime = 0
max_use = 9
"""
GREETED, NO_MAIL, IN_MAIL = "greeted", "no mail", "in mail"
BATCH, JUNKY = "batch", "junky"
# verb: what must have come before, and what may be said of it
VERBS = {
    "HELO": ((), {JUNKY}),
    "EHLO": ((), {JUNKY}),
    "MAIL": ((GREETED, NO_MAIL), {BATCH}),
    "RCPT": ((IN_MAIL,), {BATCH}),
    "DATA": ((), set()),
    "RSET": ((), {JUNKY, BATCH}),
    "NOOP": ((), {JUNKY}),
    "VRFY": ((), {JUNKY}),
    "ETRN": ((), {JUNKY, BATCH}),
    "HELP": ((), {JUNKY}),
    "STARTTLS": ((), set()),
    "AUTH": ((), set()),
    "QUIT": ((), {BATCH}),
}
# Debian's version lets more follow these; HELP is newer.
DEBIAN = {**VERBS, "STARTTLS": ((), {BATCH}), "AUTH": ((), {BATCH}), "HELP": ((), {BATCH})}
# It does not know the one, and refuses all later messages as well after the other.
NOT_DEBIAN = ("HELP", f"MAIL FROM:<a@client.test> SIZE={SIZE + 1}")
# What a client may say, how often, and the answer when nothing else speaks against it.
LINES = [
    (6, "HELO client.test", "250"),
    (1, "HELO", "501"),
    (9, "EHLO client.test", "250"),
    (1, "ehlo", "501"),
    (14, "MAIL FROM:<a@client.test>", "250 2.1.0"),
    (2, "mail from:<>", "250 2.1.0"),
    (2, "MAIL FROM:<a@client.test> BODY=8BITMIME SIZE=99", "250 2.1.0"),
    (1, "MAIL FROM:<a@client.test> RET=HDRS ENVID=x", "250 2.1.0"),
    (1, f"MAIL FROM:<a@client.test> SIZE={SIZE + 1}", "552 5.3.4"),
    (1, "MAIL FROM:<a@client.test> FOO=1", "555 5.5.4"),
    (1, "MAIL", "501 5.5.4"),
    (1, "MAIL FROM:", "501 5.5.4"),
    (1, "MAIL FROM:<a b>", "501 5.1.7"),
    (20, "RCPT TO:<joe@{domain}>", "250 2.1.5"),
    (4, "rcpt  to:<ann@{domain}>  NOTIFY=NEVER", "250 2.1.5"),
    (2, "RCPT TO:<no-such-user@{domain}>", "550 5.1.1"),
    (2, "RCPT TO:<a@elsewhere.test>", "554 5.7.1"),
    (1, "RCPT TO:<joe@{domain}> NOTIFY=x", "501 5.5.4"),
    (1, "RCPT TO:<>", "501 5.1.3"),
    (1, "RCPT", "501 5.5.4"),
    (14, "DATA", "354"),
    (1, "DATA x", "501 5.5.4"),
    (4, "RSET", "250 2.0.0"),
    (1, "RSET x", "501 5.5.4"),
    (3, "NOOP", "250 2.0.0"),
    (1, "NOOP a b", "250 2.0.0"),
    (2, "VRFY joe@{domain}", "252 2.0.0"),
    (1, "VRFY no-such-user@{domain}", "550 5.1.1"),
    (1, "VRFY", "501 5.5.4"),
    (1, "ETRN elsewhere.test", "459"),
    (1, "ETRN", "500"),
    (1, "HELP", "214 2.0.0"),
    (1, "STARTTLS", "502 5.5.1"),
    (1, "STARTTLS x", "501 5.5.4"),
    (1, "AUTH PLAIN AGEAYg==", "503 5.5.1"),
    (1, "FOO bar", "500 5.5.2"),
    (1, "EXPN joe", "500 5.5.2"),
    (1, "", "500 5.5.2"),
    (1, "x" * 5000, "500 5.5.2"),
    (1, "Subject: hello", "221 2.7.0"),
    (1, "GET / HTTP/1.0", "221 2.7.0"),
    (2, "QUIT", "221 2.0.0"),
]
CONTENTS = [
    ("Subject: a\r\n\r\nhello\r\n.\r\n", "250 2.0.0"),
    (".\r\n", "250 2.0.0"),
    ("\r\n..\r\n...\r\nQUIT\r\n.\r\n", "250 2.0.0"),
    ("From x\r\n b\0c\xff\r\n.\r\n", "250 2.0.0"),
    ("a: b\r\n" + "y" * 3000 + "\r\n.\r\n", "552 5.3.4"),
]


class Model:
    """What a session knows, and what it therefore answers."""

    def __init__(self, verbs):
        self.verbs = verbs
        self.greeted = self.esmtp = self.mail = self.over = False
        self.recipients = self.overshoot = self.errors = self.junk = 0

    def reset(self):
        self.mail = False
        self.recipients = self.overshoot = 0

    def answer(self, line, usual, followed):
        """The replies to a line; followed: more has come with it."""
        verb = line.split(" ")[0].upper()
        needs, kinds = self.verbs.get(verb, ((), {BATCH}))
        if followed and verb in self.verbs and not (BATCH in kinds and self.esmtp):
            self.over = True
            return ["554 5.5.0"]
        reply = self._missing(needs) or self._meaning(verb, usual)
        failed = reply[0] in "45" and not (reply == "452 4.5.3" and self.overshoot <= OVERSHOOT)
        if JUNKY in kinds:
            self.errors += self.junk > JUNK
            self.junk += 1
        self.errors += failed
        if reply.startswith("221"):
            self.over = True
        return [reply, *self._patience()]

    def _patience(self):
        if self.over or self.errors < ERRORS:
            return []
        self.over = True
        return ["421 4.7.0"]

    def _missing(self, needs):
        if (GREETED in needs and not self.greeted) or (NO_MAIL in needs and self.mail) or (IN_MAIL in needs and not self.mail):
            return "503 5.5.1"
        return None

    def _meaning(self, verb, usual):
        if verb in ("HELO", "EHLO") and usual == "250":
            self.greeted = True
            self.esmtp = self.esmtp or verb == "EHLO"
            self.reset()
        elif verb == "MAIL" and usual[0] == "2":
            self.mail = True
        elif verb == "RCPT" and usual[:3] != "501" and self.recipients >= RECIPIENTS:
            self.overshoot += 1
            return "452 4.5.3"
        elif verb == "RCPT" and usual[0] == "2":
            self.recipients += 1
        elif verb == "DATA" and self.recipients == 0:
            return "554 5.5.1" if self.mail else "503 5.5.1"
        elif verb == "RSET" and usual[0] == "2":
            self.reset()
        elif verb == "ETRN" and (self.mail or not self.greeted):
            return "503"
        return usual

    def content(self, usual):
        self.reset()
        if usual[0] == "2":
            self.errors = self.junk = 0
        else:
            self.errors += 1
        return [usual, *self._patience()]


class Walk:
    def __init__(self, mta, seed):
        self.mta, self.chance = mta, random.Random(seed)
        oracle = mta.flavour == "oracle"
        self.model = Model(DEBIAN if oracle else VERBS)
        self.lines_known = [entry for entry in LINES if not oracle or entry[1] not in NOT_DEBIAN]
        self.story = [f"seed {seed}"]

    def go(self):
        with contextlib.ExitStack() as stack:
            self.s = stack.enter_context(socket.create_connection((self.mta.address, 25), 20, ("127.0.0.9", 0)))
            self.lines = stack.enter_context(self.s.makefile("rb"))
            self.expect(["220"])
            for _ in range(STEPS):
                if self.step():
                    break
            if self.model.over:
                assert self.rest() == b"", self.story

    def rest(self):
        """What comes until the end; a server that leaves input unread resets the connection."""
        try:
            return self.lines.read()
        except ConnectionResetError:
            return b""

    def step(self):
        """One write of one or more lines; true when the session is over."""
        lines = self.some_lines()
        self.say("".join(line + "\r\n" for line, _ in lines))
        for number, (line, usual) in enumerate(lines):
            replies = self.model.answer(line, usual, number + 1 < len(lines))
            self.expect(replies)
            if self.model.over:
                return True
            if replies == ["354"]:
                content, usual = self.chance.choice(CONTENTS)
                self.say(content)
                self.expect(self.model.content(usual))
        return self.model.over

    def some_lines(self):
        """One line or a batch; what follows DATA would be content, so it is the last."""
        polite = self.chance.random() < 0.9
        chosen = []
        for _ in range(self.chance.choice((1, 1, 2, 3, 5)) if self.model.esmtp or not polite else 1):
            wanted = self.next_step(len(chosen)) if polite and self.chance.random() < 0.6 else ""
            lines = [entry for entry in self.lines_known if entry[1].startswith(wanted)]
            _, line, usual = self.chance.choices(lines, [weight for weight, _, _ in lines])[0]
            verb = line.split(" ")[0].upper()
            if polite and chosen and BATCH not in self.model.verbs.get(verb, ((), {BATCH}))[1] and verb != "DATA":
                continue
            chosen.append((line.format(domain=self.mta.domain), usual))
            if verb == "DATA" or (polite and BATCH not in self.model.verbs.get(verb, ((), {BATCH}))[1]):
                break
        return chosen or [("NOOP", "250 2.0.0")]

    def next_step(self, ahead):
        """What a client would say that wants to send mail."""
        model = self.model
        if not model.greeted:
            return "EHLO client"
        if not model.mail and not ahead:
            return "MAIL FROM:<a@client.test>"
        return "RCPT TO:<joe" if self.chance.random() < 0.6 else "DATA"

    def say(self, text):
        self.story.append(f"C: {text[:100]!r}")
        self.s.sendall(text.encode("latin-1"))

    def expect(self, replies):
        for expected in replies:
            line = self.lines.readline().decode(errors="replace")
            while line[3:4] == "-":
                line = self.lines.readline().decode(errors="replace")
            self.story.append(f"S: {line.rstrip()}")
            fits = line.startswith(expected + " ") and (" " in expected or line[5:6] != ".")
            assert fits, "\n".join([*self.story, f"expected: {expected}"])


def test_every_reply_is_as_the_model_says(mta):
    mark = mta.log.mark()
    for number in range(WALKS):
        Walk(mta, SEED + number).go()
    mta.wait_empty()
    assert mta.log.matching(r"panic|killed by signal|queue file write error", mark) == []
