"""A mail server in a container, configured the way such images do it: stock files, then a
start-up script with a loop of postconf over the files and variables that its user gives, then
"postfix start-fg" as process 1 with the log on standard output.

The files are our own; what they have in common with docker-mailserver is how they say it."""

import os
import re
import signal
import smtplib
import socket
import ssl
import threading

import pytest

from harness import auth
from harness.instance import Instance
from harness.sandbox import wait_until
from system.test_postlog import first_process

LMTP = "/run/dovecot/lmtp"
MAIN = f"""\
smtpd_banner = $myhostname ESMTP
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
myhostname = mail.same.test
mydomain = same.test
myorigin = $mydomain
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = localhost.$mydomain, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::1]/128 [fe80::]/64
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all

# Restrictions, named so that the user of the image can replace them
smtpd_helo_required = yes
smtpd_delay_reject = yes
disable_vrfy_command = yes
dms_smtpd_sender_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unknown_sender_domain
mua_sender_restrictions = reject_authenticated_sender_login_mismatch, reject_non_fqdn_sender, $dms_smtpd_sender_restrictions
smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_pipelining
smtpd_helo_restrictions = permit_mynetworks, reject_invalid_helo_hostname, permit
smtpd_sender_restrictions = $dms_smtpd_sender_restrictions
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated reject_unauth_destination
smtpd_recipient_restrictions =
    permit_sasl_authenticated,
    permit_mynetworks,
    reject_unauth_destination,
# a comment in the middle of a value
    reject_unauth_pipelining,
    reject_non_fqdn_recipient
smtpd_discard_ehlo_keywords = chunking, silent-discard
smtputf8_enable = no

# TLS with the certificate of the host; passwords only behind it, and Dovecot knows them
smtpd_tls_cert_file = /etc/postfix/ssl/cert
smtpd_tls_key_file = /etc/postfix/ssl/key
smtpd_tls_CAfile = $smtpd_tls_cert_file
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 1
smtpd_tls_protocols = !SSLv2,!SSLv3,!TLSv1,!TLSv1.1
smtpd_tls_mandatory_protocols = !SSLv2,!SSLv3,!TLSv1,!TLSv1.1
smtpd_tls_mandatory_ciphers = high
smtpd_tls_exclude_ciphers = aNULL, SEED, CAMELLIA, RSA+AES, SHA1
tls_ssl_options = NO_COMPRESSION
tls_preempt_cipherlist = no
smtp_tls_security_level = may
smtp_tls_CAfile = $smtpd_tls_cert_file
smtp_tls_loglevel = 1
smtpd_sasl_auth_enable = no
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_sasl_local_domain = $mydomain
smtpd_sender_login_maps = texthash:/etc/postfix/vlogin
broken_sasl_auth_clients = yes

# Users and domains are lists in files; the mailboxes are behind LMTP
virtual_transport = lmtp:unix:{LMTP}
virtual_mailbox_domains = /etc/postfix/vhost
virtual_mailbox_maps = texthash:/etc/postfix/vmailbox
virtual_alias_maps = texthash:/etc/postfix/virtual
header_checks = pcre:/etc/postfix/maps/header_checks.pcre

milter_protocol = 6
milter_default_action = accept
smtpd_milters =
non_smtpd_milters =
policyd-spf_time_limit = 3600
maillog_file = /dev/stdout
"""
MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       n       -       -       smtpd
submission inet n       -       n       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_sasl_authenticated_header=yes
  -o smtpd_client_restrictions=permit_mynetworks,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_discard_ehlo_keywords=
  -o milter_macro_daemon_name=ORIGINATING
  -o cleanup_service_name=sender-cleanup
submissions inet n      -       n       -       -       smtpd
  -o syslog_name=postfix/submissions
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_discard_ehlo_keywords=
  -o cleanup_service_name=sender-cleanup
pickup    unix  n       -       n       60      1       pickup
  -o content_filter=
  -o receive_override_options=no_header_body_checks
cleanup   unix  n       -       n       -       0       cleanup
sender-cleanup unix n   -       n       -       0       cleanup
  -o syslog_name=postfix/sender-cleanup
  -o header_checks=pcre:/etc/postfix/maps/sender_header_filter.pcre
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
# the content filter, and where its mail comes back
smtp-amavis     unix    -       -       -       -       2       smtp
   -o smtp_data_done_timeout=1200
   -o smtp_send_xforward_command=yes
   -o max_use=20
127.0.0.1:10025 inet    n       -       n       -       -       smtpd
   -o content_filter=
   -o local_recipient_maps=
   -o relay_recipient_maps=
   -o smtpd_restriction_classes=
   -o smtpd_recipient_restrictions=permit_mynetworks,reject
   -o mynetworks=127.0.0.0/8
   -o strict_rfc821_envelopes=yes
   -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
