"""Servers that answer as a test says, and the comparison of what two mail systems
make of them: what they said to the servers, and what they logged, must be equal.
"""

import contextlib
import os
import re
import socket
import threading

from harness.instance import Instance, merged

FIRST, SECOND = "127.0.0.7", "127.0.0.6"
USUAL = {
    "greeting": b"220 peer.test ESMTP\r\n",
    "EHLO": b"250-peer.test\r\n250 8BITMIME\r\n",
    "LHLO": b"250-peer.test\r\n250 8BITMIME\r\n",
    "HELO": b"250 peer.test\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go\r\n",
    "end": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "XFOR": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}
PIPELINING = {"EHLO": b"250-peer.test\r\n250-8BITMIME\r\n250 PIPELINING\r\n"}
REPLIES = {
    "2xx": b"250 2.9.9 fine\r\n",
    "3xx": b"354 3.0.0 well\r\n",
    "4xx": b"450 4.7.1 not now\r\n",
    "4xx-bare": b"450 not now\r\n",
    "4xx-other-class": b"450 5.7.1 not now\r\n",
    "5xx": b"550 5.7.1 never\r\n",
    "5xx-bare": b"550 never\r\n",
    "5xx-other-class": b"550 4.7.1 never\r\n",
    "5xx-no-text": b"550\r\n",
    "5xx-lines": b"550-5.7.1 never,\r\n550-5.7.1 I say,\r\n550 5.7.1 never\r\n",
    "5xx-mixed": b"450-4.7.1 first\r\n550 5.7.1 then\r\n",
    "5xx-bare-last-line": b"550-5.7.1 never\r\n550 no\r\n",
    "421": b"421 4.3.2 leaving\r\n",
    "521": b"521 5.3.2 no mail here\r\n",
    "552": b"552 5.2.2 too much\r\n",
    "1xx": b"150 1.0.0 wait\r\n",
    "6xx": b"600 6.0.0 what\r\n",
    "noise-first": b"HTTP/1.0 400 Bad\r\n550 5.7.1 never\r\n",
    "noise-within": b"550-5.7.1 never\r\nnoise\r\n550 5.7.1 never\r\n",
    "blank-first": b"\r\n550 5.7.1 never\r\n",
    "controls": b"550 5.7.1 bell \x07 tab \t esc \x1b del \x7f 8bit \xe9 utf8 \xc3\xa9 end\r\n",
    "bare-lf": b"550 5.7.1 never\n",
    "lost": b"",
}
class Server:
    """Answers every command as `replies` says; b"" closes the connection, and of a list
    each reply is given once, the last one again and again. place: an address of port 25,
    (address, port), or the path of a UNIX socket. An LMTP server answers to the end of
    data once for each recipient that it accepted. After 334 the next line belongs to AUTH."""

    def __init__(self, place, replies):
        self.replies = USUAL | {k: list(v) if isinstance(v, list) else v for k, v in replies.items()}
        self.heard, self.content, self.connections = [], [], 0
        if isinstance(place, tuple):
            self._listener = socket.create_server(place)
        elif "/" in place:
            self._listener = socket.create_server(place, family=socket.AF_UNIX)
            os.chmod(place, 0o666)
        else:
            self._listener = socket.create_server((place, 25))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        name = self._listener.getsockname()
        self._listener.close()
        self._thread.join(10)
        if isinstance(name, str):
            os.unlink(name)

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(10)
            self.connections += 1
            with client, client.makefile("rb") as lines:
                try:
                    self._talk(client, lines)
                except OSError:
                    self.heard.append("(broke)")

    def _say(self, client, stage):
        reply = self.replies[stage]
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        client.sendall(reply)
        return reply

    def _talk(self, client, lines):
        if not self._say(client, "greeting"):
            return
        accepted, each, reply = 0, False, b""
        for line in lines:
            text = line.rstrip(b"\r\n").decode(errors="replace")
            self.heard.append(re.sub(r"(SIZE|PORT|IDENT)=[0-9A-F]+", r"\1=N", text))
            verb = "AUTH" if reply.startswith(b"334") else text[:4].upper()
            each = each or verb == "LHLO"
            reply = self._say(client, verb)
            if not reply or verb == "QUIT":
                return
            accepted += verb == "RCPT" and reply.startswith(b"2")
            if verb == "DATA" and reply.startswith(b"354"):
                for line in lines:
                    if line == b".\r\n":
                        break
                    self.content.append(line.decode("latin-1"))
                for _ in range(accepted if each else 1):
                    if not self._say(client, "end"):
                        return


