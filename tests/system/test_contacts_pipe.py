"""Programs that get mail from pipe(8): a list manager, maildrop, Dovecot's deliver and a
filter that hands mail in again, each with the line of master.cf that its manual gives."""

import re

import pytest

from harness.sandbox import wait_until

DOMAIN = "same.test"
LIST = "tlist@lists.test"
SENDER = f"joe@{DOMAIN}"
TEXT = f"From: {SENDER}\nTo: {LIST}\nSubject: {{}}\n\nhello list\n.dot\nFrom me\n"
MASTER = """\
mlmmj     unix  -       n       n       -       -       pipe
  flags=ORhu user=vmail argv=/usr/bin/mlmmj-receive -F -L /var/spool/mlmmj/$nexthop
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhuO user=vmail argv=/usr/bin/maildrop -d vmail -f ${sender} ${extension} ${recipient} ${user} ${nexthop}
dovecot   unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail argv=/usr/lib/dovecot/dovecot-lda -c /etc/dovecot/dovecot.conf -f ${sender} -a ${recipient} -m ${extension}
filter    unix  -       n       n       -       10      pipe
  flags=Rq user=vmail null_sender= argv=/var/local/filter -f ${sender} -- ${recipient}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=vmail argv=/var/local/uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
bsmtp     unix  -       n       n       -       -       pipe
  flags=Fq. user=vmail argv=/var/local/uux -t$nexthop -f$sender $recipient
"""
MAIN = """
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
mlmmj_destination_recipient_limit = 1
maildrop_destination_recipient_limit = 1
dovecot_destination_recipient_limit = 1
relay_domains = lists.test, drop.test, lda.test, uucp.test, bsmtp.test, checked.test
transport_maps = inline:{
    lists.test=mlmmj:tlist, drop.test=maildrop:, lda.test=dovecot:, uucp.test=uucp:far, bsmtp.test=bsmtp: }
""".replace("\n    ", " ").replace(" }\n", " }\n")
# As the FILTER_README of Postfix has it: a file in between, sysexits, and sendmail -G -i.
FILTER = """\
#!/bin/sh
in=$(mktemp) || exit 75
trap 'rm -f $in' 0
cat >$in || exit 75
grep -q '^X-Spam: yes' $in && { echo Message content rejected; exit 69; }
grep -q '^X-Wait: yes' $in && { echo Not yet; exit 75; }
{ echo 'X-Checked: yes'; cat $in; } | /usr/sbin/sendmail -G -i "$@" || exit 75
"""
UUX = """\
#!/bin/sh
{ for word; do printf '[%s]' "$word"; done; echo; cat; } >/tmp/uux.$$ && mv /tmp/uux.$$ /tmp/uux.out
"""
DOVECOT = """\
mail_location = maildir:~/Maildir
log_path = /tmp/dovecot-lda.log
base_dir = /run/dovecot
postmaster_address = postmaster@same.test
recipient_delimiter = +
protocols =
ssl = no
lda_mailbox_autocreate = yes
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/home/vmail/%u
}
"""


def make_list(box):
    """What mlmmj-make-ml asks for, and where its mail goes out."""
    box.run("mkdir -p /var/spool/mlmmj")
    box.run(["mlmmj-make-ml", "-L", "tlist", "-c", "vmail"], input=f"lists.test\nann@{DOMAIN}\nen\ny\n", check=True)
    top = "/var/spool/mlmmj/tlist"
    box.write(f"{top}/control/relayhost", box.address + "\n", "vmail")
    box.write(f"{top}/control/subonlypost", "", "vmail")
    for user in "joe", "bob":
        box.run(["/usr/bin/mlmmj-sub", "-L", top, "-a", f"{user}@{DOMAIN}"], user="vmail", check=True)


@pytest.fixture(scope="module")
def both(ours, oracle):
    for box in ours, oracle:
        box.write("/var/local/filter", FILTER, mode=0o755)
        box.write("/var/local/uux", UUX, mode=0o755)
        box.write("/etc/dovecot/dovecot.conf", DOVECOT)
        box.run("mkdir -p /home/vmail; chown vmail:vmail /home/vmail; touch /tmp/dovecot-lda.log; chmod 666 /tmp/dovecot-lda.log")
        make_list(box)
    return ours, oracle


