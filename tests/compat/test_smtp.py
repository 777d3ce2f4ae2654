"""smtp does what Debian's does, reply by reply.

A scripted server gives one odd reply at one stage of the dialogue. With two
mail exchangers the second one takes everything, so that the pair also shows
when the next host is asked.
"""

import contextlib
import socket

import pytest

from compat.scripted import FIRST, PIPELINING, REPLIES, SECOND, compare, two_systems

STAGES = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"]


@pytest.fixture(scope="module")
def pair(work):
    with two_systems(work) as instances:
        yield instances


def one_host(dns):
    dns.names |= {"elsewhere.test": {"A": [FIRST]}}


def two_hosts(dns):
    dns.names |= {
        "elsewhere.test": {"MX": ["10 one.elsewhere.test", "20 two.elsewhere.test"]},
        "one.elsewhere.test": {"A": [FIRST]},
        "two.elsewhere.test": {"A": [SECOND]},
    }


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", STAGES)
def test_one_host(pair, dns, stage, reply):
    one_host(dns)
    compare(pair, [(FIRST, {stage: REPLIES[reply]})])


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", STAGES)
def test_two_hosts(pair, dns, stage, reply):
    two_hosts(dns)
    compare(pair, [(FIRST, {stage: REPLIES[reply]}), (SECOND, {})])


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "end"])
def test_pipelining(pair, dns, stage, reply):
    one_host(dns)
    compare(pair, [(FIRST, PIPELINING | {stage: REPLIES[reply]})])


# --- more than one recipient ---------------------------------------------------------

THREE = ("a@elsewhere.test", "b@elsewhere.test", "c@elsewhere.test")
OK, LATER, NEVER, LEAVING = (
    b"250 2.1.5 ok\r\n",
    b"450 4.2.0 later\r\n",
    b"550 5.1.1 never\r\n",
    b"421 4.3.2 leaving\r\n",
)


@pytest.mark.parametrize("hello", [{}, PIPELINING], ids=["plain", "pipelining"])
@pytest.mark.parametrize(
    "replies",
    [
        [OK, LATER, NEVER],
        [NEVER, NEVER, OK],
        [NEVER, LATER, NEVER],
        [LATER, LATER, LATER],
        [LEAVING, OK, OK],
        [OK, LEAVING, b""],
        [OK, b"", b""],
    ],
    ids=["ok-later-never", "never-never-ok", "none", "later", "leaving", "left", "lost"],
)
@pytest.mark.parametrize("hosts", [1, 2])
def test_three_recipients(pair, dns, hello, replies, hosts):
    (one_host if hosts == 1 else two_hosts)(dns)
    first = (FIRST, hello | {"RCPT": replies})
    second = (SECOND, hello | {"RCPT": [OK, LATER, NEVER]})
    compare(pair, [first, second][:hosts], THREE)


# --- configuration ------------------------------------------------------------------------

