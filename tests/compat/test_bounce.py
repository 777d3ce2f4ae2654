"""Reports with words of the administrator's, and what postconf shows of them: ours beside
Debian's Postfix."""

import difflib

import pytest

MAIN = """
notify_classes = bounce, 2bounce, delay
maximal_queue_lifetime = 5d
delay_warning_time = 90m
always_add_missing_headers = no
enable_threaded_bounces = yes
"""
DOMAIN = "example.test"


def template(kind, body, headers="Subject: about $myhostname"):
    return f"{kind}_template = <<EOF\n{headers}\n\n{body}\nEOF\n"


ALL = {
    "failure": template("failure", "$myhostname is sorry.\n\n  $$1\n.\nFrom me", "from: MX <mx>\nSubject: gone\nCharset: utf-8"),
    "delay": template("delay", "$delay_warning_time_hours h, $maximal_queue_lifetime_days d", "Postmaster-Subject: slow"),
    "success": template("success", "It is done, says ${mail_name}."),
    "verify": template("verify", "${nosuch?x}Checked.${myhostname?{ Yes.}:{ No.}}"),
}
GOOD = {
    **ALL,
    "all": "# comment\n\n" + "\n".join(ALL.values()),
    "no header": "failure_template = <<EOF\n\nbody\nEOF\n",
    "no blank line": "failure_template = <<EOF\nSubject: a\nbody\nEOF\n",
    "other marker": "  failure_template=<< TH END \nSubject: a\n\n\nbody\nTH\nTH END\n",
    "later wins": template("failure", "one") + template("failure", "two"),
    "other letters": template("failure", "b\u00fccher", "Charset: utf-8"),
    "long time": template("failure", "$maximal_queue_lifetime_minutes $delay_warning_time_days"),
    "folded header": template("failure", "x", "Subject: a\n b"),
    "one line": "failure_template = $myhostname x\n",
    "unknown name": template("other", "x"),
}
BAD = {
    "no body": "failure_template = <<EOF\nSubject: a\nEOF\n",
    "empty header": template("failure", "x", "Subject:"),
    "unknown header": template("failure", "x", "X-Subject: y"),
    "header of others": template("success", "x", "Postmaster-Subject: y"),
    "letters in a header": template("failure", "x", "Charset: utf-8\nSubject: \u00fc"),
    "letters without charset": template("failure", "\u00fc"),
    "not ended": "verify_template = <<EOF\nSubject: a\n\nbody\n",
    "no template": "failure template\n",
    "undefined name": template("failure", "$nosuch"),
    "unknown unit": template("failure", "$delay_warning_time_years"),
}


def differences(mine, theirs):
    """The lines that are not in both, of nested lists of lines."""
    return list(difflib.unified_diff(*([str(l) for some in lists for l in some] for lists in (theirs, mine)), n=0))


@pytest.fixture(scope="module")
def both(ours, oracle):
    return ours, oracle


def shown(box, option, text):
    """What postconf prints of the templates of a file, without those built in."""
    box.write("/tmp/bounce.cf", text)
    done = box.run(["postconf", option, "/tmp/bounce.cf"])
    blocks = done.stdout.split("EOF\n\n")
    usual = box.run(["postconf", option]).stdout.split("EOF\n\n")
    return done.returncode, [b for b in blocks if b not in usual], done.stderr


@pytest.mark.parametrize("option", ["-b", "-t"])
@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_postconf_shows_the_same(both, name, option):
    text = (GOOD | BAD)[name]
    results = [shown(box, option, text) for box in both]
    (status, blocks, errors), (their_status, their_blocks, their_errors) = results
    assert status == their_status
    assert [both[0].mask(b) for b in blocks] == [both[1].mask(b) for b in their_blocks]
    assert bool(errors) == bool(their_errors)


def test_postconf_finds_the_file_of_main_cf_and_that_beside_it(both):
    for box in both:
        box.write("/tmp/bounce.cf", GOOD["verify"])
        box.configure("bounce_template_file = /tmp/bounce.cf")
        assert "\n\n${nosuch?x}Checked" in box.run(["postconf", "-t"]).stdout
        assert "\n Checked. Yes.\n".replace(" C", "C") in box.run("su joe -s /bin/sh -c 'cd /tmp; postconf -b bounce.cf'").stdout
        assert box.run(["postconf", "-b", "/tmp/bounce.cf", "x"]).returncode == 1
        assert box.run(["postconf", "-bt"]).returncode == 1
        assert box.run(["postconf", "-b", "/nonexistent"]).returncode == 1
        box.configure("bounce_template_file =")


