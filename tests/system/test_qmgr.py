"""The queue manager among real programs: retries, limits, and what it does
when it is killed while deliveries are under way.

Mail goes by smtp to a server of the test, which counts, waits and refuses as told.
"""

import collections
import os
import re
import socket
import socketserver
import threading
import time

import pytest

from harness.sandbox import wait_until

MAIN = """
relayhost = [127.0.0.77]:2577
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 1s
smtp_connection_cache_on_demand = no
"""
TEXT = "Subject: queue\n\nhello\n"


class Server(socketserver.ThreadingTCPServer):
    """An SMTP server that notes what it gets."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 200

    def __init__(self):
        super().__init__(("127.0.0.77", 2577), Session)
        self.lock = threading.Lock()
        self.go = threading.Event()  # the dot of a message is answered when this is set
        self.go.set()
        self.now = self.most = 0
        self.pause = 0
        self.refusal = None  # instead of 220
        self.messages = []  # lists of recipients, in the order of their end
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def recipients(self):
        return collections.Counter(r for m in list(self.messages) for r in m)

    def handle_error(self, request, client_address):
        pass  # a client that was killed


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        if self.server.refusal:
            time.sleep(self.server.pause)
            self.say(self.server.refusal)
            return
        self.say("220 peer.test ESMTP")
        recipients = []
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.say("221 bye")
                return
            if verb == b"RCPT":
                recipients.append(re.search(rb"<(.*?)>", line).group(1).decode())
            if verb == b"DATA":
                self.take(recipients)
                recipients = []
            else:
                self.say("250 ok")

    def take(self, recipients):
        server = self.server
        self.say("354 go on")
        with server.lock:
            server.now += 1
            server.most = max(server.most, server.now)
        while self.rfile.readline() not in (b".\r\n", b""):
            pass
        time.sleep(server.pause)
        server.go.wait(60)
        with server.lock:
            server.now -= 1
            server.messages.append(recipients)
        self.say("250 got it")


@pytest.fixture(scope="module")
def peer():
    server = Server()
    yield server
    server.go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def box(mta, peer):
    """The mail system with this module's parameters and a server in a good mood."""
    peer.refusal, peer.pause, peer.most = None, 0, 0
    peer.go.set()
    mta.configure(MAIN)
    mta.run(["postsuper", "-d", "ALL"], check=True)
    wait_until(lambda: peer.now == 0, what="earlier deliveries to end")
    peer.messages.clear()
    return mta


def delays(lines):
    return [float(m.group(1)) for l in lines if (m := re.search(r"status=deferred", l)) and (m := re.search(r"delay=([\d.]+)", l))]


def test_retries_come_later_and_later(box, peer):
    peer.refusal = "421 not now"
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", "x@else.test", TEXT)
    box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark, count=5, timeout=30)
    at = delays(box.log.of(queue_id, mark))
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert all(0 < gap <= 5.5 for gap in gaps), at  # times are whole seconds, and a second early is in time
    assert max(gaps[1:]) > gaps[0], at
    assert list(box.queue_files()) == [queue_id]
    peer.refusal = None
    box.wait_removed(queue_id)
    assert peer.messages == [["x@else.test"]]


def test_no_retry_before_its_time_and_a_flush_at_once(box, peer):
    box.configure("minimal_backoff_time = 1h\nmaximal_backoff_time = 1h")
    peer.refusal = "421 not now"
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", "x@else.test", TEXT)
    box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
    peer.refusal = None
    time.sleep(2.5)  # two queue runs
    assert len(delays(box.log.of(queue_id, mark))) == 1
    box.run(["postqueue", "-f"], check=True)
    box.wait_removed(queue_id)


def test_deferred_transports_wait_for_a_flush(box, peer):
    box.configure("defer_transports = smtp")
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", "x@else.test", TEXT)
    line = box.log.wait(rf"retry\[\d+\]: {queue_id}: to=.*|error\[\d+\]: {queue_id}: to=.*", since=mark).group()
    assert "relay=none" in line and line.endswith("dsn=4.3.2, status=deferred (deferred transport)")
    box.run(["postqueue", "-f"], check=True)
    box.wait_removed(queue_id)
    box.configure("defer_transports =")


