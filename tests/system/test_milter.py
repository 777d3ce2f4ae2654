"""Milters as sites have them: opendkim signs and verifies, mail by SMTP and of sendmail; and
what filters ask for arrives in mailboxes and stays in the queue over restarts."""

import base64
import re
import struct
import subprocess
import time

import pytest

from harness.milter import Milter, negotiation, packet, reply, words
from harness.sandbox import wait_until

DOMAIN = "example.test"
HERE = "inet:127.0.0.9:9902"
MAIN = f"""
smtpd_error_sleep_time = 0
milter_default_action = tempfail
milter_command_timeout = 5s
milter_content_timeout = 5s
"""
LISTS = {
    2525: "smtpd_milters = inet:127.0.0.1:8891",
    2526: "smtpd_milters = inet:127.0.0.1:8892",
    2527: f"smtpd_milters = {HERE}",
    2528: f"smtpd_milters = {HERE}, unix:/no/such/socket",
    2529: f"smtpd_milters = {{ {HERE}, default_action=accept }}",
    2530: "smtpd_milter_maps = inline:{{127.0.0.9 = no-endpoint}}",
    2531: f"smtpd_milters = {{ {HERE}, command_timeout=1s }}",
}
MASTER = "".join(f"{port} inet n - n - - smtpd -o {{ {value} }}\n" for port, value in LISTS.items())
MASTER += f"pickup unix n - n 60 1 pickup -o cleanup_service_name=signing\nsigning unix n - n - 0 cleanup -o {{ non_smtpd_milters = inet:127.0.0.1:8891 }}\n"
COMMON = "Canonicalization simple/simple\nInternalHosts 0.0.0.0/0\nUserID nobody\nPidFile /tmp/{0}.pid\nSyslog yes\n"
ETC = {
    "sign.conf": COMMON.format("sign") + "Mode s\nDomain example.test\nSelector key\nKeyFile /etc/key.private\nSocket inet:8891@127.0.0.1\nRequireSafeKeys no\n",
    "verify.conf": COMMON.format("verify") + "Mode v\nSocket inet:8892@127.0.0.1\nAuthservID mail.example.test\nTestPublicKeys /etc/key.public\n",
}


@pytest.fixture(scope="module")
def opendkim(mta):
    """One that signs and one that verifies, and has the key from a file: its resolver asks no
    name server on this host."""
    key = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, check=True, capture_output=True).stdout
    mta.write("/etc/key.private", key.decode())
    record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
    mta.write("/etc/key.public", f"key._domainkey.example.test {record}\n")
    mta.run(["chmod", "644", "/etc/key.private", "/etc/key.public"], check=True)
    processes = [mta.popen(f"exec opendkim -f -x /etc/{name}.conf") for name in ("sign", "verify")]
    for port in (8891, 8892):
        wait_until(lambda: mta.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]).returncode == 0, what="opendkim")
    yield
    for process in processes:
        process.terminate()
        process.wait(20)


def send(mta, port, text, recipients=("joe@example.test",), sender="ann@example.test"):
    with mta.smtp(port=port) as client:
        return client.sendmail(sender, list(recipients), text)


def mailbox(mta, user="joe"):
    """The last message in the mailbox, as it was written."""
    wait_until(mta.is_empty, 30, "the queue to be empty")
    return mta.mbox(user)[-1].as_string(unixfrom=True)


TEXT = "From: ann@example.test\nTo: joe@example.test\nSubject: x\n  folded\nDate: Sat, 28 Nov 2026 12:00:00 +0000\nMessage-Id: <1@example.test>\n\nbody\n\nlines\n"


def verify(mta, signed):
    """What the verifier says of a message that came back by SMTP."""
    signed = signed[signed.index("DKIM-Signature:"):]
    send(mta, 2526, signed.replace("\n", "\r\n").encode())
    return mailbox(mta)


def test_what_opendkim_signs_it_verifies(mta, opendkim):
    send(mta, 2525, TEXT)
    signed = mailbox(mta)
    assert signed.index("DKIM-Signature:") < signed.index("Received:")
    assert re.search(r"Authentication-Results: mail.example.test;\s+dkim=pass", verify(mta, signed))


def test_mail_of_sendmail_is_signed(mta, opendkim):
    mta.sendmail(["-f", "ann@example.test", "joe@example.test"], TEXT)
    assert re.search(r"Authentication-Results: mail.example.test;\s+dkim=pass", verify(mta, mailbox(mta)))


def test_a_changed_body_fails(mta, opendkim):
    send(mta, 2525, TEXT)
    assert "dkim=fail" in verify(mta, mailbox(mta).replace("lines", "words"))


EVERYTHING = (
    packet("h", words("X-Added", "one\n two"))
    + packet("m", struct.pack("!I", 1) + words("Subject", "changed"))
    + packet("m", struct.pack("!I", 1) + words("Date", ""))
    + packet("i", struct.pack("!I", 0) + words("X-First", "yes"))
    + packet("e", words("<bounces@example.test>"))
    + packet("+", words("<ann@example.test>"))
    + packet("-", words("<bob@example.test>"))
    + packet("b", b"x" * 3000 + b"\r\n") + packet("b", b"new\r\nbody")
    + packet("a")
)


