"""Without compatibility_level old defaults are in force, and the log says which, where
they decide about mail. What it says is compared with Debian's Postfix, line by line."""

import re

import pytest

from harness.instance import Instance


@pytest.fixture(scope="module")
def oracle():
    """Named so that conftest fetches Debian's packages."""


def without(text, *names):
    """main.cf without the lines of these names."""
    return re.sub(rf"(?m)^({'|'.join(names)}) =.*\n", "", text)


# --- at the start ---------------------------------------------------------------


def notices(work, flavour):
    box = Instance.make(work / flavour, flavour, domain="level.test")
    main = without(box.etc["postfix/main.cf"], "compatibility_level")
    box.etc["postfix/main.cf"] = main + "smtpd_relay_restrictions = reject_unauth_destination\n"
    box.etc["postfix/master.cf"] = re.sub(r"(?m)^(local .*)n(       -       -       local)", r"\1-\2", box.etc["postfix/master.cf"])
    box.start()
    try:
        box.postfix("reload", check=True)
        box.log.wait(r"reload -- version")
        box.log.wait(r"chroot=y", count=2)  # at the start and now, by and by
        lines = [re.sub(r"\[\d+\]|line \d+", "N", line) for line in box.log.lines]
        box.run(["postconf", "-e", "compatibility_level=3.6"], check=True)
        mark = box.log.mark()
        box.run(["postfix", "check"], check=True)
        assert not [line for line in box.log.lines[mark:] if "backwards" in line]
    finally:
        box.close()
    return [line for line in lines if re.search("[Bb]ackwards|COMPATIBILITY", line)]


def test_start_and_reload_tell_of_old_defaults(work, request, oracle):
    ours, theirs = (notices(work, flavour) for flavour in (request.config.option.flavour, "oracle"))
    assert sorted(ours) == sorted(theirs)
    assert len([line for line in ours if "chroot=y" in line]) == 2


# --- where they decide --------------------------------------------------------------

RCPTS = ["joe@level.test", "x@sub.level.test", "x@elsewhere.test", "joe"]
ACCESS = "{ smtpd_recipient_restrictions = check_recipient_access inline:{elsewhere.test=OK}, reject }"
# port: what that smtpd has beside the configuration of level 0
SERVERS = {
    2501: "-o smtpd_recipient_restrictions=reject_unauth_destination",
    2502: "-o { smtpd_recipient_restrictions = permit_auth_destination, reject }",
    2503: f"-o {ACCESS}",
    2504: f"-o {ACCESS} -o smtpd_relay_restrictions=",
    2505: f"-o {ACCESS} -o compatibility_level=1",
    2506: f"-o {ACCESS} -o compatibility_level=2",
    2507: f"-o {ACCESS} -o compatibility_level=3.6",
    2508: f"-o {ACCESS} -o smtpd_relay_before_recipient_restrictions=no",
    2509: "-o { smtpd_recipient_restrictions = permit_mx_backup, reject } -o relay_domains=$mydestination",
    2510: "-o smtpd_recipient_restrictions=reject_unauth_destination -o smtpd_reject_unlisted_sender=yes"
    " -o relay_recipient_maps=inline:{y@sub.level.test=1}",
    2511: "-o smtpd_client_restrictions=reject -o smtpd_recipient_restrictions=reject",
    2512: "-o inet_interfaces=all -o { smtpd_recipient_restrictions = permit_mynetworks, reject }",
}


def converse(client):
    """What an old default may decide: sender and recipients, ETRN."""
    client.ehlo()
    for sender in ("y@sub.level.test", "ü@level.test"):
        client.docmd("RSET")
        client.docmd(f"MAIL FROM:<{sender}>")
        replies = [client.docmd(f"RCPT TO:<{address}>") for address in [*RCPTS, "ä@level.test"]]
    client.docmd("RSET")
    replies += [client.docmd(f"ETRN {site}") for site in ("sub.level.test", "level.test", "elsewhere.test")]
    return replies


def said(box, mark):
    lines = [line for line in box.log.lines[mark:] if "backwards-compatible" in line]
    return [re.sub(r"\[\d+\]: ", ": ", line, count=1) for line in lines]


def sessions(box):
    """{port: what the log says of a session there}."""
    found = {}
    for port in SERVERS:
        mark = box.log.mark()
        with box.smtp(port=port) as client:
            client.command_encoding = "utf-8"
            converse(client)
        box.log.wait(r"disconnect from", since=mark)
        found[port] = said(box, mark)
    return found


def submissions(box):
    """What the log says of incomplete domains, and of mail that waits for a site. Who
    says it, and how often, differs: addresses are completed in other places."""
    mark = box.log.mark()
    box.sendmail(["joe@foo", "joe@localhost"], "From: joe@bar\nTo: joe@baz, joe@level.test\n\nhello\n")
    for site in ("foo", "localhost"):
        box.log.wait(rf'fast-flush logfile for domain "{site}.level.test', since=mark)
    return {line.split(": ", 1)[1] for line in said(box, mark)}


def uses(work, flavour):
    box = Instance.make(work / f"uses-{flavour}", flavour, domain="level.test")
    box.etc["postfix/main.cf"] = (
        without(box.etc["postfix/main.cf"], "compatibility_level", "mynetworks", "mydestination")
        + "mydestination = $myhostname, $mydomain\nsmtpd_recipient_restrictions = reject_unauth_destination\n"
        + "relay_transport = smtp:[127.0.0.99]:9\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 100\n"
    )
    for port, options in SERVERS.items():
        networks = "" if port == 2512 else "-o mynetworks=10.0.0.0/8 "
        box.etc["postfix/master.cf"] += f"{box.address}:{port} inet n - n - - smtpd {networks}{options}\n"
    box.start()
    try:
        return sessions(box), submissions(box)
    finally:
        box.close()


def shown(lines):
    """With smtputf8_enable = no Postfix shows bytes of UTF-8 each as a "?"."""
    return [re.sub(r"[üä]", "??", line) for line in lines]


def test_each_use_of_an_old_default_is_logged(work, request, oracle):
    ours, theirs = (uses(work, flavour) for flavour in (request.config.option.flavour, "oracle"))
    for port, lines in theirs[0].items():
        assert shown(ours[0][port]) == shown(lines), SERVERS[port]
    assert ours[1] == theirs[1]
    told = " ".join(line for lines in ours[0].values() for line in lines) + " ".join(ours[1])
    for words in (
        "to avoid", "to reject recipient", "accept mail for domain", "accept mail for address", "to flush mail",
        "permit request", "non-ASCII sender", "non-ASCII recipient", "please add", '"foo.level.test"', "update fast-flush",
    ):
        assert words in told
    assert ours[0][2507] == []