SETTINGS = {
    "soft bounce": ("soft_bounce = yes", {"RCPT": NEVER}),
    "soft bounce, greeting": ("soft_bounce = yes", {"greeting": b"554 5.7.1 no\r\n"}),
    "5xx greeting": ("smtp_skip_5xx_greeting = no", {"greeting": b"554 5.7.1 no\r\n"}),
    "5xx greeting, bare": ("smtp_skip_5xx_greeting = no", {"greeting": b"554 no\r\n"}),
    "4xx greeting": ("smtp_skip_5xx_greeting = no", {"greeting": b"450 4.7.1 no\r\n"}),
    "never EHLO": ("smtp_never_send_ehlo = yes", {}),
    "EHLO on demand, asked": ("smtp_always_send_ehlo = no", {"greeting": b"220 peer.test esmtp here\r\n"}),
    "EHLO on demand, not asked": ("smtp_always_send_ehlo = no", {"greeting": b"220 peer.test SMTP\r\n"}),
    "EHLO on demand, second line": (
        "smtp_always_send_ehlo = no",
        {"greeting": b"220-peer.test SMTP\r\n220 ESMTP\r\n"},
    ),
    "HELO refused": ("smtp_never_send_ehlo = yes", {"HELO": b"550 5.7.1 who\r\n"}),
    "HELO later": ("smtp_never_send_ehlo = yes", {"HELO": b"450 4.7.1 who\r\n"}),
    "HELO lost": ("smtp_never_send_ehlo = yes", {"HELO": b""}),
    "HELO nonsense": ("smtp_never_send_ehlo = yes", {"HELO": b"150 4.7.1 who\r\n"}),
    "helo name": ("smtp_helo_name = other.test", {}),
    "keywords": (
        "smtp_discard_ehlo_keywords = dsn, PIPELINING, 8bitmime, silent-discard",
        {"EHLO": b"250-peer\r\n250-PIPELINING\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE\r\n"},
    ),
    "all keywords": (
        "smtp_discard_ehlo_keywords = chunking dsn pipelining size vrfy etrn auth starttls xforward"
        " enhancedstatuscodes 8bitmime xclient verp",
        {"EHLO": b"250-peer\r\n250 DSN\r\n"},
    ),
    "keywords, told": (
        "smtp_discard_ehlo_keywords = dsn, chunking",
        {"EHLO": b"250-peer\r\n250-PIPELINING\r\n250-DSN\r\n250-8BITMIME\r\n250 SIZE\r\n"},
    ),
    "own name in the greeting": ("", {"greeting": b"220 mail.same.test ESMTP\r\n"}),
    "own name in EHLO": ("", {"EHLO": b"250-MAIL.same.test\r\n250 SIZE\r\n"}),
    "own name in HELO": ("smtp_never_send_ehlo = yes", {"HELO": b"250 mail.same.test hello\r\n"}),
    "negative size limit": ("", {"EHLO": b"250-peer\r\n250 SIZE -5\r\n"}),
    "large size limit": ("", {"EHLO": b"250-peer\r\n250-8BITMIME\r\n250 SIZE 99999999999999999999999\r\n"}),
    "size, no conversion": ("disable_mime_output_conversion = yes", {"EHLO": b"250-peer\r\n250 SIZE 0\r\n"}),
    "no size limit": ("", {"EHLO": b"250-peer\r\n250 SIZE 0\r\n"}),
    "size limit, nonsense": ("", {"EHLO": b"250-peer\r\n250 SIZE x9\r\n"}),
    "features": ("", {"EHLO": b"250-peer\r\n250-DSN\r\n250-8bitMIME\r\n250-SMTPUTF8\r\n250-XFORWARD NAME\r\n250 SIZE\r\n"}),
    "QUIT awaited": ("smtp_skip_quit_response = no", {}),
    "QUIT not answered": ("smtp_skip_quit_response = no", {"QUIT": b""}),
    "RSET fails": ("", {"MAIL": LATER, "RSET": b"500 what\r\n"}),
    "RSET lost": ("", {"MAIL": LATER, "RSET": b""}),
    "RSET lost after refusal": ("", {"MAIL": NEVER, "RSET": b""}),
}


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("hosts", [1, 2])
def test_settings(pair, dns, case, hosts):
    text, replies = SETTINGS[case]
    (one_host if hosts == 1 else two_hosts)(dns)
    compare(pair, [(FIRST, replies), (SECOND, {})][:hosts], settings=text)


def test_size_limit(pair, dns):
    """Postfix says no QUIT then; we do."""
    one_host(dns)
    compare(pair, [(FIRST, {"EHLO": b"250-peer\r\n250 SIZE 20\r\n"})], heard=False)


STALLS = [("greeting", "helo"), ("EHLO", "helo"), ("MAIL", "mail"), ("RCPT", "rcpt"), ("DATA", "data_init"), ("end", "data_done"), ("RSET", "rset")]


