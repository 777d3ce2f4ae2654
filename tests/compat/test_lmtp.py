"""lmtp does what Debian's does: to a host, and to a UNIX socket."""

import pytest

from compat.scripted import FIRST, REPLIES, compare, two_systems

SOCKET = "/var/spool/postfix/private/store"
STORE = "default_transport = lmtp:unix:private/store"
HOST = f"default_transport = lmtp:inet:{FIRST}:25"
STAGES = ["greeting", "LHLO", "MAIL", "RCPT", "DATA", "end"]
PIPELINING = {"LHLO": b"250-peer.test\r\n250-8BITMIME\r\n250 PIPELINING\r\n"}
THREE = ("a@elsewhere.test", "b@elsewhere.test", "c@elsewhere.test")
STORED, FULL, GONE, LEAVING = (
    b"250 2.1.5 stored\r\n",
    b"452 4.2.2 full\r\n",
    b"550 5.1.1 gone\r\n",
    b"421 4.3.2 leaving\r\n",
)


@pytest.fixture(scope="module")
def pair(work):
    with two_systems(work) as instances:
        yield instances


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", STAGES)
def test_host(pair, stage, reply):
    compare(pair, [(FIRST, {stage: REPLIES[reply]})], settings=HOST)


@pytest.mark.parametrize("reply", ["2xx", "4xx", "5xx", "421", "lost"])
@pytest.mark.parametrize("stage", STAGES)
def test_socket(pair, stage, reply):
    compare(pair, [(SOCKET, PIPELINING | {stage: REPLIES[reply]})], settings=STORE)


@pytest.mark.parametrize(
    "replies",
    [
        {"end": [STORED, FULL, GONE]},
        {"end": [FULL, FULL, FULL]},
        {"RCPT": [STORED, GONE, STORED], "end": [FULL, STORED]},
        {"RCPT": [GONE, GONE, FULL]},
        {"end": [STORED, LEAVING, b""]},
        {"end": [STORED, b""]},
    ],
    ids=["each", "full", "rcpt and end", "nobody", "leaving", "lost"],
)
@pytest.mark.parametrize("hello", [{}, PIPELINING], ids=["plain", "pipelining"])
def test_each_recipient_has_its_reply(pair, replies, hello):
    compare(pair, [(SOCKET, hello | replies)], THREE, settings=STORE)


def test_no_socket(pair):
    compare(pair, [], settings="default_transport = lmtp:unix:private/nobody")


def test_no_host(pair):
    compare(pair, [], settings=f"default_transport = lmtp:{FIRST}")


def test_own_name_is_no_loop(pair):
    """The store may well be on the same host."""
    compare(pair, [(FIRST, {"LHLO": b"250 mail.same.test\r\n"})], settings=HOST)


@pytest.mark.parametrize(
    "setting", ["lmtp_lhlo_name = other.test", "lmtp_discard_lhlo_keywords = pipelining, size"]
)
def test_settings(pair, setting):
    hello = {"LHLO": b"250-peer\r\n250-PIPELINING\r\n250 SIZE x\r\n"}
    compare(pair, [(FIRST, hello)], settings=f"{HOST}\n{setting}")