policyd-spf  unix  -    n       n       -       0       spawn
    user=nobody argv=/usr/bin/policyd-spf
"""
FILES = {
    "vhost": "box.test\n",
    "vmailbox": "joe@box.test box.test/joe/\n",
    "virtual": "postmaster@box.test joe@box.test\n",
    "vlogin": "joe@box.test joe@box.test\n",
    "maps/header_checks.pcre": "/^\\s*X-Spam-Flag: YES/ REJECT spam\n/^\\s*User-Agent:/ IGNORE\n",
    "maps/sender_header_filter.pcre": "/^\\s*(Received: from)[^\\n]*(.*)/ REPLACE $1 [127.0.0.1] (localhost [127.0.0.1])$2\n/^\\s*X-Mailer:/ IGNORE\n",
}
# What the user of the image gives, and a start-up script that applies it each time it runs.
SCRIPT = r"""
cat >/tmp/postfix-main.cf <<'X'
# overrides
message_size_limit = 20480000

max_idle=600s
smtpd_sender_restrictions = permit_mynetworks, $dms_smtpd_sender_restrictions
X
cat >/tmp/postfix-master.cf <<'X'
submission/inet/smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
submission/inet/syslog_name=postfix/sub
smtp/unix/smtp_helo_timeout=15s
X
grep '^[[:alnum:]]' /tmp/postfix-main.cf | while read -r line; do postconf "$line" || exit 1; done
grep '^[[:alnum:]]' /tmp/postfix-master.cf | while read -r line; do postconf -P "$line" || exit 1; done
postconf -e 'myhostname=mail.same.test' "mailbox_size_limit = ${LIMIT:-0}"
postconf -e 'my_own_name = $mydomain'  # of several new names in one call, Postfix's order varies
postconf 'masquerade_domains=$my_own_name'
postconf -# relay_domains 2>/dev/null
postconf -X policyd-spf_time_limit
postconf -MX policyd-spf/unix
postconf -Me 'slow/unix=slow unix - - n - 1 smtp'
postconf -F 'slow/unix/process_limit=2'
postconf -P 'slow/unix/syslog_name=postfix/slow'
sed -i 's|^readme_directory = .*|readme_directory = no|' /etc/postfix/main.cf
"""
QUESTIONS = ("postconf -n", "postconf -nx", "postconf -M", "postconf -Mf", "postconf -F", "postconf -P",
             "postconf my_own_name dms_smtpd_sender_restrictions", "postconf -h mailbox_size_limit",
             "postconf -Phx submission/inet/smtpd_sender_restrictions submission/inet/syslog_name")  # fmt: skip


def make(folder, flavour):
    box = Instance.make(folder, flavour, domain="same.test")
    box.etc["postfix/main.cf"], box.etc["postfix/master.cf"] = MAIN, MASTER
    box.etc |= {f"postfix/{name}": text for name, text in FILES.items()}
    box.start(mail=False)
    box.run(["newaliases"], check=True)
    return box


@pytest.fixture(scope="module")
def oracle():
    """Named so that conftest fetches Debian's packages."""


def answers(box):
    done = [box.run(question) for question in QUESTIONS]
    return [(d.returncode, d.stdout, d.stderr) for d in done]


def test_the_script_makes_the_same_of_the_files_each_time(work, request, oracle):
    results = []
    for flavour in (request.config.option.flavour, "oracle"):
        box = make(work / flavour, flavour)
        try:
            for _ in range(2):  # the second start finds its own work
                done = box.run(["sh", "-ec", SCRIPT])
                assert done.returncode == 0, done.stderr
                results.append((done.stderr, box.read("/etc/postfix/main.cf"), box.read("/etc/postfix/master.cf"), answers(box)))
        finally:
            box.close()
    first, again, theirs_first, theirs_again = results
    assert first == again
    for i in range(3):
        assert first[i].splitlines() == theirs_first[i].splitlines()
    for question, ours, theirs in zip(QUESTIONS, first[3], theirs_first[3]):
        assert ours == theirs, question
    assert again == theirs_again
    assert "my_own_name = $mydomain\n" in first[1] and "policyd" not in first[2]
    assert not re.search("warning|undefined", str(first[3]))


# --- running ------------------------------------------------------------------------------


