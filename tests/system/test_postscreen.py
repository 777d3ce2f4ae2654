"""postscreen in front of smtpd: mail, lists, load balancers, reloads, crowds, caches, mischief."""

import contextlib
import re
import smtplib
import socket
import subprocess
import time

import pytest

from harness.sandbox import wait_until

MAIN = """
smtpd_peername_lookup = no
postscreen_greet_wait = 1s
proxy_write_maps = proxy:btree:$data_directory/c3 proxy:btree:$data_directory/c14
postscreen_access_list = cidr:{{127.0.0.41 reject}, {127.0.0.42 permit}}
"""
CACHE = "-o {{ postscreen_cache_map = {} }}"
MASTER = """
smtpd    pass  -  -  n  -  -  smtpd
one      pass  -  -  n  -  1  smtpd -o syslog_name=postfix/one
dnsblog  unix  -  -  n  -  0  dnsblog
jailblog unix  -  -  y  -  0  dnsblog
""" + "".join(
    f"{port} inet n - {'y' if port == 2611 else 'n'} - 1 postscreen -o {{ postscreen_cache_map = {cache} }} {words}\n"
    for port, cache, words in [
        (2601, "btree:$data_directory/c1", ""),
        (2602, "lmdb:$data_directory/c2", "-o postscreen_pipelining_enable=yes"),
        (2603, "proxy:btree:$data_directory/c3", "-o postscreen_cache_cleanup_interval=0"),
        (2604, "", "-o postscreen_dnsbl_sites=bl.test -o postscreen_dnsbl_action=drop -o postscreen_greet_wait=20s"),
        (2605, "", "-o postscreen_upstream_proxy_protocol=haproxy"),
        (2606, "", "-o postscreen_pipelining_enable=yes -o postscreen_client_connection_count_limit=2"),
        (2607, "", "-o postscreen_pre_queue_limit=10 -o postscreen_greet_wait=3s"),
        (2608, "", "-o postscreen_post_queue_limit=5 -o smtpd_service_name=one"),
        (2609, "", "-o smtpd_service_name=nowhere"),
        (2610, "btree:$data_directory/c10", "-o postscreen_cache_retention_time=1s -o postscreen_greet_ttl=1s -o postscreen_cache_cleanup_interval=2s"),
        (2614, "proxy:btree:$data_directory/c14", "-o postscreen_cache_retention_time=1s -o postscreen_greet_ttl=1s -o postscreen_cache_cleanup_interval=2s"),
        (2611, "btree:$data_directory/c11", "-o postscreen_dnsbl_sites=bl.test -o postscreen_dnsbl_action=drop -o dnsblog_service_name=jailblog"),
        (2613, "", "-o postscreen_access_list=hash:/etc/postfix/clients"),
        (2612, "", "-o postscreen_pipelining_enable=yes -o postscreen_command_time_limit=2s"),
    ]
)
TEXT = "Subject: x\n\nhello\n"


def connect(mta, port, source="127.0.0.50"):
    return smtplib.SMTP(mta.address, port, "client.test", 30, (source, 0))


def raw(mta, port, source="127.0.0.50"):
    return socket.create_connection((mta.address, port), 30, (source, 0))


@pytest.mark.parametrize("port", [2601, 2602, 2603, 2611])
def test_mail_gets_through(mta, port):
    """At the first try or, after tests behind the greeting, at the second; and the client is known then."""
    mark = mta.log.mark()
    for _ in range(2):
        with contextlib.suppress(smtplib.SMTPRecipientsRefused), connect(mta, port) as client:
            client.sendmail("a@client.test", [f"joe@{mta.domain}"], TEXT)
    mta.log.wait(r"postscreen\[\d+\]: PASS NEW \[127.0.0.50\]:\d+", since=mark)
    mta.log.wait(r"postscreen\[\d+\]: PASS OLD \[127.0.0.50\]:\d+", since=mark)
    mta.log.wait(r"smtpd\[\d+\]: connect from unknown\[127.0.0.50\]", since=mark)
    mta.wait_empty()
    assert "[127.0.0.50]" in mta.mbox("joe")[-1]["Received"]