def reports(box, words, text, count):
    """The masked messages of the reports on one message."""
    box.run("rm -f /var/mail/*")
    mark = box.log.mark()
    box.sendmail(words, text, user="ann")
    box.log.wait(r"(?:bounce|trace)\[\d+\]: \w+: \w+ (?:non-delivery|delivery status) notification", since=mark, count=count)
    box.wait_empty()
    return [box.mask(box.run(f"cat /var/mail/{user} 2>/dev/null").stdout).splitlines() for user in ("joe", "root")]


TEXT = "Message-Id: <1@client.test>\nReferences: <0@client.test>\nFrom: joe\nSubject: x\n\nhello\n"


@pytest.mark.parametrize(
    "words, count",
    [
        (["-f", "joe", "nouser"], 2),
        (["-f", "<>", "nouser"], 1),
        (["-f", "joe", "-N", "success", "ann"], 1),
        (["-f", "joe", "-bv", "ann", "nouser"], 1),
        (["-f", "joe", "-v", "ann"], 1),
    ],
)
def test_reports_have_the_words_of_the_file(both, words, count):
    results = []
    for box in both:
        box.write("/tmp/bounce.cf", GOOD["all"])
        box.configure("bounce_template_file = /tmp/bounce.cf")
        results.append(reports(box, words, TEXT, count))
    assert differences(*results) == []
    assert results[0][0] or results[0][1]


IDS = {
    "none": "",
    "folded, which the reference passes over": "Message-Id:\n <1@b>\n",
    "words": "Message-Id: x <1@b>\n",
    "empty": "Message-Id:\nX: y\n",
    "first of two": "Subject: y\nMessage-ID: <1@b>\nMessage-Id: <2@b>\n",
    "resent": "Resent-Message-Id: <1@b>\nMessage-Id: <2@b>\n",
}


@pytest.mark.parametrize("name", IDS)
def test_reports_are_answers_to_the_message(both, name):
    found = []
    for box in both:
        box.configure("bounce_template_file =")
        lines, copies = reports(box, ["-f", "joe", "nouser"], IDS[name] + "Subject: x\n\nhello\n", 2)
        found.append([[l for l in some if l.startswith(("References:", "In-Reply-To:"))] for some in (lines, copies)])
    if name.startswith("folded"):
        assert found[0] == [["References: <1@b>", "In-Reply-To: <1@b>"]] * 2
        found[0] = [[], []]
    assert found[0] == found[1]


# --- RET, sizes, NOTIFY, late mail --------------------------------------------------------

LARGE = "Message-Id: <1@client.test>\nFrom: joe\nSubject: x\n\n" + ("0123456789" * 6 + "\n") * 1000


def lines_of_interest(box, user):
    text = box.run(f"cat /var/mail/{user} 2>/dev/null").stdout
    return box.mask(text).splitlines()


def submitted(box, mail_options, recipients, text):
    """Send from joe by SMTP; recipients is {name: options of RCPT}."""
    box.run("rm -f /var/mail/*")
    with box.smtp() as client:
        client.ehlo()
        client.docmd(f"MAIL FROM:<joe@{DOMAIN}> {mail_options}".strip())
        for name, options in recipients.items():
            code, reply = client.docmd(f"RCPT TO:<{name}@{DOMAIN}> {options}".strip())
            assert code == 250, reply
        code, reply = client.data(text.encode())
        assert code == 250, reply
    queue_id = reply.decode().split()[-1]
    box.wait_removed(queue_id)
    box.wait_empty()
    return [lines_of_interest(box, "joe"), lines_of_interest(box, "root")]


