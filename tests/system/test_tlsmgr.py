"""tlsmgr(8): TLS sessions that are taken up again by other processes, whose they are not, and
that nothing stands still when it is not there."""

import itertools
import os
import re
import signal
import socket
import ssl
import stat
import time

import pytest
from harness.certificates import Authority
from harness.instance import Instance
from harness.sandbox import USERS, wait_until
from harness.tls_server import TlsServer

FIRST, SECOND, KEPT, SHORT, LASTING = range(2600, 2605)
HOST, NAME = "127.0.0.77", "server.test"
NUMBERS = itertools.count()
MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_loglevel = 2
smtpd_tls_chain_files = /etc/postfix/tls/server.pem
smtp_tls_security_level = may
smtp_tls_loglevel = 2
smtp_tls_CAfile = /etc/postfix/tls/ca.pem
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
lmtp_tls_session_cache_database = lmdb:${data_directory}/lmtp_scache
lmtp_tls_loglevel = 2
smtp_host_lookup = dns
transport_maps = texthash:/etc/postfix/transport
"""
MASTER = f"""\
{FIRST} inet n - y - - smtpd -o max_use=1
{SECOND} inet n - n - - smtpd -o max_use=1
{KEPT} inet n - n - - smtpd -o max_use=1 -o smtpd_tls_session_cache_database=btree:$data_directory/smtpd_scache
{SHORT} inet n - n - - smtpd -o max_use=1 -o tls_session_ticket_cipher=
{LASTING} inet n - n - 1 smtpd
secure unix - - n - - smtp -o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=hostname
other unix - - n - - smtp -o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=server.test
mine unix - - n - - smtp -o smtp_tls_chain_files=/etc/postfix/tls/server.pem
alone unix - - n - - smtp -o smtp_tls_session_cache_database=
lmtp unix - - n - - lmtp -o lmtp_tls_security_level=may
"""
ETC = {
    "postfix/transport": f"""\
