"""T34: mail that would go round for ever."""

import re

import pytest

from .site import SENDER, Site

TEXT = "From: back@box.test\nSubject: {}\n{}\nround and round\n"


@pytest.fixture(scope="module")
def place(work):
    import random

    with Site(work / "site", random.Random(0)) as site:
        yield site


@pytest.fixture
def box(place):
    place.box.run("rm -rf /home/vmail/* /var/mail/* /home/joe/.forward /home/bob/.forward")
    place.sink.messages.clear()
    yield place.box
    place.box.run("postsuper -d ALL")
    place.box.run("rm -rf /home/vmail/* /var/mail/* /home/joe/.forward /home/bob/.forward")


def outcomes(box, recipients, text, sender=SENDER, limit=100):
    """Hand it in, wait until nothing is left, return the log; it must be short."""
    mark = box.log.mark()
    box.submit(sender, recipients, text)
    box.wait_empty(60)
    box.all_read()
    lines = box.log.lines[mark:]
    taken = [l for l in lines if ": message-id=" in l]
    assert len(taken) <= limit, f"{len(taken)} messages came of one"
    return "\n".join(lines)


def test_t34_two_users_forward_to_each_other(box):
    box.write("/home/joe/.forward", "bob\n", "joe")
    box.write("/home/bob/.forward", "joe\n", "bob")
    log = outcomes(box, f"joe@{box.domain}", TEXT.format("pair", ""), limit=6)
    assert re.search(r"dsn=5\.4\.6, status=bounced \(mail forwarding loop", log)
    assert len(box.maildir("/home/vmail/back")) == 1


def test_t34_a_list_with_its_own_address(box):
    box.aliases("list: dest@box.test\nown: own, sue@box.test\n")
    log = outcomes(box, f"own@{box.domain}", TEXT.format("own", ""), limit=6)
    assert len(box.maildir("/home/vmail/sue")) == 1, log


@pytest.mark.parametrize("name", ["x" * 3000, "joe@{domain}", "folded"])
def test_t34_delivered_to(box, name):
    """However long its line and however folded, who it was delivered to is recognized."""
    me = f"joe@{box.domain}"
    header = {"folded": f"Delivered-To:\n\t{me}\n"}.get(name, f"Delivered-To: {name.format(domain=box.domain)}\nDelivered-To: {me}\n")
    log = outcomes(box, me, TEXT.format("again", header), limit=3)
    assert re.search(r"dsn=5\.4\.6, status=bounced", log)
    assert not box.path("/var/mail/joe").exists()


@pytest.mark.parametrize("hops, code", [(48, 250), (49, 554)])
def test_t34_received_headers(box, hops, code):
    """With our own the limit of 50 must not be reached."""
    received = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\n" * hops
    with box.smtp() as client:
        client.ehlo()
        client.docmd(f"MAIL FROM:<{SENDER}>")
        client.docmd("RCPT TO:<sue@box.test>")
        answer, words = client.data(TEXT.format("hops", received))
    assert (answer, words[:5]) == ((250, b"2.0.0") if code == 250 else (554, b"5.4.0")), words
    box.wait_empty()


def test_t34_a_report_on_a_report(box):
    log = outcomes(box, f"missing@{box.domain}", TEXT.format("null", ""), sender="", limit=1)
    assert "status=bounced" in log
    log = outcomes(box, f"missing@{box.domain}", TEXT.format("back", ""), sender=f"gone@{box.domain}", limit=2)
    assert log.count("status=bounced") == 2


def test_t34_a_mail_exchanger_that_is_us(box, dns):
    dns.names["self.test"] = {"MX": [f"10 {box.hostname}"]}
    dns.names[box.hostname] = {"A": [box.address]}
    log = outcomes(box, "x@self.test", TEXT.format("self", ""), limit=2)
    assert re.search(r"dsn=5\.4\.6, status=bounced \(mail for self\.test loops back to myself\)", log)


def test_t34_two_vacation_programs(box):
    """Each answers what it gets, as they should not: with the null sender. It ends."""
    for user, other in (("joe", "bob"), ("bob", "joe")):
        box.write(f"/home/{user}/.forward", f'"|/usr/sbin/sendmail -f <> {other}@{box.domain}"\n', user)
        box.run(f"touch /home/{user}/.vacation", user=user)
    mark = box.log.mark()
    box.submit(SENDER, f"joe@{box.domain}", TEXT.format("away", "Precedence: bulk\n"))
    box.wait_empty(90)
    taken = [l for l in box.log.lines[mark:] if ": message-id=" in l]
    assert len(taken) <= 60, len(taken)  # the hop limit at the latest