@pytest.mark.parametrize("stage, name", STALLS, ids=[s for s, _ in STALLS])
def test_timeouts(pair, dns, stage, name):
    one_host(dns)
    replies = {stage: b"250-wait\r\n"}
    if stage == "RSET":
        replies["MAIL"] = LATER
    compare(pair, [(FIRST, replies)], settings=f"smtp_{name}_timeout = 1s")


def test_timeout_of_xforward(pair, dns):
    one_host(dns)
    settings = "smtp_send_xforward_command = yes\nsmtp_xforward_timeout = 1s"
    compare(pair, [(FIRST, hello([ALL]) | {"XFOR": b"250-wait\r\n"})], settings=settings)


def test_timeout_of_quit(pair, dns):
    one_host(dns)
    settings = "smtp_skip_quit_response = no\nsmtp_quit_timeout = 1s"
    compare(pair, [(FIRST, {"QUIT": b"221-wait\r\n"})], settings=settings)


def test_timeout_of_connecting(pair, dns):
    """A host that drops our packets, as one with a full queue of connections does."""
    two_hosts(dns)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server((FIRST, 25), backlog=0))
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        compare(pair, [(SECOND, {})], settings="smtp_connect_timeout = 1s")


# --- the way to the hosts --------------------------------------------------------------------

def mx(*hosts, **more):
    names = {"elsewhere.test": {"MX": [f"{preference} {name}" for preference, name in hosts]}}
    return names | {name.replace("_", "."): value for name, value in more.items()}


