"""Name servers that lie, stammer or never end: mail waits or is returned in plain words,
smtp stays alive and small, and the next message goes out.
"""

import struct

import pytest

from compat.scripted import FIRST, Server
from harness.dns import TYPES, wire_name

MAIN = """
relayhost =
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
POINTER = b"\xc0\x0c"  # to the name of the question
MX, A, CNAME = TYPES["MX"], TYPES["A"], TYPES["CNAME"]


def record(kind, data, owner=POINTER, count=None):
    return owner + struct.pack("!HHIH", kind, 1, 60, len(data) if count is None else count) + data


def mx(name, preference=10):
    return record(MX, struct.pack("!H", preference) + name)


def answers(*records, code=0, flags=0x8180, count=None):
    """The answer to any question is this."""

    def answer(packet):
        n = len(records) if count is None else count
        return packet[:2] + struct.pack("!HHHHH", flags | code, 1, n, 0, 0) + packet[12:] + b"".join(records)

    return answer


def chain(packet):
    """Each name is an alias of a longer one."""
    name = packet[12:-4]
    return answers(record(CNAME, b"\1a" + name))(packet)


def circle(packet):
    this, other = (wire_name(f"{x}.elsewhere.test") for x in (("a", "b") if b"\1a\x09" in packet else ("b", "a")))
    return answers(record(CNAME, other), record(CNAME, this, owner=other))(packet)


ANSWERS = {
    "MX of no bytes": answers(record(MX, b"")),
    "MX of one byte": answers(record(MX, b"\0")),
    "MX without a name": answers(record(MX, b"\0\x0a")),
    "MX longer than the packet": answers(record(MX, b"\0\x0a\1m", count=60000)),
    "name that points to itself": answers(mx(b"\xc0\x2e")),
    "name of 64 labels": answers(mx(b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\x3f" + b"x" * 63 + b"\0")),
    "name with a line end": answers(mx(b"\x0cmail\r\nRCPT x\4test\0")),
    "name with blanks and quotes": answers(mx(b"\x08a b\"c;d$\4test\0")),
    "name with NUL": answers(mx(b"\5a\0b\0c\4test\0")),
    "address of five bytes": answers(record(A, b"\x7f\0\0\7\7")),
    "more answers than there are": answers(mx(b"\4mail\4test\0"), count=65535),
    "header only": lambda packet: answers()(packet)[:12],
    "alias without end": chain,
    "aliases in a circle": circle,
    "alias of itself": answers(record(CNAME, POINTER)),
    "refused": answers(code=5),
    "format error": answers(code=1),
    "unknown code": answers(code=15),
}
NEVER = {"alias without end", "aliases in a circle", "alias of itself"}  # the rest may pass


@pytest.fixture
def hostile(dns):
    """The name server; `lie` is what it says about all names but those of addresses."""
    usual = dns.answer
    dns.lie = usual
    dns.answer = lambda packet: (usual if b"\4arpa\0" in packet else dns.lie)(packet)
    yield dns
    del dns.answer


def outcome(mta, recipient="v@elsewhere.test"):
    mark = mta.log.mark()
    queue_id = mta.submit("ann@client.test", recipient, "Subject: x\n\nx\n")
    line = mta.log.wait(rf"smtp\[\d+\]: {queue_id}: to=.*", since=mark, timeout=30).group(0)
    mta.run(["postsuper", "-d", "ALL"], check=True)
    return line


@pytest.mark.parametrize("case", ANSWERS)
def test_nonsense_delays_or_returns_mail(mta, hostile, case):
    hostile.lie = ANSWERS[case]
    line = outcome(mta)
    dsn = "5.4.4, status=bounced" if case in NEVER else "4.4.3, status=deferred"
    assert "relay=none" in line and f"dsn={dsn} (Host or domain name not found. Name service error for name=" in line
    assert line.isprintable()


def test_what_is_sound_among_nonsense_is_used(mta, hostile):
    """A malformed record costs only itself."""
    usual = hostile.lie

    def answer(packet):
        if b"\4mail\4test\0" in packet:
            return usual(packet)
        return answers(record(MX, b""), mx(b"\4mail\4test\0"), record(MX, b"\0\x0a\1m"))(packet)

    hostile.names |= {"mail.test": {"A": [FIRST]}}
    hostile.lie = answer
    with Server(FIRST, {}):
        assert f"relay=mail.test[{FIRST}]:25" in outcome(mta)


def test_answers_for_others_are_not_believed(mta, hostile):
    """Forged ones come first: of another id, another question, another type."""
    usual = hostile.lie
    send = hostile._socket.sendto

    def answer(packet):
        forged = record(A, b"\x7f\0\0\6")
        right = usual(packet)
        return [
            answers(forged)(bytes([packet[0] ^ 1]) + packet[1:]),
            answers(forged)(packet[:12] + wire_name("other.test") + packet[-4:]),
            answers(forged)(packet[:-4] + b"\0\x10\0\1"),
            right,
        ]

    class Several:
        def __getattr__(self, name):
            return getattr(socket_of_dns, name)

        def sendto(self, packets, client):
            for packet in packets if isinstance(packets, list) else [packets]:
                send(packet, client)

    socket_of_dns = hostile._socket
    hostile._socket = Several()
    hostile.names |= {"elsewhere.test": {"A": [FIRST]}}
    hostile.lie = answer
    try:
        with Server("127.0.0.6", {}) as wrong, Server(FIRST, {}):
            assert f"relay=elsewhere.test[{FIRST}]:25" in outcome(mta)
        assert wrong.connections == 0
    finally:
        hostile._socket = socket_of_dns


def test_a_crowd_of_exchangers_is_cut(mta, hostile):
    """100 names a question at most, smtp_mx_address_limit addresses."""
    names = [f"m{i}.test" for i in range(200)]
    hostile.names |= {"elsewhere.test": {"MX": [f"10 {n}" for n in names]}}
    hostile.names |= {n: {"A": [f"127.0.77.{i}"]} for i, n in enumerate(names)}
    usual = hostile.lie
    hostile.lie = lambda packet: usual(packet)[:4000]
    mark = mta.log.mark()
    assert "Connection refused" in outcome(mta)
    tried = [l for l in mta.log.lines[mark:] if "smtp[" in l and ": connect to m" in l and "to=<" not in l]
    assert len(tried) == 5


def test_mail_flows_again(mta, dns):
    dns.names |= {"elsewhere.test": {"A": [FIRST]}}
    with Server(FIRST, {}):
        assert "status=sent" in outcome(mta)
    assert not mta.crashes()
