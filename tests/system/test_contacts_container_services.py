"""The container of test_contacts_container.py with all that the users of such images switch on:
postscreen in front, a milter that signs, SPF by a policy server, SRS by tcp: tables, a scanner with re-injection, the
certificate in one file. Each service of its master.cf has part in the delivery of a message."""

import os
import re
import signal
import smtplib
import socket
import ssl

from harness.milter import Milter, packet, words
from harness.sandbox import wait_until
from harness.threaded import ThreadedServer
from system.test_contacts_container import container, output  # noqa: F401: a fixture
from system.test_postlog import first_process

DNS = {
    "good.test": {"TXT": ["v=spf1 ip4:127.0.0.9 -all"], "A": ["127.0.0.9"], "MX": ["10 good.test"]},
    "66.0.0.127.list.test": {"A": ["127.0.0.2"]},
    "bad.test": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"], "A": ["127.0.0.9"], "MX": ["10 bad.test"]},
}
SPF = """\
debugLevel = 1
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 192.0.2.99
"""
# As such images do it when they start: one call of postconf for each thing that is switched on.
SCRIPT = r"""
cat /etc/postfix/ssl/key /etc/postfix/ssl/cert >/etc/postfix/ssl/chain && chmod 600 /etc/postfix/ssl/chain
postconf -X smtpd_tls_cert_file smtpd_tls_key_file
postconf -e 'smtpd_tls_chain_files = /etc/postfix/ssl/chain' 'smtpd_tls_CAfile = /etc/postfix/ssl/cert' 'smtp_tls_CAfile = $smtpd_tls_CAfile'
postconf -e 'tls_preempt_cipherlist = yes' 'tls_high_cipherlist = ECDHE+CHACHA20:ECDHE+AESGCM'
postconf -e 'mynetworks = 127.0.0.1/32'
postconf -e 'smtpd_forbid_bare_newline = normalize' 'smtpd_forbid_bare_newline_exclusions = $mynetworks'
postconf -e 'dkim_milter = inet:127.0.0.9:9902' 'smtpd_milters = $dkim_milter' 'non_smtpd_milters = $dkim_milter' 'internal_mail_filter_classes = bounce'
postconf -e 'sender_canonical_maps = tcp:127.0.0.1:10001' 'sender_canonical_classes = envelope_sender'
postconf -e 'recipient_canonical_maps = tcp:127.0.0.1:10002' 'recipient_canonical_classes = envelope_recipient,header_recipient'
postconf -e 'content_filter = smtp-amavis:[127.0.0.1]:10024'
postconf -M 'smtp/inet=smtp inet n - n - 1 postscreen' 'smtpd/pass=smtpd pass - - n - - smtpd'
postconf -M 'dnsblog/unix=dnsblog unix - - n - 0 dnsblog' 'tlsproxy/unix=tlsproxy unix - - n - 0 tlsproxy'
postconf -e 'postscreen_access_list = permit_mynetworks cidr:{{192.0.2.99/32 reject}}' 'postscreen_denylist_action = drop'
postconf -e 'postscreen_dnsbl_sites = list.test=127.0.0.[2..11]*3 other.test*2' 'postscreen_dnsbl_threshold = 3' 'postscreen_dnsbl_action = enforce'
postconf -e 'postscreen_greet_action = enforce' 'postscreen_greet_wait = 2s' 'postscreen_cache_map = btree:$data_directory/postscreen_cache'
postconf -M 'policyd-spf/unix=policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf /etc/policyd-spf.conf'
postconf 'policyd-spf_time_limit = 3600s'
postconf "$(postconf smtpd_recipient_restrictions | sed 's/reject_unauth_destination,/& check_policy_service unix:private\/policyd-spf,/')"
sed -i 's/-o smtpd_relay_restrictions=permit_sasl_authenticated,reject/-o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }/' /etc/postfix/master.cf
postconf -P 'submissions/inet/smtpd_sasl_authenticated_header=yes'
postconf -P '127.0.0.1:10025/inet/syslog_name=postfix/back'
"""
TEXT = "From: {}\nX-Mailer: me\nSubject: {}\n\nhello\n"


