"""Programs that read the mail log: fail2ban, logcheck, pflogsumm, logwatch. From our log of
some hours of mail and abuse they must conclude what they conclude from the reference's."""

import difflib
import re
import socket

import pytest

from harness.sandbox import wait_until

DOMAIN = "same.test"
CLIENTS = "127.9.9."  # strangers: not in mynetworks
MAIN = """
relayhost = [127.0.0.66]
smtpd_helo_required = yes
smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
smtpd_sender_restrictions = reject_non_fqdn_sender
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,
    check_client_access inline:{{127.9.9.5 = REJECT blocked}, {127.9.9.6 = 450 later}}
smtpd_hard_error_limit = 3
smtpd_forbid_unauth_pipelining = yes
smtpd_error_sleep_time = 0
minimal_backoff_time = 1h
maximal_backoff_time = 1h
message_size_limit = 20000
mailbox_size_limit = 20000
""".replace("\n    ", " ")
TEXT = "From: a@client.test\nSubject: t\n\nhello\n"

def talk(box, source, *lines, until=None):
    """Say these lines from that address, each after the reply to the one before."""
    with socket.create_connection((box.address, 25), 20, (source, 0)) as client, client.makefile("rb") as replies:

        def reply():
            while (line := replies.readline())[3:4] == b"-":
                pass
            return line

        reply()
        for line in lines:
            try:
                client.sendall(line.encode() + b"\r\n")
                last = reply()
            except OSError:
                return b""
            if not last:
                return b""
        if until:
            return until(client, reply)
    return b""


HELLO, FROM = "EHLO host.client.test", "MAIL FROM:<a@client.test>"


def pipelining(box, source):
    """All at once after EHLO, as a client that listens to nobody."""
    with socket.create_connection((box.address, 25), 20, (source, 0)) as client:
        client.recv(4096)
        client.sendall(b"EHLO host.client.test\r\n")
        client.recv(4096)
        client.sendall(b"RSET\r\nVRFY joe\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<joe@same.test>\r\nDATA\r\n")
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


EVENTS = {
    "mail": lambda box: box.submit("a@client.test", [f"joe@{DOMAIN}", f"ann@{DOMAIN}"], TEXT),
    "local mail": lambda box: box.sendmail(["bob"], TEXT),
    "deferred": lambda box: box.submit("a@client.test", "x@else.test", TEXT),
    "bounced": lambda box: box.sendmail(["-f", f"joe@{DOMAIN}", f"nobody.here@{DOMAIN}"], TEXT),
    "relay denied": lambda box: talk(box, CLIENTS + "1", HELLO, FROM, "RCPT TO:<x@else.test>", "QUIT"),
    "user unknown": lambda box: talk(box, CLIENTS + "1", HELLO, FROM, f"RCPT TO:<nobody@{DOMAIN}>", "QUIT"),
    "sender domain": lambda box: talk(box, CLIENTS + "2", HELLO, "MAIL FROM:<a@nowhere>", f"RCPT TO:<joe@{DOMAIN}>", "QUIT"),
    "bad helo": lambda box: talk(box, CLIENTS + "2", "HELO -bad-", FROM, f"RCPT TO:<joe@{DOMAIN}>", "QUIT"),
    "short helo": lambda box: talk(box, CLIENTS + "2", "EHLO ylmf-pc", FROM, f"RCPT TO:<joe@{DOMAIN}>", "QUIT"),
    "no helo": lambda box: talk(box, CLIENTS + "2", FROM, "QUIT"),
    "access table": lambda box: talk(box, CLIENTS + "5", HELLO, FROM, f"RCPT TO:<joe@{DOMAIN}>", "QUIT"),
    "access table, later": lambda box: talk(box, CLIENTS + "6", HELLO, FROM, f"RCPT TO:<joe@{DOMAIN}>", "QUIT"),
    "too many errors": lambda box: talk(box, CLIENTS + "3", HELLO, "BOGUS", "BOGUS", "BOGUS", "BOGUS"),
    "lost connection": lambda box: talk(box, CLIENTS + "3", HELLO, FROM),
    "nothing said": lambda box: talk(box, CLIENTS + "3"),
    "web client": lambda box: talk(box, CLIENTS + "4", "GET / HTTP/1.0"),
    "pipelining": lambda box: pipelining(box, CLIENTS + "4"),
    "bad address": lambda box: talk(box, CLIENTS + "4", HELLO, "MAIL FROM:<a@@b>", "QUIT"),
    "VRFY": lambda box: talk(box, CLIENTS + "4", HELLO, f"VRFY nobody@{DOMAIN}", "QUIT"),
    "AUTH": lambda box: talk(box, CLIENTS + "4", HELLO, "AUTH LOGIN", "QUIT"),
    "too large": lambda box: talk(box, CLIENTS + "8", HELLO, FROM + " SIZE=99999", "QUIT"),
    "mailbox full": lambda box: [box.submit("a@client.test", f"ann@{DOMAIN}", TEXT + ("x" * 70 + "\n") * 110) for _ in "123"],
    "removed": lambda box: box.run(["postsuper", "-d", "ALL"]),
    "reload": lambda box: box.reload(),
}


