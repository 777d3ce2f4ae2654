"""TLS towards servers: what is said, done and logged, ours beside Debian's Postfix. Each
set of settings is a transport of its own."""

import re

import pytest
from harness.certificates import Authority
from harness.tls_server import TlsServer

SERVER, WRAPPED = "127.0.0.77", "127.0.0.78"
NAME = "server.test"

# name: ([what stands in main.cf], behaviour of the server, {which certificate, level by policy})
CASES = {
    "may": (["smtp_tls_security_level = may"], []),
    "may, old": (["smtp_tls_security_level = may"], ["old"]),
    "none": (["smtp_tls_security_level = none"], []),
    "none, noted": (["smtp_tls_security_level = none", "smtp_tls_note_starttls_offer = yes"], []),
    "old words, may": (["smtp_tls_security_level =", "smtp_use_tls = yes"], []),
    "old words, encrypt": (["smtp_tls_security_level =", "smtp_enforce_tls = yes", "smtp_tls_enforce_peername = no"], ["no-offer"]),
    "old words, verify": (["smtp_tls_security_level =", "smtp_enforce_tls = yes"], [], {"own": "other"}),
    "may, not offered": (["smtp_tls_security_level = may"], ["no-offer"]),
    "may, refused": (["smtp_tls_security_level = may"], ["refuse"]),
    "may, refused for good": (["smtp_tls_security_level = may"], ["refuse-for-good"]),
    "may, hangs up": (["smtp_tls_security_level = may"], ["hang-up"], {"lines": 2}),
    "may, garbage": (["smtp_tls_security_level = may"], ["garbage"], {"lines": 2}),
    "may, wrong name": (["smtp_tls_security_level = may"], [], {"own": "other"}),
    "may, own certificate": (["smtp_tls_security_level = may"], [], {"own": "own"}),
    "may, no authorities": (["smtp_tls_security_level = may", "smtp_tls_CAfile ="], []),
    "may, certificate asked for": (["smtp_tls_security_level = may", "smtp_tls_chain_files = /etc/postfix/tls/client.pem"], ["ask"]),
    "may, certificate asked for, none": (["smtp_tls_security_level = may"], ["ask"]),
    "may, early reply": (["smtp_tls_security_level = may"], ["early"]),
    "encrypt": (["smtp_tls_security_level = encrypt"], []),
    "encrypt, not offered": (["smtp_tls_security_level = encrypt"], ["no-offer"]),
    "encrypt, refused": (["smtp_tls_security_level = encrypt"], ["refuse"]),
    "encrypt, hangs up": (["smtp_tls_security_level = encrypt"], ["hang-up"]),
    "encrypt, garbage": (["smtp_tls_security_level = encrypt"], ["garbage"]),
    "encrypt, own certificate": (["smtp_tls_security_level = encrypt"], [], {"own": "own"}),
    "encrypt, protocols": (["smtp_tls_security_level = encrypt", "smtp_tls_mandatory_protocols = >=TLSv1.3"], ["old"]),
    "encrypt, ciphers": (["smtp_tls_security_level = encrypt", "smtp_tls_mandatory_exclude_ciphers = ECDHE"], ["old"]),
    "encrypt, mail refused": (["smtp_tls_security_level = encrypt"], ["no-mail"]),
    "verify": (["smtp_tls_security_level = verify"], []),
    "verify, wrong name": (["smtp_tls_security_level = verify"], [], {"own": "other"}),
    "verify, own certificate": (["smtp_tls_security_level = verify"], [], {"own": "own"}),
    "verify, expired": (["smtp_tls_security_level = verify"], [], {"own": "expired"}),
    "verify, no authorities": (["smtp_tls_security_level = verify", "smtp_tls_CAfile ="], []),
    "verify, common name": (["smtp_tls_security_level = verify"], [], {"own": "common"}),
    "verify, wildcard": (["smtp_tls_security_level = verify"], [], {"own": "wildcard"}),
    "verify, other match": (["smtp_tls_security_level = verify", "smtp_tls_verify_cert_match = other.test, .x.test"], [], {"own": "other"}),
    "secure": (["smtp_tls_security_level = secure"], []),
    "secure, hostname": (["smtp_tls_security_level = secure", "smtp_tls_secure_cert_match = hostname"], []),
    "secure, wrong name": (["smtp_tls_security_level = secure"], [], {"own": "other"}),
    "secure, below": (["smtp_tls_security_level = secure", "smtp_tls_secure_cert_match = .test"], []),
    "secure, not offered": (["smtp_tls_security_level = secure"], ["no-offer"]),
    "fingerprint": (["smtp_tls_security_level = fingerprint", "smtp_tls_fingerprint_cert_match = {cert}"], []),
    "fingerprint of the key": (["smtp_tls_security_level = fingerprint", "smtp_tls_fingerprint_cert_match = 00:11 {key}"], [], {"own": "server"}),
    "fingerprint, own certificate": (["smtp_tls_security_level = fingerprint", "smtp_tls_fingerprint_cert_match = {cert}"], [], {"own": "own"}),
    "policy, none": (["smtp_tls_security_level = encrypt", "smtp_tls_policy_maps = inline:{{{{[server.test] = none}}}}"], []),
    "policy, encrypt": (["smtp_tls_policy_maps = inline:{{{{[server.test] = encrypt ciphers=high exclude=RC4 protocols=TLSv1.2}}}}"], []),
    "policy, verify": (["smtp_tls_policy_maps = inline:{{{{[server.test] = verify match=hostname:other.test}}}}"], [], {"own": "other"}),
    "policy, secure": (["smtp_tls_policy_maps = inline:{{{{[server.test] = secure match=nexthop}}}}"], []),
    "policy, fingerprint": (["smtp_tls_policy_maps = inline:{{{{[server.test] = fingerprint match={cert}}}}}"], []),
    "policy, fingerprint, other": (["smtp_tls_policy_maps = inline:{{{{[server.test] = fingerprint match=00:11|22:33}}}}"], []),
    "policy, not ours": (["smtp_tls_security_level = may", "smtp_tls_policy_maps = inline:{{{{server.test = none}}}}"], []),
    "policy, bad level": (["smtp_tls_policy_maps = inline:{{{{[server.test] = strong}}}}"], []),
    "policy, bad attribute": (["smtp_tls_policy_maps = inline:{{{{[server.test] = encrypt foo=bar}}}}"], []),
    "policy, attribute without a value": (["smtp_tls_policy_maps = inline:{{{{[server.test] = encrypt foo}}}}"], []),
    "policy, level without matches": (["smtp_tls_policy_maps = inline:{{{{[server.test] = fingerprint}}}}"], []),
    "policy, table fails": (["smtp_tls_policy_maps = hash:/none"], []),
    "server name": (["smtp_tls_security_level = may", "smtp_tls_servername = hostname"], []),
    "server name, given": (["smtp_tls_security_level = may", "smtp_tls_servername = sni.test"], []),
    "server name, policy": (["smtp_tls_policy_maps = inline:{{{{[server.test] = may servername=sni.test}}}}"], []),
    "wrapped": (["smtp_tls_security_level = encrypt", "smtp_tls_wrappermode = yes"], ["wrapped"]),
    "wrapped, verify": (["smtp_tls_security_level = verify", "smtp_tls_wrappermode = yes"], ["wrapped"], {"own": "other", "quit": False}),
    "wrapped, level may": (["smtp_tls_security_level = may", "smtp_tls_wrappermode = yes"], ["wrapped"]),
    "no log": (["smtp_tls_security_level = may", "smtp_tls_loglevel = 0"], []),
    "authorities not there": (["smtp_tls_security_level = may", "smtp_tls_CAfile = /none"], []),
    "authorities not there, encrypt": (["smtp_tls_security_level = encrypt", "smtp_tls_CAfile = /none"], []),
    "bad protocols": (["smtp_tls_security_level = may", "smtp_tls_protocols = foo"], [], {"says": "dsn=4.7.5, status=deferred"}),
    "bad protocols, encrypt": (["smtp_tls_security_level = encrypt", "smtp_tls_mandatory_protocols = foo"], [], {"says": "dsn=4.7.5, status=deferred"}),
    "per site": (["smtp_tls_per_site = inline:{{{{server.test = MUST_NOPEERMATCH}}}}"], ["no-offer"]),
    "discarded": (["smtp_tls_security_level = may", "smtp_discard_ehlo_keywords = starttls"], []),
    "discarded, encrypt": (["smtp_tls_security_level = encrypt", "smtp_discard_ehlo_keywords = starttls"], []),
    # its process is started again and again: nothing comes behind it
    "bad level": (["smtp_tls_security_level = foo"], []),
}  # fmt: skip
TRANSPORTS = {name: f"tls{i}" for i, name in enumerate(CASES)}
MAIN = """\
smtp_tls_loglevel = 1
smtp_tls_CAfile = /etc/postfix/tls/ca.pem
smtp_host_lookup = dns
minimal_backoff_time = 3s
maximal_backoff_time = 4s
transport_maps = texthash:/etc/postfix/transport
"""
ETC = {"postfix/transport": "".join(f"{t}.test {t}:[{NAME}]\n" for t in TRANSPORTS.values())}