A1, A2, SELF = {"A": [FIRST]}, {"A": [SECOND]}, {"A": ["127.0.0.5"]}
ONE, TWO = "one.test", "two.test"
ROUTES = {
    "no such domain": ("", {}),
    "no such domain, native": ("smtp_host_lookup = native", {}),
    "A only": ("", {"elsewhere.test": A1}),
    "A only, native": ("smtp_host_lookup = native", {"elsewhere.test": A1}),
    "A only, DNS off": ("smtp_dns_support_level = disabled", {"elsewhere.test": A1}),
    "MX, native": ("smtp_host_lookup = native", mx((10, ONE), one_test=A1)),
    "MX, dns then native": ("smtp_host_lookup = dns, native", mx((10, ONE), one_test=A1)),
    "MX, DNS off": ("smtp_dns_support_level = disabled", mx((10, ONE), one_test=A1)),
    "MX by CNAME": ("", mx((10, ONE), one_test={"CNAME": [TWO]}, two_test=A1)),
    "MX, no address, dns then native": ("smtp_host_lookup = dns, native", mx((10, ONE))),
    "MX localhost, native": ("smtp_host_lookup = dns, native", mx((10, "localhost"))),
    "null MX, worse": ("", mx((10, ONE), (20, "."), one_test=A1)),
    "domain is CNAME": ("", {"elsewhere.test": {"CNAME": ["real.test"]}, "real.test": {"MX": [f"10 {ONE}"]}, ONE: A1}),
    "domain is CNAME to A": ("", {"elsewhere.test": {"CNAME": ["real.test"]}, "real.test": A1}),
    "null MX": ("", mx((0, "."))),
    "null MX among others": ("", mx((0, "."), (10, ONE), one_test=A1)),
    "MX without address": ("", mx((10, ONE))),
    "MX without address, deferred": ("smtp_defer_if_no_mx_address_found = yes", mx((10, ONE))),
    "best MX without address": ("", mx((10, ONE), (20, TWO), two_test=A1)),
    "MX fails": ("", {"elsewhere.test": {"MX": "SERVFAIL", "A": [FIRST]}}),
    "MX fails, ignored": ("ignore_mx_lookup_error = yes", {"elsewhere.test": {"MX": "SERVFAIL", "A": [FIRST]}}),
    "A of MX fails": ("", mx((10, ONE), one_test={"A": "SERVFAIL"})),
    "A fails": ("", {"elsewhere.test": {"A": "SERVFAIL"}}),
    "A fails, dns then native": ("smtp_host_lookup = dns, native", {"elsewhere.test": {"A": "SERVFAIL"}}),
    "MX is an address": ("", mx((10, FIRST))),
    "MX is ourselves": ("proxy_interfaces = 127.0.0.5", mx((10, ONE), one_test=SELF)),
    "MX is ourselves, better has no address": ("proxy_interfaces = 127.0.0.5", mx((10, TWO), (20, ONE), one_test=SELF)),
    "MX is ourselves, better takes it": ("proxy_interfaces = 127.0.0.5", mx((10, TWO), (20, ONE), one_test=SELF, two_test=A1)),
    "MX is ourselves, same preference": ("proxy_interfaces = 127.0.0.5", mx((10, TWO), (10, ONE), one_test=SELF, two_test=A1)),
    "A is ourselves": ("proxy_interfaces = 127.0.0.5", {"elsewhere.test": SELF}),
    "fallback for unknown": ("smtp_fallback_relay = [127.0.0.7]", {}),
    "fallback unknown": ("smtp_fallback_relay = nowhere.test", {}),
    "fallback and dead host": ("smtp_fallback_relay = [127.0.0.7]", {"elsewhere.test": SELF}),
    "fallback and own domain": ("proxy_interfaces = 127.0.0.5\nsmtp_fallback_relay = [127.0.0.7]", mx((10, TWO), (20, ONE), one_test=SELF)),
    "two fallbacks": ("smtp_fallback_relay = [127.0.0.5], [127.0.0.7]", {}),
    "relayhost unknown": ("relayhost = nowhere.test", {}),
    "relayhost unknown, host": ("relayhost = [nowhere.test]", {}),
    "relayhost unknown, port": ("relayhost = nowhere.test:2525", {}),
    "relayhost": ("relayhost = [127.0.0.7]", {}),
    "relayhost dead": ("relayhost = [127.0.0.5]:26", {}),
    "relayhost is us": ("relayhost = [127.0.0.5]\nproxy_interfaces = 127.0.0.5", {}),
    "relayhost is us, other port": ("relayhost = [127.0.0.5]:26\nproxy_interfaces = 127.0.0.5", {}),
    "list of next hops": ("default_transport = smtp:[127.0.0.5], [127.0.0.7]", {}),
    "list of next hops, first unknown": ("default_transport = smtp:nowhere.test, [127.0.0.7]", {}),
    "list of next hops, last unknown": ("default_transport = smtp:[127.0.0.5], nowhere.test", {}),
    "both protocols, no such domain": ("inet_protocols = all", {}),
    "both protocols, A": ("inet_protocols = all", {"elsewhere.test": A1}),
    "both protocols, AAAA": ("inet_protocols = all", {"elsewhere.test": {"AAAA": ["::7"]}}),
    "both protocols, MX without address": ("inet_protocols = all", mx((10, ONE), one_test={"TXT": ["x"]})),
    "both protocols, A fails": ("inet_protocols = all", {"elsewhere.test": {"A": "SERVFAIL"}}),
    "both protocols, AAAA fails": ("inet_protocols = all", {"elsewhere.test": {"A": [FIRST], "AAAA": "SERVFAIL"}}),
    "address literal of the other protocol": ("relayhost = [::7]", {}),
    "address limit": ("smtp_mx_address_limit = 1", mx((10, ONE), (20, TWO), one_test=SELF, two_test=A1)),
    "no address limit": ("smtp_mx_address_limit = 0", mx((10, ONE), (20, TWO), one_test=SELF, two_test=A1)),
    "relayhost by sender": ("sender_dependent_relayhost_maps = inline:{ann@same.test=[127.0.0.7]}", {}),
    "relayhost by sender's domain": ("sender_dependent_relayhost_maps = inline:{@same.test=[127.0.0.7]}", {}),
    "transport by sender": (
        "sender_dependent_default_transport_maps = inline:{{@same.test=smtp:[127.0.0.7]}}",
        {},
    ),
    "IPv6 first": ("inet_protocols = all\nsmtp_address_preference = ipv6", {"elsewhere.test": {"A": [FIRST], "AAAA": ["::7"]}}),
    "IPv4 first": ("inet_protocols = all\nsmtp_address_preference = ipv4", {"elsewhere.test": {"A": ["127.0.0.5", FIRST], "AAAA": ["::7"]}}),
    "limit leaves room for both protocols": (
        "inet_protocols = all\nsmtp_address_preference = any\nsmtp_mx_address_limit = 2",
        mx((10, ONE), (20, TWO), one_test={"A": ["127.0.0.5", "127.0.0.4"]}, two_test={"AAAA": ["::7"]}),
    ),
    "limit, unbalanced": (
        "inet_protocols = all\nsmtp_balance_inet_protocols = no\nsmtp_mx_address_limit = 2",
        mx((10, ONE), (20, TWO), one_test={"A": ["127.0.0.5", "127.0.0.4"]}, two_test={"AAAA": ["::7"]}),
    ),
    "port of its own": ("smtp_tcp_port = 2525", {"elsewhere.test": A1}),
    "bind, IPv6 address for IPv4": ("smtp_bind_address6 = ::9", {"elsewhere.test": A1}),
    "two addresses": ("", {"elsewhere.test": {"A": ["127.0.0.5", FIRST]}}),
    "bind": ("smtp_bind_address = 127.0.0.77", {"elsewhere.test": A1}),
    "bind to a foreign address": ("smtp_bind_address = 192.0.2.1", {"elsewhere.test": A1}),
    "bind to a foreign address, enforced": ("smtp_bind_address = 192.0.2.1\nsmtp_bind_address_enforce = yes", {"elsewhere.test": A1}),
}


