"""postscreen: what clients hear, what the log says, what the cache holds, ours beside Debian's Postfix."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.sandbox import wait_until

DOMAIN = "example.test"
MAIN = """
inet_protocols = all
smtpd_error_sleep_time = 0
smtpd_forbid_unauth_pipelining = no
smtpd_discard_ehlo_keywords = chunking, starttls, smtputf8, silent-discard
postscreen_discard_ehlo_keywords =
smtpd_peername_lookup = no
postscreen_greet_wait = 1s
postscreen_access_list = cidr:{{127.0.0.41 reject}, {127.0.0.42 permit}, {127.0.0.43 dunno}, {127.0.0.44 junk}, {127.0.0.45 reject}}
postscreen_dnsbl_timeout = 5s
"""
NOW = "now"  # before the greeting
MORE = "more"  # one reply more is waited for
GONE = "gone"
DEEP = ["postscreen_pipelining_enable = yes", "postscreen_non_smtp_command_enable = yes", "postscreen_bare_newline_enable = yes"]
HI = b"EHLO x.test\r\n"
MAIL = b"MAIL FROM:<a@client.test>\r\n"
RCPT = b"RCPT TO:<joe@example.test>\r\n"
QUIT = b"QUIT\r\n"
ENFORCE = ["postscreen_denylist_action = enforce", "postscreen_greet_action = enforce", "postscreen_dnsbl_action = enforce", "postscreen_pipelining_action = enforce", "postscreen_non_smtp_command_action = enforce", "postscreen_bare_newline_action = enforce"]
DROP = [line.replace("= enforce", "= drop") for line in ENFORCE]
IGNORE = [line.replace("= enforce", "= ignore") for line in ENFORCE]
TLS = ["postscreen_tls_security_level = may", "tlsproxy_service_name = nowhere"]
LISTS = ["postscreen_dnsbl_sites = bl.test*2, b2.test=127.0.0.[2..4]*1, b2.test=127.0.0.9*5, wl.test*-3, wl2.test=127.0.[0;1].0*-2"]

# name: (source, [what stands in master.cf], [what the client says])
CASES = {
    "good": ("127.0.0.50", [], [HI, MAIL, RCPT, QUIT]),
    "good again": ("127.0.0.50", [], [HI, QUIT]),
    "permit": ("127.0.0.42", [], [HI, QUIT]),
    "denied, ignore": ("127.0.0.41", IGNORE, [HI, QUIT]),
    "denied, enforce": ("127.0.0.41", ENFORCE, [HI, MAIL, RCPT, RCPT, b"DATA\r\n"]),
    "denied, drop": ("127.0.0.41", DROP, []),
    "dunno": ("127.0.0.43", [], [HI, QUIT]),
    "junk in the access list": ("127.0.0.44", [], [HI, QUIT]),
    "early, ignore": ("127.0.0.51", IGNORE, [NOW, HI, QUIT]),
    "early, enforce": ("127.0.0.52", ENFORCE, [NOW, HI, MAIL, RCPT, QUIT]),
    "early, drop": ("127.0.0.53", DROP, [NOW, b"EHLO \x01\xff\\x\ty\r\n" + MAIL]),
    "early, long": ("127.0.0.53", DROP, [NOW, b"x" * 600]),
    "gone early": ("127.0.0.54", [], [NOW, GONE]),
    "early, enforce, gone": ("127.0.0.55", ENFORCE, [NOW, HI, MAIL, MORE, GONE]),
    "listed, ignore": ("127.0.0.61", LISTS + IGNORE, [HI, QUIT]),
    "listed, enforce": ("127.0.0.61", LISTS + ENFORCE, [HI, MAIL, RCPT, QUIT]),
    "listed, drop": ("127.0.0.61", LISTS + DROP, []),
    "listed and early, enforce": ("127.0.0.61", LISTS + ENFORCE, [NOW, HI, MAIL, RCPT, QUIT]),
    "listed twice": ("127.0.0.62", LISTS + DROP, []),
    "not listed": ("127.0.0.63", LISTS + DROP, [HI, QUIT]),
    "both lists": ("127.0.0.64", LISTS + DROP, [HI, QUIT]),
    "good list, early": ("127.0.0.65", LISTS + ENFORCE + DEEP + ["postscreen_dnsbl_allowlist_threshold = -2"], [NOW, HI, MAIL, RCPT, QUIT]),
    "good list": ("127.0.0.65", LISTS + ENFORCE + DEEP + ["postscreen_dnsbl_allowlist_threshold = -2"], [HI, QUIT]),
    "threshold": ("127.0.0.61", LISTS + DROP + ["postscreen_dnsbl_threshold = 3"], [HI, QUIT]),
    "reply map": ("127.0.0.61", LISTS + ENFORCE + ["postscreen_dnsbl_reply_map = inline:{bl.test=hidden.test}"], [HI, MAIL, RCPT, QUIT]),
    "deep": ("127.0.0.70", DEEP, [HI, MAIL, RCPT, QUIT]),
    "deep, again": ("127.0.0.70", DEEP, [HI, QUIT]),
    "deep, quits at once": ("127.0.0.71", DEEP, [QUIT]),
    "deep, quits after EHLO": ("127.0.0.71", DEEP, [HI, QUIT]),
    "deep, goes": ("127.0.0.72", DEEP, [HI, MORE, GONE]),
    "deep, goes after greeting": ("127.0.0.72", DEEP, [MORE, GONE]),
    "pipelining, ignore": ("127.0.0.73", DEEP + IGNORE, [HI, MAIL + RCPT, MORE, QUIT]),
    "pipelining, enforce": ("127.0.0.74", DEEP + ENFORCE, [HI, MAIL + RCPT, MORE, QUIT]),
    "pipelining, drop": ("127.0.0.75", DEEP + DROP, [HI, MAIL + RCPT]),
    "non-smtp, ignore": ("127.0.0.76", DEEP + IGNORE, [b"GET / HTTP/1.0\r\n", HI, MAIL, RCPT, QUIT]),
    "non-smtp, enforce": ("127.0.0.77", DEEP + ENFORCE, [HI, b"Subject: hello\r\n", MAIL, RCPT, QUIT]),
    "non-smtp, drop": ("127.0.0.78", DEEP + DROP, [HI, b"CONNECT x:25 HTTP/1.0\r\n"]),
    "forbidden, but not enabled": ("127.0.0.78", DROP + ["postscreen_pipelining_enable = yes"], [HI, b"CONNECT x:25 HTTP/1.0\r\n", b"Received: by x\r\n", QUIT]),
    "bare newline, ignore": ("127.0.0.79", DEEP + IGNORE, [b"EHLO x.test\n", MAIL, RCPT, QUIT]),
    "bare newline, enforce": ("127.0.0.80", DEEP + ENFORCE, [HI, b"MAIL FROM:<a@client.test>\n", RCPT, QUIT]),
    "bare newline, drop": ("127.0.0.81", DEEP + DROP, [HI, b"MAIL FROM:<a@client.test>\n"]),
    "bare newline, not enabled": ("127.0.0.82", ["postscreen_pipelining_enable = yes"], [b"EHLO x.test\n", MAIL, RCPT, QUIT]),
    "commands": ("127.0.0.83", DEEP, [b"HELO\r\n", b"EHLO\r\n", MAIL, b"HELO x y\r\n", RCPT, b"NOOP\r\n", b"noop x\r\n", b"VRFY joe\r\n", b"VRFY\r\n", b"ETRN x\r\n", b"ETRN\r\n", b"AUTH PLAIN\r\n", b"XCLIENT NAME=x\r\n", b"STARTTLS\r\n", b"HELP\r\n", b"RSET\r\n", b"RSET x\r\n", QUIT]),
    "more commands": ("127.0.0.84", DEEP, [b"EXPN x\r\n", b"XFORWARD NAME=x\r\n", b"\r\n", b"QUIT x\r\n"]),
    "envelopes": ("127.0.0.85", DEEP, [HI, b"MAIL\r\n", b"MAIL FROM\r\n", b"MAIL FROM:\r\n", b"MAIL TO:<x>\r\n", b"MAIL FROM:x\r\n", b"MAIL FROM:<>\r\n", b"MAIL FROM:<y@z.test> SIZE=1 BODY=8BITMIME\r\n", b"RCPT\r\n", b"RCPT TO\r\n", b"RCPT TO:<\r\n", b"RCPT TO:<@x:y@z>\r\n", b"RCPT FROM:<x>\r\n", b"DATA x\r\n"]),
    "no mail": ("127.0.0.86", DEEP, [HI, RCPT, b"DATA\r\n"]),
    "data": ("127.0.0.86", DEEP, [HI, MAIL, RCPT, b"DATA\r\n"]),
    "bdat": ("127.0.0.86", DEEP, [HI, MAIL, RCPT, b"BDAT 3 LAST\r\n"]),
    "helo": ("127.0.0.87", DEEP, [b"HELO x.test\r\n", MAIL, RCPT, QUIT]),
    "no helo": ("127.0.0.88", DEEP, [MAIL, RCPT, QUIT]),
    "helo required": ("127.0.0.88", DEEP + ["postscreen_helo_required = yes"], [MAIL, RCPT, b"DATA\r\n"]),
    "vrfy": ("127.0.0.89", DEEP + ["postscreen_disable_vrfy_command = yes"], [HI, b"VRFY x\r\n", QUIT]),
    "count limit": ("127.0.0.89", DEEP + ["postscreen_command_count_limit = 2"], [HI, MAIL, RCPT]),
    "time limit": ("127.0.0.89", DEEP + ["postscreen_command_time_limit = 1s"], [HI]),
    "length limit": ("127.0.0.90", DEEP + ["line_length_limit = 512"], [HI, b"MAIL FROM:<" + b"x" * 2000 + b">\r\n"]),
    "discarded": ("127.0.0.90", DEEP + ["postscreen_discard_ehlo_keywords = etrn, dsn, chunking"], [HI, QUIT]),
    "discarded by address": ("127.0.0.90", DEEP + ["postscreen_discard_ehlo_keyword_address_maps = cidr:{{127.0.0.90 pipelining,vrfy}}"], [HI, b"VRFY x\r\n", QUIT]),
    "command filter": ("127.0.0.90", DEEP + ["postscreen_command_filter = regexp:{{/^noop/ RSET}, {/^x y/ HELO z.test}, {/^quit z/ FOO}}"], [b"x y\r\n", b"noop\r\n", b"quit z\r\n", QUIT]),
    "footer": ("127.0.0.90", DEEP + ["postscreen_reject_footer = call $client_address:$server_name at $localtime,$recipient $sender $helo_name"], [HI, MAIL, RCPT, b"RCPT\r\n", QUIT]),
    "footer joined": ("127.0.0.90", DEEP + ["postscreen_reject_footer = \\c call us\\nor not"], [HI, MAIL, RCPT, QUIT]),
    "footer of a map": ("127.0.0.90", DEEP + ["postscreen_reject_footer_maps = regexp:{{/4.3.2/ mapped $client}}"], [HI, MAIL, RCPT, QUIT]),
    "no banner": ("127.0.0.91", ["postscreen_greet_banner ="], [HI, QUIT]),
    "other banner": ("127.0.0.92", ["postscreen_greet_banner = $myhostname wait"], [HI, QUIT]),
    "secondary": ("127.0.0.93", ["postscreen_allowlist_interfaces = !127.0.0.0/8, static:all", *IGNORE], [HI, MAIL, RCPT, QUIT]),
    "no tests": ("127.0.0.94", ["postscreen_greet_wait = 2"], [HI, QUIT]),
    "null bytes": ("127.0.0.95", DEEP, [HI, b"NO\0OP\r\n", QUIT]),
    "early and deep": ("127.0.0.96", DEEP + ENFORCE, [NOW, HI + MAIL, MORE, RCPT, QUIT]),
    "denied, enforce, deep": ("127.0.0.45", DEEP + ENFORCE, [HI, MAIL + RCPT, MORE, b"FOO: bar\r\n", QUIT]),
    "disrespectful": ("127.0.0.41", DROP + ["respectful_logging = no"], []),
    "disrespectful, permit": ("127.0.0.42", DROP + ["respectful_logging = no"], [QUIT]),
    "soft bounce": ("127.0.0.41", ENFORCE + ["soft_bounce = yes"], [HI, MAIL, RCPT, QUIT]),
    "proxy": ("127.0.0.97", DEEP + ["postscreen_upstream_proxy_protocol = haproxy"], [NOW, b"PROXY TCP4 192.0.2.7 127.0.0.1 4321 25\r\n", HI, MAIL, RCPT, QUIT]),
    "proxy, pass": ("127.0.0.97", ["postscreen_post_queue_limit = 10", "postscreen_upstream_proxy_protocol = haproxy"], [NOW, b"PROXY TCP6 2001:db8::7 2001:db8::1 4321 25\r\n", HI, MAIL, RCPT, QUIT]),
    "proxy, early": ("127.0.0.97", ENFORCE + ["postscreen_upstream_proxy_protocol = haproxy"], [NOW, b"PROXY TCP4 192.0.2.7 127.0.0.1 4321 25\r\n" + HI, MAIL, RCPT, QUIT]),
    "proxy, bad": ("127.0.0.97", ["postscreen_upstream_proxy_protocol = haproxy"], [NOW, b"HELO x\r\n"]),
    "proxy, nothing": ("127.0.0.97", ["postscreen_upstream_proxy_protocol = haproxy", "postscreen_upstream_proxy_timeout = 1s"], []),
    "proxy, access": ("127.0.0.97", ENFORCE + ["postscreen_upstream_proxy_protocol = haproxy"], [NOW, b"PROXY TCP4 127.0.0.41 127.0.0.1 4321 25\r\n", HI, MAIL, RCPT, QUIT]),
    "one client at a time": ("127.0.0.98", ["postscreen_client_connection_count_limit = 0", *DEEP], [HI, QUIT]),
    "permit_mynetworks": ("127.0.0.99", ["postscreen_access_list = permit_mynetworks"], [HI, QUIT]),
    "list with words": ("127.0.0.99", ["postscreen_access_list = dunno"], [HI, QUIT]),
    "list that rejects": ("127.0.0.99", ["postscreen_access_list = reject", *ENFORCE], [HI, MAIL, RCPT, QUIT]),
    "MAIL only": ("127.0.0.100", DEEP, [HI, MAIL, QUIT]),
    "RSET only": ("127.0.0.100", DEEP, [HI, b"RSET\r\n", QUIT]),
    "VRFY only": ("127.0.0.100", DEEP, [HI, b"VRFY x\r\n", QUIT]),
    "DATA only": ("127.0.0.100", DEEP, [HI, b"DATA\r\n"]),
    "NOOP only": ("127.0.0.100", DEEP, [HI, b"NOOP\r\n", QUIT]),
    "ETRN only": ("127.0.0.100", DEEP, [HI, b"ETRN x\r\n", QUIT]),
    "RCPT only": ("127.0.0.100", DEEP, [RCPT, QUIT]),
    "nonsense only": ("127.0.0.100", DEEP, [HI, b"FOO\r\n", b"BAR\r\n", QUIT]),
    "pipelining, ignore, other ttl": ("127.0.0.100", DEEP + IGNORE + ["postscreen_dnsbl_min_ttl = 100s"], [HI, MAIL + RCPT, MORE, QUIT]),
    "not listed, other ttl": ("127.0.0.100", LISTS + ["postscreen_dnsbl_min_ttl = 100s"], [HI, QUIT]),
    "listed, enforce, no banner": ("127.0.0.61", LISTS + DEEP + ENFORCE + ["postscreen_greet_banner ="], [HI, MAIL, RCPT, QUIT]),
    "early, drop, deep": ("127.0.0.101", DEEP + DROP, [NOW, HI]),
    "two messages": ("127.0.0.102", DEEP, [HI, MAIL, RCPT, HI, MAIL, RCPT, b"VRFY x\r\n", QUIT]),
    "footer, drop": ("127.0.0.103", DEEP + ["postscreen_reject_footer = \\c, call us", "postscreen_denylist_action = drop", "postscreen_access_list = reject"], []),
    "odd addresses": ("127.0.0.103", DEEP + ENFORCE, [HI, b"VRFY <a b>\r\n", b"MAIL FROM:<\"a b\"@c>\r\n", b"RCPT TO:<a b@c>\r\n", b"RCPT TO: <x@y>\r\n", b"RCPT TO:\xff@y\r\n", b"RCPT TO:<a>, to=<b>\r\n", b"RSET\r\n",b"MAIL FROM: foo bar\r\n", RCPT,QUIT]),
    "long names": ("127.0.0.103", DEEP, [b"EHLO " + b"y" * 600 + b"\r\n", b"HELO [1.2.3.4]\r\n", b"ehlo a b c\r\n", MAIL, RCPT, QUIT]),
    "list that cannot be asked": ("127.0.0.104", LISTS + DROP, [HI, QUIT]),
    "tls, no tlsproxy": ("127.0.0.105", DEEP + TLS, [HI, b"STARTTLS\r\n", MAIL, RCPT, QUIT]),
    "tls, no tlsproxy, too early": ("127.0.0.105", DEEP + TLS, [HI, b"STARTTLS\r\n" + MAIL, MORE, RCPT, QUIT]),
    "tls demanded": ("127.0.0.105", DEEP + TLS + ["postscreen_tls_security_level = encrypt"], [HI, MAIL, RCPT, b"NOOP\r\n", b"RSET\r\n", b"VRFY x\r\n", b"HELO x\r\n", b"FOO\r\n", b"ETRN x\r\n", b"STARTTLS\r\n", QUIT]),
    "list that is wrong": ("127.0.0.99", ["postscreen_access_list = foo, reject", *ENFORCE], [HI, QUIT]),
}
PORTS = {name: 2600 + i for i, name in enumerate(CASES)}
AGAIN = {"good again": "good", "deep, again": "deep"}
MASTER = "smtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n" + "".join(
    f"{PORTS[name]} inet n - n - 1 postscreen -o {{ postscreen_cache_map = btree:/var/lib/postfix/ps{PORTS[name]} }}" + "".join(f" -o {{ {s} }}" for s in settings) + "\n"
    for name, (_, settings, _) in CASES.items()
    if name not in AGAIN
)
NAMES = {
    "104.0.0.127.bl.test": {"A": "SERVFAIL"},
    "61.0.0.127.bl.test": {"A": ["127.0.0.2"], "TXT": ["go away"]},
    "62.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "62.0.0.127.b2.test": {"A": ["127.0.0.3", "127.0.0.9"]},
    "64.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "64.0.0.127.wl.test": {"A": ["127.0.0.2"]},
    "65.0.0.127.wl2.test": {"A": ["127.0.1.0"]},
}




def read_reply(lines):
    reply = []
    while line := lines.readline():
        reply.append(line.decode("latin-1"))
        if line[3:4] != b"-":
            break
    return reply


def converse(client, lines, steps):
    heard, waits = [], True
    for step in steps:
        if step is NOW:
            waits = False
            continue
        if step is GONE:
            client.shutdown(socket.SHUT_RDWR)
            break
        if waits:
            heard += read_reply(lines)
        waits = True
        if step is MORE:
            continue
        heard.append(repr(step[:60]))
        client.sendall(step)
    try:
        while reply := read_reply(lines):
            heard += reply
    except ConnectionResetError:
        pass  # Debian's, where something was not read
    return heard


def is_over(mta, mark, port):
    """The last line about the client, whom postscreen names with its port, smtpd without."""
    lines = mta.log.lines[mark:]
    if any(re.search(r"haproxy read", line) for line in lines):
        return True
    passed = any(re.search(r"PASS |ALLOWLISTED|WHITELISTED|smtpd\[", line) for line in lines)
    gone = any(re.search(r"DISCONNECT \[.*\]:", line) for line in lines)
    return gone or (passed and any("smtpd[" in line and ": disconnect from" in line for line in lines))


def plain(line):
    """Ports, times and reasons may differ; so may what smtpd says of both."""
    line = re.sub(r"(\[[\d.]+\]):?\d+", r"\1:PORT", line)
    line = re.sub(r"(haproxy read: |is unavailable\.|postscreen_dnsbl_sites).*", r"\1", line)
    return re.sub(r" after [\d.]+ from", " after T from", line)


def talk(mta, name):
    source, _, steps = CASES[name]
    port = PORTS[AGAIN.get(name, name)]
    mark = mta.log.mark()
    with socket.create_connection((mta.address, port), 30, (source, 0)) as client, client.makefile("rb") as lines:
        own = client.getsockname()[1]
        heard = converse(client, lines, steps)
    wait_until(lambda: is_over(mta, mark, own), what="the end of the visit")
    log = [plain(line) for line in mta.masked_log(mark, "/(postscreen|dnsblog)\\[")]
    log = [line for line in log if "full cleanup" not in line]
    log = [line for line in log if "STARTTLS: " not in line and "connect to private/" not in line]
    return [plain(line) for line in mta.mask(heard)], sorted(line for line in log if "/dnsblog" in line), [line for line in log if "/postscreen" in line]


@pytest.mark.parametrize("name", CASES)
def test_visit(ours, oracle, dns, name):
    dns.names.update(NAMES)
    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(lambda mta: talk(mta, name), (ours, oracle))
    assert mine == theirs


def dump(mta, name):
    return mta.mask(mta.run(["postmap", "-s", f"btree:/var/lib/postfix/ps{PORTS[name]}"]).stdout).splitlines()


def test_caches_are_equal(ours, oracle):
    """After all those visits; Debian's postscreen has its cache for itself while it runs."""
    for mta in (ours, oracle):
        mta.postfix("stop", check=True)
    assert {name: dump(ours, name) for name in CASES} == {name: dump(oracle, name) for name in CASES}


def test_a_cache_is_taken_over(ours, oracle, dns):
    """Who has passed Debian's tests has passed ours, and the other way round."""
    for giver, taker in ((oracle, ours), (ours, oracle)):
        file = f"/var/lib/postfix/ps{PORTS['deep']}.db"
        giver.postfix("stop")
        taker.postfix("stop")
        taker.write(file, giver.path(file).read_bytes(), owner="postfix", mode=0o600)
        taker.postfix("start", check=True)
        assert "PASS OLD" in talk(taker, "deep, again")[2][-1]
