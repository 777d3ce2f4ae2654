"""What smtpd has had since Debian's version of Postfix, which therefore cannot play it."""

import socket

import pytest

MASTER = """\
2531 inet n - n - - smtpd -o smtpd_forbid_unauth_pipelining=yes
2526 inet n - n - - smtpd -o smtpd_hide_client_session=yes
2527 inet n - n - - smtpd -o { smtpd_reject_filter_maps = pcre:/etc/postfix/filter }
2528 inet n - n - - smtpd -o { smtpd_reject_filter_maps = hash:/none }
2530 inet n - n - - smtpd -o smtpd_client_connection_rate_limit=1 -o smtpd_client_event_limit_exceptions= -o { smtpd_reject_filter_maps = pcre:/etc/postfix/filter }
2529 inet n - n - - smtpd -o { smtpd_client_restrictions = reject_rbl_client list.test=127.0.0.2 } -o { rbl_reply_maps = pcre:/etc/postfix/lists }
"""
MAIN = """\
smtpd_reject_footer = see http://example.test/
smtpd_error_sleep_time = 0
"""
ETC = {
    "postfix/filter": r"""
/^550 5.1.1 <(no-such\S*)>/  554 5.7.1 no mail for $1
/need MAIL/                  250 2.0.0 fine
/^500 /                      450 wait
/^501/                       599
/^502/                       521 4.7.1 away
/^421/                       450 4.7.1 busy
""",
    "postfix/lists": "/^list.test$/ 571 5.7.9 all of $rbl_domain\n".replace("$rbl", "$$rbl"),
}


@pytest.fixture(autouse=True)
def only_ours(mta):
    if mta.flavour == "oracle":
        pytest.skip("Debian's version is older")


def talk(mta, port, *said):
    """The last line of the reply to each, and before it the lines that belong to it."""
    replies = []
    with socket.create_connection((mta.address, port), 20, ("127.0.0.9", 0)) as s, s.makefile("r") as lines:
        for line in ("", "EHLO client.test", *said):
            s.sendall((line + "\r\n" if line else "").encode())
            reply = [lines.readline().rstrip()]
            while reply[-1][3:4] == "-":
                reply.append(lines.readline().rstrip())
            replies.append(reply)
    return replies[2:]


def test_a_secret_that_comes_ahead_of_time_is_not_logged(mta):
    """Unlike what else does; Debian's shows it."""
    mark = mta.log.mark()
    with socket.create_connection((mta.address, 2531), 20, ("127.0.0.9", 0)) as s, s.makefile("r") as lines:
        lines.readline()
        s.sendall(b"EHLO client.test\r\nnoop\r\n \t auth PLAIN c2VjcmV0\r\nAUTH LOGIN\r\naGlkZGVu\r\n")
        assert lines.readline().startswith("554")
    mta.log.wait(r"improper command pipelining after EHLO from unknown\[\S+\]: noop\\r\\n \\t auth", since=mark)
    assert not mta.log.matching("c2VjcmV0|aGlkZGVu", mark)


def test_recipients_do_not_learn_where_the_client_is(mta):
    for name in ("joe", "ann"):
        mta.path(f"/var/mail/{name}").unlink(missing_ok=True)
    for recipients in (["joe"], ["ann", "joe"]):
        with mta.smtp(port=2526) as client:
            client.sendmail("a@client.test", [f"{name}@{mta.domain}" for name in recipients], "Subject: x\n\nx\n")
        mta.wait_empty()  # lest the second overtakes the first on its way to joe
    one, two = (mta.mbox(name)[0]["Received"].split("\n") for name in ("joe", "ann"))
    assert one[0].startswith(f"by {mta.hostname} (Postfix) id ")
    assert one[1].startswith(f"\tfor <joe@{mta.domain}>; ")
    assert two[0].startswith(f"by {mta.hostname} (Postfix) id ") and two[0].endswith(";")
    assert "client" not in "".join(one + two)


def test_another_refusal_but_never_an_acceptance(mta):
    mark = mta.log.mark()
    unknown = f"no-such-user@{mta.domain}"
    refused = f"550 5.1.1 <{unknown}>: Recipient address rejected: User unknown in local recipient table"
    replies = talk(mta, 2527, "RCPT TO:<joe>", "MAIL FROM:<a@client.test>", f"RCPT TO:<{unknown}>", "FOO", "VRFY", "STARTTLS")
    footer = "see http://example.test/"
    assert replies == [
        ["503-5.5.1 Error: need MAIL command", f"503 5.5.1 {footer}"],
        ["250 2.1.0 Ok"],
        [f"554-5.7.1 no mail for {unknown}", f"554 5.7.1 {footer}"],
        ["450-wait", f"450 {footer}"],
        ["501-5.5.4 Syntax: VRFY address", f"501 5.5.4 {footer}"],
        ["521-5.7.1 away", f"521 5.7.1 {footer}"],
    ]
    mta.log.wait(r"warning: smtpd_reject_filter_maps: the answer for \"503 5.5.1 .* is no reply of 400 to 599", since=mark)
    mta.log.wait(f"NOQUEUE: reject: RCPT from .*: {refused}", since=mark)
    mta.log.wait(f"NOQUEUE: reject filter in: {refused}$", since=mark)
    mta.log.wait(f"NOQUEUE: reject filter out: 554 5.7.1 no mail for {unknown}$", since=mark)


def test_who_has_to_go_goes_with_other_words(mta):
    for expected in (b"220 ", b"450-4.7.1 busy"):
        with socket.create_connection((mta.address, 2530), 20, ("127.0.0.9", 0)) as s, s.makefile("rb") as lines:
            assert lines.readline().startswith(expected)
            if expected != b"220 ":
                assert lines.readline().startswith(b"450 4.7.1 see")
                assert lines.read() == b""


def test_a_filter_that_fails_leaves_the_reply(mta):
    mark = mta.log.mark()
    assert talk(mta, 2528, "FOO")[0][0] == "500-5.5.2 Error: command not recognized"
    mta.log.wait(r"warning: hash:/none.*the reply stays as it is", since=mark)


def test_a_reply_for_all_filters_of_a_list(mta, dns):
    dns.names["9.0.0.127.list.test"] = {"A": ["127.0.0.2"]}
    replies = talk(mta, 2529, "MAIL FROM:<a@client.test>", f"RCPT TO:<joe@{mta.domain}>")
    assert replies[1][0] == "571-5.7.9 all of list.test"