def test_swaks(mta):
    """A client of Debian's, which waits for the greeting."""
    done = subprocess.run(
        ["swaks", "--server", mta.address, "--port", "2601", "--from", "a@client.test", "--to", f"joe@{mta.domain}", "-li", "127.0.0.57"],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "250 2.0.0 Ok: queued as" in done.stdout


@pytest.mark.parametrize("port, source", [(2604, "127.0.0.61"), (2611, "127.0.0.62")])
def test_a_listed_client_is_hung_up_on(mta, dns, port, source):
    """At once, however long the wait; also with both programs in a jail."""
    dns.names[".".join(reversed(source.split("."))) + ".bl.test"] = {"A": ["127.0.0.2"]}
    mark, start = mta.log.mark(), time.monotonic()
    with raw(mta, port, source) as client, client.makefile("rb") as lines:
        assert lines.readlines()[1:] == [f"521 5.7.1 Service unavailable; client [{source}] blocked using bl.test\r\n".encode()]
    assert time.monotonic() - start < 10
    mta.log.wait(rf"dnsblog\[\d+\]: addr {source} listed by domain bl.test as 127.0.0.2", since=mark)
    mta.log.wait(rf"postscreen\[\d+\]: DNSBL rank 1 for \[{source}\]:\d+", since=mark)


def test_haproxy(mta):
    """The client's address is the one that counts, in front of screening and behind it."""
    mta.write("/etc/haproxy.cfg", HAPROXY.format(mta.address))
    process = mta.popen("exec haproxy -db -f /etc/haproxy.cfg")
    wait_until(lambda: mta.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.8/2702"]).returncode == 0, what="haproxy")
    for port, source in ((2701, "127.0.0.71"), (2702, "127.0.0.72")):
        mark = mta.log.mark()
        with smtplib.SMTP("127.0.0.8", port, "client.test", 30, (source, 0)) as client:
            client.sendmail("a@client.test", [f"joe@{mta.domain}"], TEXT)
        mta.log.wait(rf"postscreen\[\d+\]: PASS NEW \[{source}\]:\d+", since=mark)
        mta.log.wait(rf"smtpd\[\d+\]: connect from unknown\[{source}\]", since=mark)
    with smtplib.SMTP() as client:
        client.source_address = ("127.0.0.41", 0)
        mark = mta.log.mark()
        client.connect("127.0.0.8", 2701)
        mta.log.wait(r"DENYLISTED \[127.0.0.41\]:\d+", since=mark)
    process.terminate()
    process.wait(20)


HAPROXY = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen first
    bind 127.0.0.8:2701
    server mail {0}:2605 send-proxy
listen second
    bind 127.0.0.8:2702
    server mail {0}:2605 send-proxy-v2
"""


def test_a_header_of_a_balancer_in_pieces(mta):
    header = b"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25\r\n"
    mark = mta.log.mark()
    with raw(mta, 2605) as client, client.makefile("rb") as lines:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(header)):
            client.sendall(header[i : i + 1])
        assert lines.readline().startswith(b"220-")
        assert lines.readline().startswith(b"220 ")
    mta.log.wait(r"CONNECT from \[192.0.2.7\]:4321 to \[192.0.2.8\]:25", since=mark)


def test_too_many_from_one_address(mta):
    mark = mta.log.mark()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(mta, 2606, "127.0.0.73")) for _ in range(3)]
        assert clients[2].recv(100) == b"421 4.7.0 Error: too many connections\r\n"
        assert raw(mta, 2606, "127.0.0.74").recv(100).startswith(b"220-")
    mta.log.wait(r"NOQUEUE: reject: CONNECT from \[127.0.0.73\]:\d+: too many connections", since=mark)


def test_a_crowd(mta):
    """Under stress all wait less; who is one too many hears so; then it is over."""
    mark, start = mta.log.mark(), time.monotonic()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(mta, 2607, f"127.0.0.{i + 80}")) for i in range(10)]
        assert clients[9].recv(100) == b"421 4.3.2 All screening ports are busy\r\n"
        mta.log.wait(r"entering STRESS mode with 9 connections", since=mark)
        for client in clients[:9]:
            with client.makefile("rb") as lines:
                assert lines.readline().startswith(b"220-")
                assert lines.readline().startswith(b"220 ")
        mta.log.wait(r"leaving STRESS mode with 7 connections", since=mark)
    assert time.monotonic() - start < 30
    mta.log.wait(r"reject: connect from \[127.0.0.89\]:\d+: all screening ports busy", since=mark)


def test_smtpd_is_busy(mta):
    """The only smtpd has a client; those behind wait, and at last one is told not to."""
    mark = mta.log.mark()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw(mta, 2608, "127.0.0.42"))]
        assert clients[0].recv(100).startswith(b"220 ")
        clients += [stack.enter_context(raw(mta, 2608, "127.0.0.42")) for _ in range(6)]
        heard = b""
        for client in clients[1:]:
            client.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                heard += client.recv(100)
        assert heard == b"421 4.3.2 All server ports are busy\r\n"
        clients[0].close()
        mta.log.wait(r"one/smtpd\[\d+\]: connect from", since=mark, count=2)
    mta.log.wait(r"NOQUEUE: reject: CONNECT from \[127.0.0.42\]:\d+: all server ports busy", since=mark)


def test_smtpd_is_not_there(mta):
    """The client is kept, and hears that it may try again; what it has passed is told once."""
    mark = mta.log.mark()
    with connect(mta, 2609) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="4.3.2 Service currently unavailable"):
            client.sendmail("a@client.test", [f"joe@{mta.domain}"], TEXT)
    mta.log.wait(r"DISCONNECT \[127.0.0.50\]", since=mark)
    assert len(mta.log.matching(r"PASS ", mark)) == 1


def test_a_changed_table_counts_for_the_next_client(mta):
    mta.table("clients", "127.0.0.93 dunno\n")
    for words, line in (("127.0.0.93 permit\n", "ALLOWLISTED"), ("127.0.0.93 reject\n", "DENYLISTED")):
        mark = mta.log.mark()
        mta.table("clients", words)

        def is_seen(line=line, mark=mark):
            with raw(mta, 2613, "127.0.0.93") as client:
                client.recv(100)
            return mta.log.matching(rf"{line} \[127.0.0.93\]", mark)

        wait_until(is_seen, what=f"{line}")


@pytest.mark.parametrize("port, proxy, name", ((2610, "", "c10"), (2614, "proxy:", "c14")))
def test_old_entries_are_forgotten(mta, port, proxy, name):
    """Those whose tests hold no longer, after a while; also where proxymap has the cache."""
    mark = mta.log.mark()
    with connect(mta, port, "127.0.0.75"):
        pass
    mta.log.wait(rf"cache {proxy}btree:/var/lib/postfix/{name} full cleanup: retained=\d+ dropped=1 entries", since=mark)
    left = mta.run(["postmap", "-s", f"btree:/var/lib/postfix/{name}"]).stdout
    assert "_LAST_CACHE_CLEANUP_COMPLETED_" in left and "127.0.0.75" not in left


def test_a_reload_hangs_up_on_nobody(mta):
    """Who talks with the old process goes on with it; the port is served by a new one."""
    with connect(mta, 2602, "127.0.0.76") as client:
        client.ehlo()
        old = set(mta.processes("postscreen"))
        mark = mta.log.mark()
        mta.postfix("reload", check=True)
        mta.log.wait(r"reload -- version", since=mark)
        with connect(mta, 2602, "127.0.0.77") as other:
            assert set(mta.processes("postscreen")) - old
            assert other.ehlo()[0] == 250
        assert client.mail("a@client.test")[0] == 250
        assert client.rcpt(f"joe@{mta.domain}")[0] == 450
    mta.log.wait(r"PASS NEW \[127.0.0.76\]:\d+", since=mark)
    wait_until(lambda: not old & set(mta.processes("postscreen")), 30, "the old processes to end")


def test_a_stop_ends_those_who_go_on_beside_a_new_process(mta):
    with connect(mta, 2602, "127.0.0.79") as client:
        client.ehlo()
        mta.reload()
        assert client.noop()[0] == 250
        mta.postfix("stop", check=True)
        wait_until(lambda: not mta.processes("postscreen"), 10, "all to end")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
        client.close()
    mta.start()


def test_no_mail_is_relayed(mta):
    """By tricks with addresses or commands: nobody is a recipient here."""
    tricks = [
        b"MAIL FROM:<a@client.test>", b"RCPT TO:<joe@elsewhere.test>", b"RCPT TO:<@mail:joe@elsewhere.test>",
        b'RCPT TO:<"joe@elsewhere.test"@' + mta.domain.encode() + b">", b"RCPT TO:<joe%elsewhere.test@" + mta.domain.encode() + b">",
        b"XCLIENT ADDR=127.0.0.1", b"XFORWARD ADDR=127.0.0.1", b"AUTH PLAIN AGpvZQB4", b"TURN", b"SEND FROM:<a@client.test>",
    ]  # fmt: skip
    mark = mta.log.mark()
    with raw(mta, 2602, "127.0.0.78") as client, client.makefile("rb") as lines:
        while lines.readline()[3:4] == b"-":
            pass
        replies = []
        for trick in tricks:
            client.sendall(trick + b"\r\n")
            replies.append(lines.readline()[:3])
        assert replies[0] == b"250" and not [r for r in replies[1:] if not r.startswith((b"4", b"5"))]
        client.sendall(b"DATA\r\nSubject: x\r\n\r\n.\r\n")
        assert lines.readline().startswith(b"554")
        assert lines.read() == b""
    assert not mta.queue_files()
    assert not mta.log.matching(r"cleanup\[", since=mark)


def memory_kb(mta):
    texts = [open(f"/proc/{pid}/status", encoding="ascii").read() for pid in mta.processes("postscreen")]
    return max(int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) for text in texts)


FLOODS = {"no line": b"x" * 65536, "commands": b"NOOP\r\n" * 10000, "line ends": b"\n" * 65536, "names": b"EHLO " + b"x" * 1000 + b"\r\n"}


@pytest.mark.parametrize("flood", FLOODS)
def test_floods_cost_nothing(mta, flood):
    """Each ends at a limit, and leaves the process as small as it was."""
    with connect(mta, 2602, "127.0.0.79"):
        before = memory_kb(mta)
    for _ in range(20):
        with raw(mta, 2602, "127.0.0.90") as client, contextlib.suppress(OSError):
            assert client.recv(100).startswith(b"220")
            for _ in range(40):
                client.sendall(FLOODS[flood])
    assert memory_kb(mta) < before + 4000


def test_a_client_that_does_not_listen(mta):
    """Its replies are not kept without an end, and it has to go."""
    mark = mta.log.mark()
    with raw(mta, 2612, "127.0.0.91") as client:
        client.sendall(b"EHLO x\r\n" * 15)
        mta.log.wait(r"COMMAND TIME LIMIT from \[127.0.0.91\]:\d+ after EHLO", since=mark)


def test_a_client_that_sends_one_byte_at_a_time(mta):
    """The limit is for the whole command."""
    mark = mta.log.mark()
    with raw(mta, 2612, "127.0.0.92") as client, client.makefile("rb") as lines:
        lines.readline()
        lines.readline()
        with contextlib.suppress(OSError):
            for _ in range(40):
                client.sendall(b"N")
                time.sleep(0.1)
        mta.log.wait(r"COMMAND TIME LIMIT from \[127.0.0.92\]:\d+ after CONNECT", since=mark)