MAIN = """
relayhost =
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtp_connection_cache_on_demand = no
smtp_randomize_addresses = no
"""


SERVICES = """\
front     unix  -       -       n       -       -       smtp flags=DOR
sender    unix  -       -       n       -       -       smtp flags=R
final     unix  -       -       n       -       -       smtp flags=X
"""


def start(work, flavour, main=""):
    instance = Instance.make(work / flavour, flavour, merged(MAIN, main), SERVICES)
    instance.etc["postfix/main.cf"] = instance.etc["postfix/main.cf"].replace(f"{flavour}.test", "same.test")
    instance.hostname = "mail.same.test"
    instance.start()
    instance.base, instance.extra = instance.read("/etc/postfix/main.cf"), ""
    return instance


@contextlib.contextmanager
def two_systems(work, main=""):
    """Debian's mail system and ours, alike but for their addresses."""
    with contextlib.ExitStack() as stack:
        instances = []
        for flavour in ("oracle", "postern"):
            instances.append(start(work, flavour, main))
            stack.callback(instances[-1].close)
        yield instances


def configured(pair, text):
    """Add lines to main.cf; they stay until another case wants others."""
    for mta in pair:
        if mta.extra != text:
            mta.write_main(merged(mta.base, text))
            mta.reload()
            mta.extra = text


def delivered(mta, servers, recipients, text="Subject: t\n\nx\n", body="", probe=False, log="", sendmail=False, program="[sl]mtp", mail="", rcpt=""):
    """What the servers heard and what smtp logged, for one message."""
    mark = mta.log.mark()
    if probe:
        mta.sendmail(["-bv", "-f", "joe@mail.same.test", *recipients], "")
        queue_id = "[0-9A-F]+"
    elif sendmail:
        mta.sendmail(["-f", "joe@mail.same.test", *recipients], text)
        queue_id = "[0-9A-F]+"
    else:
        queue_id = mta.submit("ann@same.test", recipients, text, body, mail, rcpt)
    for recipient in recipients:
        mta.log.wait(rf"({program})\[\d+\]: {queue_id}: to=<{recipient}>.*status=", since=mark, timeout=20)
    mta.run(["postsuper", "-d", "ALL"], check=True)
    lines = mta.masked_log(mark, rf"postfix/({program})\[")
    lines = [line.replace("smtp_connect_addr: ", "") for line in lines]  # a name inside Postfix
    lines = [line for line in lines if re.search(log, line)]
    content = [mta.mask("".join(server.content).replace("\r\n", "\n")) for server in servers]
    return [server.heard for server in servers], lines, content


def compare(pair, hosts, recipients=("v@elsewhere.test",), settings="", heard=True, **more):
    """hosts: [(place, replies)]; a path is one inside. heard: compare the commands too.
    text: the message; body: what is said of it to smtpd. log: lines to compare.
    sendmail: hand it in by that command, not by SMTP. program: whose log counts.
    mail, rcpt: said to smtpd behind the addresses."""
    configured(pair, settings)
    seen = []
    for mta in pair:
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(Server(str(mta.path(p)) if "/" in p else p, replies))
                for p, replies in hosts
            ]
            seen.append(delivered(mta, servers, list(recipients), **more))
    (heard_oracle, log_oracle, content_oracle), (heard_ours, log_ours, content_ours) = seen
    assert sorted(log_ours) == sorted(log_oracle)
    assert not heard or heard_ours == heard_oracle
    assert content_ours == content_oracle
