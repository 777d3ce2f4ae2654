"""check_policy_service: policy servers as sites have them, and servers that misbehave."""

import re
import time

import pytest

from compat.policy import PolicyServer, action
from harness.sandbox import wait_until

MAIN = """
smtpd_error_sleep_time = 0
smtpd_delay_reject = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_policy_service_retry_delay = 1s
"""
ASK = "inet:127.0.0.9:9901"
LISTS = {
    2525: f"smtpd_recipient_restrictions = check_policy_service {ASK}",
    2526: f"smtpd_end_of_data_restrictions = check_policy_service {ASK}",
    2527: f"smtpd_recipient_restrictions = check_policy_service {{ {ASK} {{ default_action = 450 4.3.9 later }} timeout=1s try_limit=1 }}",
    2528: "smtpd_recipient_restrictions = check_policy_service foo:9901",
    2529: f"smtpd_recipient_restrictions = check_recipient_access inline:{{{{joe@ = check_policy_service {ASK}}}}}",
    2531: "smtpd_recipient_restrictions = check_policy_service unix:private/policyd-spf, check_policy_service inet:127.0.0.1:10023",
    2530: "smtpd_recipient_restrictions = check_policy_service unix:private/mine",
}
MASTER = """\
policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf /etc/policyd-spf.conf
""" + "".join(f"{port} inet n - n - 1 smtpd -o {{ {value} }} -o smtpd_recipient_overshoot_limit=1\n" for port, value in LISTS.items())
ETC = {
    "postgrey/whitelist_clients": "",
    "postgrey/whitelist_recipients": "",
    "policyd-spf.conf": """\
debugLevel = 1
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 192.0.2.99
"""
}
DNS = {
    "good.test": {"TXT": ["v=spf1 ip4:127.0.0.9 -all"], "A": ["127.0.0.9"], "MX": ["10 good.test"]},
    "bad.test": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"], "A": ["127.0.0.9"], "MX": ["10 bad.test"]},
}


