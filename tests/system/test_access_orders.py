"""What an access table orders for a message lasts until the message is taken, whatever the client
says in between; run under a sanitizer this finds texts that do not."""

LONG = "x" * 900
MAIN = f"""\
smtpd_recipient_restrictions =
 check_recipient_access inline:{{{{joe@postern.test = PREPEND X-Kept: {LONG}}}}}
 check_recipient_access inline:{{{{joe@postern.test = BCC ann@postern.test}}}}
 permit_mynetworks, reject
smtpd_relay_restrictions =
"""


def test_orders_outlive_their_command(mta):
    mark = mta.log.mark()
    with mta.smtp() as client:
        client.ehlo()
        client.mail("a@client.test")
        client.rcpt("joe@postern.test")
        for _ in range(3):
            client.docmd("VRFY", LONG)
            client.noop()
        assert client.data("Subject: x\r\n\r\nhello\r\n")[0] == 250
    mta.log.wait(r"to=<ann@postern.test>.*status=sent", since=mark)
    mta.wait_empty()
    stored = mta.run("cat /home/joe/Maildir/new/* /var/mail/joe /var/spool/mail/joe 2>/dev/null").stdout
    assert f"X-Kept: {LONG}" in stored.replace("\n ", " ").replace("\r", "")