@pytest.fixture(scope="module")
def known(work, ours, oracle):
    """Certificates; with their fingerprints known, the transports are made."""
    folder = work / "certificates"
    folder.mkdir()
    ca = Authority(folder)
    made = {
        "server": ca.issue("server", "x", names=["other.server.test", NAME]),
        "other": ca.issue("other", NAME, names=["other.test"]),
        "common": ca.issue("common", NAME),
        "wildcard": ca.issue("wildcard", "x", names=["*.test"]),
        "own": ca.issue("own", NAME, own=True),
        "expired": ca.issue("expired", NAME, days=-1),
        "client": ca.issue("client"),
        "ca": ca,
    }
    prints = {"cert": made["server"].fingerprint(), "key": made["server"].key_fingerprint()}
    services = "".join(
        f"{TRANSPORTS[name]} unix - - n - - smtp" + "".join(f" -o {{ {s.format(**prints)} }}" for s in settings) + "\n"
        for name, (settings, *_) in CASES.items()
    )
    for mta in (ours, oracle):
        mta.write("/etc/postfix/tls/ca.pem", ca.cert)
        mta.write("/etc/postfix/tls/client.pem", made["client"].key + made["client"].cert)
        mta.write("/etc/postfix/master.cf", mta.read("/etc/postfix/master.cf") + services)
        mta.reload()
    return made


