"""TLS sessions that are taken up again: what the log says at level 2, and whether they are, ours
beside Debian's Postfix."""

import re
import socket
import ssl

import pytest
from harness.certificates import Authority

MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_loglevel = 2
smtpd_tls_chain_files = /etc/postfix/tls/server.pem
smtpd_tls_session_cache_database = btree:$data_directory/smtpd_scache
"""
FIRST, SECOND, WITHOUT = range(2600, 2603)
MASTER = f"""\
{FIRST} inet n - n - - smtpd -o max_use=1
{SECOND} inet n - n - - smtpd -o max_use=1
{WITHOUT} inet n - n - - smtpd -o max_use=1 -o tls_session_ticket_cipher=
"""
OLD = ssl.TLSVersion.TLSv1_2
# name: (newest version, does it take tickets?, services that it comes to)
CLIENTS = {
    "tickets": (ssl.TLSVersion.TLSv1_3, True, [FIRST, FIRST, FIRST]),
    "tickets, TLSv1.2": (OLD, True, [FIRST, FIRST, FIRST]),
    "session ids": (OLD, False, [FIRST, FIRST]),
    "session ids, another service": (OLD, False, [FIRST, SECOND]),
    "no tickets": (OLD, True, [WITHOUT, WITHOUT]),
    "no tickets, TLSv1.3": (ssl.TLSVersion.TLSv1_3, True, [WITHOUT, WITHOUT]),
}
TOLD = re.compile(r"session|TLS connection established")


@pytest.fixture(scope="module")
def both(work, ours, oracle):
    folder = work / "certificates"
    folder.mkdir()
    server = Authority(folder).issue("server", "mail.test")
    for mta in (ours, oracle):
        mta.write("/etc/postfix/tls/server.pem", server.key + server.cert)
    return ours, oracle


def visit(mta, port, context, session):
    mark = mta.log.mark()
    with socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)) as s:
        s.recv(1000)
        for line in (b"EHLO x.test\r\n", b"STARTTLS\r\n"):
            s.sendall(line)
            s.recv(1000)
        with context.wrap_socket(s, session=session) as t:
            t.sendall(b"QUIT\r\n")
            t.recv(1000)
            result = session or t.session, t.session_reused
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return result


def masked(lines):
    """Without what is never twice the same: pids, ids, times, sizes; in no order between
    processes."""
    rows = []
    for line in lines:
        if not TOLD.search(line) or "cache cleanup" in line or "SSL_accept:" in line:
            continue
        line = re.sub(r"\[\d+\]: ", ": ", line, count=1)
        line = re.sub(r"\b[0-9A-F]{64}\b", "ID", line)
        line = re.sub(r"&l=\d+", "&l=N", line)
        rows.append(re.sub(r"(expiration: |time=|data )\d+", r"\1N", line))
    return sorted(rows)


@pytest.mark.parametrize("name", CLIENTS)
def test_sessions_of_clients(both, name):
    most, tickets, ports = CLIENTS[name]
    seen = []
    for mta in both:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = most
        if not tickets:
            context.options |= ssl.OP_NO_TICKET
        session, reused, mark = None, [], mta.log.mark()
        for port in ports:
            session, again = visit(mta, port, context, session)
            reused.append(again)
        seen.append((reused, masked(mta.log.lines[mark:])))
    assert seen[0][0] == seen[1][0]
    mine, theirs = seen[0][1], seen[1][1]
    if name == "tickets":  # what is in a ticket is not kept besides: nobody would ask for it
        theirs = [line for line in theirs if not re.search(r"(save|put|write) \S* ?session", line)]
    if name == "no tickets, TLSv1.3":  # one of them is enough
        mine, theirs = sorted(set(mine)), sorted(set(theirs))
    assert mine == theirs
