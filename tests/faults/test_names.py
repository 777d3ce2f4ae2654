"""T56, T58: names are used once, and how input is cut into pieces means nothing."""

import collections
import re
import socket
import subprocess
import threading

import pytest

from dialogues.dialogue import Stage, all_dialogues
from harness import roots
from harness.masks import mask

from .sink import Talk, polite
from .site import SENDER, Site


@pytest.fixture
def site(work, rng):
    with Site(work / "site", rng) as site:
        yield site


@pytest.mark.parametrize("ids", ["no", "yes"])
def test_t56_16_writers_at_once(site, ids, request):
    """Files come and go, so that inodes are used again; no id names two messages, no
    Message-Id was made twice, and no message took the place of another."""
    each = 25 if request.config.option.sample else 600
    site.box.configure(f"enable_long_queue_ids = {ids}\nalways_add_missing_headers = yes\nsmtpd_client_connection_count_limit = 0\n")
    mark = site.box.log.mark()

    def write():
        with site.box.smtp() as client:
            for _ in range(each):
                name, text = site.ledger.write(["sue@box.test"], 200)
                client.sendmail(SENDER, ["sue@box.test"], re.sub("Message-Id: .*\n", "", text).encode())
                site.ledger.accept(name)

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.settle()
    lines = "\n".join(site.box.log.lines[mark:])
    names = collections.Counter(re.findall(r"cleanup\[\d+\]: \w+: message-id=<(\S+)>", lines))
    assert len(names) >= 16 * each and max(names.values()) == 1
    if ids == "yes":
        queue_ids = collections.Counter(re.findall(r"smtpd\[\d+\]: (\w+): client=", lines))
        assert max(queue_ids.values()) == 1 and len(queue_ids) >= 16 * each


@pytest.mark.slow
def test_t56_a_million_names_under_a_coarse_clock(work, request):
    """16 processes, each with files that come and go: tests/unit/queue/test_names.c."""
    names = "20000" if request.config.option.sample else "1000000"
    program = roots.ours().parent / "unit/queue/test_names"
    done = subprocess.run([program], env={"NAMES": names}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# -- T58 ----------------------------------------------------------------------------------

BODY = b"Subject: pieces\r\nX: " + b"x" * 3000 + b"\r\n\r\n..dot\r\n.\tx\r\n..\r\nlast\r\n.\r\n"
ENVELOPE = b"MAIL FROM:<back@box.test>\r\nRCPT TO:<sue@box.test>\r\nDATA\r\n"
# Each: parts that may be sent at once, as each waits for an answer to the one before.
TALKS = {
    "a message": [ENVELOPE, BODY + b"QUIT\r\n"],
    "two messages": [ENVELOPE, BODY + ENVELOPE, BODY + b"RSET\r\nQUIT\r\n"],
    "refused recipients": [
        b"MAIL FROM:<back@box.test>\r\nRCPT TO:<x@nowhere.test>\r\nRCPT TO:<sue@box.test>\r\nRCPT TO:<none@box.test>\r\nDATA\r\n",
        BODY + b"QUIT\r\n",
    ],
    "nonsense": [b"MIAL\r\n", b"\r\n", b"NOOP x\r\n", b"RCPT TO:<a@b>\r\n", b"MAIL FROM:<a b>\r\n", b"VRFY joe\r\n", b"RSET\r\n", b"QUIT\r\n"],
    "a long line": [b"NOOP " + b"y" * 2000 + b"\r\n", b"QUIT\r\n"],
    "smuggling": [ENVELOPE, b"Subject: x\r\n\r\nx\n.\nMAIL FROM:<evil@x>\r\nRCPT TO:<sue@box.test>\r\nx\r\n.\nx\n.\r\nx\r\r\n.\r\r\nx\r\n.\r\nQUIT\r\n"],
}


def talk(site, parts, cut):
    """All replies to a talk; cut(bytes) gives the pieces of a part."""
    replies = b""
    with socket.create_connection((site.box.address, 25), timeout=30) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = s.makefile("rb")
        lines.readline()
        s.sendall(b"EHLO client.test\r\n")
        while lines.readline()[3:4] == b"-":
            pass
        for n, part in enumerate(parts):
            for piece in cut(part):
                s.sendall(piece)
            while n + 1 < len(parts):
                line = lines.readline()
                replies += line
                if line.startswith(b"354") or not line or part.count(b"\n") == 1:
                    break
        replies += lines.read()
    return mask(replies.decode(errors="replace"))


@pytest.mark.parametrize("name", TALKS)
def test_t58_smtpd(site, rng, name):
    """In one piece, byte by byte, and cut at random: the same replies, the same files."""
    site.box.configure("defer_transports = virtual\nsmtpd_forbid_bare_newline_exclusions =\nsmtpd_forbid_bare_newline = normalize\n")
    results = []

    def anyhow(part):
        at = 0
        while at < len(part):
            n = rng.randrange(1, 400)
            yield part[at : at + n]
            at += n

    for cut in (lambda p: [p], bytewise, anyhow):
        replies = talk(site, TALKS[name], cut)
        site.box.run("sleep 0.2")
        files = [site.box.records(path) for path in site.box.queue_files().values()]
        bodies = sorted([(k, mask(d.decode(errors="replace"))) for k, d in f if k in "NLRS"] for f in files)
        results.append((replies, bodies))
        if name == "smuggling":
            (file,) = files
            assert ("N", b"x") in file and any(b"evil" in d for k, d in file if k == "N"), "the end of data is elsewhere"
        site.box.run("postsuper -d ALL")
    assert results[0] == results[1]
    assert results[0] == results[2]


def bytewise(data):
    return [data[i : i + 1] for i in range(len(data))]


@pytest.fixture(scope="module")
def stage(work):
    stage = Stage(work / "stage", "postern", bytewise)
    yield stage
    stage.close()


# Who does not wait for an answer is found out by what is there when the answer goes out.
ABOUT_TIME = ("ahead-", "early-talk")


@pytest.mark.parametrize("dialogue", [d for d in all_dialogues() if not d.path.stem.startswith(ABOUT_TIME)], ids=lambda d: d.path.stem)
def test_t58_a_dialogue_byte_by_byte(stage, dialogue, dns):
    """Both sides of SMTP: the replies, the log and the mail are those of tests/dialogues."""
    stage.play(dialogue, dns)


def test_t58_smtp(site):
    """Replies of a server that come byte by byte are the same replies."""

    def slowly(talk):
        class Slow(Talk):
            def say(self, text):
                for byte in text.encode() + b"\r\n":
                    self.client.sendall(bytes([byte]))

        talk.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        polite(Slow(talk.sink, talk.client, talk.lines))

    outcomes = []
    for script in (polite, slowly):
        site.sink.script = script
        mark = site.box.log.mark()
        assert site.send(["relay"], 3000)
        site.drain()
        outcomes += [re.sub(r"delays?=\S+", "", m.group(0)) for m in site.box.log.matching(r"to=<far@far.test>.*", mark)]
    assert len(outcomes) == 2 and mask(outcomes[0]) == mask(outcomes[1])
    site.settle()
