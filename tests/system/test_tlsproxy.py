"""tlsproxy(8), asked by a small program in postscreen's place, with real TLS clients at the
other end: Python's, openssl(1) and swaks."""

import contextlib
import re
import select
import socket
import ssl
import subprocess
import threading
import time

import pytest
from harness.certificates import Authority
from harness.sandbox import wait_until

MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_chain_files = /etc/postfix/tls/server.pem
"""
MASTER = "tlsproxy unix - - n - 0 tlsproxy\n"
OTHERS = {
    "jail": "tlsproxy unix - - y - 0 tlsproxy",
    "none": "none unix - - n - 0 tlsproxy -o tlsproxy_tls_security_level=none -o smtpd_tls_security_level=",
    "older": "older unix - - n - 0 tlsproxy -o tlsproxy_tls_chain_files=/etc/postfix/tls/other.pem",
    "newer": "newer unix - - n - 0 tlsproxy -o postscreen_tls_chain_files=/etc/postfix/tls/other.pem"
    " -o tlsproxy_tls_chain_files=/none",
    "broken": "broken unix - - n - 0 tlsproxy -o tlsproxy_tls_chain_files=/none",
    "strict": "strict unix - - n - 0 tlsproxy -o tlsproxy_tls_mandatory_protocols=>=TLSv1.3",
    "demands": "demands unix - - n - 0 tlsproxy -o postscreen_tls_req_ccert=yes"
    " -o postscreen_tls_security_level=encrypt -o postscreen_tls_CAfile=/etc/postfix/tls/ca.pem",
    "names": "names unix - - n - 0 tlsproxy -o tls_server_sni_maps=inline:{a.test=/etc/postfix/tls/shared.pem}",
}


@pytest.fixture(scope="module")
def ca(work, mta):
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    server, other = ca.issue("server", "mail.test", names=["mail.test"]), ca.issue("other", "other.test", names=["a.test"])
    mta.write("/etc/postfix/tls/ca.pem", ca.cert)
    for name, pair in (("server", server), ("other", other)):
        mta.write(f"/etc/postfix/tls/{name}.pem", pair.key + pair.cert).chmod(0o600)
    mta.write("/etc/postfix/tls/shared.pem", other.key + other.cert, owner="postfix", mode=0o600)
    mta.write("/etc/postfix/master.cf", mta.read("/etc/postfix/master.cf") + "\n".join(list(OTHERS.values())[1:]) + "\n")
    mta.reload()
    return ca


def message(**fields):
    return b"".join(f"{name}\0{value}\0".encode() for name, value in fields.items()) + b"\0"


def word(s):
    data = b""
    while not data.endswith(b"\0"):
        piece = s.recv(1)
        if not piece:
            return None
        data += piece
    return data[:-1]


def receive(s):
    """A message of names and values; None at the end of input."""
    fields = {}
    while name := word(s):
        fields[name] = word(s)
    return None if name is None else fields


def asked(mta, fd, service="tlsproxy", reached="smtp", **more):
    """A connection to tlsproxy that has asked for TLS on fd, and the answer."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(str(mta.path(f"/var/spool/postfix/private/{service}")))
    assert receive(s) == {b"protocol": b"tlsproxy_protocol"}
    fields = {"role": 1, "flags": 0, "service": reached, "peer_name": "unknown", "peer_address": "192.0.2.1"}
    fields |= {"peer_port": 4711, "handshake_s": 20, "silence_s": 20} | more
    request = b"request\0begin\0" + message(**fields)
    socket.send_fds(s, [request], [fd] if fd is not None else [])
    return s, receive(s)


@contextlib.contextmanager
def pair():
    """The two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        a = socket.create_connection(listener.getsockname(), 20)
        b, _ = listener.accept()
    with a, b:
        yield a, b


@contextlib.contextmanager
def proxied(mta, **how):
    """A client's connection, not yet TLS, and what tlsproxy says of it in plain text."""
    with pair() as (client, served):
        local, answer = asked(mta, served.fileno(), **how)
        assert answer == {b"status": b"0", b"reason": b""}
        served.close()
        with local:
            yield client, local


def pids(mta, since):
    """Of the processes that took clients since then."""
    return {m[1] for m in mta.log.matching(r"tlsproxy\[(\d+)\]: CONNECT", since)}


def context(ca, most=ssl.TLSVersion.TLSv1_3, own=None):
    made = ssl.create_default_context(cafile=ca.cert_file)
    made.maximum_version = most
    if own:
        made.load_cert_chain(own.cert_file, own.key_file)
    return made


def exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        assert piece, data
        data += piece
    return data


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_bytes_go_both_ways(mta, ca, most):
    mark = mta.log.mark()
    with proxied(mta) as (client, local):
        with context(ca, most).wrap_socket(client, server_hostname="mail.test") as t:
            t.sendall(b"EHLO x.test\r\n")
            assert exactly(local, 13) == b"EHLO x.test\r\n"
            local.sendall(b"250 mail.test\r\n")
            assert exactly(t, 15) == b"250 mail.test\r\n"
            local.close()
            assert t.recv(100) == b""  # a clean end: close_notify
    peer = r"\[192.0.2.1\]:4711"
    mta.log.wait(rf"tlsproxy\[\d+\]: CONNECT from {peer}", since=mark)
    mta.log.wait(rf"Anonymous TLS connection established from {peer}: TLSv1.[23] with cipher", since=mark)
    mta.log.wait(rf"tlsproxy\[\d+\]: DISCONNECT {peer}", since=mark)


