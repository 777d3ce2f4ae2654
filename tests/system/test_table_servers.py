"""tcp:, socketmap: and memcache: tables: keys in the protocol, nonsense in answers, and what
mail does while the server is away; postsrsd and mta-sts-daemon as servers."""

import http.server
import re
import ssl
import threading

import pytest
from harness.databases import Memcached, certificate
from harness.lookup_servers import SocketmapServer, TcpServer
from harness.sandbox import wait_until
from harness.tables import TEXT, look_up, recipient

MAIN = """\
virtual_alias_domains = v.test
"""
KEYS = ["joe@v.test", "a b@v.test", "per%cent@v.test", "é@v.test", "CaSe@v.test", "quo'te\"@v.test", "tab\tx@v.test",
        "7:OK evil,", "%00@v.test"]  # fmt: skip
ENTRIES = {key: f"value {i} 100%" for i, key in enumerate(KEYS)} | {"joe@v.test": "joe@postern.test", "new\nline": "x"}
TABLES = {"tcp": "tcp:127.0.0.1:4101", "socketmap": "socketmap:inet:127.0.0.1:4102:map"}


class Case:
    def __init__(self, mta, kind):
        self.mta = mta
        self.table = TABLES[kind]
        self.server = (TcpServer if kind == "tcp" else SocketmapServer)(int(self.table.split(":127.0.0.1:")[1][:4]), ENTRIES)

    def ask(self, key):
        return look_up(self.mta, key, self.table)


@pytest.fixture(scope="module", params=["tcp", "socketmap"])
def case(mta, request):
    case = Case(mta, request.param)
    case.server.start()
    yield case
    case.server.stop()


def test_every_key_arrives_whole(case):
    case.server.asked.clear()
    for key in KEYS:
        assert case.ask(key) == ENTRIES[key], key
    assert case.server.asked == KEYS
    assert case.ask("none@v.test") is None
    assert case.ask("new\nline") == "x"


def test_the_key_is_asked_once_and_in_no_parts(case):
    case.mta.configure(f"virtual_alias_maps = {case.table}\nrecipient_delimiter = +")
    case.server.asked.clear()
    assert recipient(case.mta, "Us+ext@v.test")[0] == 550
    assert set(case.server.asked) == {"Us+ext@v.test"}


def test_a_long_key_is_not_there(case):
    assert case.ask("k" * 20000) is None


NONSENSE = {
    "tcp": [b"hello\n", b"200\n", b"500\n", b"200 a%zz\n", b"300 x\n", b"400 later\n", b"200 " + b"x" * 5000 + b"\n", None],
    "socketmap": [b"hello", b"2:OK,x", b"5:OK ab;", b"6:HELLO ,", b"8:TEMP why,", b"8:PERM bad,", b"100001:OK " + b"x" * 99999, None],
}


def test_nonsense_is_an_error(case):
    kind = case.table.split(":")[0]
    try:
        for answer in NONSENSE[kind][:-1] if kind == "socketmap" else NONSENSE[kind]:
            # "2:OK,x" is an answer with an empty value, and then something more
            case.server.nonsense = lambda key, answer=answer: answer
            if answer != b"2:OK,x" and answer != b"hello":
                assert case.ask("joe@v.test").startswith("fatal"), answer
    finally:
        case.server.nonsense = None


def aliases_wait(mta, server, table, fill=lambda: None):
    """fill(): after a start, see to it that the server has joe@v.test."""
    mta.configure(f"virtual_alias_maps = {table}")
    fill()
    mta.deliver("a@client.test", "joe@v.test", TEXT)
    before = len(mta.mbox("joe"))
    server.stop()
    assert recipient(mta, "joe@v.test")[0] == 451
    assert recipient(mta, "nobody@v.test")[0] == 451
    server.start()
    assert recipient(mta, "nobody@v.test")[0] == 550
    fill()
    mta.deliver("a@client.test", "joe@v.test", TEXT)
    assert len(mta.mbox("joe")) == before + 1


def test_mail_waits_while_the_server_is_away(case):
    aliases_wait(case.mta, case.server, case.table)


def test_a_server_that_hangs_up_between_questions_is_asked_again(case):
    mta, server = case.mta, case.server
    assert recipient(mta, "joe@v.test")[0] == 250
    server.stop()
    server.start()
    assert recipient(mta, "joe@v.test")[0] == 250


# --- memcached -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(mta):
    server = Memcached(mta)
    server.start()
    yield server
    server.stop()


