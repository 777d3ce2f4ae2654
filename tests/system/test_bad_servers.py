"""Servers that no RFC knows: smtp stays small, quick and honest with all of them."""

import re
import socket
import threading
import time

import pytest

from harness.sandbox import wait_until

MAIN = """
relayhost = [127.0.0.7]
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtp_helo_timeout = 3s
smtp_mail_timeout = 3s
smtp_rcpt_timeout = 3s
smtp_data_init_timeout = 3s
smtp_data_done_timeout = 3s
smtp_data_xfer_timeout = 3s
"""
PEER = "127.0.0.7"


class Server:
    """Lets `behave` talk to each client: behave(socket, lines read so far as a file)."""

    def __init__(self, behave):
        self._behave, self.sent = behave, 0
        self._listener = socket.create_server((PEER, 25))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(20)
            with client, client.makefile("rb") as lines:
                try:
                    self._behave(self, client, lines)
                except OSError:
                    pass

    def flood(self, client, data):
        while True:
            client.sendall(data)
            self.sent += len(data)


def polite(client, lines, until):
    """Normal answers up to `until`: "greeting", a command, or the "end" of the message. What
    the client says there is read, not answered."""
    if until == "greeting":
        return
    client.sendall(b"220 peer.test ESMTP\r\n")
    data = False
    for line in lines:
        if (line == b".\r\n" and until == "end") or (line[:4].decode() == until and not data):
            return
        if not data:
            client.sendall(b"354 go\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
        data = data or line.startswith(b"DATA")


def outcome(mta, behave):
    """The line about the recipient, and the server."""
    mark = mta.log.mark()
    with Server(behave) as server:
        queue_id = mta.submit("ann@client.test", "v@elsewhere.test", "Subject: x\n\nx\n")
        line = mta.log.wait(rf"smtp\[\d+\]: {queue_id}: to=.*", since=mark, timeout=30).group(0)
    mta.run(["postsuper", "-d", "ALL"], check=True)
    return line, server


def memory_kb(mta):
    return max(
        int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])
        for pid in mta.processes("smtp")
    )


STAGES = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "end"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("data", [b"x" * 65536, b"250-more\r\n" * 6000, b"\r\n" * 30000, b"noise\r\n" * 9000, b"\0" * 65536],
                         ids=["one line", "continued", "empty lines", "noise", "NUL"])
def test_an_endless_reply_is_cut(mta, data, stage):
    def behave(server, client, lines):
        polite(client, lines, stage)
        server.flood(client, data)

    line, server = outcome(mta, behave)
    assert "dsn=4.4.2, status=deferred (lost connection with 127.0.0.7[127.0.0.7] while " in line
    assert server.sent < 8 << 20  # what the sockets' buffers took, and a little
    assert memory_kb(mta) < 32 << 10


@pytest.mark.parametrize("stage", STAGES)
def test_a_trickle_is_no_reply(mta, stage):
    """Each byte comes in time, the reply does not."""

    def behave(server, client, lines):
        polite(client, lines, stage)
        while True:
            client.sendall(b"2")
            time.sleep(0.5)

    start = time.monotonic()
    line, _ = outcome(mta, behave)
    assert "dsn=4.4.2, status=deferred (conversation with 127.0.0.7[127.0.0.7] timed out while " in line
    assert time.monotonic() - start < 8


def test_a_long_banner_is_read_to_its_end(mta):
    def behave(server, client, lines):
        client.sendall(b"220-" + b"x" * 3000 + b"\r\n" + b"220-more\r\n" * 500 + b"220 end\r\n")
        for line in lines:
            if line.startswith(b"EHLO"):
                client.sendall(b"250-peer.test\r\n" + b"250-X-FEATURE\r\n" * 500 + b"250-8BITMIME\r\n250 SIZE\r\n")
            elif line.startswith(b"MAIL"):
                client.sendall(b"550 5.7.1 no " + line.strip() + b"\r\n")
            else:
                client.sendall(b"250 ok\r\n")

    line, _ = outcome(mta, behave)
    assert re.search(r"status=bounced \(.* said: 550 5\.7\.1 no MAIL FROM:<ann@client\.test> SIZE=\d+ ", line)