def test_openssl_hears_the_end(mta, ca):
    with pair() as (client, served):
        local, _ = asked(mta, served.fileno())
        served.close()
        with local:
            port = socket.create_server(("127.0.0.1", 0))
            words = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port.getsockname()[1]}"]
            with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as openssl:
                between, _ = port.accept()
                threads = [threading.Thread(target=pump, args=way) for way in ((between, client), (client, between))]
                for thread in threads:
                    thread.start()
                openssl.stdin.write(b"hello\n")
                openssl.stdin.flush()
                assert exactly(local, 6) == b"hello\n"
                local.sendall(b"bye\n")
                local.close()
                assert openssl.stdout.read() == b"bye\n"
                openssl.stdin.close()
                for thread in threads:
                    thread.join(20)
            port.close()


def pump(source, to):
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


def test_mail_of_swaks(mta, ca):
    """The whole way: what greets is this program, what serves is smtpd, by way of tlsproxy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            client, _ = listener.accept()
            with client:
                client.sendall(b"220 front.test\r\n")
                client.recv(1000)
                client.sendall(b"250-front.test\r\n250 STARTTLS\r\n")
                assert client.recv(1000) == b"STARTTLS\r\n"
                local, _ = asked(mta, client.fileno())
                client.sendall(b"220 go on\r\n")
            smtpd = socket.create_connection((mta.address, 25), 20, ("127.0.0.9", 0))
            smtpd.recv(1000)
            back = threading.Thread(target=pump, args=(smtpd, local))
            back.start()
            pump(local, smtpd)
            back.join(20)

        thread = threading.Thread(target=greet)
        thread.start()
        mark = mta.log.mark()
        words = ["swaks", "--tls", "--tls-verify", "--tls-ca-path", ca.cert_file, "--server", "127.0.0.1"]
        words += ["--port", str(listener.getsockname()[1]), "--from", "a@client.test", "--to", f"ann@{mta.domain}"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout
        thread.join(20)
    mta.log.wait(r"status=sent", since=mark)


def resident(mta, pid):
    """KB of memory. The pid is that of the log."""
    text = mta.run(["cat", f"/proc/{pid}/status"], check=True).stdout
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])


def test_more_than_either_end_takes_at_once(mta, ca):
    """Neither end reads until all is written that goes into buffers: what tlsproxy keeps is
    bounded, and nothing is lost."""
    much = b"".join(b"%08d" % i for i in range(2_500_000))  # 20 MB
    mark = mta.log.mark()
    with proxied(mta) as (client, local):
        with context(ca).wrap_socket(client, server_hostname="mail.test") as t:
            (pid,) = pids(mta, mark)
            before = resident(mta, pid)
            for source, to in ((t, local), (local, t)):
                writer = threading.Thread(target=source.sendall, args=(much,))
                writer.start()
                time.sleep(0.5)
                assert resident(mta, pid) < before + 16_000  # also with what a sanitizer keeps
                assert exactly(to, len(much)) == much
                writer.join(20)


def test_many_at_once_in_one_process(mta, ca):
    mta.reload()  # lest max_use has another one take over in the midst of it
    mark = mta.log.mark()
    with contextlib.ExitStack() as stack:
        all_ = [stack.enter_context(proxied(mta)) for _ in range(80)]
        idle = stack.enter_context(proxied(mta))  # who says nothing keeps nobody
        wrapped = []
        for client, local in all_:
            wrapped.append((stack.enter_context(context(ca).wrap_socket(client, server_hostname="mail.test")), local))
        for i, (t, local) in enumerate(wrapped):
            t.sendall(b"%03d" % i)
        for i, (t, local) in enumerate(wrapped):
            assert exactly(local, 3) == b"%03d" % i
        assert len(pids(mta, mark)) == 1
        assert not select.select([idle[1]], [], [], 0)[0]


def test_a_client_that_goes_or_talks_nonsense(mta, ca):
    for said in (b"", b"EHLO x.test\r\n"):
        mark = mta.log.mark()
        with proxied(mta) as (client, local):
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
            assert local.recv(100) == b""
        mta.log.wait(r"TLS handshake failed for service=smtp peer=\[192.0.2.1\]:4711", since=mark)
        mta.log.wait(r"DISCONNECT", since=mark)
        assert bool(mta.log.matching("warning: TLS library problem: error:", since=mark)) == bool(said)


def test_a_handshake_has_a_deadline_as_a_whole(mta, ca):
    mark = mta.log.mark()
    hello, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context(ca).wrap_bio(hello, outgoing, server_hostname="mail.test").do_handshake()
    with proxied(mta, handshake_s=1) as (client, local):
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in outgoing.read() + bytes(1000):
                client.sendall(bytes([byte]))
                if select.select([local], [], [], 0.05)[0]:
                    break
        assert local.recv(100) == b""
        assert time.monotonic() - began < 10
    mta.log.wait(r"TLS handshake failed for service=smtp", since=mark)


def test_silence_ends_it(mta, ca):
    with proxied(mta, silence_s=2) as (client, local):
        with context(ca).wrap_socket(client, server_hostname="mail.test") as t:
            for _ in range(6):  # it is no limit of the whole
                time.sleep(0.5)
                t.sendall(b"x")
                assert exactly(local, 1) == b"x"
            assert local.recv(100) == b""


def test_who_cannot_have_it_is_told_so(mta, ca):
    for service, words in (("none", b"says that there is no TLS"), ("broken", b"TLS is out of order")):
        with pair() as (client, served):
            local, answer = asked(mta, served.fileno(), service=service)
            assert answer[b"status"] == b"1" and words in answer[b"reason"]
            served.sendall(b"454 4.7.0 TLS not available\r\n")  # nothing was said to the peer
            assert exactly(client, 5) == b"454 4"
            local.close()
    with pair() as (client, served):
        assert asked(mta, served.fileno(), role=2)[1][b"status"] == b"1"
    assert asked(mta, None)[1] is None  # no descriptor
    with mta.path("/etc/hostname").open("rb") as file:
        assert asked(mta, file.fileno())[1] is None  # no connection
    mta.log.wait("warning: tlsproxy: no connection came along with the request", count=2)


@pytest.mark.parametrize("service", ["older", "newer"])
def test_keys_of_its_own(mta, ca, service):
    with proxied(mta, service=service) as (client, _):
        how = context(ca)
        with how.wrap_socket(client, server_hostname="a.test") as t:
            assert t.getpeercert()["subject"] == ((("commonName", "other.test"),),)


def test_mandatory_protocols(mta, ca):
    old = context(ca, most=ssl.TLSVersion.TLSv1_2)
    with proxied(mta, service="strict") as (client, _):
        old.wrap_socket(client, server_hostname="mail.test")
    with proxied(mta, service="strict", flags=1) as (client, _):
        with pytest.raises(ssl.SSLError):
            old.wrap_socket(client, server_hostname="mail.test")


def test_a_certificate_is_demanded(mta, ca):
    mark = mta.log.mark()
    with proxied(mta, service="demands") as (client, local):
        with context(ca, own=ca.issue("client", "client.test")).wrap_socket(client, server_hostname="mail.test") as t:
            t.sendall(b"x")
            assert exactly(local, 1) == b"x"
    mta.log.wait(r"Trusted TLS connection established from", since=mark)
    with proxied(mta, service="demands") as (client, local):
        context(ca).wrap_socket(client, server_hostname="mail.test")
        assert local.recv(100) == b""
    mta.log.wait(r"abort: TLS from \[192.0.2.1\]:4711: No client certificate presented", since=mark)


def test_a_name_is_asked_for(mta, ca):
    with proxied(mta, service="names") as (client, _):
        with context(ca).wrap_socket(client, server_hostname="a.test") as t:
            assert t.getpeercert()["subject"] == ((("commonName", "other.test"),),)


def resumes(mta, how, session, **request):
    """Does a session begin anew? And the one to offer next time."""
    with proxied(mta, **request) as (client, local):
        with how.wrap_socket(client, server_hostname="mail.test", session=session) as t:
            local.sendall(b"220 hello\r\n")
            assert exactly(t, 11) == b"220 hello\r\n"
            return t.session_reused, session or t.session


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_ticket_is_good_in_all_processes_of_a_service(mta, ca, most):
    how = context(ca, most)
    sessions = []

    def crossing():
        """A process has its keys soon after it began; none waits for them."""
        resumes(mta, how, None)
        sessions.append(resumes(mta, how, None)[1])
        mta.kill("tlsproxy")
        resumes(mta, how, None)
        return resumes(mta, how, sessions[-1])[0]

    wait_until(crossing, what="a ticket to be taken by another process")
    assert not resumes(mta, how, sessions[-1], reached="other")[0]


def test_sessions_outlive_a_reload(mta, ca):
    """The process that has them takes no more, and ends with the last of them."""
    mark = mta.log.mark()
    with proxied(mta) as (client, local):
        with context(ca).wrap_socket(client, server_hostname="mail.test") as t:
            (pid,) = pids(mta, mark)
            mta.reload()
            with proxied(mta) as (other, _):
                context(ca).wrap_socket(other, server_hostname="mail.test")
                assert len(pids(mta, mark)) == 2
            t.sendall(b"still here")
            assert exactly(local, 10) == b"still here"
    wait_until(lambda: int(pid) not in mta.processes("tlsproxy"), what="the old process to end")


def test_in_a_jail(mta, ca):
    text = mta.read("/etc/postfix/master.cf")
    mta.write("/etc/postfix/master.cf", text.replace(MASTER.strip(), OTHERS["jail"]))
    mta.reload()
    with proxied(mta) as (client, local):
        with context(ca).wrap_socket(client, server_hostname="mail.test") as t:
            t.sendall(b"x")
            assert exactly(local, 1) == b"x"
