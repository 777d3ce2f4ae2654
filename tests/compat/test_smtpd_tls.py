"""TLS towards clients: replies, log lines and Received: headers, ours beside Debian's
Postfix. Each set of settings has a port of its own."""

import hashlib
import re
import socket
import ssl

import pytest
from compat.policy import PLACE, PolicyServer
from harness.certificates import Authority

DOMAIN = "example.test"
MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = /etc/postfix/tls/ca.pem
smtpd_tls_chain_files = /etc/postfix/tls/rsa.pem
smtpd_discard_ehlo_keywords = chunking, smtputf8, silent-discard
smtpd_starttls_timeout = 1s
smtputf8_enable = no
mynetworks = 127.0.0.10
"""
KNOWN = "texthash:/etc/postfix/tls/known"
KEYS = "texthash:/etc/postfix/tls/keys"
SNI = "tls_server_sni_maps = hash:/etc/postfix/tls/sni"
TEXT = ["DATA", "Subject: x\r\n\r\nhello\r\n."]
MAIL = ["EHLO x.test", "MAIL FROM:<a@client.test>", "RCPT TO:<joe@example.test>"]
OLD = {"most": ssl.TLSVersion.TLSv1_2}

# name: ([what stands in main.cf], how the client comes, [what it says])
CASES = {
    "plain": ([], {"tls": None}, ["EHLO x.test", "STARTTLS x", "NOOP", "QUIT"]),
    "mail": ([], {}, [*MAIL, *TEXT, "QUIT"]),
    "mail, TLSv1.2": ([], OLD, [*MAIL, *TEXT, "QUIT"]),
    "mail, TLSv1.2, other cipher": ([], OLD | {"ciphers": "DHE-RSA-AES128-SHA"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, certificate": ([], {"own": "client"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, certificate, TLSv1.2": ([], OLD | {"own": "client"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, own certificate": ([], {"own": "own"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, ECDSA": (["smtpd_tls_chain_files = /etc/postfix/tls/ecdsa.pem"], {"own": "ecdsa"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, no header": (["smtpd_tls_received_header = no"], {}, [*MAIL, *TEXT, "QUIT"]),
    "mail, not asked": (["smtpd_tls_ask_ccert = no"], {"own": "client"}, [*MAIL, *TEXT, "QUIT"]),
    "mail, no hello again": ([], {}, [*MAIL[1:], *TEXT, "QUIT"]),
    "mail, HELO": ([], {}, ["HELO x.test", *MAIL[1:], *TEXT, "QUIT"]),
    "hello needed again": (["smtpd_helo_required = yes"], {}, ["MAIL FROM:<>", "QUIT"]),
    "both kinds of keys": (["smtpd_tls_chain_files = /etc/postfix/tls/ecdsa.pem, /etc/postfix/tls/rsa.pem"], OLD | {"ciphers": "aRSA"}, ["QUIT"]),
    "files of their own": (["smtpd_tls_chain_files =", "smtpd_tls_cert_file = /etc/postfix/tls/rsa.pem", "smtpd_tls_eccert_file = /etc/postfix/tls/ecdsa.pem"], OLD | {"ciphers": "aECDSA"}, ["QUIT"]),
    "expired": ([], {"own": "expired"}, ["QUIT"]),
    "other authority": ([], {"own": "other"}, ["QUIT"]),
    "TLS in TLS": ([], {}, ["STARTTLS", "EHLO x.test", "QUIT"]),
    "in the midst of mail": ([], {"before": MAIL[1:2]}, ["RCPT TO:<joe@example.test>", "QUIT"]),
    "hangs up": ([], {"tls": "nothing"}, []),
    "no TLS at all": ([], {"tls": "garbage"}, []),
    "silent": ([], {"tls": "silence"}, []),
    "no log": (["smtpd_tls_loglevel = 0"], {}, ["QUIT"]),
    "no log, no TLS at all": (["smtpd_tls_loglevel = 0"], {"tls": "garbage"}, []),
    "needed": (["smtpd_tls_security_level = encrypt"], {"tls": None}, [*MAIL, "AUTH PLAIN", "VRFY x", "NOOP", "QUIT"]),
    "needed, had": (["smtpd_tls_security_level = encrypt"], {}, [*MAIL, "QUIT"]),
    "wrapped": (["smtpd_tls_wrappermode = yes"], {"wrapped": True}, [*MAIL, "STARTTLS", "QUIT"]),
    "wrapped, no level": (["smtpd_tls_wrappermode = yes", "smtpd_tls_security_level = none"], {"wrapped": True}, [*MAIL, "QUIT"]),
    "wrapped, no TLS at all": (["smtpd_tls_wrappermode = yes"], {"wrapped": True, "tls": "garbage"}, []),
    "old words, may": (["smtpd_tls_security_level =", "smtpd_use_tls = yes"], {}, ["QUIT"]),
    "old words, encrypt": (["smtpd_tls_security_level =", "smtpd_enforce_tls = yes"], {"tls": None}, [*MAIL, "QUIT"]),
    "not announced": (["smtpd_discard_ehlo_keywords = starttls, chunking, smtputf8, silent-discard"], {"tls": None}, ["EHLO x.test", "STARTTLS"]),
    "no level": (["smtpd_tls_security_level = none"], {"tls": None}, ["EHLO x.test", "STARTTLS"]),
    "certificate demanded": (["smtpd_tls_security_level = encrypt", "smtpd_tls_req_ccert = yes"], {}, ["EHLO x.test"]),
    "certificate demanded, own": (["smtpd_tls_security_level = encrypt", "smtpd_tls_req_ccert = yes"], {"own": "own"}, ["EHLO x.test"]),
    "certificate demanded, had": (["smtpd_tls_security_level = encrypt", "smtpd_tls_req_ccert = yes"], {"own": "client"}, ["EHLO x.test", "QUIT"]),
    "certificate demanded, wrapped": (["smtpd_tls_wrappermode = yes", "smtpd_tls_req_ccert = yes"], {"wrapped": True}, []),
    "new protocols only": (["smtpd_tls_protocols = >=TLSv1.3"], OLD, []),
    "old protocols only": (["smtpd_tls_protocols = !SSLv2, !TLSv1.3"], {}, ["QUIT"]),
    "mandatory protocols": (["smtpd_tls_security_level = encrypt", "smtpd_tls_mandatory_protocols = TLSv1.3"], OLD, []),
    "excluded ciphers": (["smtpd_tls_exclude_ciphers = aNULL, ECDHE"], OLD, ["QUIT"]),
    "no cipher in common": (["smtpd_tls_ciphers = high"], OLD | {"ciphers": "CAMELLIA:!ECDHE"}, ["QUIT"]),
    "strong curve": (["smtpd_tls_eecdh_grade = strong"], {}, ["QUIT"]),
    "certificate refused by access table": ([f"smtpd_client_restrictions = check_ccert_access {KNOWN}"], {"own": "client"}, MAIL),
    "key refused by access table": ([f"smtpd_client_restrictions = check_ccert_access {KEYS}"], {"own": "client"}, MAIL),
    "other certificate, access table": ([f"smtpd_client_restrictions = check_ccert_access {KNOWN}"], {"own": "own"}, MAIL),
    "search order": ([f"smtpd_client_restrictions = check_ccert_access {{ {KNOWN}, {{ search_order = pubkey_fingerprint }} }}"], {"own": "client"}, MAIL),
    "search order, both": ([f"smtpd_client_restrictions = check_ccert_access {{ {KEYS}, {{ search_order = cert_fingerprint, pubkey_fingerprint }} }}"], {"own": "client"}, MAIL),
    "known certificate": (["smtpd_client_restrictions = permit_tls_clientcerts, reject", f"relay_clientcerts = {KNOWN}"], {"own": "client"}, MAIL),
    "known key": (["smtpd_client_restrictions = permit_tls_clientcerts, reject", f"relay_clientcerts = {KEYS}"], {"own": "client"}, MAIL),
    "unknown certificate": (["smtpd_client_restrictions = permit_tls_clientcerts, reject", f"relay_clientcerts = {KNOWN}"], {"own": "other"}, MAIL),
    "trusted certificate": (["smtpd_client_restrictions = permit_tls_all_clientcerts, reject"], {"own": "client"}, MAIL),
    "certificate not trusted": (["smtpd_client_restrictions = permit_tls_all_clientcerts, reject"], {"own": "other"}, MAIL),
    "certificate not asked for": (["smtpd_client_restrictions = permit_tls_all_clientcerts, reject", "smtpd_tls_ask_ccert = no"], {"own": "client"}, MAIL),
    "in the clear": (["smtpd_client_restrictions = reject_plaintext_session"], {"tls": None}, MAIL),
    "not in the clear": (["smtpd_client_restrictions = reject_plaintext_session"], {}, MAIL),
    "name asked for": ([SNI], {"sni": "a.test"}, ["QUIT"]),
    "name asked for, large letters": ([SNI], {"sni": "A.Test"}, ["QUIT"]),
    "name asked for, below a parent": ([SNI], {"sni": "x.y.b.test"}, ["QUIT"]),
    "name asked for, the parent itself": ([SNI], {"sni": "b.test"}, ["QUIT"]),
    "name asked for, unknown": ([SNI], {"sni": "c.test"}, ["QUIT"]),
    "name asked for, old": ([SNI], OLD | {"sni": "a.test"}, ["QUIT"]),
    "name asked for, none": ([SNI], {}, ["QUIT"]),
    "name asked for, mail": ([SNI], {"sni": "a.test"}, [*MAIL, *TEXT, "QUIT"]),
    "name asked for, no table": ([], {"sni": "a.test"}, ["QUIT"]),
    "name asked for, bad chain": ([SNI], {"sni": "bad.test"}, []),
    "name asked for, table fails": (["tls_server_sni_maps = hash:/none"], {"sni": "a.test"}, []),
    "name asked for, table of names": (["tls_server_sni_maps = hash:/etc/postfix/tls/names"], {"sni": "a.test"}, []),
    "md5": (["smtpd_client_restrictions = permit_tls_clientcerts, reject", f"relay_clientcerts = {KNOWN}", "smtpd_tls_fingerprint_digest = md5"], {"own": "client"}, MAIL),
}  # fmt: skip
PORTS = {name: 2600 + i for i, name in enumerate(CASES)}
MASTER = "".join(
    f"{PORTS[name]} inet n - n - - smtpd" + "".join(f" -o {{ {s} }}" for s in settings) + "\n"
    for name, (settings, *_) in CASES.items()
) + f"2599 inet n - n - - smtpd -o {{ smtpd_client_restrictions = check_policy_service inet:{PLACE[0]}:{PLACE[1]} }}\n"


@pytest.fixture(scope="module")
def known(work, ours, oracle):
    """Certificates of clients; those of the server are put where both look for them."""
    folder = work / "certificates"
    folder.mkdir()
    ca, other = Authority(folder), Authority(folder, "Other CA")
    rsa, ecdsa = ca.issue("rsa", "mail.test"), ca.issue("server-ecdsa", "mail.test", kind="ecdsa")
    clients = {
        "client": ca.issue("client", "client.test"),
        "ecdsa": ca.issue("client-ecdsa", "ecdsa.test", kind="ecdsa"),
        "own": ca.issue("own", own=True),
        "expired": ca.issue("expired", days=-1),
        "other": other.issue("other"),
    }
    client = clients["client"]
    named = ca.issue("named", "a.test", names=["a.test"], kind="ecdsa")
    below = ca.issue("below", "b.test", names=["*.b.test"])
    clients |= {"(rsa)": rsa, "(ecdsa)": ecdsa, "(named)": named, "(below)": below}
    for mta in (ours, oracle):
        for name, text in {
            "ca.pem": ca.cert,
            "rsa.pem": rsa.key + rsa.cert,
            "ecdsa.pem": ecdsa.key + ecdsa.cert,
            "known": f"{client.fingerprint()} REJECT\n{client.fingerprint('md5')} REJECT\n",
            "keys": f"{client.key_fingerprint()} REJECT\n",
            "a.pem": named.key + named.cert,
            "b.key": below.key,
            "b.pem": below.cert + ca.cert,
            "sni": "a.test /etc/postfix/tls/a.pem\n.b.test /etc/postfix/tls/b.key /etc/postfix/tls/b.pem\nbad.test /etc/postfix/tls/b.pem\n",
            "names": "a.test /etc/postfix/tls/a.pem\n",
        }.items():
            mta.write(f"/etc/postfix/tls/{name}", text)
        mta.run(["postmap", "-F", "hash:/etc/postfix/tls/sni"], check=True)
        mta.run(["postmap", "hash:/etc/postfix/tls/names"], check=True)
    return clients


def read_reply(lines):
    reply = []
    while not reply or reply[-1][3:4] == "-":
        reply.append(lines.readline().decode(errors="replace").rstrip("\r\n"))
    return reply


def context(how, known):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = how.get("most", ssl.TLSVersion.TLSv1_3)
    made.set_ciphers(how.get("ciphers", "DEFAULT"))
    if "own" in how:
        made.load_cert_chain(known[how["own"]].cert_file, known[how["own"]].key_file)
    return made


def encrypt(s, how, known):
    """The socket with TLS, or what became of it."""
    kind = how.get("tls", "TLS")
    if kind == "TLS":
        try:
            return context(how, known).wrap_socket(s, server_hostname=how.get("sni"))
        except (ssl.SSLError, ConnectionError) as error:
            return type(error).__name__
    if kind == "garbage":
        s.sendall(b"hello there\r\n")
    if kind in ("garbage", "silence"):
        try:
            while s.recv(1000):
                pass
        except ConnectionError:
            pass
    return kind


def converse(s, how, known, said):
    """[line said, *reply] for each."""
    seen, before = [], how.get("before", [])
    if not how.get("wrapped"):
        with s.makefile("rb") as lines:
            seen.append(read_reply(lines))
            if how.get("tls", "TLS") is not None:
                for line in ["EHLO x.test", *before, "STARTTLS"]:
                    s.sendall(line.encode() + b"\r\n")
                    seen.append([line, *read_reply(lines)])
    if how.get("tls", "TLS") is not None:
        s = encrypt(s, how, known)
        if isinstance(s, str):
            return [*seen, [s]]
        shown = hashlib.sha256(s.getpeercert(binary_form=True)).digest().hex(":").upper()
        seen.append([s.version(), s.cipher()[0], *(name for name in known if known[name].fingerprint() == shown)])
    with s, s.makefile("rb") as lines:
        if how.get("wrapped"):
            seen.append(read_reply(lines))
        for line in said:
            s.sendall(line.encode() + b"\r\n")
            seen.append([line, *read_reply(lines)])
    return seen


def talk(mta, name, known):
    _, how, said = CASES[name]
    mark, mail = mta.log.mark(), len(mta.mbox("joe"))
    with socket.create_connection((mta.address, PORTS[name]), 20, ("127.0.0.9", 0)) as s:
        seen = converse(s, how, known, said)
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    if "DATA" in said:
        mta.log.wait(r"qmgr\[\d+\]: \w+: removed", since=mark)
        seen.append(mta.mbox("joe")[mail].get_all("Received"))
    return [mta.mask(reply) for reply in seen], mta.masked_log(mark, "/smtpd")


# What is wrong with a table is told in words of our own.
OWN_WORDS = {"name asked for, bad chain", "name asked for, table fails", "name asked for, table of names"}


@pytest.mark.parametrize("name", CASES)
def test_session(ours, oracle, known, name):
    mine, theirs = (talk(mta, name, known) for mta in (ours, oracle))
    assert mine[0] == theirs[0]
    if name in OWN_WORDS:
        assert any("warning: " in line for line in mine[1])
        mine, theirs = ([*mine, [line for line in mine[1] if " error from " in line]], [*theirs, [line for line in theirs[1] if " error from " in line]])
    assert mine[-1] == theirs[-1]


@pytest.mark.parametrize("own", ["client", "own", None])
def test_what_policy_servers_hear(ours, oracle, known, own):
    heard = []
    for mta in (ours, oracle):
        with PolicyServer([b"action=DUNNO\n\n"]) as server:
            with socket.create_connection((mta.address, 2599), 20, ("127.0.0.9", 0)) as s:
                converse(s, {"own": own} if own else {}, known, MAIL)
            heard.append([line for line in server.requests[0] if line.startswith(("ccert_", "encryption_"))])
    assert len(heard[0]) == 7
    assert heard[0] == heard[1]


def test_nobody_hears_what_came_behind_starttls_in_the_clear(ours, oracle, known):
    """CVE-2011-0411, with what ends such a session at once switched off."""
    seen = {}
    for mta in (ours, oracle):
        with socket.create_connection((mta.address, PORTS["mail"]), 20, ("127.0.0.9", 0)) as s:
            s.recv(1000)
            s.sendall(b"EHLO x.test\r\n")
            s.recv(1000)
            s.sendall(b"STARTTLS\r\nRSET\r\nMAIL FROM:<a@x.test>\r\n")
            seen[mta] = s.recv(1000)
    assert re.match(rb"554 5.5.0 Error: SMTP protocol synchronization\r\n$", seen[ours])
    assert seen[oracle] == b"220 2.0.0 Ready to start TLS\r\n"