def test_a_destination_that_fails_is_left_alone(box, peer):
    box.configure("minimal_backoff_time = 60s\nmaximal_backoff_time = 60s")
    peer.refusal, peer.pause = "421 not now", 0.5  # so that several fail while others wait
    mark = box.log.mark()
    first = [box.submit("a@client.test", f"x{n}@else.test", TEXT) for n in range(12)]
    for queue_id in first:
        box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
    box.log.wait(r"relay=none, .*dsn=4\.\d\.\d, status=deferred \(delivery temporarily suspended: .*421 not now", since=mark)
    peer.refusal, peer.pause = None, 0
    last = box.submit("a@client.test", "last@else.test", TEXT)
    box.log.wait(rf"{last}: to=.*delivery temporarily suspended", since=mark)
    assert peer.messages == []
    box.run(["postqueue", "-f"], check=True)
    for queue_id in [*first, last]:
        box.wait_removed(queue_id)


def test_no_more_deliveries_at_once_than_allowed(box, peer):
    box.configure("smtp_destination_concurrency_limit = 3\nsmtp_destination_recipient_limit = 2")
    peer.pause = 0.1
    mark = box.log.mark()
    ids = [box.submit("a@client.test", [f"x{n}@else.test", f"y{n}@else.test", f"z{n}@else.test"], TEXT) for n in range(10)]
    for queue_id in ids:
        box.wait_removed(queue_id)
    assert peer.most == 3
    assert sorted(map(len, peer.messages)) == 10 * [1] + 10 * [2]
    assert set(peer.recipients().values()) == {1} and len(peer.recipients()) == 30
    assert not box.log.matching(r"warning: ", mark)
    box.configure("smtp_destination_concurrency_limit = 20\nsmtp_destination_recipient_limit = 50")


def test_a_small_message_overtakes_a_big_mailing(box, peer):
    box.configure("smtp_destination_concurrency_limit = 2\nsmtp_destination_recipient_limit = 2")
    peer.pause = 0.03
    big = box.submit("a@client.test", [f"x{n}@else.test" for n in range(200)], TEXT)
    wait_until(lambda: len(peer.messages) > 2, what="the mailing to begin")
    begun = len(peer.messages)
    small = box.submit("a@client.test", "small@other.test", TEXT)
    box.wait_removed(small)
    served = [m for m in peer.messages].index(["small@other.test"])
    assert served - begun < 20
    assert big in box.queue_files()
    box.wait_removed(big)
    assert sum(peer.recipients().values()) == 201
    box.configure("smtp_destination_concurrency_limit = 20\nsmtp_destination_recipient_limit = 50")


def test_old_mail_is_returned(box, peer):
    box.configure("maximal_queue_lifetime = 3s")
    peer.refusal = "421 not now"
    mark = box.log.mark()
    before = len(box.mbox("joe"))
    queue_id = box.submit(f"joe@{box.domain}", "x@else.test", TEXT)
    box.log.wait(rf"qmgr\[\d+\]: {queue_id}: from=<joe@{box.domain}>, status=expired, returned to sender", since=mark)
    box.wait_removed(queue_id)
    wait_until(lambda: len(box.mbox("joe")) > before, what="the report")
    box.configure("maximal_queue_lifetime = 5d")


