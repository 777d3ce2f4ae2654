"""T36: tables that cannot be asked. Whatever a table decides, mail waits for it: none is let
through, refused for good, returned or lost.

Every parameter of the catalogue that may hold tables and is built takes its turn.
"""

import os
import re
import smtplib
import subprocess

import pytest

from harness import roots
from harness.sandbox import wait_until

from .ledger import MARK, body_hash
from .sink import SINK, Sink, converse, polite
from .site import SENDER, Site

CATALOGUE = ["awk", "-f", "tools/genparams.awk", "-v", "want=list"]
HOLDING_TABLES = ("tables", "table", "matchlist", "restrictions")
MAIN = f"""
transport_maps = inline:{{ {{far.test=smtp:[{SINK}]}}, {{lm.test=lmtp:inet:[{SINK}]:24}}, {{lmn.test=lmtp:inet:mx.named.test:24}}, {{pipe.test=piped}} }}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
"""
MASTER = "piped unix - n n - - pipe user=vmail argv=/bin/sh /etc/postfix/keep\n"
KEEP = "d=/home/vmail/piped\nmkdir -p $d/new && cat >$d/tmp.$$ && mv $d/tmp.$$ $d/new/$$\n"


def built():
    """The names of parameters that may hold tables, without those whose feature is to come."""
    folder = roots.TOP / "src/conf/params"
    lines = {f.name: f.read_text(encoding="utf-8").splitlines() for f in sorted(folder.glob("*.params"))}
    words = [*CATALOGUE, *(str(folder / name) for name in lines)]
    done = subprocess.run(words, cwd=roots.TOP, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    found = set()
    for row in done.stdout.splitlines():
        name, place, flags = row.split("\t")[:3]
        file, line = place.split(":")
        if lines[file][int(line) - 1].split()[1] in HOLDING_TABLES and not {"not-built", "obsolete"} & set(flags.split()):
            found.add(name)
    return found


def mime(site, recipients):
    """A ledger message whose body has a message in a part, for checks of every kind of header."""
    name, text = site.ledger.write(recipients, 200)
    head, _, body = text.partition("\n\n")
    body = f"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\n{body}\n--b--\n"
    head = MARK.sub(f"X-Ledger: {name} {body_hash(body)}", head)
    return name, f"{head}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{body}"


# -- what is asked ------------------------------------------------------------------------

# What happens while the table cannot be asked, and the words for what must not happen.
LATER = "later"  # 4xx, or deferred
PASSES = "passes"  # the table does not decide about the mail, which arrives
REFUSED = "refused"  # by another rule; the table would only have put it into other words


class Case:
    """kind: the mail that meets the table. value: of the parameter. more: lines of main.cf."""

    def __init__(self, kind="vmaildir", value="fail:x", more="", outcome=LATER):
        self.kind, self.value, self.more, self.outcome = kind, value, more, outcome


BY_CLIENT = "check_client_access fail:x"
LOGINS = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/none\n"
VERIFIES = "smtpd_recipient_restrictions = reject_unverified_recipient\n"
CASES = {
    "alias_maps": Case("mbox"),
    "virtual_alias_maps": Case(),
    "virtual_mailbox_maps": Case(),
    "virtual_uid_maps": Case(),
    "virtual_gid_maps": Case(),
    "virtual_mailbox_domains": Case(),
    "virtual_alias_domains": Case(),
    "transport_maps": Case(),
    "canonical_maps": Case(),
    "sender_canonical_maps": Case(),
    "recipient_canonical_maps": Case(),
    "masquerade_exceptions": Case(more="masquerade_domains = test\n"),
    "relocated_maps": Case(),
    "relay_domains": Case("relay"),
    "relay_recipient_maps": Case("relay", more="relay_domains = far.test\n"),
    "mydestination": Case(),
    "local_recipient_maps": Case("mbox"),
    "mynetworks": Case("relay"),
    "recipient_bcc_maps": Case(),
    "sender_bcc_maps": Case(),
    "header_checks": Case(),
    "mime_header_checks": Case(),
    "nested_header_checks": Case(),
    "body_checks": Case(),
    "mailbox_transport_maps": Case("mbox"),
    "mailbox_command_maps": Case("mbox"),
    "fallback_transport_maps": Case("bounce"),
    "sender_dependent_relayhost_maps": Case("relay"),
    "sender_dependent_default_transport_maps": Case("other"),
    "smtpd_sender_login_maps": Case(more=f"{LOGINS}smtpd_sender_restrictions = reject_sender_login_mismatch\n"),
    "smtpd_sasl_exceptions_networks": Case(more=LOGINS, outcome=PASSES),
    "smtpd_sasl_mechanism_filter": Case(more=LOGINS, outcome=PASSES),
    "smtpd_recipient_restrictions": Case(value="check_recipient_access fail:x, reject_unauth_destination"),
    "smtpd_relay_restrictions": Case(value="check_recipient_access fail:x, reject_unauth_destination"),
    "smtpd_client_restrictions": Case(value=BY_CLIENT),
    "smtpd_sender_restrictions": Case(value="check_sender_access fail:x"),
    "smtpd_helo_restrictions": Case(value="check_helo_access fail:x"),
    "smtpd_data_restrictions": Case(value=BY_CLIENT),
    "smtpd_end_of_data_restrictions": Case(value=BY_CLIENT),
    "permit_mx_backup_networks": Case("named", more="smtpd_relay_restrictions = permit_mx_backup, reject\n"),
    "local_header_rewrite_clients": Case(value="check_address_map fail:x"),
    "rbl_reply_maps": Case(more="smtpd_client_restrictions = reject_rbl_client list.test\n"),
    "smtpd_reject_filter_maps": Case(more="smtpd_client_restrictions = reject\n", outcome=REFUSED),
    "smtpd_reject_footer_maps": Case(more="smtpd_client_restrictions = reject\n", outcome=REFUSED),
    "smtpd_command_filter": Case(),
    "smtpd_dns_reply_filter": Case(more="smtpd_helo_restrictions = reject_unknown_helo_hostname\n"),
    "smtpd_discard_ehlo_keyword_address_maps": Case(),
    "smtpd_milter_maps": Case(),
    "relay_clientcerts": Case(more="smtpd_client_restrictions = permit_tls_clientcerts\n", outcome=PASSES),  # no certificate
    "tls_server_sni_maps": Case(outcome=PASSES),  # nobody asks for a name
    "milter_header_checks": Case(outcome=PASSES),  # no milter adds a header
    "address_verify_map": Case(value="proxy:fail:x", more=VERIFIES),
    "smtpd_client_event_limit_exceptions": Case(outcome=PASSES),
    "smtpd_forbid_bare_newline_exclusions": Case(outcome=PASSES),
    "smtpd_forbidden_commands": Case(outcome=PASSES),
    "smtpd_log_access_permit_actions": Case(outcome=PASSES),
    "fast_flush_domains": Case(outcome=PASSES),
    "master_service_disable": Case(outcome=PASSES),
    "non_bdb_custom_mapping": Case(outcome=PASSES),
    "default_delivery_status_filter": Case("relay", outcome=PASSES),
    "local_delivery_status_filter": Case("mbox", outcome=PASSES),
    "virtual_delivery_status_filter": Case(outcome=PASSES),
    "pipe_delivery_status_filter": Case("pipe", outcome=PASSES),
}
# What they say is of how mail travels, and how its way is told.
COSMETIC = ("connection_cache_destinations", "delivery_status_filter")
for family, kind in (("smtp", "relay"), ("lmtp", "lmtp")):
    for name in ("body_checks", "connection_cache_destinations", "delivery_status_filter", "dns_reply_filter", "generic_maps", "header_checks",
                 "mime_header_checks", "nested_header_checks", "pix_workaround_maps", "reply_filter"):
        CASES[f"{family}_{name}"] = Case(kind, outcome=PASSES if name in COSMETIC else LATER)
CASES["smtp_dns_reply_filter"].kind, CASES["lmtp_dns_reply_filter"].kind = "named", "named lmtp"
for family, kind in (("smtp", "relay"), ("lmtp", "lmtp")):
    logs_in = f"{family}_sasl_auth_enable = yes\n{family}_sasl_security_options =\n"
    CASES[f"{family}_sasl_password_maps"] = Case(kind, more=logs_in)
    knows = f"{logs_in}{family}_sasl_password_maps = static:joe:secret\n"
    CASES[f"{family}_sasl_mechanism_filter"] = Case(kind, more=knows)
    CASES[f"{family}_sasl_auth_cache_name"] = Case(kind, value="proxy:fail:x", more=knows, outcome=PASSES)
    CASES[f"{family}_tls_policy_maps"] = Case(kind, more=f"{family}_tls_security_level = may\n")
for name in ("transport_maps", "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"):
    kind = {"transport_maps": "vmaildir", "sender_dependent_relayhost_maps": "relay"}.get(name, "other")
    CASES[f"address_verify_{name}"] = Case(kind, more=VERIFIES)
CASES["smtp_discard_ehlo_keyword_address_maps"] = Case("relay")
CASES["lmtp_discard_lhlo_keyword_address_maps"] = Case("lmtp")

# Asked by commands, for those who call them.
COMMANDS = {
    "authorized_submit_users": "sendmail joe",
    "authorized_mailq_users": "postqueue -p",
    "authorized_flush_users": "postqueue -f",
    "local_login_sender_maps": "sendmail -f joe ann",
    "alias_database": "newaliases",
}

DNS = {
    "9.0.0.127.list.test": {"A": ["127.0.0.2"]},
    "client.test": {"A": ["127.0.0.9"]},
    "named.test": {"MX": ["10 mx.named.test", "20 mail.postern.test"]},
    "mx.named.test": {"A": [SINK]},
}

# -- the tests ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(work):
    import random

    with Site(work / "site", random.Random(0), MAIN, master=MASTER) as site:
        site.box.write("/etc/postfix/keep", KEEP)
        site.recipients |= {"lmtp": "lm@lm.test", "pipe": "p@pipe.test", "other": "o@other.test", "named": "n@named.test", "named lmtp": "n@lmn.test"}
        site.maildirs["pipe"] = "/home/vmail/piped"
        site.lmtp = Sink(port=24)
        site.lmtp.messages = site.sink.messages
        yield site
        site.lmtp.close()


@pytest.fixture
def site(place):
    before = place.box.read("/etc/postfix/main.cf")
    yield place
    place.box.write_main(before)
    place.box.reload()
    place.box.run("postsuper -d ALL")
    place.forget()


def pix(talk):
    """A server behind a device that hides its greeting."""
    talk.say("220 ********************")
    converse(talk)


def asks(talk):
    """A server where one can log in."""
    offer = "250-sink.test\r\n250 AUTH PLAIN LOGIN"
    talk.say("220 sink.test ESMTP")
    converse(talk, {"EHLO": offer, "LHLO": offer, "AUTH": "235 2.7.0 welcome"})


def attempt(site, kind):
    """Hand in one message: the server's answers up to the first that says no."""
    to = site.recipients[kind]
    name, text = mime(site, [to])
    answers = []
    with site.box.smtp() as client:
        for words in ("EHLO client.test", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{to}>", None):
            try:
                answer = client.docmd(words) if words else client.data(text.encode().replace(b"\n", b"\r\n"))
            except smtplib.SMTPDataError as refused:
                answer = refused.args
            answers.append(answer)
            if answer[0] != 250:
                return answers
    site.ledger.accept(name)
    return answers


# No mail waits for these: a client is then tested as if it was new, or has a handshake more.
# tests/system/test_postscreen.py, test_tlsmgr.py and tests/compat/test_postscreen.py have them fail.
OTHERWISE = {"smtpd_etrn_restrictions"} | {
    name for name in built() if name.startswith("postscreen_") or name.endswith("_tls_session_cache_database")
}


def test_t36_every_parameter_with_tables_is_asked():
    assert built() == CASES.keys() | COMMANDS.keys() | OTHERWISE


@pytest.mark.parametrize("name", CASES)
def test_t36_a_table_that_fails(site, name, dns):
    dns.names |= DNS | {site.box.hostname: {"A": [site.box.address]}}
    case = CASES[name]
    good = site.box.read("/etc/postfix/main.cf")
    site.box.configure(f"{name} = {case.value}\n{case.more}")
    site.sink.script = site.lmtp.script = pix if "pix" in name else asks if "sasl" in name else polite
    mark = site.box.log.mark()
    answers = attempt(site, case.kind)
    said, accepted = "", answers[-1][0] == 250
    if accepted:
        wait_until(lambda: site.box.log.matching(r"status=\w+|maildrop|transport unavailable", mark), 20, "an outcome")
        said = " ".join(m.group(0) for m in site.box.log.matching(r"status=\w+", mark))
    assert "bounced" not in said
    if case.outcome == LATER:
        assert accepted or 400 <= answers[-1][0] < 500, answers
        assert not accepted or "deferred" in said
        assert "sent" not in said
    elif case.outcome == PASSES:
        assert "sent" in said, answers
    else:
        assert answers[-1][0] // 100 == 5, answers
    site.box.write_main(good)
    site.box.reload()
    site.settle()


def test_t36_etrn(site):
    site.box.configure("smtpd_etrn_restrictions = check_etrn_access fail:x\nfast_flush_domains = named.test\n")
    with site.box.smtp() as client:
        client.ehlo()
        code, words = client.docmd("ETRN named.test")
    assert 400 <= code < 500, words


@pytest.mark.parametrize("name", COMMANDS)
def test_t36_a_command_whose_table_fails(site, name):
    site.box.configure(f"{name} = fail:x\n")
    mark = site.box.log.mark()
    done = site.box.run(COMMANDS[name], user="root" if name == "alias_database" else "joe", input="Subject: x\n\nx\n")
    assert done.returncode != 0, done
    assert not site.box.queue_files()
    assert not site.box.log.matching("status=", mark)


@pytest.mark.parametrize("share", range(10))
def test_t36_an_index_that_was_cut(site, share):
    """The same for a hash: file cut short: what it holds is found, or mail waits."""
    rows = "".join(f"user{n}@box.test sue@box.test\n" for n in range(2000))
    table = site.box.table("cut", rows)
    index = site.box.path("/etc/postfix/cut.db")
    data = index.read_bytes()
    index.write_bytes(data[: len(data) * share // 10])
    site.box.configure(f"virtual_alias_maps = {table}\nvirtual_mailbox_maps = inline:{{sue@box.test=sue/}}\n")
    for n in (0, 777, 1999):
        mark = site.box.log.mark()
        with site.box.smtp() as client:
            client.ehlo()
            client.docmd(f"MAIL FROM:<{SENDER}>")
            code, words = client.docmd(f"RCPT TO:<user{n}@box.test>")
            assert code == 250 or 400 <= code < 500, words
            if code == 250:
                code, words = client.data("Subject: x\n\nx\n")
                assert code == 250 or 400 <= code < 500, words
        assert not site.box.log.matching("status=bounced", mark)
