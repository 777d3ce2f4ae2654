"""Logging in to servers: what smtp says, and what it makes of answers, beside Debian's Postfix."""

import re
import time

import pytest

from compat.scripted import FIRST, SECOND, compare, two_systems
from harness.auth import b64
from harness.instance import merged
from harness.sandbox import wait_until

SETTINGS = """
smtp_sasl_auth_enable = yes
smtp_sasl_security_options =
smtp_tls_security_level = none
smtp_sasl_password_maps = inline:{{elsewhere.test=joe:secret}}
"""
OK, BAD, LATER = b"235 2.7.0 welcome\r\n", b"535 5.7.8 no\r\n", b"454 4.7.0 not now\r\n"
LEAVING, USER, PASS = b"421 4.7.0 leaving\r\n", b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"
CRAM = f"334 {b64('<1.2@peer.test>')}\r\n".encode()


@pytest.fixture(scope="module")
def pair(work):
    with two_systems(work) as instances:
        yield instances


@pytest.fixture(autouse=True)
def hosts(dns):
    dns.names |= {
        "elsewhere.test": {"A": [FIRST]},
        "two.test": {"MX": ["10 one.two.test", "20 two.two.test"]},
        "one.two.test": {"A": [FIRST]},
        "two.two.test": {"A": [SECOND]},
    }


def offer(*lines):
    return b"250-peer.test\r\n" + b"".join(b"250-" + line.encode() + b"\r\n" for line in lines) + b"250 8BITMIME\r\n"


def maps(text):
    return f"smtp_sasl_password_maps = inline:{{{text}}}"


PLAIN = ["AUTH PLAIN LOGIN"]
# name: (what EHLO offers, what AUTH is answered, more lines of main.cf)
CASES = {
    "plain": (PLAIN, [OK], ""),
    "login": (["AUTH LOGIN"], [USER, PASS, OK], ""),
    "cram": (["AUTH PLAIN CRAM-MD5"], [CRAM, OK], ""),
    "other answers of success": (PLAIN, [b"250 well\r\n"], ""),
    "refused": (PLAIN, [BAD], ""),
    "refused, returned": (PLAIN, [BAD], "smtp_sasl_auth_soft_bounce = no"),
    "refused for now": (PLAIN, [LATER], ""),
    "refused for now, without soft bounces": (PLAIN, [LATER], "smtp_sasl_auth_soft_bounce = no"),
    "refused, no status": (PLAIN, [b"535 no\r\n"], ""),
    "refused at the name": (["AUTH LOGIN"], [USER, BAD], ""),
    "leaving": (PLAIN, [LEAVING], ""),
    "lost": (PLAIN, [b""], ""),
    "lost within": (["AUTH LOGIN"], [USER, b""], ""),
    "not offered": ([], [OK], ""),
    "old form": (["AUTH=PLAIN LOGIN"], [OK], ""),
    "both forms": (["AUTH PLAIN", "AUTH=LOGIN"], [OK], ""),
    "nothing known": (["AUTH XFOO XBAR"], [OK], ""),
    "nothing offered": (["AUTH"], [OK], ""),
    "nothing safe": (PLAIN, [OK], "smtp_sasl_security_options = noplaintext"),
    "something safe": (["AUTH PLAIN CRAM-MD5 LOGIN"], [CRAM, OK], "smtp_sasl_security_options = noplaintext, noanonymous"),
    "filter": (PLAIN, [USER, PASS, OK], "smtp_sasl_mechanism_filter = !plain, static:all"),
    "filter leaves nothing": (PLAIN, [OK], "smtp_sasl_mechanism_filter = cram-md5"),
    "filter leaves nothing, no password": (PLAIN, [OK], f"smtp_sasl_mechanism_filter = cram-md5\n{maps('x=y')}"),
    "discarded": (PLAIN, [OK], "smtp_discard_ehlo_keywords = auth, silent-discard"),
    "no password": (PLAIN, [OK], maps("x=y")),
    "no colon": (PLAIN, [OK], maps("elsewhere.test=joe")),
    "empty password": (PLAIN, [OK], maps("elsewhere.test=joe:")),
    "empty user": (PLAIN, [OK], maps("elsewhere.test=:secret")),
    "colons": (PLAIN, [OK], maps("elsewhere.test=joe:se:cret")),
    "next hop": (PLAIN, [OK], f"relayhost = [elsewhere.test]:25\n{maps('{[elsewhere.test]:25=joe:secret}')}"),
    "next hop without its port": (PLAIN, [OK], f"relayhost = [elsewhere.test]:25\n{maps('{[elsewhere.test]=joe:secret}')}"),
    "host before next hop": (PLAIN, [OK], f"relayhost = [elsewhere.test]:25\n{maps('{[elsewhere.test]:25=joe:secret} {elsewhere.test=ann:other}')}"),
    "sender": (PLAIN, [OK], f"smtp_sender_dependent_authentication = yes\n{maps('{ann@same.test=ann:other} {elsewhere.test=joe:secret}')}"),
    "sender's domain": (PLAIN, [OK], f"smtp_sender_dependent_authentication = yes\n{maps('{@same.test=ann:other} {elsewhere.test=joe:secret}')}"),
    "sender's name alone": (PLAIN, [OK], f"smtp_sender_dependent_authentication = yes\n{maps('{ann=ann:other} {elsewhere.test=joe:secret}')}"),
    "another sender": (PLAIN, [OK], f"smtp_sender_dependent_authentication = yes\n{maps('{bob@same.test=bob:other} {elsewhere.test=joe:secret}')}"),
    "senders don't count": (PLAIN, [OK], maps("{ann@same.test=ann:other} {elsewhere.test=joe:secret}")),
    "as whom": (PLAIN, [OK], "send_cyrus_sasl_authzid = yes"),
    "AUTH=<>": (PLAIN, [OK], "smtp_send_dummy_mail_auth = yes"),
    "AUTH=<> without a login": (PLAIN, [OK], f"smtp_send_dummy_mail_auth = yes\n{maps('x=y')}"),
    "not enabled": (PLAIN, [OK], "smtp_sasl_auth_enable = no"),
}