SUBMISSIONS = {
    "headers only": ("RET=HDRS ENVID=a+2Bb", {"nouser": ""}, TEXT),
    "in full": ("RET=FULL", {"nouser": "ORCPT=rfc822;Old+2Btag@old.test"}, TEXT),
    "original recipient": ("", {"nouser": "ORCPT=rfc822;Old+2Btag@old.test"}, TEXT),
    "too large": ("", {"nouser": ""}, LARGE),
    "too large, in full": ("RET=FULL", {"nouser": ""}, LARGE),
    "never": ("", {"nouser": "NOTIFY=NEVER", "zone": ""}, TEXT),
    "all never": ("", {"nouser": "NOTIFY=NEVER"}, TEXT),
    "failure": ("", {"nouser": "NOTIFY=FAILURE", "ann": "NOTIFY=FAILURE"}, TEXT),
    "success of some": ("ENVID=x", {"nouser": "NOTIFY=SUCCESS", "ann": "NOTIFY=SUCCESS,FAILURE"}, TEXT),
    "delay only": ("", {"nouser": "NOTIFY=DELAY"}, TEXT),
}


USUAL = {
    "bounce_template_file": "/tmp/bounce.cf",
    "local_recipient_maps": "",
    "local_destination_concurrency_limit": "1",
    "bounce_size_limit": "50000",
    "notify_classes": "bounce, 2bounce, delay",
    "backwards_bounce_logfile_compatibility": "yes",
}
SETTINGS = [
    *((name, {}) for name in SUBMISSIONS),
    ("in full", {"bounce_size_limit": "100"}),
    ("failure", {"notify_classes": ""}),
    ("original recipient", {"backwards_bounce_logfile_compatibility": "no"}),
]


@pytest.mark.parametrize("name, setting", SETTINGS)
def test_what_is_returned_to_whom(both, name, setting):
    results = []
    for box in both:
        box.write("/tmp/bounce.cf", GOOD["all"])
        box.configure("\n".join(f"{n} = {v}" for n, v in (USUAL | setting).items()))
        results.append(submitted(box, *SUBMISSIONS[name]))
    assert differences(*results) == []


def late(box, notify):
    """Mail to a host that is down, until the sender was told of the delay, or twice tried."""
    box.run("rm -f /var/mail/*")
    box.configure("delay_warning_time = 1s\nrelayhost = [127.0.0.66]\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s")
    mark = box.log.mark()
    with box.smtp() as client:
        client.ehlo()
        client.docmd(f"MAIL FROM:<joe@{DOMAIN}>")
        client.docmd(f"RCPT TO:<x@else.test> {notify}")
        client.data(TEXT.encode())
    box.log.wait(r"status=deferred", since=mark, count=4)
    if "NEVER" not in notify:
        box.log.wait(r"postmaster delay notification", since=mark)
        box.log.wait(r"local\[.*status=sent", since=mark, count=2)
    told = box.log.matching("sender delay notification", mark)
    box.run(["postsuper", "-d", "ALL"], check=True)
    box.configure("delay_warning_time = 90m\nrelayhost =")
    return [len(told)], lines_of_interest(box, "joe"), lines_of_interest(box, "root")


@pytest.mark.slow
@pytest.mark.parametrize("notify", ["", "NOTIFY=DELAY", "NOTIFY=NEVER"])
def test_late_mail(both, notify):
    results = [late(box, notify) for box in both]
    assert differences(*results) == []


def test_a_template_that_cannot_be_expanded_costs_no_report(ours):
    ours.write("/tmp/bounce.cf", template("failure", "$nosuch"))
    ours.configure("bounce_template_file = /tmp/bounce.cf")
    mark = ours.log.mark()
    lines, _ = reports(ours, ["-f", "joe", "nouser"], TEXT, 2)
    assert "Subject: Undelivered Mail Returned to Sender" in lines
    assert ours.log.matching(r"undefined \$nosuch in failure template: \$nosuch -- ignoring this template", mark)


def test_without_its_file_bounce_does_not_start_and_mail_waits(ours):
    ours.configure("bounce_template_file = /nonexistent/bounce.cf")
    mark = ours.log.mark()
    ours.sendmail(["-f", "joe", "nouser"], TEXT)
    ours.log.wait(r"bounce\[\d+\]: fatal: bounce_template_file: open /nonexistent/bounce.cf: No such file", since=mark)
    assert ours.queue_files("active")
    ours.configure("bounce_template_file =")
    ours.log.wait(r"bounce\[\d+\]: \w+: sender non-delivery notification", since=mark)
    ours.wait_empty()