class Scanner(ThreadedServer):
    """What stands behind smtp-amavis: takes a message, marks it, gives it back."""

    def __init__(self):
        self.clients = []
        super().__init__(("127.0.0.1", 10024))

    def talk(self, client, stream):
        client.sendall(b"220 scanner\r\n")
        sender, recipients = "", []
        while line := stream.readline():
            verb, argument = line[:4].upper(), re.search(rb"<(.*?)>", line)
            answer = b"250 ok"
            if verb == b"EHLO":
                answer = b"250-scanner\r\n250-8BITMIME\r\n250 XFORWARD NAME ADDR PROTO HELO SOURCE"
            elif verb == b"XFOR":
                self.clients.append(line.decode())
            elif verb == b"MAIL":
                sender, recipients = argument[1].decode(), []
            elif verb == b"RCPT":
                recipients.append(argument[1].decode())
            elif verb == b"DATA":
                client.sendall(b"354 go\r\n")
                answer = self.give_back(sender, recipients, b"".join(iter(stream.readline, b".\r\n")))
            client.sendall(b"221 bye\r\n" if verb == b"QUIT" else answer + b"\r\n")

    def give_back(self, sender, recipients, text):
        with smtplib.SMTP("127.0.0.1", 10025, local_hostname="scanner.test") as back:
            back.sendmail(sender, recipients, b"X-Virus-Scanned: yes\r\n" + text)
        return b"250 2.0.0 from MTA: queued"


def started(box):
    """postsrsd and the mail system, as process 1, on a machine where the former is ready first."""
    box.write("/etc/postsrsd.secret", "secret\n")
    box.write("/etc/policyd-spf.conf", SPF)
    box.run(["sh", "-ec", SCRIPT], check=True)
    srs = box.popen(["postsrsd", "-d", "same.test", "-s", "/etc/postsrsd.secret", "-f", "10001", "-r", "10002", "-l", "127.0.0.1"])
    wait_until(lambda: box.run(["postmap", "-q", "x@y.test", "tcp:127.0.0.1:10001"]).returncode == 0, 20, "postsrsd")
    done = box.postfix("check")
    assert (done.returncode, done.stderr) == (0, "")
    running = box.popen(["sh", "-c", "exec unshare --pid --fork --kill-child --mount-proc postfix start-fg >/var/log/out 2>&1"])
    output(box, r"postfix/master\[1\]: daemon started")
    return srs, running


def from_a_listed_host(box, trust):
    """postscreen keeps it from smtpd, also within TLS."""
    with box.smtp("127.0.0.66") as client:
        client._host = "mail.same.test"
        client.starttls(context=trust)
        client.ehlo()
        client.mail("a@good.test")
        code, text = client.rcpt("joe@box.test")
        assert code == 550 and b"client [127.0.0.66] blocked using list.test" in text


def from_outside(box):
    """SPF judges; a bare newline ends a line and no message."""
    with box.smtp() as client:
        client.ehlo("good.test")
        client.mail("a@bad.test")
        code, text = client.rcpt("joe@box.test")
        assert code == 550 and b"SPF fail" in text
        client.rset()
        client.mail("a@good.test")
        client.rcpt("joe@box.test")
        client.putcmd("DATA")
        client.getreply()
        client.send(b"From: a@good.test\r\nSubject: from outside\r\n\r\none\n.\ntwo\r\n.\r\n")
        assert client.getreply()[0] == 250


def by_submission(box, trust):
    with box.smtp(port=587) as client:
        client._host = "mail.same.test"  # whose certificate it is to be
        client.starttls(context=trust)
        assert client.sock.cipher()[0] == "ECDHE-RSA-CHACHA20-POLY1305"  # what the server prefers
        client.login("joe@box.test", "secret")
        client.sendmail("joe@box.test", ["joe@box.test"], TEXT.format("joe@box.test", "by submission"))


def by_submissions(box, trust):
    client = smtplib.SMTP(timeout=60, local_hostname="client.test", source_address=("127.0.0.9", 0))
    with socket.create_connection((box.address, 465), 60, ("127.0.0.9", 0)) as raw:
        client.sock = trust.wrap_socket(raw, server_hostname="mail.same.test")
        client.file = None
        assert client.getreply()[0] == 220
        client.ehlo()
        client.login("joe@box.test", "secret")
        client.sendmail("joe@box.test", ["joe@box.test"], TEXT.format("joe@box.test", "by submissions"))
        client.quit()


