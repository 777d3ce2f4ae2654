"""postfix tls: keys and certificates that openssl accepts, and what main.cf then says."""

import time

import pytest

from harness.instance import Instance
from harness.sandbox import wait_until


@pytest.fixture
def box(work):
    instance = Instance.make(work / "box", "postern")
    instance.start(mail=False)
    yield instance
    instance.close()


def tls(box, *words, status=0):
    done = box.postfix("tls", *words)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_client_and_server_are_enabled_once(box):
    tls(box, "all-default-client")
    tls(box, "enable-client", "-r", "dev:/dev/urandom")
    shown = box.run("postconf -n").stdout
    for line in ("smtp_tls_security_level = may", "smtp_tls_loglevel = 1", "tls_random_source = dev:/dev/urandom"):
        assert line in shown.splitlines()
    tls(box, "all-default-client", status=1)
    assert "no changes made" in box.postfix("tls", "enable-client").stderr
    tls(box, "all-default-server")
    tls(box, "enable-server")
    cert, key, level = box.run("postconf -h smtpd_tls_cert_file smtpd_tls_key_file smtpd_tls_security_level").stdout.split()
    assert level == "may" and cert.startswith("/etc/postfix/cert-") and key.startswith("/etc/postfix/key-")
    assert box.run(f"stat -c %a {cert} {key}").stdout == "644\n600\n"
    shown = box.run(f"openssl x509 -in {cert} -noout -subject -ext subjectAltName,basicConstraints -checkend 3000000000").stdout
    assert f"CN = {box.hostname}" in shown and f"DNS:{box.hostname}" in shown and "CA:FALSE" in shown
    assert "no changes made" in box.postfix("tls", "enable-server").stderr


def test_keys_are_made_deployed_and_shown(box):
    done = box.postfix("tls", "new-server-key", "-a", "ecdsa", "a.example", "b.example")
    assert done.returncode == 0, done.stderr
    command = [l for l in done.stderr.splitlines() if "deploy-server-cert" in l][0].split("# postfix ")[1]
    assert box.run("postconf -h smtpd_tls_eckey_file smtpd_tls_eccert_file").stdout.split() in ([], ["$smtpd_tls_eccert_file"])
    box.run(f"postfix {command}", check=True)
    cert, key = command.split()[2:]
    assert box.run("postconf -h smtpd_tls_eccert_file smtpd_tls_eckey_file").stdout.split() == [cert, key]
    assert "DNS:a.example, DNS:b.example" in box.run(f"openssl x509 -in {cert} -noout -ext subjectAltName").stdout
    request = tls(box, "output-server-csr", "-k", "ecdsa", "h.example")
    shown = box.run("openssl req -noout -verify -text", input=request)
    assert shown.returncode == 0 and "DNS:h.example" in shown.stdout
    digest = box.run(f"openssl pkey -in {key} -pubout -outform DER | sha256sum").stdout.split()[0]
    assert tls(box, "output-server-tlsa", "-h", "h.example") == f"; {key}\n_25._tcp.h.example. IN TLSA 3 1 1 {digest}\n"
    second = int(time.time())
    wait_until(lambda: int(time.time()) > second, what="another second: it is part of the names of files")
    box.run("postfix tls new-server-cert -a ecdsa", check=True)
    [other] = [f for f in box.run("ls /etc/postfix/eckey*").stdout.split() if f != key]
    assert box.run(f"openssl pkey -in {other} -pubout; openssl pkey -in {key} -pubout").stdout.count("BEGIN") == 2
    assert box.run(f"test \"$(openssl pkey -in {other} -pubout)\" = \"$(openssl pkey -in {key} -pubout)\"").returncode == 0
    assert box.run(f"stat -c %a {other}").stdout == "600\n"


@pytest.mark.parametrize(
    "words,said",
    [
        ("", "unknown tls command: ''"),
        ("x", "unknown tls command: 'x'"),
        ("new-server-key -a dsa", "Unsupported public key algorithm: dsa"),
        ("deploy-server-cert x y", "no private key found in file: /etc/postfix/y"),
        ("deploy-server-cert x", "usage: postfix tls deploy-server-cert"),
        ("output-server-csr", "no rsa private key is deployed"),
        ("new-server-key $(reboot)", "bad hostname"),
    ],
)
def test_what_cannot_be_done_is_refused(box, words, said):
    assert said in tls(box, *words.split(), status=1)
    assert box.run("ls /etc/postfix/*.pem").stdout == ""