def test_the_active_queue_has_its_limit(box, peer):
    box.configure("qmgr_message_active_limit = 4\nsmtp_destination_concurrency_limit = 2")
    peer.pause = 0.05
    most = []
    stop = threading.Event()

    def watch():
        while not stop.wait(0.01):
            most.append(len(box.queue_files("active")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    ids = [box.submit("a@client.test", f"x{n}@else.test", TEXT) for n in range(30)]
    for queue_id in ids:
        box.wait_removed(queue_id)
    stop.set()
    watcher.join()
    assert max(most) == 4
    assert len(peer.messages) == 30 and set(peer.recipients().values()) == {1}
    box.configure("qmgr_message_active_limit = 20000\nsmtp_destination_concurrency_limit = 20")


def test_a_delivery_under_way_is_not_begun_again(box, peer):
    """The queue manager is killed while an agent delivers: its successor waits for the agent."""
    peer.go.clear()
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", "x@else.test", TEXT)
    wait_until(lambda: peer.now == 1, what="the delivery to begin")
    assert box.kill("qmgr") == 1
    box.log.wait(rf"qmgr\[\d+\]: {queue_id}: skipped, still being delivered", since=mark)
    peer.go.set()
    wait_until(lambda: queue_id not in box.queue_files(), what="the message to be removed")
    assert peer.messages == [["x@else.test"]]


def test_reload_in_the_middle_of_deliveries(box, peer):
    peer.go.clear()
    ids = [box.submit("a@client.test", f"x{n}@else.test", TEXT) for n in range(5)]
    wait_until(lambda: peer.now == 5, what="the deliveries to begin")
    box.postfix("reload", check=True)
    wait_until(lambda: box.processes("qmgr"), what="a queue manager")
    peer.go.set()
    box.wait_empty()
    assert len(ids) == len(peer.messages) and set(peer.recipients().values()) == {1}


def test_full_queues_survive_stop_and_start(box, peer):
    peer.go.clear()
    ids = {box.submit("a@client.test", [f"x{n}@else.test", f"y{n}@else.test"], TEXT) for n in range(60)}
    wait_until(lambda: peer.now > 3, what="deliveries")
    box.postfix("stop", check=True)
    assert set(box.queue_files()) == ids
    peer.go.set()
    wait_until(lambda: peer.now == 0, what="the server to notice")
    peer.messages.clear()
    box.postfix("start", check=True)
    box.wait_empty()
    assert len(peer.recipients()) == 120 and set(peer.recipients().values()) == {1}


def test_killed_again_and_again(box, peer):
    """Whatever it was doing when it died, each message arrives, hardly one twice."""
    peer.pause = 0.02
    for n in range(8):
        before = len(peer.messages)
        for m in range(15):
            box.submit("a@client.test", [f"x{n}.{m}@else.test", f"y{n}.{m}@other.test"], TEXT)
        wait_until(lambda: len(peer.messages) > before and box.processes("qmgr"), what="a delivery")
        assert box.kill("qmgr") == 1
    box.wait_empty(120)
    got = peer.recipients()
    assert len(got) == 240
    assert sum(got.values()) == 240  # a kill of qmgr alone costs no duplicate: agents mark
    assert not box.log.matching(r"corrupt")


def trigger(box, text, name="qmgr"):
    """What a program outside would write to the public socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path(f"/var/spool/postfix/public/{name}")))
        client.sendall(text)


def put_off(box, peer, to):
    """A message that is not due for an hour, while the peer is well again."""
    peer.refusal = "421 not now"
    mark = box.log.mark()
    queue_id = box.submit("a@client.test", to, TEXT)
    box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
    wait_until(lambda: queue_id in box.queue_files("deferred"), what="the message to be deferred")
    peer.refusal = None
    return queue_id


HOURLY = "minimal_backoff_time = 1h\nmaximal_backoff_time = 1h\nqueue_run_delay = 1h"


@pytest.fixture
def hourly(box):
    """Nothing is tried again by itself."""
    box.configure(HOURLY)
    yield box
    box.configure(MAIN)


def set_due(box, queue_id):
    os.utime(box.path(box.queue_files("deferred")[queue_id]))


def test_single_bytes_from_outside(hourly, peer):
    """D looks at what is due, A at everything, F forgets what is dead."""
    box = hourly
    due, later = put_off(box, peer, "due@one.test"), put_off(box, peer, "later@two.test")
    trigger(box, b"F")  # the relay was left alone
    set_due(box, due)
    trigger(box, b"D")
    box.wait_removed(due)
    assert later in box.queue_files("deferred")
    trigger(box, b"?I\xff")  # letters of a later version
    trigger(box, b"AD")
    box.wait_removed(later)


def test_dead_destinations_are_forgotten_only_when_told(hourly, peer):
    box = hourly
    box.configure("initial_destination_concurrency = 1")
    queue_id = put_off(box, peer, "x@else.test")
    mark = box.log.mark()
    trigger(box, b"AD")
    box.log.wait(rf"{queue_id}: to=.*relay=none.*delivery temporarily suspended", since=mark)
    trigger(box, b"ADF")
    box.wait_removed(queue_id)
    box.configure("initial_destination_concurrency = 5")


def test_triggers_through_a_fifo(hourly, peer):
    box = hourly
    master = box.read("/etc/postfix/master.cf")
    queue_id = put_off(box, peer, "x@else.test")
    box.postfix("stop", check=True)
    box.run("rm -f /var/spool/postfix/public/qmgr", check=True)
    box.write("/etc/postfix/master.cf", re.sub(r"^(qmgr +)unix", r"\1fifo", master, flags=re.M))
    box.postfix("start", check=True)
    assert box.path("/var/spool/postfix/public/qmgr").is_fifo()
    fresh = box.submit("a@client.test", "fresh@else.test", TEXT)
    box.wait_removed(fresh)
    assert queue_id in box.queue_files("deferred")
    with open(box.path("/var/spool/postfix/public/qmgr"), "wb", buffering=0) as fifo:
        fifo.write(b"A")
        fifo.write(b"AD")
    box.wait_removed(queue_id)
    box.postfix("stop", check=True)
    box.run("rm -f /var/spool/postfix/public/qmgr", check=True)
    box.write("/etc/postfix/master.cf", master)
    box.postfix("start", check=True)


def test_forced_expiry(hourly, peer):
    """postsuper -e and, for held mail too, -f: returned at the next attempt, and nobody is asked."""
    box = hourly
    late, held = put_off(box, peer, "x@one.test"), put_off(box, peer, "x@two.test")
    box.run(["postsuper", "-h", held], check=True)
    box.run(["postsuper", "-e", late], check=True)
    box.run(["postsuper", "-f", held], check=True)
    assert box.queue_files("deferred").keys() == {late, held}
    set_due(box, late)
    for queue_id, letters in ((late, b"D"), (held, b"AD")):
        mark = box.log.mark()
        trigger(box, letters)
        if box.flavour == "postern":  # Postfix reports from its old defer log, which may lack recipients
            box.log.wait(rf"{queue_id}: to=<x@...\.test>.*relay=none.*dsn=4.7.0, status=deferred \(message is administratively expired\)", since=mark)
        box.log.wait(rf"qmgr\[\d+\]: {queue_id}: from=<a@client.test>, status=force-expired, returned to sender", since=mark)
        box.wait_removed(queue_id)
    assert not peer.recipients().keys() & {"x@one.test", "x@two.test"}
    box.run(["postsuper", "-d", "ALL"], check=True)


def test_mail_on_hold_is_left_alone(hourly, peer):
    box = hourly
    queue_id = put_off(box, peer, "x@else.test")
    box.run(["postsuper", "-h", queue_id], check=True)
    box.run(["postqueue", "-f"], check=True)
    fresh = box.submit("a@client.test", "fresh@else.test", TEXT)
    box.wait_removed(fresh)
    assert queue_id in box.queue_files("hold") and peer.recipients() == {"fresh@else.test": 1}
    box.run(["postsuper", "-H", queue_id], check=True)
    box.run(["postqueue", "-f"], check=True)
    box.wait_removed(queue_id)


def test_a_rate_delay_leaves_a_pause_between_deliveries(box, peer):
    box.configure("smtp_destination_rate_delay = 1s")
    begun = time.monotonic()
    for queue_id in [box.submit("a@client.test", f"x{n}@else.test", TEXT) for n in range(3)]:
        box.wait_removed(queue_id)
    assert time.monotonic() - begun >= 2
    assert peer.most == 1
    box.configure("smtp_destination_rate_delay = 0s")


def test_a_transport_without_service_is_left_alone(hourly, peer):
    box = hourly
    box.configure("transport_maps = inline:{gone.test=nowhere:}")
    mark = box.log.mark()
    first = box.submit("a@client.test", "x@gone.test", TEXT)
    box.log.wait(r"qmgr\[\d+\]: warning: connect to transport private/nowhere: No such file or directory", since=mark)
    box.log.wait(rf"{first}: to=<x@gone.test>, relay=none.*dsn=4.3.0, status=deferred \(mail transport unavailable\)", since=mark)
    second = box.submit("a@client.test", "y@else.test", TEXT)
    box.wait_removed(second)
    box.configure("transport_maps =")


def test_who_heard_of_a_delay_hears_of_its_end(box, peer):
    box.configure("delay_warning_time = 1s\nconfirm_delay_cleared = yes")
    peer.refusal = "421 not now"
    before = len(box.mbox("joe"))
    queue_id = box.submit(f"joe@{box.domain}", "x@else.test", TEXT)
    wait_until(lambda: len(box.mbox("joe")) == before + 1, what="the warning")
    peer.refusal = None
    box.wait_removed(queue_id)
    wait_until(lambda: len(box.mbox("joe")) == before + 2, what="the good news")
    warning, news = box.mbox("joe")[before:]
    assert warning["Subject"] == "Delayed Mail (still being retried)" and "Action: delayed" in warning.as_string()
    assert news["Subject"] == "Successful Mail Delivery Report" and "x@else.test" in news.as_string()
    box.configure("delay_warning_time = 0h\nconfirm_delay_cleared = no")


def plant(box, queue, name, content=b"", mode=0o700):
    """A file as a hostile hand might leave it; hashed as queue files are."""
    folder = box.path(f"/var/spool/postfix/{queue}")
    owner = os.stat(folder)
    if queue == "deferred":
        folder /= name[0]
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, owner.st_uid, owner.st_gid)
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    os.chown(path, owner.st_uid, owner.st_gid)
    return path


@pytest.mark.parametrize("queue", ["incoming", "deferred"])
def test_hostile_queue_files(hourly, peer, queue):
    """What is damaged goes to corrupt/ with a warning, what is no file stays; other mail goes on."""
    box = hourly
    queue_id = put_off(box, peer, "x@else.test")
    good = box.path(box.queue_files("deferred")[queue_id]).read_bytes()
    start, end = good[:95], good[-2:]
    bad = {
        "B1": b"",
        "B2": good[: len(good) // 2],
        "B3": good[:-2],
        "B4": b"\0" * 5000,
        "B5": good.replace(b"S\x0dclient", b"S\xff\xff\xff\xff\x0fclient") if b"S\x0dclient" in good else good[:120] + b"\xff" * 100,
        "B6": start + b"p\x0f" + b"%15d" % 95 + b"M\0N\0X\0" + end,  # a pointer to itself
        "B7": start.replace(b" ", b"9") + good[95:],  # content beyond the end of the file
        "B8": b"R\x0bx@else.test" + good,
    }
    mark = box.log.mark()
    for name, content in bad.items():
        plant(box, queue, name, content)
    plant(box, queue, "B9", good, mode=0o600)  # not complete, for all one knows
    os.truncate(plant(box, queue, "BA", good), 1 << 40)  # a hole behind the end: harmless
    folder = plant(box, queue, "BB").parent
    (folder / "BB").unlink()
    (folder / "BB").symlink_to("/etc/passwd")
    os.mkfifo(folder / "BC", 0o700)
    (folder / "BDIRECTORY").mkdir()
    trigger(box, b"IDAF")
    for name in bad:
        box.log.wait(rf"qmgr\[\d+\]: warning: {name}: ", since=mark)
        box.log.wait(rf'qmgr\[\d+\]: warning: saving corrupt file "{name}" from queue "active" to queue "corrupt"', since=mark)
    fresh = box.submit("a@client.test", "fresh@else.test", TEXT)
    box.wait_removed(fresh)
    wait_until(lambda: not box.queue_files("active"), what="the rest to go")
    assert box.queue_files("corrupt").keys() == bad.keys()
    assert peer.recipients() == {"fresh@else.test": 1, "x@else.test": 2}
    assert len(box.processes("qmgr")) == 1 and not box.log.matching(r"panic|fatal|killed by signal", mark)
    box.run(f"cd /var/spool/postfix && rm -rf corrupt/* {queue}/*", check=True)


def spread(box, count):
    """COUNT messages in deferred/ that are not due for an hour."""
    box.postfix("stop", check=True)
    owner = os.stat(box.path("/var/spool/postfix/deferred"))
    later = time.time() + 3600
    for n in range(count):
        name = f"{n % 16:X}{n:06X}F"
        folder = box.path(f"/var/spool/postfix/deferred/{name[0]}")
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, owner.st_uid, owner.st_gid)
        path = folder / name
        path.touch(mode=0o700)
        os.utime(path, (later, later))
        os.chown(path, owner.st_uid, owner.st_gid)
    box.postfix("start", check=True)


@pytest.mark.slow
def test_many_deferred_messages_cost_nothing(box, peer):
    """With 100,000 messages in the deferred queue, new mail is delivered at once."""
    spread(box, 100_000)
    begun = time.monotonic()
    queue_id = box.submit("a@client.test", "x@else.test", TEXT)
    box.wait_removed(queue_id)
    took = time.monotonic() - begun
    (pid,) = box.processes("qmgr")
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        memory = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    assert took < 3, took
    assert used < 5, used
    assert memory < 20_000, memory
    box.run(["postsuper", "-d", "ALL"], check=True)
