"""Reports with words of the administrator's, and what postconf shows of them: ours beside
Debian's Postfix."""

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
    assert results[0] == results[1]
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