def masked(box, text):
    text = re.sub(r"(?m)^(From \S+)  .*", r"\1", text)
    text = re.sub(r"(?m)^((?:Message-I[dD]|Date):).*", r"\1 SET", text)
    text = re.sub(r"conf(sub|unsub)-\w+", r"conf\1-COOKIE", text)
    return box.mask(re.sub(r"-\d+\.\d+@mlmmj\S*|mlmmj-\w{8}-\w+", "MLMMJ", text))


def outcome(box, sender, recipients, text):
    """The delivery's log lines from relay= on, masked; the message leaves the queue."""
    mark = box.log.mark()
    queue_id = box.submit(sender, recipients, text)
    count = 1 if isinstance(recipients, str) else len(recipients)
    box.log.wait(rf"{queue_id}: to=", since=mark, count=count)
    box.run(["postsuper", "-d", queue_id])
    box.wait_empty()
    return sorted(box.mask(m[1]) for m in box.log.matching(rf"{queue_id}: (to=.*)", mark))


def arrival(box, user, work):
    """The one message that `work` brings to that user's mailbox."""
    before = len(box.mbox(user))
    work()
    wait_until(lambda: len(box.mbox(user)) > before, 30, f"mail to {user}")
    box.wait_empty()
    (message,) = box.mbox(user)[before:]
    return message


# -- mlmmj ---------------------------------------------------------------------------


def test_a_post_returns_to_each_subscriber_with_a_sender_of_its_own(both):
    shown = []
    for number, box in enumerate(both):
        before = {user: len(box.mbox(user)) for user in ("joe", "bob")}
        lines = outcome(box, SENDER, LIST, TEXT.format("post"))
        assert len(lines) == 1 and "relay=mlmmj" in lines[0] and "status=sent (delivered via mlmmj service)" in lines[0]
        for user, count in before.items():
            wait_until(lambda: len(box.mbox(user)) > count, 30, f"the copy for {user}")
            (message,) = box.mbox(user)[count:]
            assert message["Return-Path"] == f"<tlist+bounces-1-{user}={DOMAIN}@lists.test>"
            assert message.get_payload().rstrip() == "hello list\n.dot\n>From me"
            lines.append(masked(box, message.as_string()))
        box.wait_empty()
        shown.append(lines)
    assert shown[0] == shown[1]


def test_who_is_no_subscriber_is_told_so(both):
    shown = []
    for box in both:
        post = TEXT.format("stranger").replace(SENDER, f"ann@{DOMAIN}")
        message = arrival(box, "ann", lambda: outcome(box, f"ann@{DOMAIN}", LIST, post))
        shown.append(masked(box, message["Subject"] + message["From"]))
    assert shown[0] == shown[1] and "denied" in shown[0]


def test_subscribing_by_mail(both):
    """The extension of the list's address tells mlmmj what is wanted; so does the answer's."""
    shown = []
    for box in both:
        sender = f"ann@{DOMAIN}"
        wish = f"From: {sender}\nTo: tlist+subscribe@lists.test\nSubject: s\n\n\n"
        question = arrival(box, "ann", lambda: outcome(box, sender, "tlist+subscribe@lists.test", wish))
        address = re.search(r"tlist\+confsub-\w+-ann=same\.test@lists\.test", question.as_string())[0]
        answer = f"From: {sender}\nTo: {address}\nSubject: Re: s\n\n\n"
        welcome = arrival(box, "ann", lambda: outcome(box, sender, address, answer))
        assert f"ann@{DOMAIN}" in box.read("/var/spool/mlmmj/tlist/subscribers.d/a")
        shown.append([masked(box, m["Subject"]) for m in (question, welcome)])
    assert shown[0] == shown[1] and "Welcome" in shown[0][1]


