"""What users of the machine and strangers try, so that mail of others stops or is lost."""

import re
import socket

import pytest

from harness.sandbox import USERS, wait_until

SENDER = "a@client.test"
TEXT = "From: a@client.test\nSubject: t\n\nhello\n"
LONG = [8200, 70000, 300000]


def record(kind, data):
    length, n = b"", len(data)
    while n > 127:
        length, n = length + bytes([n & 127 | 128]), n >> 7
    return kind.encode() + length + bytes([n]) + data


def submission(*envelope):
    """What postdrop reads; envelope: (type, data) pairs."""
    content = [("M", b""), ("N", b"Subject: t"), ("N", b""), ("N", b"hello"), ("X", b""), ("E", b"")]
    return b"".join(record(kind, data) for kind, data in [*envelope, *content])


def memory_kb(mta, program):
    """Of its largest process."""
    texts = [open(f"/proc/{pid}/status", encoding="ascii").read() for pid in mta.processes(program)]
    return max(int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) for text in texts)


def others_get_mail(mta):
    lines = mta.deliver(SENDER, f"joe@{mta.domain}", TEXT)
    assert any("status=sent" in line for line in lines)


@pytest.mark.parametrize("n", LONG)
@pytest.mark.parametrize("kind, front", [("S", b""), ("R", b""), ("A", b"dsn_orig_rcpt=rfc822;"), ("A", b"encoding=")])
def test_a_user_hands_in_an_endless_envelope(mta, kind, front, n):
    envelope = [] if kind == "S" else [("S", b"joe")]
    envelope += [(kind, front + b"a" * n), ("R", f"ann@{mta.domain}".encode())]
    done = mta.run(["postdrop"], user="joe", input=submission(*envelope))
    assert done.returncode != 0
    assert "control characters in an envelope record, or too much" in done.stderr
    assert not mta.queue_files()
    others_get_mail(mta)


def test_sendmail_refuses_an_endless_address(mta):
    done = mta.sendmail(["a" * 70000 + "@client.test"], TEXT, check=False)
    assert done.returncode != 0
    assert not mta.queue_files()


def test_an_endless_recipient_in_a_queue_file(mta):
    """As somebody with the rights of the mail system might leave it there."""
    mta.postfix("stop", check=True)
    mta.sendmail([f"ann@{mta.domain}"], TEXT)
    ((name, path),) = mta.queue_files("maildrop").items()
    mta.path(path).unlink()
    body = record("N", b"hello")
    head = record("T", b"1700000000 0") + record("S", b"a@client.test")
    head += record("R", b"a" * 300000 + b"@client.test") + record("M", b"")
    size = f"{len(body):15} {len(head) + 97:15} {1:15} {0:15} {len(body):15} {0:15}"
    inside = f"/var/spool/postfix/incoming/{name}"
    mta.path(inside).write_bytes(record("C", size.encode()) + head + body + record("X", b"") + record("E", b""))
    mta.run(["chown", "postfix", inside], check=True)
    mta.run(["chmod", "700", inside], check=True)
    mta.postfix("start", check=True)
    wait_until(lambda: mta.queue_files("corrupt"), 20, "the file to be put aside")
    others_get_mail(mta)
    mta.run(["rm", "-f", f"/var/spool/postfix/corrupt/{name}"], check=True)


FORWARDS = ["a" * 70000 + "@client.test", "/" + "a" * 70000, '"|' + "a" * 70000 + '"', ":include:/" + "a" * 70000, "a" * 2000000]


@pytest.mark.parametrize("text", FORWARDS, ids=["address", "file", "command", "include", "megabytes"])
def test_a_forward_file_with_an_endless_word(mta, text):
    mta.write("/home/ann/.forward", text + "\n", "ann")
    try:
        lines = mta.deliver(SENDER, f"ann@{mta.domain}", TEXT)
    finally:
        mta.path("/home/ann/.forward").unlink()
    assert any("dsn=5.3.5, status=bounced (mail system configuration error)" in l for l in lines)
    others_get_mail(mta)


def say_hello(client, n):
    for _ in range(n):
        assert client.docmd("HELO", "a" * 2000)[0] == 250


def test_a_client_says_hello_without_end(mta):
    before_main = mta.read("/etc/postfix/main.cf")
    mta.configure("smtpd_junk_command_limit = 1000000\n")
    with mta.smtp() as client:
        say_hello(client, 5000)  # also fills what a sanitizer keeps of freed memory
        before = memory_kb(mta, "smtpd")
        say_hello(client, 5000)
        assert memory_kb(mta, "smtpd") < before + 1000
    mta.write_main(before_main)
    mta.reload()


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r.\r\n", b"\r.\n", b"\r\n.\r\r\n", b"\r\n.\0\r\n",
        b"\r\n\0.\r\n", b"\n..\r\n", b"\r\r\n.\r\r\n"]
INSIDE = b"MAIL FROM:<evil@client.test>\r\nRCPT TO:<ann@%b>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n"


def pieces(data, whole):
    return [data] if whole else [data[i : i + 1] for i in range(len(data))]


