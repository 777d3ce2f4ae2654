"""New mail on its way into the queue, when something gets in its way."""

import os
import signal
import smtplib

import pytest

from harness.sandbox import wait_until

TEXT = "Subject: x\n\nbody\n"
MAIN = """
virtual_alias_domains = alias.test
virtual_alias_maps = hash:/etc/postfix/virtual
header_checks = pcre:{{/^X-Reject: (.*)/ REJECT no $$1} {/^X-Discard:/ DISCARD} {/^X-Hold:/ HOLD}}
"""


@pytest.fixture(scope="module")
def site(mta):
    mta.table("virtual", "a@alias.test discarded@x.test\n")
    mta.configure(MAIN + "transport_maps = inline:{x.test=discard:}\n")
    return mta


def incoming(mta):
    return [f for f in (mta.folder / "spool/incoming").iterdir()]


def test_a_full_disk_costs_the_mail_that_comes_then(site):
    site.run("mount -t tmpfs -o size=64k,mode=700,uid=$(id -u postfix),gid=$(id -g postfix) "
             "tmpfs /var/spool/postfix/incoming", check=True)
    try:
        with site.smtp() as client:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.sendmail("s@x.test", ["r@x.test"], TEXT + 20000 * "a line of text\n")
            assert refused.value.smtp_code == 451
            assert b"4.3.0 Error: queue file write error" in refused.value.smtp_error
            inside = site.run("ls /var/spool/postfix/incoming", check=True).stdout
            assert inside == ""
    finally:
        site.run("umount /var/spool/postfix/incoming", check=True)
    mark = site.log.mark()
    queue_id = site.submit("s@x.test", "r@x.test", TEXT)
    site.wait_removed(queue_id)
    assert any("status=sent" in line for line in site.log.of(queue_id, mark))


def test_a_client_that_goes_away_leaves_nothing(site):
    mark = site.log.mark()
    client = site.smtp()
    client.ehlo()
    client.docmd("MAIL FROM:<s@x.test>")
    client.docmd("RCPT TO:<r@x.test>")
    client.docmd("DATA")
    client.send(b"Subject: x\r\n\r\n" + 5000 * b"half a message\r\n")
    client.close()
    site.log.wait(r"lost connection after DATA", since=mark)
    if site.flavour != "oracle":  # it says so since 3.10
        site.log.wait(r"cleanup\[\d+\]: \w+: removed \(canceled\)", since=mark)
    wait_until(lambda: incoming(site) == [], what="incoming to be empty")


def test_what_nobody_waits_for_any_more_is_not_taken(site):
    """smtpd gave up on a cleanup that stood still, and has told its client to come again."""
    site.configure("ipc_timeout = 2s\n")
    mark = site.log.mark()
    with site.smtp() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<s@x.test>")
        client.docmd("RCPT TO:<r@x.test>")
        stopped = site.processes("cleanup")
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            code, reply = client.data(TEXT)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert (code, reply[:5]) == (451, b"4.3.0")
    site.log.wait(r"cleanup\[\d+\]: \w+: removed \(canceled\)", since=mark)
    assert incoming(site) == []
    assert not site.log.matching(r"queue active|status=sent", mark)
    site.configure("ipc_timeout = 3600s\n")


@pytest.mark.parametrize("jailed", "ny")
def test_a_table_that_changes_holds_from_the_next_message_on(site, jailed):
    """Only from a jail it cannot be opened again; a fresh process then has to."""
    site.run(f"postconf -F cleanup/unix/chroot={jailed}", check=True)
    site.reload()
    site.table("virtual", "a@alias.test discarded@x.test\n")
    with site.smtp() as client:  # one session: smtpd keeps its connection to cleanup
        mark = site.log.mark()
        client.sendmail("s@x.test", ["a@alias.test"], TEXT)
        site.log.wait(r"to=<discarded@x.test>, orig_to=<a@alias.test>.*status=sent", since=mark)
        site.table("virtual", "a@alias.test other@x.test\n")
        mark = site.log.mark()
        client.sendmail("s@x.test", ["a@alias.test"], TEXT)
        site.log.wait(r"to=<other@x.test>, orig_to=<a@alias.test>.*status=sent", since=mark)
    ended = site.log.matching(r"cleanup\[\d+\]: table hash:/etc/postfix/virtual.* has changed -- restarting", mark)
    assert bool(ended) == (jailed == "y" or site.flavour == "oracle")


def test_what_a_check_refuses_is_answered_at_once(site):
    with site.smtp() as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("s@x.test", ["r@x.test"], "X-Reject: thing\n" + TEXT)
        assert (refused.value.smtp_code, refused.value.smtp_error) == (550, b"5.7.1 no thing")
        client.sendmail("s@x.test", ["r@x.test"], "X-Discard: y\n" + TEXT)
    wait_until(lambda: incoming(site) == [], what="incoming to be empty")


def test_mail_on_hold_waits_until_it_is_released(site):
    mark = site.log.mark()
    queue_id = site.submit("s@x.test", "r@x.test", "X-Hold: y\n" + TEXT)
    assert queue_id in site.queue_files("hold")
    site.run(["postsuper", "-H", queue_id], check=True)
    site.run(["postqueue", "-i", queue_id])
    site.log.wait(rf"{queue_id}: removed", since=mark)


def test_mail_of_users_that_is_refused_goes_back_to_them(site):
    site.sendmail(["-f", "joe", "r@x.test"], "X-Reject: thing\n" + TEXT)
    box = wait_until(lambda: site.mbox("joe"), what="a report")
    assert "no thing" in box[-1].as_string()
    assert site.queue_files("maildrop") == {}


def test_mail_of_users_that_grows_too_big_goes_back_to_them(site):
    site.configure("message_size_limit = 5000")
    site.sendmail(["-f", "joe", "r@x.test"], "Subject: large\n\n" + 95 * f"{49 * 'x'}\n")
    box = wait_until(lambda: [m for m in site.mbox("joe") if "message file too big" in m.as_string()])
    assert "Subject: large" in box[-1].as_string()
    assert site.queue_files("maildrop") == {}
    site.configure("message_size_limit = 10240000")


def test_an_alias_is_told_to_who_asked_for_success(site):
    with site.smtp() as client:
        client.ehlo()
        mark = site.log.mark()
        client.docmd(f"MAIL FROM:<joe@{site.domain}>")
        client.docmd("RCPT TO:<a@alias.test> NOTIFY=SUCCESS")
        client.data(TEXT)
    site.log.wait(r"sender delivery status notification", since=mark)
    box = wait_until(lambda: [m for m in site.mbox("joe") if "a@alias.test" in m.as_string()], what="a report")
    assert "Action: expanded" in box[-1].as_string()