def test_a_list_that_is_not_there_bounces_or_waits_as_mlmmj_says(both):
    for box in both:
        box.run("mv /var/spool/mlmmj/tlist /var/spool/mlmmj/away")
    try:
        shown = [outcome(box, SENDER, LIST, TEXT.format("away")) for box in both]
    finally:
        for box in both:
            box.run("mv /var/spool/mlmmj/away /var/spool/mlmmj/tlist")
    assert shown[0] == shown[1] and "status=sent" not in shown[0][0]


# -- mail stores ------------------------------------------------------------------------


def test_maildrop(both):
    shown = []
    rule = 'if ($SIZE > 100000)\n{\n  EXITCODE=77\n  exit\n}\nto "/home/vmail/dropped"\n'
    for box in both:
        box.write("/home/vmail/.mailfilter", rule, "vmail", mode=0o600)
        lines = outcome(box, SENDER, "Joe+ext@drop.test", TEXT.format("drop"))
        lines.append(masked(box, box.read("/home/vmail/dropped")))
        lines += outcome(box, SENDER, "joe@drop.test", TEXT.format("big") + ("x" * 70 + "\n") * 2000)
        shown.append(lines)
    assert shown[0] == shown[1]
    assert "status=sent (delivered via maildrop service" in shown[0][0]
    assert "\nDelivered-To: joe+ext@drop.test\n" in shown[0][1].replace("DOMAIN", DOMAIN).replace("Joe", "joe")
    assert "dsn=5.7.0, status=bounced (permission denied" in shown[0][2]


def test_dovecot_deliver(both):
    shown = []
    for box in both:
        lines = outcome(box, SENDER, "vmail+Lists@lda.test", TEXT.format("lda"))
        lines += [masked(box, m) for m in box.maildir("/home/vmail/vmail/Maildir/.Lists")]
        lines += [masked(box, m) for m in box.maildir("/home/vmail/Maildir/.lists")]
        shown.append(lines)
    assert shown[0] == shown[1]
    assert "status=sent (delivered via dovecot service)" in shown[0][0] and "Subject: lda" in shown[0][1]


# -- filters and other networks ------------------------------------------------------------


@pytest.fixture(scope="module")
def filtered(both):
    for box in both:
        box.run(["postconf", "-Me", "smtp/inet=smtp inet n - n - - smtpd -o content_filter=filter:dummy"], check=True)
        box.reload()
    yield both
    for box in both:
        box.run(["postconf", "-Me", "smtp/inet=smtp inet n - n - - smtpd"], check=True)
        box.reload()


def test_a_filter_hands_mail_in_again(filtered):
    shown = []
    for box in filtered:
        before = {user: len(box.mbox(user)) for user in ("joe", "ann")}
        lines = outcome(box, "", [f"joe@{DOMAIN}", f"ann@{DOMAIN}"], TEXT.format("clean"))
        assert all("relay=filter, " in line and "status=sent (delivered via filter service)" in line for line in lines)
        for user, count in before.items():
            wait_until(lambda: len(box.mbox(user)) > count, 30, f"mail to {user}")
            (message,) = box.mbox(user)[count:]
            assert message["X-Checked"] == "yes" and message["Return-Path"] == "<>"
            lines.append(masked(box, message.as_string()))
        shown.append(lines)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("header, status", [("X-Spam", "bounced (service unavailable"), ("X-Wait", "deferred (")])
def test_what_a_filter_refuses(filtered, header, status):
    shown = [outcome(box, SENDER, f"ann@{DOMAIN}", f"{header}: yes\n" + TEXT.format("x")) for box in filtered]
    assert shown[0] == shown[1] and f"status={status}" in shown[0][0]


@pytest.mark.parametrize("domain", ["uucp", "bsmtp"])
@pytest.mark.parametrize("sender", [SENDER, "", '"odd one"@else.test'])
def test_uucp_and_bsmtp(both, domain, sender):
    shown = []
    for box in both:
        lines = outcome(box, sender, [f"joe@{domain}.test", f'"a b"@{domain}.test'], TEXT.format("far"))
        words, text = box.read("/tmp/uux.out").split("\n", 1)
        shown.append([lines, sorted(re.findall(r"\[.*?\]", words)), masked(box, text)])
        box.run("rm /tmp/uux.out")
    assert shown[0] == shown[1]