LOGGED = re.compile(r"/smtp\[PID\]: ")


def delivery(mta, name, known):
    """What the server heard, which names it was asked for, what was logged."""
    _, behaviour, more = (*CASES[name], {})[:3]
    mark = mta.log.mark()
    certificate = known[more.get("own", "server")]
    with TlsServer((SERVER, 25), certificate, behaviour, known["ca"]) as server:
        queue_id = mta.submit("a@client.test", f"u@{TRANSPORTS[name]}.test", "Subject: x\r\n\r\nx\r\n")
        for _ in range(more.get("lines", 1)):
            last = mta.log.wait(rf"{queue_id}: to=.* status=|smtp\[\d+\]: fatal: ", since=mark)
        if more.get("lines", 1) > 1:
            mta.log.wait(rf"{queue_id}: to=.* status=sent", since=mark)
    del last
    mta.run(["postsuper", "-d", "ALL"], check=True)
    lines = [line for line in mta.masked_log(mark) if LOGGED.search(line)]
    return server.heard, server.names, lines


# Warnings of configuration in words of our own.
OWN_WORDS = re.compile("policy, (bad|attribute|level|table|fingerprint, other)|fingerprint of the key|bad level|authorities not there")


def once(lines):
    """How often a message is tried before it has waited long enough depends on the clock."""
    return list(dict.fromkeys(lines))


@pytest.mark.parametrize("name", CASES)
def test_delivery(ours, oracle, dns, known, name):
    dns.names[NAME] = {"A": [SERVER]}
    mine, theirs = (delivery(mta, name, known) for mta in (ours, oracle))
    more = (*CASES[name], {})[2]
    if "says" in more:  # ours does not even ask the server
        assert more["says"] in mine[2][-1] and more["says"] in theirs[2][-1]
        return
    if OWN_WORDS.match(name):
        mine, theirs = ((heard, names, [line for line in lines if "status=" in line]) for heard, names, lines in (mine, theirs))
    if "quit" in more:  # whether it is heard depends on who is quicker
        mine, theirs = ((heard[:1], *rest) for heard, *rest in (mine, theirs))
    if "lines" in more:
        mine, theirs = ((once(heard), names, once(lines)) for heard, names, lines in (mine, theirs))
    assert mine == theirs