def test_best_mx_transport(pair, dns):
    dns.names |= mx((10, ONE), one_test=SELF)
    settings = "proxy_interfaces = 127.0.0.5\nbest_mx_transport = discard:ours"
    compare(pair, [], ["v@elsewhere.test", "w@elsewhere.test"], settings=settings, program="smtp|discard")


@pytest.mark.parametrize("case", ROUTES)
def test_routes(pair, dns, case):
    text, names = ROUTES[case]
    dns.names |= names
    compare(pair, [(FIRST, {})], settings=text)


def test_session_limit(pair, dns):
    dns.names |= mx((10, ONE), (20, TWO), (30, "three.test"), one_test=A1, two_test=A2, three_test={"A": ["127.0.0.4"]})
    compare(pair, [(FIRST, {"MAIL": LATER}), (SECOND, {"RCPT": LATER}), ("127.0.0.4", {})])


def test_refused_greetings_are_no_sessions(pair, dns):
    dns.names |= mx((10, ONE), (20, TWO), (30, "three.test"), one_test=A1, two_test=A2, three_test={"A": ["127.0.0.4"]})
    later = {"greeting": b"450 4.3.2 later\r\n"}
    compare(pair, [(FIRST, later), (SECOND, later), ("127.0.0.4", {})])


# --- content -------------------------------------------------------------------------------------

PLAIN = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
EIGHT = "gr\u00fc\u00dfe = 1 \n" + "\u00e4" * 60 + "\nFrom here\n.dot\n..\n"
MESSAGES = {
    "plain": "Subject: t\n\nx\n",
    "8bit": PLAIN + EIGHT,
    "8bit, no MIME": "Subject: t\n\n" + EIGHT,
    "8bit in the header": "Subject: gr\u00fc\u00dfe\n\nx\n",
    "no line end": PLAIN + EIGHT.rstrip(),
    "dots": "Subject: t\n\n.\n..\n.a\n",
    "long line": "Subject: t\n\n" + "x" * 3000 + "\n." + "y" * 998 + "\n",
    "long header": "Subject: " + "x" * 3000 + "\n\nx\n",
    "empty body": "Subject: t\n\n",
    "no body": "Subject: t\n",
    "multipart": (
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n"
        "preamble\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n" + EIGHT +
        "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n" + PLAIN + EIGHT +
        "--b\nContent-Transfer-Encoding: binary\n\n" + EIGHT + "--b\n\nseven\n--b--\nepilogue\n"
    ),
}


