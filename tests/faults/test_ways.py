"""T34, T36: mail that would go round for ever, and tables that cannot be asked."""

import re
import smtplib

import pytest

from harness.sandbox import wait_until

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


# -- T36 ----------------------------------------------------------------------------------

MAPS = {
    "alias_maps": f"joe@mail.postern.test",
    "virtual_alias_maps": "sue@box.test",
    "virtual_mailbox_maps": "sue@box.test",
    "virtual_uid_maps": "sue@box.test",
    "virtual_gid_maps": "sue@box.test",
    "virtual_mailbox_domains": "sue@box.test",
    "virtual_alias_domains": "sue@box.test",
    "transport_maps": "sue@box.test",
    "canonical_maps": "sue@box.test",
    "sender_canonical_maps": "sue@box.test",
    "recipient_canonical_maps": "sue@box.test",
    "relocated_maps": "sue@box.test",
    "relay_domains": "far@far.test",
    "relay_recipient_maps": "far@relay.test",
    "mydestination": "sue@box.test",
    "local_recipient_maps": "joe@mail.postern.test",
    "mynetworks": "far@far.test",
    "recipient_bcc_maps": "sue@box.test",
    "sender_bcc_maps": "sue@box.test",
    "always_bcc_maps": None,
    "header_checks": "sue@box.test",
    "body_checks": "sue@box.test",
    "mailbox_transport_maps": "joe@mail.postern.test",
    "mailbox_command_maps": "joe@mail.postern.test",
    "fallback_transport_maps": "missing@mail.postern.test",
    "sender_dependent_relayhost_maps": "far@far.test",
    "sender_dependent_default_transport_maps": "far@far.test",
    "smtp_generic_maps": "far@far.test",
    "smtpd_sender_login_maps": None,
    "smtpd_recipient_restrictions": "far@far.test",
    "smtpd_client_restrictions": "far@far.test",
    "smtpd_sender_restrictions": "far@far.test",
    "smtpd_helo_restrictions": "far@far.test",
    "smtpd_data_restrictions": "far@far.test",
    "smtpd_end_of_data_restrictions": "far@far.test",
}
VALUES = {
    "smtpd_recipient_restrictions": "check_recipient_access fail:x, reject_unauth_destination",
    "smtpd_client_restrictions": "check_client_access fail:x",
    "smtpd_sender_restrictions": "check_sender_access fail:x",
    "smtpd_helo_restrictions": "check_helo_access fail:x",
    "smtpd_data_restrictions": "check_client_access fail:x",
    "smtpd_end_of_data_restrictions": "check_client_access fail:x",
    "relay_recipient_maps": "fail:x\nrelay_domains = relay.test",
    "smtp_generic_maps": "fail:x\ntransport_maps = inline:{far.test=smtp:[127.0.0.70]}",
}
ORIGINAL = "virtual_mailbox_domains = box.test\nmydestination = $myhostname, $mydomain, localhost\nmynetworks = 127.0.0.0/16\nlocal_recipient_maps =\n"


def attempt(box, recipient):
    """How the first answer or outcome that says no looks, and whether the mail got through."""
    mark = box.log.mark()
    codes = []
    with box.smtp() as client:
        client.ehlo()
        for words in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{recipient}>", None):
            try:
                code, _ = client.docmd(words) if words else client.data("Subject: x\n\nx\n")
            except smtplib.SMTPDataError as refused:
                code = refused.smtp_code
            codes.append(code)
            if code != 250:
                return codes, ""
    verdict = box.log.wait(r"status=(\w+)|: warning: .*(deferred|try again)|fail:x", since=mark)
    wait_until(lambda: box.log.matching(r"status=\w+|maildrop|transport unavailable", mark), 20, "an outcome")
    return codes, " ".join(m.group(0) for m in box.log.matching(r"status=\w+", mark)) or verdict.group(0)


@pytest.mark.parametrize("name", [n for n in MAPS if MAPS[n]])
def test_t36_a_table_that_fails(place, box, name):
    """Never through, never back: 4xx now, or later."""
    before = box.read("/etc/postfix/main.cf")
    recipient = MAPS[name].replace("postern.test", box.domain)
    try:
        box.configure(f"{name} = {VALUES.get(name, 'fail:x')}\n")
        codes, verdict = attempt(box, recipient)
        assert all(c == 250 or 400 <= c < 500 for c in codes), codes
        assert codes[-1] != 250 or "status=deferred" in verdict, (codes, verdict)
        assert "status=sent" not in verdict and "status=bounced" not in verdict
        assert not place.sink.messages and not box.maildir("/home/vmail/sue")
    finally:
        box.write_main(before)
        box.reload()
        box.run("postsuper -d ALL")


@pytest.mark.parametrize("share", range(10))
def test_t36_an_index_that_was_cut(place, box, share):
    """The same for a hash: file cut short: what it holds is found, or mail waits."""
    rows = "".join(f"user{n}@box.test sue@box.test\n" for n in range(2000))
    table = box.table("cut", rows)
    before = box.read("/etc/postfix/main.cf")
    index = box.path("/etc/postfix/cut.db")
    data = index.read_bytes()
    index.write_bytes(data[: len(data) * share // 10])
    try:
        box.configure(f"virtual_alias_maps = {table}\nvirtual_mailbox_maps = inline:{{sue@box.test=sue/}}\n")
        for n in (0, 777, 1999):
            mark = box.log.mark()
            with box.smtp() as client:
                client.ehlo()
                client.docmd(f"MAIL FROM:<{SENDER}>")
                code, words = client.docmd(f"RCPT TO:<user{n}@box.test>")
                assert code == 250 or 400 <= code < 500, words
                if code == 250:
                    code, words = client.data("Subject: x\n\nx\n")
                    assert code == 250 or 400 <= code < 500, words
            assert not box.log.matching("status=bounced", mark)
    finally:
        box.write_main(before)
        box.reload()
        box.run("postsuper -d ALL")
