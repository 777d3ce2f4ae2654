"""reject_unverified_recipient and reject_unverified_sender: what clients hear, what the log says,
how servers are probed and what is remembered, ours beside Debian's Postfix."""

import re
import socket
import time

import pytest

from compat.scripted import FIRST, Server
from compat.test_smtpd import read_reply
from harness.sandbox import wait_until

DOMAIN = "example.test"
DEAD = "127.0.0.66"
MAIN = f"""
smtpd_error_sleep_time = 0
smtpd_discard_ehlo_keywords = chunking, starttls, smtputf8, silent-discard
address_verify_poll_delay = 1s
local_recipient_maps =
smtpd_reject_unlisted_recipient = no
recipient_delimiter = +
relay_domains = relay.test, dead.test, probe.test
transport_maps = inline:{{relay.test=smtp:[{FIRST}], dead.test=smtp:[{DEAD}], probe.test=smtp:[{DEAD}]}}
address_verify_transport_maps = inline:{{relay.test=smtp:[{FIRST}], dead.test=smtp:[{DEAD}], {{probe.test=error:5.7.8 only probes come here}}}}
virtual_mailbox_domains = vmail.test
address_verify_virtual_transport = error:5.2.9 no probes
virtual_alias_domains = valias.test
virtual_alias_maps = inline:{{{{both@valias.test=joe@example.test no@example.test}}, {{none@valias.test=no1@example.test}}, {{one@valias.test=joe@example.test}}}}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
address_verify_sender_dependent_relayhost_maps =
minimal_backoff_time = 1h
maximal_backoff_time = 1h
smtp_connection_cache_on_demand = no
"""
R = "smtpd_recipient_restrictions = reject_unverified_recipient"
S = "smtpd_sender_restrictions = reject_unverified_sender"
CODES = ["unverified_recipient_reject_code = 550", "unverified_recipient_defer_code = 452"]
ME = "a@example.test"
REPLIES = {"no": b"550 5.1.1 no such user\r\n", "later": b"450 4.2.2 later\r\n", "yes": b"250 2.1.5 yes\r\n"}

# name: ([what stands in main.cf], sender, [recipients])
CASES = {
    "local": ([R], ME, ["joe@example.test", "joe@example.test", "no2@example.test", "no2@example.test"]),
    "aliases": ([R], ME, ["both@valias.test", "none@valias.test", "one@valias.test", "unknown@valias.test"]),
    "forms": ([R], ME, ["ann+x@example.test", "ANN@Example.Test", "ann", '"a n n"@example.test', "ann@[127.0.0.1]"]),
    "server": ([R], ME, ["no1@relay.test", "later1@relay.test", "yes1@relay.test", "no1@relay.test"]),
    "unreachable": ([R], ME, ["a@dead.test", "a@dead.test"]),
    "codes": ([R, *CODES], ME, ["no2@relay.test", "later2@relay.test", "yes2@relay.test"]),
    "codes for now": ([R, "unverified_recipient_reject_code = 451", "unverified_recipient_defer_code = 452"], ME, ["no3@relay.test", "later3@relay.test"]),
    "codes, defer": ([R, "unverified_recipient_reject_code = 451", "unverified_recipient_defer_code = 452", "unverified_recipient_tempfail_action = defer"], ME, ["no3@relay.test", "later3@relay.test"]),
    "codes, then refused": (["smtpd_recipient_restrictions = reject_unverified_recipient, reject", "unverified_recipient_reject_code = 451", "unverified_recipient_defer_code = 452"], ME, ["no3@relay.test", "later3@relay.test"]),
    "codes, defer, then refused": (["smtpd_recipient_restrictions = reject_unverified_recipient, reject", "unverified_recipient_defer_code = 452", "unverified_recipient_tempfail_action = defer"], ME, ["no3@relay.test", "later3@relay.test"]),
    "soft bounce": ([R, *CODES, "soft_bounce = yes"], ME, ["no2@relay.test", "later2@relay.test"]),
    "reason": ([R, *CODES, "unverified_recipient_reject_reason = go away"], ME, ["no2@relay.test", "later2@relay.test", "yes2@relay.test"]),
    "reason with a status": ([R, *CODES, "unverified_recipient_reject_reason = 5.7.1 go away"], ME, ["no2@relay.test"]),
    "in progress": ([R, "address_verify_poll_count = 1"], ME, ["no4@example.test"]),
    "other ways": ([R], ME, ["a@probe.test", "a@vmail.test"]),
    "sender": ([S], "no5@example.test", ["joe@example.test"]),
    "sender of a server": ([S, "unverified_sender_reject_code = 550", "unverified_sender_reject_reason = your fault"], "no6@relay.test", ["joe@example.test"]),
    "good sender": ([S], "yes6@relay.test", ["joe@example.test"]),
    "null sender": ([S], "", ["joe@example.test"]),
    "sender and recipient": ([S, R], "no7@relay.test", ["no7@example.test"]),
    "sender at once": ([S, "smtpd_delay_reject = no", "unverified_sender_reject_code = 550"], "no8@relay.test", []),
    "our own probes are welcome": (["smtpd_recipient_restrictions = reject"], ME, ["double-bounce@mail.example.test", "DOUBLE-BOUNCE@mail.example.test", "double-bounce@example.test", "double-bounce", "double-bounce-x@mail.example.test"]),
    "another probe sender is welcome": (["smtpd_recipient_restrictions = reject", "address_verify_sender = prober"], ME, ["double-bounce@mail.example.test", "prober@mail.example.test"]),
    "probe sender as a sender": ([S, R], "double-bounce@mail.example.test", ["joe@example.test"]),
    "warned only": (["smtpd_recipient_restrictions = warn_if_reject, reject_unverified_recipient"], ME, ["no1@relay.test"]),
}
PORTS = {name: 2600 + i for i, name in enumerate(CASES)}
MASTER = "".join(
    f"{PORTS[name]} inet n - n - - smtpd" + "".join(f" -o {{ {s} }}" for s in settings) + "\n"
    for name, (settings, *_) in CASES.items()
)