@pytest.mark.parametrize("hello", ["250 peer\r\n", "250-peer\r\n250 8BITMIME\r\n"], ids=["7bit", "8bit"])
@pytest.mark.parametrize("declared", ["", "8BITMIME"])
@pytest.mark.parametrize("name", MESSAGES)
def test_content(pair, dns, name, declared, hello):
    one_host(dns)
    compare(pair, [(FIRST, {"EHLO": hello.encode()})], text=MESSAGES[name].encode(), body=declared)


@pytest.mark.parametrize("name", ["8bit", "multipart"])
def test_no_conversion(pair, dns, name):
    one_host(dns)
    settings = "disable_mime_output_conversion = yes"
    compare(pair, [(FIRST, {"EHLO": b"250 peer\r\n"})], text=MESSAGES[name].encode(), settings=settings)


# --- telling of the client ------------------------------------------------------------------------

ALL = "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"
OFFERS = {"all": [ALL], "pipelining": ["PIPELINING", ALL], "some": ["XFORWARD NAME ADDR"], "none": ["XFORWARD"], "odd": ["XFORWARD FOO HELO"]}


def hello(keywords):
    lines = ["250-peer.test"] + [f"250-{k}" for k in keywords] + ["250 HELP"]
    return {"EHLO": "".join(f"{line}\r\n" for line in lines).encode()}


@pytest.mark.parametrize("offer", OFFERS)
def test_xforward(pair, dns, offer):
    one_host(dns)
    compare(pair, [(FIRST, hello(OFFERS[offer]))], settings="smtp_send_xforward_command = yes")


def test_no_xforward(pair, dns):
    one_host(dns)
    compare(pair, [(FIRST, hello([ALL]))])


@pytest.mark.parametrize("reply", [b"500 5.5.1 no\r\n", b"450 no\r\n", b"354 what\r\n", b""], ids=["5xx", "4xx", "3xx", "lost"])
def test_xforward_refused(pair, dns, reply):
    one_host(dns)
    compare(pair, [(FIRST, hello([ALL]) | {"XFOR": reply})], settings="smtp_send_xforward_command = yes")


# --- probes ------------------------------------------------------------------------------------------

PROBES = {
    "fine": {},
    "pipelining": PIPELINING,
    "refused": {"RCPT": NEVER},
    "later": {"RCPT": LATER},
    "refused, pipelining": PIPELINING | {"RCPT": NEVER},
    "sender refused": {"MAIL": NEVER},
    "data refused": {"DATA": NEVER},
    "lost": {"RCPT": b""},
    "lost after data": {"DATA": b""},
}


@pytest.mark.parametrize("case", PROBES)
@pytest.mark.parametrize("target", ["rcpt", "data"])
def test_probe(pair, dns, target, case):
    one_host(dns)
    settings = f"smtp_address_verify_target = {target}"
    compare(pair, [(FIRST, PROBES[case])], settings=settings, probe=True)


# --- smtp_generic_maps, smtp_header_checks -------------------------------------------------------------

ADDRESSES = b"""From: Ann <ann@same.test>, ann+ext@same.test
To: v@elsewhere.test (comment), "V W" <V@Elsewhere.test>,
 x@dom.test, long@dom.test, z@sub.mail.same.test, joe@mail.same.test, joe
Cc: undisclosed-recipients:;
Reply-To: ann@same.test
Sender: ann@same.test
Errors-To: ann@same.test
Resent-From: ann@same.test
Delivered-To: ann@same.test
Disposition-Notification-To: ann@same.test
Mail-Followup-To: ann@same.test
X-Other: ann@same.test
Message-Id: <ann@same.test>
Apparently-To: ann@same.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
From: ann@same.test
Content-Type: message/rfc822

From: ann@same.test
Subject: inner

ann@same.test
--b--
"""
GENERIC = {
    "all": (
        "inline:{{ann@same.test=out@map.test},{v@elsewhere.test=\"w x\"@mapped.test},{joe=joe@outer.test},"
        "{@mail.same.test=all@map.test},{x@dom.test=@new.test},{long@dom.test=two@a.test, three@b.test}}"
    ),
    "nothing": "inline:{nobody=nobody@x.test}",
    "domain": "inline:{@same.test=@x.test}",
    "domain, extension": "inline:{@same.test=@x.test}\npropagate_unmatched_extensions = generic",
    "extension": "inline:{ann@same.test=n@x.test}\npropagate_unmatched_extensions = generic",
    "to a local name": "inline:{ann@same.test=bob}",
    "odd": "inline:{ann@same.test=x@@y}",
}