plain.test smtp:[{NAME}]
same.test smtp:[{NAME}]:25
secure.test secure:[{NAME}]
other.test other:[{NAME}]
mine.test mine:[{NAME}]
alone.test alone:[{NAME}]
lmtp.test lmtp:inet:{NAME}:2424
"""
}
OLD = ssl.TLSVersion.TLSv1_2


@pytest.fixture(scope="module")
def ca(work):
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    ca.server = ca.issue("server", names=[NAME])
    return ca


@pytest.fixture
def start(work, request, ca):
    boxes = []

    def begin(main="", line=None):
        box = Instance.make(work / re.sub(r"\W", "-", request.node.name), "postern", MAIN + main, MASTER, ETC)
        if line is not None:
            box.etc["postfix/master.cf"] = re.sub(r"^tlsmgr .*\n", line, box.etc["postfix/master.cf"], flags=re.M)
        boxes.append(box)
        box.start(mail=False)
        box.write("/etc/postfix/tls/ca.pem", ca.cert)
        box.write("/etc/postfix/tls/server.pem", ca.server.key + ca.server.cert).chmod(0o600)
        box.run(["postalias", "hash:/etc/aliases"], check=True)
        box.postfix("start", check=True)
        return box

    yield begin
    for box in boxes:
        box.close()


@pytest.fixture
def names(dns):
    dns.names[NAME] = {"A": [HOST]}


class Client:
    """One that offers the session that it has, and tells whether it was taken."""

    def __init__(self, ca, most=ssl.TLSVersion.TLSv1_3, tickets=True):
        self.context = ssl.create_default_context(cafile=ca.cert_file)
        self.context.maximum_version = most
        if not tickets:
            self.context.options |= ssl.OP_NO_TICKET
        self.session = None

    def resumes(self, mta, port, wait=True):
        mark = mta.log.mark()
        with socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)) as s:
            s.recv(1000)
            for line in (b"EHLO x.test\r\n", b"STARTTLS\r\n"):
                s.sendall(line)
                s.recv(1000)
            with self.context.wrap_socket(s, server_hostname=NAME, session=self.session) as t:
                t.sendall(b"QUIT\r\n")
                assert t.recv(1000).startswith(b"221")
                self.session = self.session or t.session
                reused = t.session_reused
        if wait:
            mta.log.wait("disconnect from", since=mark)
        return reused


def send(mta, domain, status="sent"):
    """One message over a connection of its own; the log lines of the process that sent it."""
    mark = mta.log.mark()
    queue_id = mta.submit("a@client.test", f"u{next(NUMBERS)}@{domain}", "Subject: x\r\n\r\nx\r\n")
    found = mta.log.wait(rf"(\w+\[\d+\]): {queue_id}: to=.* status=(\w+) .*", since=mark)
    assert found[2] == status, found[0]
    mta.log.wait(rf"{queue_id}: removed", since=mark)
    return [line.split(": ", 1)[1] for line in mta.log.lines[mark:] if f"{found[1]}: " in line]


def is_resumed(lines):
    return any("Reusing old session" in line for line in lines)


@pytest.mark.parametrize("most", [OLD, ssl.TLSVersion.TLSv1_3])
def test_a_ticket_is_good_for_all_processes_of_a_service(start, ca, most):
    mta = start()
    client = Client(ca, most)
    assert [client.resumes(mta, FIRST) for _ in range(3)] == [False, True, True]
    assert len({m[1] for m in mta.log.matching(r"smtpd\[(\d+)\]: connect from")}) == 3
    words = r"unknown\[127.0.0.9\]: %s session ticket, key expiration: \d+"
    assert len(mta.log.matching(words % "Issuing")) == 1
    assert len(mta.log.matching(words % "Decrypting")) == 2
    assert len(mta.log.matching(r"unknown\[127.0.0.9\]: Reusing old session \(RFC 5077 session ticket\)")) == 2
    assert not client.resumes(mta, SECOND)  # the same keys, but another service


def test_a_ticket_outlives_no_restart(start, ca):
    """Keys are nowhere but in memory."""
    mta = start()
    client = Client(ca)
    assert not client.resumes(mta, FIRST)
    mta.postfix("stop", check=True)
    mta.postfix("start", check=True)
    assert not client.resumes(mta, FIRST)


def test_keys_are_changed(start, ca):
    """One gives out tickets as long as a session lives, and takes them as long again."""
    mta = start("smtpd_tls_session_cache_timeout = 3s\n")
    client = Client(ca, OLD)
    assert not client.resumes(mta, FIRST)
    assert client.resumes(mta, FIRST)
    expires = int(mta.log.wait(r"Issuing session ticket, key expiration: (\d+)")[1])
    wait_until(lambda: not client.resumes(mta, FIRST), what="the session to end")
    later = [int(m[1]) for m in mta.log.matching(r"Issuing session ticket, key expiration: (\d+)")]
    assert expires + 3 <= later[-1] <= expires + 20
    assert not mta.log.troubles()


def test_clients_without_tickets(start, ca):
    mta = start("smtpd_tls_session_cache_database = btree:$data_directory/smtpd_scache\n")
    client = Client(ca, OLD, tickets=False)
    assert [client.resumes(mta, KEPT) for _ in range(2)] == [False, True]
    key = mta.log.wait(r"unknown\[127.0.0.9\]: save session (\S+) to smtpd cache")[1]
    assert f"&s={KEPT}&" in key
    for words in ("looking up session %s in smtpd cache", "reloaded session %s from smtpd cache"):
        mta.log.wait(r"unknown\[127.0.0.9\]: " + re.escape(words % key))
    for words in (r"put smtpd session id=%s \[data \d+ bytes\]", r"write smtpd TLS cache entry %s: time=\d+ \[data \d+ bytes\]",
                  r"lookup smtpd session id=%s", r"read smtpd TLS cache entry %s: time=\d+ \[data \d+ bytes\]"):  # fmt: skip
        mta.log.wait(r"tlsmgr\[\d+\]: " + words % re.escape(key))
    found = mta.path("/var/lib/postfix/smtpd_scache.db").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (USERS["postfix"][0], 0o600)


def test_without_tickets_at_all(start, ca):
    mta = start("smtpd_tls_session_cache_database =\n")
    for most in (OLD, ssl.TLSVersion.TLSv1_3):
        client = Client(ca, most)
        client.resumes(mta, SHORT)
        assert not client.session or not client.resumes(mta, SHORT)


def test_a_bad_cipher_is_told(start, ca):
    mta = start("tls_session_ticket_cipher = aes-256-gcm\n")
    with mta.smtp(port=FIRST) as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 454
    mta.log.wait(r"tls_session_ticket_cipher: \"aes-256-gcm\" is no cipher in CBC mode .*disabling TLS support")


@pytest.mark.parametrize("old", [False, True])
def test_sessions_of_smtp(start, names, ca, old):
    mta = start()
    with TlsServer((HOST, 25), ca.server, ["old"] if old else []):
        assert not is_resumed(send(mta, "plain.test"))
        mta.kill("smtp")
        lines = send(mta, "plain.test")
        assert is_resumed(lines)
        assert any("TLS connection established to" in line for line in lines)
        (looked,) = [re.search(r"looking for session (\S+) in smtp cache", line)[1] for line in lines if "looking for" in line]
        assert looked.startswith(f"smtp&[{NAME}]&{NAME}&{HOST}&25&")
        assert any(f"reloaded session {looked} from smtp cache" in line for line in lines)
        mta.log.wait(rf"tlsmgr\[\d+\]: put smtp session id={re.escape(looked)} \[data \d+ bytes\]")


def test_a_session_is_for_those_who_wanted_the_same(start, names, ca):
    """By service, next hop, level, names to match, and by whom we come as."""
    mta = start()
    domains = ["plain.test", "same.test", "secure.test", "other.test", "mine.test"]
    with TlsServer((HOST, 25), ca.server):
        for domain in domains:
            assert not is_resumed(send(mta, domain)), domain
        for domain in domains:
            lines = send(mta, domain)
            assert is_resumed(lines), domain
            word = "Verified" if domain in ("secure.test", "other.test") else "Trusted"
            assert any(f"{word} TLS connection established" in line for line in lines), lines
        for _ in range(2):
            assert not is_resumed(send(mta, "alone.test"))


def test_sessions_of_lmtp(start, names, ca):
    mta = start()
    with TlsServer((HOST, 2424), ca.server, lmtp=True):
        assert [is_resumed(send(mta, "lmtp.test")) for _ in range(2)] == [False, True]
    assert mta.path("/var/lib/postfix/lmtp_scache.lmdb").exists()


def test_a_server_whose_keys_have_changed(start, names, ca, work):
    """It knows the session no more; and a session that was kept vouches for nobody else."""
    mta = start()
    with TlsServer((HOST, 25), ca.server):
        send(mta, "secure.test")
    stranger = ca.issue("stranger", names=["stranger.test"])
    with TlsServer((HOST, 25), stranger):
        mark = mta.log.mark()
        queue_id = mta.submit("a@client.test", "x@secure.test", "Subject: x\r\n\r\nx\r\n")
        mta.log.wait(rf"{queue_id}: to=.*status=deferred \(Server certificate not verified\)", since=mark)
        assert not mta.log.matching("Reusing old session", since=mark)


def test_sessions_end(start, names, ca):
    mta = start("smtp_tls_session_cache_timeout = 2s\n")
    with TlsServer((HOST, 25), ca.server):
        assert not is_resumed(send(mta, "plain.test"))
        mark = mta.log.mark()
        mta.log.wait(r"cache btree:/var/lib/postfix/smtp_scache full cleanup: retained=0 dropped=1 entries", since=mark)
        assert not is_resumed(send(mta, "plain.test"))


def test_nothing_stands_still_without_it(start, names, ca):
    """No such service: all goes on, and sessions are made anew."""
    mta = start(line="")
    client = Client(ca)
    assert [client.resumes(mta, FIRST) for _ in range(2)] == [False, False]
    mta.log.wait(r"smtpd\[\d+\]: warning: .*private/tlsmgr.*: TLS sessions are not shared between processes now")
    client = Client(ca)
    assert [client.resumes(mta, LASTING) for _ in range(3)] == [False, True, True]
    with TlsServer((HOST, 25), ca.server):
        assert not is_resumed(send(mta, "plain.test"))
        assert not is_resumed(send(mta, "plain.test"))


def test_it_comes_back_when_it_was_killed(start, ca):
    mta = start()
    client = Client(ca)
    assert not client.resumes(mta, FIRST)
    mta.kill("tlsmgr")
    client = Client(ca)
    assert [client.resumes(mta, FIRST) for _ in range(2)] == [False, True]


def test_one_that_hangs_costs_a_process_some_seconds_once(start, ca):
    mta = start()
    assert not Client(ca).resumes(mta, FIRST)
    (pid,) = mta.processes("tlsmgr")
    os.kill(pid, signal.SIGSTOP)
    client, began = Client(ca), time.monotonic()
    assert [client.resumes(mta, LASTING) for _ in range(5)] == [False, True, True, True, True]
    assert time.monotonic() - began < 15
    mta.log.wait("private/tlsmgr.*: TLS sessions are not shared between processes now")
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("what", ["gone", "spoilt", "a link"])
def test_a_cache_that_is_lost_or_spoilt(start, names, ca, what):
    mta = start()
    path = mta.path("/var/lib/postfix/smtp_scache.db")
    with TlsServer((HOST, 25), ca.server):
        assert not is_resumed(send(mta, "plain.test"))
        mta.postfix("stop", check=True)
        path.unlink()
        if what == "spoilt":
            path.write_bytes(b"no database" * 1000)
        elif what == "a link":
            mta.run(["touch", "/tmp/target"], user="joe", check=True)
            mta.run(["ln", "-s", "/tmp/target", "/var/lib/postfix/smtp_scache.db"], user="postfix", check=True)
        mta.postfix("start", check=True)
        assert not is_resumed(send(mta, "plain.test"))
        assert is_resumed(send(mta, "plain.test")) == (what == "gone")
    if what != "gone":
        mta.log.wait(r"tlsmgr\[\d+\]: warning: cache btree:/var/lib/postfix/smtp_scache: .*no TLS sessions of smtp are kept")
    if what == "a link":
        assert mta.read("/tmp/target") == ""


def test_in_a_jail_with_bytes_of_its_own(start, ca):
    mta = start("tls_random_source = dev:/dev/random\n", line="tlsmgr unix - - y 1000? 1 tlsmgr\n")
    client = Client(ca)
    assert [client.resumes(mta, FIRST) for _ in range(2)] == [False, True]
    path = mta.path("/var/lib/postfix/prng_exch")
    first = path.read_bytes()
    assert (len(first), path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (1024, USERS["postfix"][0], 0o600)
    mta.kill("tlsmgr")
    assert not Client(ca).resumes(mta, FIRST)
    assert path.read_bytes() != first
    assert not mta.log.matching("tlsmgr.*warning")


def test_a_source_that_is_not_there(start, ca):
    for source in ("dev:/none", "egd:/none", "none"):
        mta = start(f"tls_random_source = {source}\n")
        client = Client(ca)
        assert [client.resumes(mta, FIRST) for _ in range(2)] == [False, True]
        mta.log.wait(rf"tlsmgr\[\d+\]: warning: cannot use tls_random_source {source}: ")
        mta.close()


def test_nonsense_is_not_kept(start, ca):
    mta = start()
    for cache, key, session in (("smtp", "k", "no base 64"), ("smtp", "k" * 401, "AAAA"), ("none", "k", "AAAA"), ("smtp", "", "AAAA"), ("smtp", "k", "A" * 60000)):
        mark = mta.log.mark()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(mta.path("/var/spool/postfix/private/tlsmgr")))
            s.sendall(f"request\0keep\0cache\0{cache}\0key\0{key}\0session\0{session}\0\0".encode())
            assert b"status" not in b"".join(iter(lambda: s.recv(1000), b""))
        mta.log.wait(r"tlsmgr\[\d+\]: warning: tlsmgr: ", since=mark)


def test_who_has_no_tls_does_not_start_it(start, ca):
    mta = start()
    with mta.smtp() as client:
        client.sendmail("a@client.test", [f"joe@{mta.domain}"], "Subject: x\r\n\r\nx\r\n")
    mta.log.wait("status=sent")
    assert not mta.processes("tlsmgr")