@pytest.fixture(scope="module")
def postgrey(mta):
    mta.run("install -d -o nobody /var/lib/postgrey", check=True)
    command = "exec postgrey --inet=127.0.0.1:10023 --delay=1 --dbdir=/var/lib/postgrey --user=nobody --group=nobody"
    process = mta.popen(command)
    wait_until(lambda: mta.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/10023"]).returncode == 0, what="postgrey")
    yield process
    process.terminate()
    process.wait(20)


def rcpt(mta, sender, *recipients, port=25):
    with mta.smtp(port=port) as client:
        client.ehlo("good.test")
        client.mail(sender)
        return [client.rcpt(recipient) for recipient in recipients]


def test_spf_and_greylisting(mta, postgrey, dns):
    dns.names.update(DNS)
    ((code, text),) = rcpt(mta, "a@bad.test", "joe@postern.test", port=2531)
    assert code == 550 and text.startswith(b"5.7.23 <joe@postern.test>: Recipient address rejected: Message rejected due to: SPF fail")
    codes = rcpt(mta, "a@good.test", "joe@postern.test", "ann@postern.test", port=2531)
    for (code, text), name in zip(codes, ("joe", "ann")):
        assert code == 450 and text.startswith(f"4.2.0 <{name}@postern.test>: Recipient address rejected: Greylisted".encode())
    time.sleep(1.5)  # postgrey counts whole seconds, and has nothing to wait for
    with mta.smtp(port=2531) as client:
        client.sendmail("a@good.test", ["joe@postern.test", "ann@postern.test"], "Subject: x\n\nhello\n")
    mta.wait_empty()
    for name in ("joe", "ann"):
        (message,) = mta.mbox(name)
        assert len(message.get_all("X-Greylist")) == 1
        assert re.match(r"delayed \d+ seconds by postgrey", message["X-Greylist"])
        assert len(message.get_all("Received-SPF")) == 1
        assert message["Received-SPF"].startswith("Pass (")


def attributes(request):
    return dict(line.split("=", 1) for line in request)


def test_one_connection_for_many_sessions(mta):
    with PolicyServer([action("DUNNO")]) as server:
        for _ in range(3):
            assert [code for code, _ in rcpt(mta, "a@client.test", "joe@postern.test", "ann@postern.test", port=2525)] == [250, 250]
    assert server.connections == 1
    asked = [attributes(request) for request in server.requests]
    assert len({a["instance"] for a in asked}) == 3
    assert [a["queue_id"] == "" for a in asked] == 3 * [True, False]
    assert {a["mail_version"] for a in asked} == {mta.run(["postconf", "-h", "mail_version"]).stdout.strip()}
    assert {a["compatibility_level"] for a in asked} == {"3.6"}
    assert {a["tls_sni"] for a in asked} == {""}


def test_a_server_that_was_restarted_is_asked_again_at_once(mta):
    for verdict, wanted in (("REJECT", 554), ("DUNNO", 250)):
        with PolicyServer([action(verdict)]) as server:
            mark = mta.log.mark()
            began = time.monotonic()
            assert [code for code, _ in rcpt(mta, "a@client.test", "joe@postern.test", port=2525)] == [wanted]
            assert time.monotonic() - began < 1  # smtpd_policy_service_retry_delay
            assert len(server.requests) == 1
            assert not [line for line in mta.log.lines[mark:] if "problem talking" in line]


def test_the_size_is_known_behind_the_content(mta):
    with PolicyServer([action("450 4.2.2 full")]) as server, mta.smtp(port=2526) as client:
        client.ehlo()
        client.mail("a@client.test", ["SIZE=5"])
        client.rcpt("joe@postern.test")
        code, text = client.data("Subject: x\r\n\r\n.hidden\r\n")
    assert (code, text) == (450, b"4.2.2 <END-OF-MESSAGE>: End-of-data rejected: full")
    (asked,) = [attributes(request) for request in server.requests]
    assert asked["size"] == str(len("Subject: x\r\n\r\n.hidden\r\n"))
    assert asked["recipient"] == "joe@postern.test" and asked["recipient_count"] == "1"
    mta.wait_empty()


BROKEN = {
    "nobody is there": (None, "Connection refused"),
    "gone": ([None], "closed the connection instead of an answer"),
    "half": ([b"action=DUNNO\n!"], "the answer breaks off"),
    "other protocol": ([b"HTTP/1.0 400 Bad\n\n"], "the answer has no action"),
    "too long": ([b"action=" + 200000 * b"x" + b"\n\n"], "a line of the answer is too long"),
    "too many lines": ([1000 * b"a=b\n" + b"\n"], "the answer has too many lines"),
    "slow": ([3], "Connection timed out"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_server_means_the_default_action(mta, name):
    answers, reason = BROKEN[name]
    mark = mta.log.mark()

    def refused():
        ((code, text),) = rcpt(mta, "a@client.test", "joe@postern.test", port=2527)
        assert (code, text) == (450, b"4.3.9 <joe@postern.test>: Recipient address rejected: later")

    if answers is None:
        refused()
    else:
        with PolicyServer(answers):
            refused()
    mta.log.wait(rf"warning: problem talking to server 127.0.0.9:9901: .*{reason}", since=mark)


def test_what_is_no_server_refuses_for_now(mta):
    mark = mta.log.mark()
    assert rcpt(mta, "a@client.test", "joe@postern.test", port=2528) == [(451, b"4.3.5 Server configuration error")]
    mta.log.wait('check_policy_service: "foo:9901" is neither inet:host:port nor unix:path', since=mark)


def test_an_access_table_may_name_a_server(mta):
    with PolicyServer([action("REJECT 5.7.9 no")]) as server:
        for _ in range(3):
            assert rcpt(mta, "a@client.test", "joe@postern.test", port=2529)[0] == (554, b"5.7.9 <joe@postern.test>: Recipient address rejected: no")
    assert server.connections == 1 and len(server.requests) == 3


def test_a_socket_in_the_queue_directory(mta):
    with PolicyServer([action("REJECT 5.7.9 no")], place=str(mta.folder / "spool/private/mine")) as server:
        assert rcpt(mta, "a@client.test", "joe@postern.test", port=2530)[0][0] == 554
    assert attributes(server.requests[0])["server_port"] == "2530"


def test_nobody_adds_an_attribute(mta):
    """Servers there are that take CR for a line end."""
    lines = ("EHLO x\rsasl_username=joe", 'MAIL FROM:<"a\rsasl_username=joe"@client.test>', 'RCPT TO:<"b\rsasl_username=joe"@postern.test>')
    with PolicyServer([action("DUNNO")]) as server, mta.smtp(port=2525) as client:
        for line in lines:
            client.send(f"{line}\r\n")
            client.getreply()
    assert server.requests
    for request in server.requests:
        assert not [line for line in request if "\r" in line]
        assert attributes(request)["sasl_username"] == ""