@pytest.mark.parametrize("case", GENERIC)
def test_generic_maps(pair, dns, case):
    one_host(dns)
    settings = f"recipient_delimiter = +\nsmtp_generic_maps = {GENERIC[case]}"
    compare(pair, [(FIRST, {})], text=ADDRESSES, settings=settings)


ACTIONS = ["IGNORE", "STRIP why", "WARN why", "WARN", "INFO why", "PREPEND X-Y: z", "REPLACE Subject: other",
           "DUNNO", "OK", "REJECT no", "HOLD", "FILTER x:y", "PREPEND bad", "REPLACE bad", "what"]  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("checks", ["header", "body"])
def test_checks(pair, dns, checks, action):
    one_host(dns)
    settings = f"smtp_{checks}_checks = pcre:{{{{/^(Subject:|ann)/ {action}}}}}"
    compare(pair, [(FIRST, {})], text=b"Subject: hello\n there\n" + ADDRESSES, settings=settings)


@pytest.mark.parametrize("checks", ["header", "mime_header", "nested_header", "body"])
def test_checks_by_place(pair, dns, checks):
    one_host(dns)
    settings = f"smtp_{checks}_checks = pcre:{{{{/^(From|Content|Subject|ann|-)/ PREPEND X-Seen: {checks}}}}}"
    compare(pair, [(FIRST, {})], text=ADDRESSES, settings=settings)


def test_checks_then_addresses(pair, dns):
    one_host(dns)
    settings = (
        "smtp_header_checks = pcre:{{/^From:/ REPLACE From: joe@mail.same.test}}\n"
        "smtp_generic_maps = inline:{joe@mail.same.test=joe@outer.test}"
    )
    compare(pair, [(FIRST, {})], text=ADDRESSES, settings=settings)


def test_checks_that_fail(pair, dns):
    """Only the words about the table differ."""
    one_host(dns)
    compare(pair, [(FIRST, {})], settings="smtp_header_checks = fail:x", log=r"status=")


# --- SMTPUTF8 (autodetected in what the sendmail command hands in) --------------------------------------

UTF8 = {
    "ascii": ("v@elsewhere.test", "Subject: x\n\nx\n"),
    "recipient": ("j\u00f6@elsewhere.test", "Subject: x\n\nx\n"),
    "header": ("v@elsewhere.test", "Subject: gr\u00fc\u00dfe\n\nx\n"),
    "body": ("v@elsewhere.test", "Subject: x\n\ngr\u00fc\u00dfe\n"),
    "domain": ("v@j\u00f6.elsewhere.test", "Subject: x\n\nx\n"),
}


@pytest.mark.parametrize("offer", [["SMTPUTF8", "8BITMIME"], ["8BITMIME"], []], ids=["utf8", "8bit", "nothing"])
@pytest.mark.parametrize("case", UTF8)
def test_utf8(pair, dns, case, offer):
    recipient, text = UTF8[case]
    one_host(dns)
    dns.names |= {"xn--j-1ga.elsewhere.test": {"A": [FIRST]}}
    compare(pair, [(FIRST, hello(offer))], [recipient], text=text, sendmail=True)


# --- special care for some servers -------------------------------------------------------------------------

FULL = hello(["PIPELINING", "8BITMIME", "DSN", "SIZE"])
MAPS = "smtp_discard_ehlo_keyword_address_maps = "