class Prober(Server):
    """Answers to RCPT as the first letters of the address say."""

    def __init__(self):
        super().__init__(FIRST, {})

    def _say(self, client, stage):
        if stage == "RCPT":
            word = re.search(r"<([a-z]+)", self.heard[-1]).group(1)
            client.sendall(REPLIES[word])
            return REPLIES[word]
        return super()._say(client, stage)


def talk(mta, name):
    """The replies, the log of smtpd, the outcomes of probes, what the server heard."""
    _, sender, recipients = CASES[name]
    mark, seen = mta.log.mark(), []
    with Prober() as server:
        with socket.create_connection((mta.address, PORTS[name]), 30, ("127.0.0.9", 0)) as s, s.makefile("rb") as lines:
            seen.append(read_reply(lines))
            for line in ["EHLO x.test", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "QUIT"]:
                s.sendall(line.encode() + b"\r\n")
                seen.append([line, *read_reply(lines)])
        mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
        wait_until(mta.is_empty, what="the probes to be done")
    log = mta.masked_log(mark)
    outcomes = sorted(re.sub(r"postfix/\w+\[", "postfix/AGENT[", line) for line in log if "status=" in line)
    return mta.mask(seen[0]), [mta.mask(reply) for reply in seen], [line for line in log if "/smtpd[" in line], outcomes, mta.mask(server.heard)


@pytest.mark.parametrize("name", CASES)
def test_verification(ours, oracle, name):
    mine, theirs = (talk(mta, name) for mta in (ours, oracle))
    assert mine == theirs


def dump(mta, name="btree:/var/lib/postfix/verify_cache"):
    return mta.mask(mta.run(["postmap", "-s", name], check=True).stdout).splitlines()


def test_caches_are_equal(ours, oracle):
    """After all that was asked above; a deferral or a bounce is looked into again later."""
    assert dump(ours) == dump(oracle)


def test_a_cache_is_taken_over(ours, oracle, work):
    """Ours goes on with what Debian's remembers, and the other way round."""
    for giver, taker in ((oracle, ours), (ours, oracle)):
        content = giver.path("/var/lib/postfix/verify_cache.db").read_bytes()
        taker.postfix("stop", check=True)
        taker.write("/var/lib/postfix/verify_cache.db", content, owner="postfix", mode=0o600)
        taker.postfix("start", check=True)
        mark = taker.log.mark()
        assert talk(taker, "server")[4] == []  # the server was not asked
        assert not [line for line in taker.log.lines[mark:] if "cleanup[" in line and "message-id" in line]


REFRESH = """
address_verify_positive_refresh_time = 2s
address_verify_negative_refresh_time = 2s
"""


@pytest.mark.parametrize("first, second", [("yes", "no"), ("no", "yes"), ("later", "no"), ("yes", "later")])
def test_refresh(ours, oracle, first, second):
    """What is remembered is looked into again, and which verdict then holds."""
    seen = []
    for mta in (ours, oracle):
        mta.configure(REFRESH)
        replies, address = [], f"x.{first}.{second}@relay.test"
        for word in (first, second):
            mark = mta.log.mark()
            with Server(FIRST, {"RCPT": REPLIES[word]}), mta.smtp(port=PORTS["server"]) as client:
                client.ehlo()
                client.mail(ME)
                replies.append(client.rcpt(address))
                mta.log.wait(r"qmgr\[\d+\]: \w+: removed", since=mark)
                replies.append(client.rcpt(address))
            time.sleep(2.1)  # address_verify_*_refresh_time
        seen.append(replies)
    assert seen[0] == seen[1]