@pytest.mark.parametrize("whole", [True, False], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("end", ENDS)
def test_a_stranger_hides_a_message_in_a_message(mta, end, whole):
    """SMTP smuggling: of all that looks like an end of data, one is."""
    if "smtpd_forbid_bare_newline_exclusions =" not in mta.read("/etc/postfix/main.cf"):
        mta.configure("smtpd_forbid_bare_newline_exclusions =\n")
    mark = mta.log.mark()
    with mta.smtp() as client:
        client.ehlo()
        client.docmd(f"MAIL FROM:<{SENDER}>")
        client.docmd(f"RCPT TO:<joe@{mta.domain}>")
        client.docmd("DATA")
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces(b"Subject: t\r\n\r\nbody" + end + INSIDE % mta.domain.encode(), whole):
            client.send(piece)
        assert client.getreply()[0] == 250
        assert client.docmd("QUIT")[0] == 221  # and not another 250
    mta.log.wait(r"smtpd\[\d+\]: disconnect from .* mail=1 rcpt=1 data=1 quit=1 commands=5$", since=mark)
    assert not mta.log.matching("evil@client", mark)


def test_a_table_gives_a_status_and_no_words(mta):
    """CVE-2026-43964: Debian's Postfix reads on behind the end of such a text."""
    with_senders = "smtpd_sender_restrictions = check_sender_access inline:{{st@c.test=REJECT 5.7.2}}\n"
    before = mta.read("/etc/postfix/main.cf")
    mta.configure(with_senders)
    with mta.smtp() as client:
        client.docmd("EHLO x.test")
        client.docmd("MAIL FROM:<st@c.test>")
        code, reply = client.docmd(f"RCPT TO:<joe@{mta.domain}>")
    assert (code, reply) == (554, b"5.7.2 <st@c.test>: Sender address rejected: Access denied")
    mta.write_main(before)
    mta.reload()


def test_a_client_forges_what_the_received_header_says_of_it(mta):
    before = len(mta.mbox("joe"))
    mark = mta.log.mark()
    with mta.smtp() as client:
        client.send(b'EHLO bank.test (bank.test [192.0.2.1])\r with "x";\\<y@z>\x7f\xff\r\n')
        assert client.getreply()[0] == 250
        assert client.docmd(f"MAIL FROM:<{SENDER}>")[0] == 250
        assert client.docmd(f"RCPT TO:<joe@{mta.domain}>")[0] == 250
        assert client.data(TEXT)[0] == 250
    mta.log.wait(r": removed$", since=mark)
    (message,) = mta.mbox("joe")[before:]
    name = "bank.test??bank.test?[192.0.2.1]???with??x????y?z???"
    assert message["Received"].startswith(f"from {name} (unknown [127.0.0.9])\n\tby {mta.hostname} (Postfix) with ")


def test_a_list_of_a_user_is_a_link_to_a_file_of_roots(mta):
    """As where the kernel does not keep users from linking what is not theirs."""
    mta.write("/home/secret", "topsecret\n")
    mta.run(["chmod", "600", "/home/secret"], check=True)
    mta.aliases("list: :include:/home/joe/list\n")
    for link in (["ln", "/home/secret", "/home/joe/list"], ["ln", "-sf", "/home/secret", "/home/joe/list"]):
        mta.run(link, check=True)
        lines = mta.deliver(SENDER, f"list@{mta.domain}", TEXT)
        assert any("dsn=5.3.5, status=bounced (mail system configuration error)" in l for l in lines)
    assert not any("topsecret" in l for l in mta.log.lines)
    mta.run(["rm", "/home/secret", "/home/joe/list"], check=True)


def test_a_command_gets_nothing_of_the_mail_system(mta):
    """Descriptors, groups, environment, umask: only what a user may have."""
    script = "#!/bin/sh\ncat >/dev/null\nexec >/home/joe/seen\nls -l /proc/$$/fd\nid -G\ngrep -i cap /proc/self/status\numask\nenv\n"
    mta.write("/home/joe/look", script, "joe")
    mta.run(["chmod", "755", "/home/joe/look"], check=True)
    mta.write("/home/joe/.forward", "|/home/joe/look\n", "joe")
    try:
        lines = mta.deliver(SENDER, f"joe@{mta.domain}", TEXT)
    finally:
        mta.path("/home/joe/.forward").unlink()
    assert any("delivered to command" in l for l in lines)
    seen = mta.read("/home/joe/seen")
    assert set(re.findall(r" (\d+) -> ", seen)) <= {"0", "1", "2", "10"}
    assert "/var/spool" not in re.sub("(?m)^PWD=.*", "", seen) and "socket:" not in seen
    assert re.search(r"(?m)^%d$" % USERS["joe"][1], seen)
    assert re.search(r"CapEff:\s+0+$", seen, re.M) and re.search(r"CapPrm:\s+0+$", seen, re.M)
    assert re.search(r"(?m)^0077$", seen)
    known = set("HOME SHELL USER LOGNAME SENDER RECIPIENT ORIGINAL_RECIPIENT LOCAL DOMAIN CLIENT_ADDRESS PATH".split())
    known |= set("CLIENT_HELO CLIENT_HOSTNAME CLIENT_PROTOCOL MAIL_CONFIG LANG TZ PWD OLDPWD SHLVL _".split())
    assert set(re.findall(r"(?m)^(\w+)=", seen)) <= known