@pytest.mark.parametrize(
    "settings",
    [
        MAPS + "inline:{127.0.0.7=dsn}",
        MAPS + "inline:{{127.0.0.7=dsn, silent-discard}}",
        MAPS + "inline:{127.0.0.8=dsn}\nsmtp_discard_ehlo_keywords = size",
        MAPS + "inline:{127.0.0.7=dsn}\nsmtp_discard_ehlo_keywords = size",
        MAPS + "fail:x",
    ],
    ids=["one", "silent", "other", "both", "fails"],
)
@pytest.mark.parametrize("hosts", [1, 2])
def test_keywords_by_address(pair, dns, settings, hosts):
    (one_host if hosts == 1 else two_hosts)(dns)
    compare(pair, [(FIRST, FULL), (SECOND, FULL)][:hosts], settings=settings, log=r"^(?!.*(lookup error for \"|lookup error by request))")


PIX = {"greeting": b"220 ****2***0****\r\n"}


@pytest.mark.parametrize(
    "settings, greeting",
    [
        ("", PIX),
        ("", {"greeting": b"220 *\r\n"}),
        ("", {"greeting": b"220 **** x\r\n"}),
        ("smtp_pix_workaround_threshold_time = 0\nsmtp_pix_workaround_delay_time = 1s", PIX),
        ("smtp_pix_workarounds = delay_dotcrlf\nsmtp_pix_workaround_threshold_time = 0\nsmtp_pix_workaround_delay_time = 1s", PIX),
        ("smtp_pix_workarounds =", PIX),
        ("smtp_pix_workaround_maps = inline:{127.0.0.7=disable_esmtp}\nsmtp_pix_workarounds =", PIX),
        ("smtp_pix_workaround_maps = inline:{127.0.0.7=delay_dotcrlf}", PIX),
    ],
)
def test_pix(pair, dns, settings, greeting):
    one_host(dns)
    compare(pair, [(FIRST, FULL | greeting)], settings=settings, log=r"^(?!.*enabling PIX workarounds:  for)")


@pytest.mark.parametrize(
    "table, replies",
    [
        ("pcre:{{/^550(.*)/ 450 4.0.0 so}}", {"RCPT": b"550 5.1.1 a\r\n"}),
        ("pcre:{{/^550(.*)/ 450-4.0.0 so}, {/^250 2.1.0/ 250 2.1.0 changed}}", {"RCPT": b"550-5.1.1 a\r\n250 x\r\n"}),
        ("inline:{{250-DSN=250-XDSN}}", {}),
        ("fail:x", {}),
    ],
    ids=["code", "lines", "feature", "fails"],
)
def test_reply_filter(pair, dns, table, replies):
    one_host(dns)
    settings = f"smtp_reply_filter = {table}"
    compare(pair, [(FIRST, FULL | replies)], settings=settings, log=r"^(?!.*lookup error)")


# --- flags= in master.cf -------------------------------------------------------------------------------------

FRONT = "default_transport = front:"
ONE_EACH = FRONT + "\nfront_destination_recipient_limit = 1"


@pytest.mark.parametrize(
    "settings, recipients",
    [
        (ONE_EACH, ["v@elsewhere.test"]),
        (FRONT, ["v@elsewhere.test"]),
        ("default_transport = sender:", ["v@elsewhere.test", "w@elsewhere.test"]),
    ],
)
def test_lines_in_front(pair, dns, settings, recipients):
    one_host(dns)
    compare(pair, [(FIRST, {})], recipients, settings=settings)


def test_front_lines_for_several_recipients_are_a_slip(pair, dns):
    """The words about the flag differ."""
    one_host(dns)
    compare(pair, [(FIRST, {})], ["v@elsewhere.test", "w@elsewhere.test"], settings=FRONT, log="status=")


def test_a_delivered_to_line_shows_a_loop(pair, dns):
    one_host(dns)
    text = b"Delivered-To: v@elsewhere.test\nSubject: x\n\nx\n"
    compare(pair, [(FIRST, {})], text=text, settings=ONE_EACH)