def test_all_changes_arrive(mta):
    mark = mta.log.mark()
    with Milter({"E": EVERYTHING}):
        send(mta, 2527, TEXT, ["joe@example.test", "bob@example.test"])
    size = int(mta.log.wait(r"size=(\d+), nrcpt=2", since=mark)[1])
    assert 3100 < size < 3500  # of what it is now
    for user in ("joe", "ann"):
        text = mailbox(mta, user)
        head, _, body = text.partition("\n\n")
        assert "\nX-First: yes\n" in head.split("Received:")[0]
        assert "\nReturn-Path: <bounces@example.test>\n" in head
        assert "\nSubject: changed\n" in head and "\nDate:" not in head and head.endswith("X-Added: one\n two")
        assert body.rstrip("\n") == "x" * 3000 + "\nnew\nbody"
    assert mta.mbox("bob") == []


AMONG = (
    packet("+", words("<ann@example.test>")) + packet("b", b"new ") + packet("+", words("<bob@example.test>"))
    + packet("b", b"body\r\nof ") + packet("e", words("<>")) + packet("-", words("<joe@example.test>"))
    + packet("b", b"three\r\nlines") + packet("+", words("<ann@example.test>")) + packet("h", words("X-Added", "yes")) + packet("c")
)


def test_a_body_may_come_among_other_changes(mta):
    with Milter({"E": [AMONG, packet("c")]}, macros=False) as milter:
        mta.configure(f"smtpd_milters = {HERE}, {HERE}")
        try:
            send(mta, 25, TEXT)
            texts = [mailbox(mta, user) for user in ("ann", "bob")]
        finally:
            mta.configure("smtpd_milters =")
    for text in texts:
        head, _, body = text.partition("\n\n")
        assert "\nReturn-Path: <>\n" in head and head.endswith("X-Added: yes")
        assert body.rstrip("\n") == "new body\nof three\nlines"
    assert milter.told.count("body new body\r\nof three\r\nlines\r\n") == 1  # to the second


def test_a_second_filter_sees_what_the_first_has_made(mta):
    answers = {"E": [EVERYTHING, packet("c")]}
    with Milter(answers, macros=False) as milter:
        mta.configure(f"smtpd_milters = {HERE}, {HERE}")
        try:
            send(mta, 25, TEXT)
            mailbox(mta)
        finally:
            mta.configure("smtpd_milters =")
    second = milter.told[milter.told.index("end"):]
    assert "header X-Added | one\n two" in second and "header Subject | changed" in second
    assert not any(line.startswith("header Date") for line in second)
    assert "body (3013 bytes)" in second


def test_a_large_body_is_told_in_pieces(mta):
    with Milter(macros=False) as milter:
        send(mta, 2527, "Subject: x\n\n" + ("y" * 98 + "\n") * 2000)
    sizes = [int(re.sub(r"\D", "", line)) for line in milter.told if line.startswith("body (")]
    assert sum(sizes) == 200000 and max(sizes) == 65535
    mailbox(mta)


@pytest.mark.parametrize("rest", [packet("b", b"and more") + packet("z"), struct.pack("!I", 0)])
def test_half_a_body_is_not_used(mta, rest):
    """The filter breaks the rules behind it, and by default its mail is accepted."""
    with Milter({"E": packet("b", b"half a body") + rest}):
        send(mta, 2529, TEXT)
    assert mailbox(mta).rstrip("\n").endswith("body\n\nlines")


def test_what_is_held_can_be_released(mta):
    with Milter({"E": packet("h", words("X-Held", "yes")) + packet("q", words("why")) + packet("c")}):
        send(mta, 2527, TEXT)
    assert mta.log.wait(r"milter-hold: END-OF-MESSAGE")
    [held] = mta.queue_files("hold")
    assert "X-Held: yes" in mta.run(["postcat", "-q", held], check=True).stdout
    mta.run(["postsuper", "-r", held], check=True)  # goes through maildrop, without filters
    mta.run(["postkick", "public", "pickup", "W"], check=True)
    assert "X-Held: yes" in mailbox(mta)


def test_filters_that_are_not_there_make_mail_wait(mta):
    with Milter() as milter, mta.smtp(port=2528) as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<ann@example.test>")[0] == 451
    assert milter.told[0].startswith("negotiate")
    with mta.smtp(port=2530) as client:
        client.ehlo()
        assert client.docmd("MAIL FROM:<ann@example.test>") == (451, b"4.3.5 Server configuration problem - try again later")