# Who must have had a message, by the lines on standard output.
TOLD = [
    r"postfix/postscreen\[\d+\]: NOQUEUE: reject: RCPT from \[127.0.0.66\]:\d+: 550 5.7.1 ",
    r"postfix/dnsblog\[\d+\]: addr 127.0.0.66 listed by domain list.test as 127.0.0.2",
    r"postfix/tlsproxy\[\d+\]: CONNECT from \[127.0.0.66\]",
    r"postfix/postscreen\[\d+\]: PASS NEW \[127.0.0.9\]",
    r"postfix/smtpd\[\d+\]: \w+: client=\S+\[127.0.0.9\]$",
    r"postfix/sub/smtpd\[\d+\]: \w+: client=.*sasl_username=joe@box.test",
    r"postfix/submissions/smtpd\[\d+\]: \w+: client=.*sasl_username=joe@box.test",
    r"postfix/back/smtpd\[\d+\]: \w+: client=localhost\[127.0.0.1\]",
    r"postfix/pickup\[\d+\]: \w+: uid=",
    r"postfix/cleanup\[\d+\]: \w+: message-id=",
    r"postfix/sender-cleanup/cleanup\[\d+\]: \w+: replace: header Received:",
    r"postfix/qmgr\[\d+\]: \w+: from=<SRS0=\S+=good.test=a@same.test>",
    r"postfix/smtp\[\d+\]: \w+: to=<joe@box.test>, relay=127.0.0.1\[127.0.0.1\]:10024, .*status=sent \(250 2.0.0 from MTA: queued\)",
    r"postfix/lmtp\[\d+\]: \w+: to=<joe@box.test>, .*status=sent \(250 2.0.0 saved\)",
    r"postfix/local\[\d+\]: \w+: to=<nobody-here@localhost>, .*status=bounced \(unknown user",
    r"postfix/bounce\[\d+\]: \w+: sender non-delivery notification: \w+",
    r"policyd-spf\[\d+\]: .*550 5.7.23|postfix/smtpd\[\d+\]: NOQUEUE: reject: .*SPF fail",
]


def test_each_service_has_part_in_the_delivery_of_a_message(container, dns):  # noqa: F811
    box = container
    dns.names.update(DNS)
    signed = packet("h", words("X-Signed", "yes"))
    with Milter({"E": signed + packet("c")}) as milter, Scanner() as scanner:
        srs, running = started(box)
        trust = ssl.create_default_context(cadata=box.read("/etc/postfix/ssl/cert"))
        trust.maximum_version = ssl.TLSVersion.TLSv1_2  # where a server's order of ciphers counts
        from_a_listed_host(box, trust)
        from_outside(box)
        by_submission(box, trust)
        by_submissions(box, trust)
        box.sendmail(["-f", "joe@box.test", "nobody-here@localhost"], TEXT.format("joe@box.test", "from within"))
        wait_until(lambda: len(box.mailboxes.messages) == 4, 60, "four messages")
        for pattern in TOLD:
            output(box, pattern)
        os.kill(first_process("master", os.getpid()), signal.SIGTERM)
        assert running.wait(10) == 0
        srs.terminate()
        box.kill("postsrsd")
        srs.wait(20)
    messages = {re.search("Subject: (.*?)\r?\n", text)[1]: text for text in box.mailboxes.messages}
    outside = messages["from outside"]
    assert "Received-SPF: Pass" in outside and outside.endswith("\r\n\r\none\r\ntwo\r\n")
    for subject in ("by submission", "by submissions"):
        assert "X-Mailer" not in messages[subject] and "(Authenticated sender: joe@box.test)" in messages[subject]
    notice = messages["Undelivered Mail Returned to Sender"]
    assert "from within" in notice
    for subject in ("from outside", "by submission", "by submissions"):
        assert "X-Virus-Scanned: yes" in messages[subject]
    assert all("X-Signed: yes" in text for text in messages.values())
    assert any("ADDR=127.0.0.9" in line for line in scanner.clients)
    assert any("joe@box.test" in line for line in milter.told if line.startswith("rcpt"))
    assert not re.search(r"(warning|fatal|panic): (?!.*SASL)", box.read("/var/log/out"))