def look(mta, key, text=""):
    mta.write("/etc/postfix/m.cf", f"memcache = inet:127.0.0.1:11211\n{text}\n")
    return look_up(mta, key, "memcache:/etc/postfix/m.cf")


def test_what_memcached_has(mta, cache):
    cache.say("set joe@v.test 0 0 10\r\nsome value\r\nset p:joe 0 0 1\r\nx\r\nquit\r\n")
    assert look(mta, "Joe@V.test") == "some value"
    assert look(mta, "nobody@v.test") is None
    assert look(mta, "joe@v.test", "key_format = p:%u") == "x"
    assert look(mta, "joe@v.test", "domain = w.test") is None
    assert look(mta, "joe@v.test", "data_size_limit = 5").startswith("fatal")


def test_mail_waits_while_memcached_is_away(mta, cache):
    """It has forgotten all when it is back."""
    mta.write("/etc/postfix/alias.cf", "memcache = inet:127.0.0.1:11211\n")
    aliases_wait(mta, cache, "memcache:/etc/postfix/alias.cf", lambda: cache.say("set joe@v.test 0 0 16\r\njoe@postern.test\r\nquit\r\n"))


@pytest.mark.parametrize("key", ["joe@v.test x", "x\r\nset evil 0 0 1\r\ny\r\nget x", "k" * 300, "tab\tx", "k" * 20000], ids=range(5))
def test_no_key_leaves_its_line(mta, cache, key):
    assert look(mta, key) is None
    assert cache.say("get evil\r\nquit\r\n") == "END\r\n"


def test_a_table_behind_memcached(mta, cache):
    text = "backup = texthash:/etc/postfix/behind\nkey_format = b:%s"
    mta.write("/etc/postfix/behind", "key behind\n")
    assert look(mta, "key", text) == "behind"
    assert "behind" in cache.say("get b:key\r\nquit\r\n")
    mta.write("/etc/postfix/behind", "other value\n")
    assert look(mta, "key", text) == "behind"
    assert look(mta, "none", text) is None
    assert "other\tvalue" in mta.run(["postmap", "-s", "memcache:/etc/postfix/m.cf"], check=True).stdout
    cache.stop()
    assert look(mta, "other", text) == "value"
    assert look(mta, "other").startswith("fatal")
    cache.start()
    assert look(mta, "other") is None


def change(mta, options, lines="", table="memcache:/etc/postfix/m.cf"):
    return mta.run(["postmap", *options, table], input=lines)


def test_memcached_is_changed(mta, cache):
    assert look(mta, "new", "key_format = c:%s") is None
    assert change(mta, ["-i"], "New value one\n").stderr == ""
    assert look(mta, "new", "key_format = c:%s") == "value one"
    assert cache.say("get c:new\r\nquit\r\n").startswith("VALUE c:new 0 9\r\nvalue one")
    assert "duplicate entry" in change(mta, ["-i"], "new two\n").stderr
    assert look(mta, "new", "key_format = c:%s") == "value one"
    assert change(mta, ["-ir"], "new two\n").returncode == 0
    assert look(mta, "new", "key_format = c:%s") == "two"
    assert change(mta, ["-d", "new"]).returncode == 0
    assert change(mta, ["-d", "new"]).returncode == 1
    assert look(mta, "new", "key_format = c:%s") is None
    # neither a key nor a value leaves its place
    change(mta, ["-i"], '"x y" z\n' + "k" * 300 + " z\n")
    assert change(mta, ["-d", "a b"]).returncode == 1
    done = mta.run(["postmap", "memcache:/etc/postfix/m.cf"])
    assert (done.returncode, "does not support bulk-mode creation" in done.stderr) == (1, True)


def test_the_flags_and_the_time_of_a_change(mta, cache):
    look(mta, "x", "flags = 7\nttl = 1")
    assert change(mta, ["-i"], "short life\n").returncode == 0
    assert cache.say("get short\r\nquit\r\n").startswith("VALUE short 7 4\r\n")
    wait_until(lambda: cache.say("get short\r\nquit\r\n") == "END\r\n", 10, "memcached to forget")