def test_a_filter_that_floods_us_costs_its_message_only(mta):
    flood = packet("h", words("X-A", "b" * 60000)) * 400 + packet("c")
    with Milter({"E": [flood, packet("c")]}), mta.smtp(port=2527) as client:
        client.ehlo()
        for expected in (451, 250):
            client.docmd("MAIL FROM:<ann@example.test>")
            client.docmd("RCPT TO:<joe@example.test>")
            code = client.data(b"Subject: x\r\n\r\nbody\r\n")[0]
            assert code == expected or (expected == 451 and code == 552)
    mailbox(mta)


def test_a_slow_client_does_not_use_up_the_time_of_a_filter(mta):
    """What was told last waits for no answer, and goes out when the content has come."""
    with Milter({"O": negotiation(protocol=0x200)}) as milter:
        with mta.smtp(port=2531) as client:
            client.ehlo()
            client.docmd("MAIL FROM:<ann@example.test>")
            client.docmd("RCPT TO:<joe@example.test>")
            assert client.docmd("DATA")[0] == 354
            time.sleep(1.5)
            client.send(b"Subject: slow\r\n\r\nbody\r\n.\r\n")
            assert client.getreply()[0] == 250
            time.sleep(1.5)
        wait_until(lambda: "quit" in milter.told, what="a goodbye")
    assert "Subject: slow" in mailbox(mta)


NO_BODY = {"no empty line": b"Subject: x\r\n", "nothing": b"", "an empty line": b"\r\n", "a header that ends": b"Subject: x\r\n\r\n"}


@pytest.mark.parametrize("text", NO_BODY.values(), ids=NO_BODY)
def test_a_message_without_a_body_can_get_one(mta, text):
    edits = packet("h", words("X-Added", "yes")) + packet("b", b"new\r\nbody\r\n") + packet("c")
    with Milter({"E": [edits, packet("c")]}, macros=False) as milter:
        mta.configure(f"smtpd_milters = {HERE}, {HERE}")
        try:
            with mta.smtp() as client:
                client.ehlo()
                client.docmd("MAIL FROM:<ann@example.test>")
                client.docmd("RCPT TO:<joe@example.test>")
                assert client.docmd("DATA")[0] == 354
                client.send(text + b".\r\n")
                assert client.getreply()[0] == 250
            head, _, body = mailbox(mta).partition("\n\n")
        finally:
            mta.configure("smtpd_milters =")
    assert head.endswith("X-Added: yes") and body.rstrip("\n") == "new\nbody"
    assert [line for line in milter.told if line.startswith("body")] == ["body new\r\nbody\r\n"]  # told to the second


def use_for_sendmail(mta, milter):
    mta.run(["postconf", "-P", "-e", f"signing/unix/non_smtpd_milters={milter}"], check=True)
    mta.reload()


@pytest.mark.parametrize("said, returned", [("550-5.7.9 one\r\n550 5.7.8 two", "one 5.7.8 two"), ("550", "refused by a milter")])
def test_what_sendmail_sent_is_returned_with_all_that_the_filter_says(mta, said, returned):
    use_for_sendmail(mta, HERE)
    try:
        with Milter({"E": [reply(said), packet("c")]}):
            mta.sendmail(["-f", "ann@example.test", "joe@example.test"], TEXT)
            notice = mailbox(mta, "ann")
    finally:
        use_for_sendmail(mta, "inet:127.0.0.1:8891")
    assert f"<joe@example.test>: {returned}\n" in notice


def test_what_a_filter_adds_without_end_is_not_kept(mta):
    """A message may be as long as message_size_limit, and so may what a filter adds to it."""
    header = packet("h", words("X-A", "b" * 60000))
    flood = (header * 100 for _ in range(30))  # 180 MB
    mark = mta.log.mark()
    with Milter({"E": [b"".join(flood) + packet("c"), packet("c")]}), mta.smtp(port=2527) as client:
        client.ehlo()
        client.docmd("MAIL FROM:<ann@example.test>")
        client.docmd("RCPT TO:<joe@example.test>")
        assert client.data(b"Subject: x\r\n\r\nbody\r\n")[0] == 552
        peak = max(int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) for pid in mta.processes("cleanup"))
        assert peak < 90000  # kB, also with what a sanitizer keeps


def test_a_notice_returns_what_filters_have_made(mta):
    edits = (
        packet("b", b"new ") + packet("+", words("<nosuch@example.test>")) + packet("b", b"body\r\n")
        + packet("m", struct.pack("!I", 1) + words("Subject", "changed")) + packet("-", words("<joe@example.test>")) + packet("c")
    )
    with Milter({"E": edits}):
        send(mta, 2527, TEXT)
    notice = mailbox(mta, "ann")
    assert "<nosuch@example.test>: unknown user" in notice
    returned = notice[notice.index("Content-Type: message/rfc822"):]
    assert "\nSubject: changed\n" in returned and "\n\nnew body\n" in returned and "lines" not in returned


def test_mail_that_filters_leave_without_recipients_is_gone(mta):
    mark = mta.log.mark()
    with Milter({"E": packet("-", words("<joe@example.test>")) + packet("c")}):
        send(mta, 2527, TEXT)
    mta.log.wait(r"nrcpt=0", since=mark)
    mta.wait_empty()
