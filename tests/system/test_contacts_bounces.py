"""Programs that read reports: flufl.bounce (Mailman's), Sisimai and Python's own parser find
in ours the recipients and status codes that they find in those of Debian's Postfix."""

import json
import re

import pytest

from harness.sandbox import wait_until

DOMAIN = "same.test"
DOWN = "127.0.0.66"
MAIN = f"""
relayhost = [{DOWN}]
maximal_queue_lifetime = 2s
minimal_backoff_time = 1h
maximal_backoff_time = 1h
recipient_delimiter = +
"""
SENDER = f"joe@{DOMAIN}"
TEXT = f"From: {SENDER}\nTo: somebody@{DOMAIN}\nSubject: gr\u00fcezi\nMessage-Id: <1@client.test>\n\nhello\n"

FLUFL = """
import email, json, sys
from flufl.bounce import all_failures
found = all_failures(email.message_from_binary_file(open(sys.argv[1], "rb")))
print(json.dumps([sorted(a.decode() for a in part) for part in found]))
"""
PARSER = """
import email, json, sys
from email import policy
message = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=policy.default)
parts = [p.get_content_type() for p in message.walk()]
(status,) = [p for p in message.walk() if p.get_content_type() == "message/delivery-status"]
fields = [{k: str(v) for k, v in block.items()} for block in status.get_payload()]
fields[1:] = sorted(fields[1:], key=str)  # two agents may be faster in either order
defects = [str(d) for p in message.walk() for d in p.defects]
print(json.dumps([parts, fields, defects, message.get_param("report-type"), message["Auto-Submitted"]]))
"""
SISIMAI = """
use Sisimai; use JSON;
my $found = Sisimai->make($ARGV[0], delivered => 1) // [];
my @rows = map { my $d = $_->damn; [map { $d->{$_} } qw(recipient addresser deliverystatus replycode reason action
    alias smtpagent smtpcommand diagnostictype diagnosticcode softbounce subject messageid feedbacktype)] } @$found;
print JSON->new->canonical->encode([sort { $a->[0] cmp $b->[0] } @rows]);
"""
READERS = {"flufl.bounce": ("python3", FLUFL, "-c"), "Python": ("python3", PARSER, "-c"), "Sisimai": ("perl", SISIMAI, "-e")}


def expire(box, queue_id):
    """Try again until the message has been in the queue for maximal_queue_lifetime."""

    def gone():
        box.run(["postqueue", "-i", queue_id])
        return box.log.matching(rf"{queue_id}: from=.*status=expired")

    wait_until(gone, 30, "the end of the message's time")


def report(box, recipients, options="", text=TEXT, later=None):
    """Send from joe; return the report that joe gets, once the message has left the queue."""
    before = len(box.mbox("joe"))
    with box.smtp() as client:
        client.ehlo()
        for word in [f"MAIL FROM:<{SENDER}>", *(f"RCPT TO:<{r}> {options}".strip() for r in recipients)]:
            code, reply = client.docmd(word)
            assert code == 250, reply
        code, reply = client.data(text.encode())
        assert code == 250, reply
    queue_id = reply.decode().split()[-1]
    if later:
        later(box, queue_id)
    box.wait_removed(queue_id)
    box.wait_empty()
    (message,) = box.mbox("joe")[before:]
    return message.as_bytes()


CASES = {
    "no such command user": lambda box: report(box, [f"nouser@{DOMAIN}"]),
    "two at once": lambda box: report(box, [f"nouser@{DOMAIN}", f"refused@{DOMAIN}", f"ann@{DOMAIN}"]),
    "relay is down for too long": lambda box: report(box, ["x@else.test"], later=expire),
    "original recipient": lambda box: report(box, [f"refused+tag@{DOMAIN}"], "ORCPT=rfc822;Old@old.test"),
    "success": lambda box: report(box, [f"ann@{DOMAIN}"], "NOTIFY=SUCCESS"),
}


@pytest.fixture(scope="module")
def both(ours, oracle):
    for box in ours, oracle:
        box.aliases('nouser: "|cat >/dev/null; exit 67"\nrefused: "|cat >/dev/null; echo 5.7.1 not for you; exit 77"\n')
    return ours, oracle


@pytest.fixture(scope="module")
def reports(both):
    return {name: [make(box) for box in both] for name, make in CASES.items()}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CASES)
def test_readers_see_the_same(both, reports, name, reader):
    program, script, flag = READERS[reader]
    shown = []
    for box, text in zip(both, reports[name]):
        box.write("/tmp/report", text)
        done = box.run([program, flag, script, "/tmp/report"])
        assert done.returncode == 0, done.stderr
        masked = re.sub(r'("X-Postfix-Queue-ID": )"\w+"', r'\1"ID"', box.mask(done.stdout))
        shown.append(json.loads(masked))
    assert shown[0] == shown[1]
    if reader == "flufl.bounce" and name != "success":
        assert shown[0][0] or shown[0][1]