def test_replies_in_another_order_deliver_nothing(mta):
    """One more than asked for, at each stage: those that follow are out of step."""

    def behave(server, client, lines):
        client.sendall(b"220 peer.test ESMTP\r\n")
        for line in lines:
            client.sendall(b"250 early\r\n250 late\r\n" if line.startswith((b"MAIL", b"RCPT")) else b"250 ok\r\n")
            if line.startswith(b"DATA"):
                client.sendall(b"354 go\r\n")

    line, _ = outcome(mta, behave)
    assert "status=deferred" in line or "status=bounced" in line
    assert "Protocol error" in line or "before the end" in line


def test_a_server_that_takes_no_more_content(mta):
    def behave(server, client, lines):
        polite(client, lines, "DATA")
        client.sendall(b"354 go\r\n")
        time.sleep(10)

    mark = mta.log.mark()
    with Server(behave):
        queue_id = mta.submit("ann@client.test", "v@elsewhere.test", "Subject: x\n\n" + ("x" * 76 + "\n") * 100000)
        line = mta.log.wait(rf"smtp\[\d+\]: {queue_id}: to=.*", since=mark, timeout=30).group(0)
    assert "(conversation with 127.0.0.7[127.0.0.7] timed out while sending message body)" in line
    mta.run(["postsuper", "-d", "ALL"], check=True)


def test_a_server_that_takes_content_in_sips(mta):
    """Each sip comes in time; with deadlines the whole must come at a decent rate."""

    def behave(server, client, lines):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        polite(client, lines, "DATA")
        client.sendall(b"354 go\r\n")
        while client.recv(2000):
            time.sleep(0.5)

    mta.configure("smtp_per_request_deadline = yes\nsmtp_min_data_rate = 10000000")
    mark = mta.log.mark()
    with Server(behave):
        queue_id = mta.submit("ann@client.test", "v@elsewhere.test", "Subject: x\n\n" + ("x" * 76 + "\n") * 100000)
        line = mta.log.wait(rf"smtp\[\d+\]: {queue_id}: to=.*", since=mark, timeout=30).group(0)
    assert "(conversation with 127.0.0.7[127.0.0.7] timed out while sending message body)" in line
    mta.run(["postsuper", "-d", "ALL"], check=True)
    mta.configure("smtp_per_request_deadline = no")


def test_answers_before_they_are_asked_for(mta):
    """All replies at once, the last of them to a message that was never sent."""

    def behave(server, client, lines):
        client.sendall(b"220 peer.test\r\n250-peer.test\r\n250 PIPELINING\r\n250 a\r\n250 b\r\n354 go\r\n250 2.0.0 taken\r\n")
        for _ in lines:
            pass

    line, _ = outcome(mta, behave)
    assert "status=deferred" in line


def test_what_a_server_says_is_printable(mta):
    def behave(server, client, lines):
        polite(client, lines, "RCPT")
        client.sendall(b"550 \x1b[31mred\x07 %s%n \xff\xfe \0 tail\x7f\r\n")

    line, _ = outcome(mta, behave)
    assert line.endswith("said: 550 ?[31mred? %s%n ?? ? tail? (in reply to RCPT TO command))")


def test_a_server_that_resets(mta):
    def behave(server, client, lines):
        polite(client, lines, "MAIL")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    line, _ = outcome(mta, behave)
    assert "status=deferred (lost connection with 127.0.0.7[127.0.0.7] while sending MAIL FROM)" in line


def test_mail_flows_again_afterwards(mta):
    def behave(server, client, lines):
        polite(client, lines, "DATA")
        client.sendall(b"354 go\r\n")
        for line in lines:
            if line == b".\r\n":
                break
        client.sendall(b"250 2.0.0 taken\r\n")

    line, _ = outcome(mta, behave)
    assert "status=sent (250 2.0.0 taken)" in line
    wait_until(lambda: not mta.queue_files(), 20, "the queue to be empty")
