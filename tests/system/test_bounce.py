"""Notifications, read the way list managers read them: with Python's MIME library."""

import email
import email.policy

ORIGINAL = "From: joe@client.test\nTo: nobody.here\nSubject: lost\nMessage-Id: <1@client.test>\n\nthe body\n"


def report(mta, words, before, text=ORIGINAL):
    """Send as joe, wait until all is done; the parts of the report that joe got."""
    mta.sendmail(["-f", "joe", *words], text)
    mta.wait_empty()
    messages = mta.mbox("joe")[before:]
    assert len(messages) == 1
    message = email.message_from_bytes(messages[0].as_bytes(), policy=email.policy.default)
    assert message.defects == []
    return message


def fields(part):
    """Per-message fields and those of each recipient of a message/delivery-status."""
    return [dict(block.items()) for block in part.get_payload() if block.items()]


def test_unknown_user(mta):
    before = len(mta.mbox("joe"))
    message = report(mta, ["nobody.here"], before)
    address = f"nobody.here@{mta.hostname}"
    assert message["Return-Path"] == "<>"
    assert message["From"] == f"MAILER-DAEMON@{mta.hostname} (Mail Delivery System)" or str(
        message["From"]
    ).endswith(f"<MAILER-DAEMON@{mta.hostname}>")
    assert message["To"] == f"joe@{mta.hostname}"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "Undelivered Mail Returned to Sender"
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"

    words, status, returned = message.iter_parts()
    assert words.get_content_type() == "text/plain"
    reason = " ".join(words.get_content().split())
    assert f'<{address}> (expanded from <nobody.here>): unknown user: "nobody.here"' in reason

    assert status.get_content_type() == "message/delivery-status"
    whole, recipient = fields(status)
    assert whole["Reporting-MTA"] == f"dns; {mta.hostname}"
    assert whole["X-Postfix-Sender"] == f"rfc822; joe@{mta.hostname}"
    assert "X-Postfix-Queue-ID" in whole and "Arrival-Date" in whole
    assert recipient["Final-Recipient"] == f"rfc822; {address}"
    assert recipient["Original-Recipient"] == f"rfc822;{address}"
    assert (recipient["Action"], recipient["Status"]) == ("failed", "5.1.1")
    assert recipient["Diagnostic-Code"] == 'x-unix; unknown user: "nobody.here"' or recipient[
        "Diagnostic-Code"
    ].startswith("X-Postfix; ")

    assert returned.get_content_type() == "message/rfc822"
    assert returned.get_content()["Message-Id"] == "<1@client.test>"
    assert returned.get_content().get_content() == "the body\n"


def test_several_recipients_in_one_report(mta):
    before = len(mta.mbox("joe"))
    message = report(mta, ["first.gone", "second.gone"], before)
    _, status, _ = message.iter_parts()
    found = [block["Final-Recipient"].split("; ")[1].split("@")[0] for block in fields(status)[1:]]
    assert sorted(found) == ["first.gone", "second.gone"]


def test_headers_only_when_asked(mta):
    before = len(mta.mbox("joe"))
    message = report(mta, ["-R", "hdrs", "nobody.here"], before)
    *_, returned = message.iter_parts()
    assert returned.get_content_type() == "text/rfc822-headers"
    assert b"the body" not in returned.get_payload(decode=True)


def test_no_report_when_not_wanted(mta):
    before = len(mta.mbox("joe"))
    mta.sendmail(["-f", "joe", "-N", "never", "nobody.here"], ORIGINAL)
    mta.wait_empty()
    assert len(mta.mbox("joe")) == before


def test_success_is_reported_on_demand(mta):
    before = len(mta.mbox("joe"))
    message = report(mta, ["-N", "success", "-V", "my-id", "ann"], before)
    assert message["Subject"] == "Successful Mail Delivery Report"
    _, status, _ = message.iter_parts()
    whole, recipient = fields(status)
    assert whole["Original-Envelope-Id"] == "my-id"
    assert (recipient["Action"], recipient["Status"]) == ("delivered", "2.0.0")


def test_a_bounce_never_makes_another_one(mta):
    mark = mta.log.mark()
    mta.sendmail(["-f", "<>", "nobody.here"], ORIGINAL)
    mta.log.wait(r"status=bounced", since=mark)
    mta.wait_empty()
    assert len(mta.log.matching(r"status=bounced", mark)) == 1


def test_delay_is_told_once(mta):
    before = len(mta.mbox("joe"))
    mta.configure("delay_warning_time = 1s\nrelayhost = [127.0.0.66]")
    try:
        mark = mta.log.mark()
        mta.sendmail(["-f", "joe", "x@else.test"], ORIGINAL)
        mta.log.wait(r"status=deferred", since=mark, count=4)
        mta.log.wait(r"local.*to=<joe@.*status=sent", since=mark)
        (message,) = mta.mbox("joe")[before:]
    finally:
        mta.run(["postsuper", "-d", "ALL"])
        mta.configure("delay_warning_time = 0h\nrelayhost =")
    assert message["Subject"] == "Delayed Mail (still being retried)"
    _, status, _ = email.message_from_bytes(message.as_bytes(), policy=email.policy.default).iter_parts()
    whole, recipient = fields(status)
    assert recipient["Action"] == "delayed" and recipient["Status"].startswith("4.4.")
    assert "Will-Retry-Until" in recipient


def test_mail_that_stays_too_long_comes_back(mta):
    before = len(mta.mbox("joe"))
    mta.configure("maximal_queue_lifetime = 1s\nrelayhost = [127.0.0.66]")
    try:
        message = report(mta, ["x@else.test"], before)
    finally:
        mta.configure("maximal_queue_lifetime = 5d\nrelayhost =")
    _, status, _ = message.iter_parts()
    assert fields(status)[1]["Status"] == "4.4.1"
