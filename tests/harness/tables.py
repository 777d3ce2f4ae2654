"""What tests of tables share: a question by postmap, one by SMTP, and what mail does while a
server is away."""

# Recipients of v.test are what a table says: virtual_mailbox_maps is set by the test.
MAILBOXES = """\
virtual_mailbox_domains = v.test
virtual_mailbox_base = /home/vmail
virtual_uid_maps = static:9204
virtual_gid_maps = static:9204
recipient_delimiter = +
"""
TEXT = "Subject: x\n\nbody\n"


def look_up(box, key, table):
    """The value, None = not found; a text that starts with "fatal" = error."""
    done = box.run(["postmap", "-q", key, table])
    if done.returncode == 0:
        return done.stdout[:-1]
    return None if not done.stderr else "fatal: " + done.stderr


def look_up_all(box, keys, table):
    """Keys without line ends, asked one after the other by one process: what is found, in
    order, as (key, value)."""
    text = b"".join(key.encode(errors="surrogateescape") + b"\n" for key in keys)
    done = box.run(["postmap", "-q", "-", table], input=text)
    assert "fatal" not in done.stderr and "warning" not in done.stderr, done.stderr
    return [tuple(line.split("\t", 1)) for line in done.stdout.split("\n")[:-1]]


def recipient(mta, address):
    """What an SMTP client hears about it."""
    with mta.smtp() as client:
        client.ehlo()
        client.mail("a@client.test")
        return client.rcpt(address)


def mail_waits_while_away(mta, server, table):
    """joe@v.test has mailbox joe/ in table, which server answers; nobody@v.test has none."""
    mta.configure(f"virtual_mailbox_maps = {table}\n")
    mta.deliver("a@client.test", "joe@v.test", TEXT)
    before = len(mta.maildir("/home/vmail/joe"))
    server.stop()
    assert recipient(mta, "joe@v.test")[0] == 451
    assert recipient(mta, "nobody@v.test")[0] == 451
    mta.sendmail(["-f", "a@client.test", "joe@v.test"], TEXT)
    mta.log.wait(r"to=<joe@v.test>.*status=deferred", timeout=30)
    assert not any("status=bounced" in line for line in mta.log.lines)
    server.start()
    assert recipient(mta, "nobody@v.test")[0] == 550
    mta.deliver("a@client.test", "joe@v.test", TEXT)
    mta.run(["postqueue", "-f"], check=True)
    mta.wait_empty()
    assert len(mta.maildir("/home/vmail/joe")) == before + 2