def settled(box, mark):
    """All clients are gone, and all mail is delivered or waits."""
    lines = box.log.lines[mark:]
    ends = [sum(word in line for line in lines) for word in ("]: connect from", "]: disconnect from")]
    busy = any(box.queue_files(queue) for queue in ("maildrop", "incoming", "active"))
    return ends[0] == ends[1] and not busy


@pytest.fixture(scope="module")
def both(ours, oracle):
    for box in ours, oracle:
        for name, event in EVENTS.items():
            mark = box.log.mark()
            event(box)
            wait_until(lambda: settled(box, mark), 30, f"the end of {name}")
        # anvil's statistics come when it has time; our own name is ours
        lines = [l.replace(" (Postern 0.1)", "") for l in box.log.lines if ": statistics: " not in l]
        # what a report weighs in our words, and how long things took
        lines = [re.sub(r"(from=<>, size=)\d+", r"\g<1>2300", line) for line in lines]
        lines = [re.sub(r"delay=\S+ delays=\S+", "delay=0.1, delays=0.1/0/0/0,", line) for line in lines]
        text = [f"Nov 21 11:{i // 60 % 60:02}:{i % 60:02} mail {line}\n" for i, line in enumerate(lines)]
        box.write("/var/log/mail.log", "".join(text))
    return ours, oracle


def both_say(both, command):
    """Run it on both; return our output, whose lines, in any order, equal the other's."""
    shown = []
    for box in both:
        done = box.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        shown.append(re.sub(r"-- version [\d.]+,", "-- version N,", box.mask(done.stdout)))
    ours, theirs = (sorted(text.splitlines()) for text in shown)
    assert [line for line in difflib.ndiff(ours, theirs) if line[0] != " "] == []
    return shown[0]


@pytest.mark.parametrize("mode", ["normal", "more", "auth", "ddos", "extra", "aggressive", "errors"])
def test_fail2ban(both, mode):
    """Each line counts for the same pattern, with the same address."""
    options = "--datepattern '^%b %d %H:%M:%S' -o '<ip> <F-CONTENT>'".replace(" <F-CONTENT>", "")
    found = []
    for box in both:
        done = box.run(f"fail2ban-regex {options} /var/log/mail.log 'postfix[mode={mode}]'")
        assert done.returncode == 0, done.stderr
        found.append(sorted(done.stdout.split()))
    assert found[0] == found[1]
    assert mode == "auth" or found[0]


def templates(box, text):
    """Log lines without what differs from event to event."""
    masked = box.mask(re.sub(r"(?m)^.{15} mail ", "", text))
    return {re.sub(r"[\d.]+", "N", line) for line in masked.splitlines()}


# Since 3.10 of the reference; Debian's is older.
NEWER = {"postfix/cleanup[PID]: ID: removed (canceled)"}


@pytest.mark.parametrize("level", ["server", "paranoid", "workstation"])
def test_logcheck_leaves_no_line_that_it_filters_for_the_reference(both, level):
    command = f"cat /etc/logcheck/ignore.d.{level}/postfix >/tmp/rules; grep -Evf /tmp/rules /var/log/mail.log"
    left = [templates(box, box.run(command).stdout) for box in both]
    assert left[0] - NEWER <= left[1]
    assert all(len(lines) < len(box.log.lines) for lines, box in zip(left, both))


def test_every_line_is_one_that_the_reference_writes_too(both):
    seen = [templates(box, box.read("/var/log/mail.log")) for box in both]
    assert seen[0] - seen[1] == NEWER
    assert seen[1] - seen[0] == set()


@pytest.mark.parametrize("options", ["", "--problems_first --verp_mung", "-e --iso_date_time", "-h 5 -u 5 --zero_fill --bounce_detail=5"])
def test_pflogsumm(both, options):
    text = both_say(both, f"pflogsumm {options} /var/log/mail.log")
    assert re.search(r"\n +\d+ +received\n +\d+ +delivered\n", text)


def test_logwatch(both):
    command = (
        "mkdir -p /var/cache/logwatch /tmp/lw; logwatch --service postfix --detail 10 --range all "
        "--logfile maillog --output stdout --format text --archives no"
    )
    for box in both:  # newer than logwatch, too
        box.run("sed -i '/removed (canceled)$/d' /var/log/mail.log", check=True)
    text = both_say(both, f"cd /; {command} | sed -e '/^ *###/d' -e '/Processing Initiated/d' -e '/Date Range/d'")
    assert "Unmatched" not in text and "Rejected" in text