@pytest.mark.parametrize("name", CASES)
def test_server(pair, name):
    offered, answers, more = CASES[name]
    compare(pair, [(FIRST, {"EHLO": offer(*offered), "AUTH": answers})], settings=merged(SETTINGS, more))


@pytest.mark.parametrize("answer", [BAD, LATER, LEAVING, b""], ids=["refused", "not now", "leaving", "lost"])
def test_next_host_is_tried(pair, answer):
    settings = merged(SETTINGS, f"{maps('{one.two.test=joe:secret} {two.two.test=ann:other}')}")
    hosts = [(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [answer]}), (SECOND, {"EHLO": offer(*PLAIN), "AUTH": [OK]})]
    compare(pair, hosts, ["v@two.test"], settings=settings)


def test_passwords_cannot_be_found_out(pair):
    """The warnings have words of their own; the outcome is the same."""
    compare(
        pair,
        [(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [OK]})],
        settings=merged(SETTINGS, "smtp_sasl_password_maps = fail:x"),
        log="status=",
    )


def test_asks_without_end(pair):
    """What the server then still hears depends on who hangs up first."""
    compare(pair, [(FIRST, {"EHLO": offer("AUTH LOGIN"), "AUTH": [USER, PASS, USER, USER, OK]})], settings=SETTINGS, heard=False)


def test_challenge_is_no_base64(pair):
    """As above."""
    compare(pair, [(FIRST, {"EHLO": offer("AUTH LOGIN"), "AUTH": [b"334 !\r\n"]})], settings=SETTINGS, heard=False, log="nothing of it")


def cached(mta, name):
    """What the table has, without the time."""
    text = mta.run(["postmap", "-s", f"btree:/var/lib/postfix/{name}"], check=True).stdout
    return [re.sub(r"\t\d+;", "\tTIME;", line) for line in text.splitlines()]


@pytest.mark.parametrize("more", ["", "smtp_sasl_auth_soft_bounce = no"], ids=["deferred", "returned"])
def test_refusals_are_remembered(pair, more):
    name = "refusals" + str(len(more))
    settings = merged(SETTINGS, f"smtp_sasl_auth_cache_name = proxy:btree:/var/lib/postfix/{name}\n{more}")
    refuses, takes = ([(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [answer]})] for answer in (BAD, OK))
    compare(pair, refuses, settings=settings)
    compare(pair, takes, settings=settings)  # is not asked
    assert cached(pair[1], name) == cached(pair[0], name) == ["elsewhere.test;joe\tTIME;5en6G6MezRroT3XKqkdPOmY/BfQ=;5.7.8;535 5.7.8 no"]
    compare(pair, takes, settings=merged(settings, maps("elsewhere.test=joe:other")))


def test_what_may_pass_is_not_remembered(pair):
    settings = merged(SETTINGS, "smtp_sasl_auth_cache_name = proxy:btree:/var/lib/postfix/passing")
    for answer in (LATER, OK):
        compare(pair, [(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [answer]})], settings=settings)


def test_time_of_refusals_passes(pair):
    settings = merged(SETTINGS, "smtp_sasl_auth_cache_name = proxy:btree:/var/lib/postfix/short\nsmtp_sasl_auth_cache_time = 0")
    compare(pair, [(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [BAD]})], settings=settings)
    second = int(time.time())
    wait_until(lambda: int(time.time()) > second, 3, "the next second")
    compare(pair, [(FIRST, {"EHLO": offer(*PLAIN), "AUTH": [OK]})], settings=settings)