class MailboxServer(threading.Thread):
    """As much of LMTP as one client needs; keeps the messages."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.messages = []
        self.listener = socket.socket(socket.AF_UNIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rwb", 0) as stream:
                self.serve(stream)

    def serve(self, stream):
        stream.write(b"220 box LMTP\r\n")
        recipients = 0
        while line := stream.readline():
            verb = line[:4].upper()
            recipients = 0 if verb == b"MAIL" else recipients + (verb == b"RCPT")
            if verb == b"DATA":
                stream.write(b"354 go\r\n")
                text = b""
                while (line := stream.readline()) not in (b".\r\n", b""):
                    text += line
                self.messages.append(text.decode())
                stream.write(b"250 2.0.0 saved\r\n" * recipients)
            else:
                stream.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def container(work):
    box = make(work / "container", "postern")
    box.run(["sh", "-ec", SCRIPT], check=True)
    box.write_main(box.read("/etc/postfix/main.cf").replace("inet_interfaces = all", f"inet_interfaces = {box.address}"))
    box.write("/var/log/out", "")
    box.run("mkdir /etc/postfix/ssl && cd /etc/postfix/ssl && openssl req -x509 -newkey rsa:2048 -nodes -days 3"
            " -subj /CN=mail.same.test -addext subjectAltName=DNS:mail.same.test -keyout key -out cert", check=True)  # fmt: skip
    box.mailboxes = MailboxServer(box.path(LMTP))
    box.postfix("check", check=True)  # makes private/ for Dovecot
    dovecot = auth.Dovecot(box)
    yield box
    dovecot.stop()
    box.mailboxes.listener.close()
    box.close()


def output(box, pattern):
    found = lambda: re.search(pattern, box.read("/var/log/out"), re.M)  # noqa: E731
    return wait_until(found, 30, f"/{pattern}/ on standard output")


def test_it_runs_as_process_1_and_says_all_on_standard_output(container):
    box = container
    assert box.postfix("check").returncode == 0
    running = box.popen(["sh", "-c", "exec unshare --pid --fork --kill-child --mount-proc postfix start-fg >/var/log/out 2>&1"])
    output(box, r"postfix/master\[1\]: daemon started")
    text = "From: a@same.test\nX-Mailer: me\nUser-Agent: it\nSubject: {}\n\nhello\n"
    with box.smtp() as client:  # from one of mynetworks
        client.sendmail("a@same.test", ["postmaster@box.test"], text.format("by port 25"))
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="5.1.1"):
            client.sendmail("a@same.test", ["nobody@box.test"], text)
    trust = ssl.create_default_context(cadata=box.read("/etc/postfix/ssl/cert"))
    with box.smtp(port=587) as client:
        assert b"Must issue a STARTTLS command first" in client.docmd("MAIL FROM:<joe@box.test>")[1]
        client._host = "mail.same.test"  # whose certificate it is to be
        client.starttls(context=trust)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("joe@box.test", "guess")
        client.login("joe@box.test", "secret")
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user joe@box.test"):
            client.sendmail("ann@box.test", ["joe@box.test"], text)
        client.sendmail("joe@box.test", ["joe@box.test"], text.format("by submission"))
    with socket.create_connection((box.address, 465), 60) as raw:
        with trust.wrap_socket(raw, server_hostname="mail.same.test") as safe:
            assert safe.recv(1000).startswith(b"220 mail.same.test ESMTP")
    with box.smtp() as client, pytest.raises(smtplib.SMTPDataError, match="5.7.1 spam"):
        client.sendmail("a@same.test", ["joe@box.test"], "X-Spam-Flag: YES\n\nbuy\n")
    wait_until(lambda: len(box.mailboxes.messages) == 2, 30, "two messages")
    plain, submitted = sorted(box.mailboxes.messages, key=lambda m: "by submission" in m)
    assert "X-Mailer" in plain and "User-Agent" not in plain
    assert "X-Mailer" not in submitted and "Received: from [127.0.0.1] (localhost [127.0.0.1])" in submitted
    output(box, r"postfix/sub/smtpd\[\d+\]: \w+: client=")
    output(box, r"postfix/sender-cleanup/cleanup\[\d+\]: \w+: replace: header Received:")
    output(box, r"postfix/lmtp\[\d+\]: \w+: to=<joe@box.test>, orig_to=<postmaster@box.test>, .*status=sent \(250 2.0.0 saved\)")
    os.kill(first_process("master", os.getpid()), signal.SIGTERM)
    assert running.wait(10) == 0
    output(box, r"postfix/sub/smtpd\[\d+\]: \w+: client=.*, sasl_method=.*, sasl_username=joe@box.test")
    output(box, r"Anonymous TLS connection established from unknown\[127.0.0.9\]: TLSv1.3 with cipher")
    assert "(Authenticated sender: joe@box.test)" in submitted
    told = [l for l in box.read("/var/log/out").splitlines() if re.search("warning|fatal|panic", l)]
    guessed = r"postfix/sub/smtpd\[\d+\]: warning: unknown\[127.0.0.9\]: SASL [A-Z0-9-]+ authentication failed: "
    assert told and [l for l in told if not re.search(guessed, l)] == []
    assert box.log.lines == [line for line in box.log.lines if "postfix/postalias" in line]
