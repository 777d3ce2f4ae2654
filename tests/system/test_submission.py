"""Mail handed in by the programs that people use: swaks, bsd-mailx, sendmail."""

import pytest

SUBJECT = "Subject: {}\n\nhello\n"


def arrives(mta, user, count=1, timeout=30):
    """Run the with-block; then `count` new messages are in that user's mailbox."""
    return Arrival(mta, user, count, timeout)


class Arrival:
    def __init__(self, mta, user, count, timeout):
        self.mta, self.user, self.count, self.timeout = mta, user, count, timeout
        self.messages = []

    def __enter__(self):
        self.before = len(self.mta.mbox(self.user))
        self.mark = self.mta.log.mark()
        return self.messages

    def __exit__(self, kind, *_):
        if kind is None:
            self.mta.log.wait(r": removed$", since=self.mark, count=self.count, timeout=self.timeout)
            self.messages += self.mta.mbox(self.user)[self.before :]
            assert len(self.messages) == self.count


def test_swaks(mta):
    words = ["swaks", "--server", mta.address, "--helo", "client.test", "--from", "ann@client.test"]
    body = r"first\n.leading dot\n" + "x" * 900 + r"\nlast"
    with arrives(mta, "joe") as new:
        done = mta.run([*words, "--to", f"joe@{mta.domain}", "--header", "Subject: swaks", "--body", body])
        assert done.returncode == 0, done.stdout
    (message,) = new
    assert message["Subject"] == "swaks"
    assert message["Return-Path"] == "<ann@client.test>"
    assert message.get_payload().split("\n")[:2] == ["first", ".leading dot"]
    assert "with ESMTP" in message["Received"]


def test_swaks_is_told_why_mail_is_refused(mta):
    words = ["swaks", "--server", mta.address, "--from", "ann@client.test", "--to", f"nobody.here@{mta.domain}"]
    done = mta.run(words)
    assert done.returncode == 24, done.stdout
    assert "550 5.1.1" in done.stdout and "User unknown in local recipient table" in done.stdout


def test_bsd_mailx(mta):
    with arrives(mta, "ann") as new:
        mta.run(["bsd-mailx", "-s", "from mailx", f"ann@{mta.domain}"], user="joe", input="hi Ann\n", check=True)
    (message,) = new
    assert message["Subject"] == "from mailx"
    assert message["From"] == f"Joe Tester <joe@{mta.hostname}>"
    assert message["Return-Path"] == f"<joe@{mta.hostname}>"
    assert f"(Postfix, from userid 9201)" in message["Received"]
    assert message.get_payload().startswith("hi Ann\n")


def test_sendmail_takes_recipients_from_the_header_and_hides_bcc(mta):
    text = f"To: joe@{mta.domain}\nCc: Ann <ann@{mta.domain}>\nBcc: bob@{mta.domain}\n" + SUBJECT.format("t")
    before = len(mta.mbox("joe"))
    with arrives(mta, "bob") as new:
        mta.sendmail(["-t", "-i"], text)
    assert new[0]["Bcc"] is None and new[0]["Cc"] == f"Ann <ann@{mta.domain}>"
    assert len(mta.mbox("joe")) == before + 1
    assert mta.mbox("ann")[-1]["Subject"] == "t"


def test_sendmail_ends_at_a_lone_dot_unless_told_otherwise(mta):
    text = SUBJECT.format("dot") + ".\nafter\n"
    with arrives(mta, "joe", 2) as new:
        mta.sendmail([f"joe@{mta.domain}"], text)
        mta.sendmail(["-i", f"joe@{mta.domain}"], text)
    assert sorted(m.get_payload() for m in new) == ["hello\n", "hello\n.\nafter\n"]


@pytest.mark.parametrize(
    "words, sender", [(["-f", "list@else.test"], "list@else.test"), (["-f", "<>"], ""), ([], "joe@HOST")]
)
def test_sendmail_sender(mta, words, sender):
    with arrives(mta, "ann") as new:
        mta.sendmail([*words, "--", f"ann@{mta.domain}"], SUBJECT.format("s"))
    assert new[0]["Return-Path"] == f"<{sender.replace('HOST', mta.hostname)}>"


def test_sendmail_full_name_and_missing_headers(mta):
    with arrives(mta, "ann") as new:
        mta.sendmail(["-F", "Cron Daemon", "-i", f"ann@{mta.domain}"], SUBJECT.format("s"), user="root")
    message = new[0]
    assert message["From"] == f"Cron Daemon <root@{mta.hostname}>"
    assert message["Message-Id"].endswith(f"@{mta.hostname}>") and message["Date"]


def test_sendmail_speaks_smtp_on_standard_input(mta):
    talk = (
        "EHLO me\r\nMAIL FROM:<joe>\r\nRCPT TO:<ann>\r\nDATA\r\nSubject: bs\r\n\r\nhello\r\n.\r\nQUIT\r\n"
    )
    with arrives(mta, "ann") as new:
        done = mta.sendmail(["-bs"], talk)
    codes = [line[:4] for line in done.stdout.splitlines()]
    assert codes[0] == "220 " and codes[-5:] == ["250 ", "250 ", "354 ", "250 ", "221 "]
    assert new[0]["Subject"] == "bs"


def test_sendmail_without_recipients_says_so(mta):
    done = mta.sendmail(["-i"], SUBJECT.format("x"), check=False)
    assert done.returncode == 75
    assert "Recipient addresses must be specified" in done.stderr


def test_sendmail_tries_again_while_there_is_no_room_for_a_process(mta):
    fork = "clone,clone3,fork,vfork"
    command = (
        "rm -rf /etc/f; cp -r /etc/postfix /etc/f && printf 'fork_attempts = 3\nfork_delay = 0\n' >>/etc/f/main.cf;"
        f" echo hello | MAIL_CONFIG=/etc/f strace -o /dev/null -e trace={fork} -e inject={fork}:error=EAGAIN:when=1..%d sendmail joe"
    )
    with arrives(mta, "joe"):
        done = mta.run(command % 2)
        assert done.returncode == 0, done.stderr
    assert done.stderr.count("sendmail: warning: run /usr/sbin/postdrop: Resource temporarily unavailable\n") == 2
    assert mta.run(command % 3).returncode == 75


def test_mail_waits_while_the_system_is_down(mta):
    mta.postfix("stop", check=True)
    mta.sendmail(["-i", "joe"], SUBJECT.format("down"))
    assert len(mta.queue_files("maildrop")) == 1
    with arrives(mta, "joe") as new:
        mta.postfix("start", check=True)
    assert new[0]["Subject"] == "down"


def test_nobody_but_members_of_postdrop_reads_what_was_submitted(mta):
    mta.postfix("stop", check=True)
    try:
        mta.sendmail(["-i", "joe"], SUBJECT.format("secret"))
        (path,) = mta.queue_files("maildrop").values()
        assert mta.run(["cat", path], user="ann").returncode != 0
        assert mta.run("ls /var/spool/postfix/maildrop", user="ann").returncode != 0
    finally:
        mta.postfix("start", check=True)
        mta.wait_empty()