def test_a_change_goes_to_both(mta, cache):
    mta.table("both", "old one\n")
    text = "backup = hash:/etc/postfix/both\nkey_format = d:%s"
    assert look(mta, "old", text) == "one"
    assert change(mta, ["-ir"], "old two\nadded three\n").returncode == 0
    for key, value in (("old", "two"), ("added", "three")):
        assert look(mta, key, text) == value
        assert look(mta, key, "key_format = d:%s") == value
        assert mta.run(["postmap", "-q", key, "hash:/etc/postfix/both"]).stdout == value + "\n"
    look(mta, "old", text)
    assert change(mta, ["-d", "old"]).returncode == 0
    assert look(mta, "old", text) is None and look(mta, "old", "key_format = d:%s") is None
    look(mta, "old", text)
    cache.stop()
    assert "connect" in change(mta, ["-d", "added"]).stderr.lower()
    cache.start()
    assert look(mta, "x", "line_size_limit = 10").startswith("fatal")


# --- servers that sites have ----------------------------------------------------------------------


def test_postsrsd_rewrites_senders_both_ways(mta):
    mta.write("/etc/postsrsd.secret", "secret\n")
    words = ["postsrsd", "-d", "postern.test", "-s", "/etc/postsrsd.secret", "-f", "10001", "-r", "10002", "-l", "127.0.0.1"]
    server = mta.popen(words)
    try:
        forward, back = "tcp:127.0.0.1:10001", "tcp:127.0.0.1:10002"
        wait_until(lambda: mta.run(["postmap", "-q", "x@y.test", forward]).returncode == 0, 20, "postsrsd")
        done = mta.run(["postmap", "-q", "ann@far.test", forward], check=True)
        assert done.stdout.startswith("SRS0=") and done.stdout.endswith("=far.test=ann@postern.test\n")
        again = mta.run(["postmap", "-q", done.stdout.strip(), back], check=True)
        assert again.stdout == "ann@far.test\n"
        mta.configure(
            f"sender_canonical_maps = {forward}\nsender_canonical_classes = envelope_sender\n"
            f"recipient_canonical_maps = {back}\nrecipient_canonical_classes = envelope_recipient,header_recipient\n"
        )
        mta.deliver("ann@far.test", "joe@postern.test", TEXT)
        assert mta.mbox("joe")[-1]["Return-Path"].startswith("<SRS0=")
    finally:
        server.terminate()
        mta.kill("postsrsd")
        server.wait(20)


POLICY = "version: STSv1\nmode: enforce\nmx: mail.policy.test\nmx: *.mx.policy.test\nmax_age: 86400\n"


class PolicyServer(http.server.BaseHTTPRequestHandler):
    """https://mta-sts.policy.test/.well-known/mta-sts.txt (RFC 8461 section 3.3)."""

    def do_GET(self):  # noqa: N802
        found = self.path == "/.well-known/mta-sts.txt"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(POLICY.encode() if found else b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def policy_server(mta, dns):
    """With a certificate that those believe who are told to; its file inside the box."""
    address, host = "127.0.0.62", "mta-sts.policy.test"
    certificate(mta, "/etc/sts", host=host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mta.path("/etc/sts/cert.pem"), mta.path("/etc/sts/key.pem"))
    server = http.server.ThreadingHTTPServer((address, 443), PolicyServer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    dns.names |= {host: {"A": [address]}, "_mta-sts.policy.test": {"TXT": ["v=STSv1; id=20261128;"]}}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "/etc/sts/cert.pem"
    server.shutdown()
    server.server_close()


def test_mta_sts_daemon_tells_of_policies(mta, policy_server):
    mta.write("/etc/mta-sts.yml", "host: 127.0.0.1\nport: 8461\ncache:\n  type: internal\ndefault_zone:\n  strict_testing: false\n  timeout: 4\n")
    server = mta.popen(["env", f"SSL_CERT_FILE={policy_server}", "mta-sts-daemon", "-c", "/etc/mta-sts.yml"])
    try:
        table = "socketmap:inet:127.0.0.1:8461:postfix"
        wait_until(lambda: "refused" not in mta.run(["postmap", "-q", "x.test", table]).stderr, 30, "mta-sts-daemon")
        done = mta.run(["postmap", "-q", "nopolicy.test", table])
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        done = mta.run(["postmap", "-q", "policy.test", table])
        assert (done.returncode, done.stderr) == (0, "")
        names = re.fullmatch(r"secure match=(\S+) servername=hostname\n", done.stdout)[1].split(":")
        assert sorted(names) == [".mx.policy.test", "mail.policy.test"]  # it tells them in any order
    finally:
        server.terminate()
        mta.kill("mta-sts-daemon")
        server.wait(20)
