"""Programs that watch the queue: monitoring plugins, munin, pmailq, the Prometheus exporter.
They must see in our queue what they see in that of Debian's Postfix."""

import json
import re
import signal
import socket
import time
import urllib.request

import pytest

from harness import roots
from harness.sandbox import wait_until

DOMAIN = "same.test"
DOWN = "127.0.0.66"  # nobody listens there
MAIN = f"""
relayhost = [{DOWN}]
minimal_backoff_time = 1h
maximal_backoff_time = 1h
"""
TEXT = "Subject: waiting\n\nhello\n"
MUNIN = "/usr/share/munin/plugins/"
QUEUES = ("deferred", "active", "maildrop", "incoming", "corrupt", "hold")


@pytest.fixture(scope="module")
def both(ours, oracle):
    """Each has two deferred messages and one on hold."""
    for box in ours, oracle:
        box.ids = []
        for name in "xyz":
            mark = box.log.mark()
            queue_id = box.submit(f"{name}@client.test", [f"{name}@else.test", f"b.{name}@else.test"], TEXT)
            box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark, count=2)
            box.ids.append(queue_id)
        wait_until(lambda: len(box.queue_files("deferred")) == 3, what="the deferred queue")
        box.run(["postsuper", "-h", box.ids[2]], check=True)
    return ours, oracle


def same(both, command, user="root", env=None):
    """Run it on both; return our output, which equals the other's."""
    done = [box.run(command, user=user, env=env) for box in both]
    shown = [(d.returncode, box.mask(d.stdout), box.mask(d.stderr)) for d, box in zip(done, both)]
    assert shown[0] == shown[1]
    return done[0]


@pytest.mark.parametrize("limits, status, word", [((1, 5), 1, "WARNING"), ((1, 2), 2, "CRITICAL"), ((5, 9), 0, "OK")])
def test_check_mailq(both, limits, status, word):
    warn, critical = limits
    done = same(both, f"/usr/lib/nagios/plugins/check_mailq -M postfix -w {warn} -c {critical}")
    assert done.returncode == status
    assert done.stdout.startswith(f"{word}: postfix mailq ") and "unsent=3;" in done.stdout


def test_munin_counts_files(both):
    done = same(both, f"{MUNIN}postfix_mailqueue", env={"MUNIN_LIBDIR": "/usr/share/munin"})
    assert done.returncode == 0
    counts = dict(re.findall(r"(\w+)\.value (\d+)", done.stdout))
    assert (counts["deferred"], counts["hold"], counts["active"]) == ("2", "1", "0")


@pytest.mark.parametrize("plugin", ["postfix_mailstats", "postfix_mailvolume"])
def test_munin_reads_the_log(both, plugin, tmp_path):
    """Both plugins keep the place in the log where they stopped."""
    shown = []
    for box in both:
        box.run("mkdir -p /tmp/munin")
        env = {
            "MUNIN_PLUGSTATE": "/tmp/munin", "MUNIN_LIBDIR": "/usr/share/munin", "MUNIN_STATEFILE": f"/tmp/munin/{plugin}",
            "logdir": "/var/log", "logfile": "mail.log",
        }
        box.write("/var/log/mail.log", "")
        box.run(f"{MUNIN}{plugin}", env=env)
        lines = "".join(f"Nov 21 11:00:0{i % 10} mail {line}\n" for i, line in enumerate(box.log.lines))
        box.write("/var/log/mail.log", lines)
        done = box.run(f"{MUNIN}{plugin}", env=env)
        assert done.returncode == 0, done.stderr
        shown.append(done.stdout)
    assert shown[0] == shown[1] and re.search(r"\.value \d", shown[0])


def test_a_walk_over_the_queue_sees_one_plain_file_a_message(both):
    """As telegraf and zabbix scripts do: count files, and add up their sizes."""
    for box in both:
        names = {queue: box.queue_files(queue) for queue in QUEUES}
        assert {q: len(f) for q, f in names.items() if f} == {"deferred": 2, "hold": 1}
        for queue_id, path in (names["deferred"] | names["hold"]).items():
            status = box.path(path).stat()
            assert status.st_size > len(TEXT) and status.st_mode & 0o777 == 0o700
            assert path.split("/")[-2] in (queue_id[0], "hold")
    sizes = [
        sorted(box.path(p).stat().st_size for p in box.queue_files().values()) for box in both
    ]
    assert len(set(sizes[0])) <= 2 and abs(sizes[0][0] - sizes[1][0]) < 64


@pytest.mark.parametrize("words", ["", "-s", "-s hold", "hold deferred active incoming", "-t 3 -b 10 deferred hold", "-l -m 2 deferred"])
def test_qshape_walks_the_queue(both, words):
    """Debian's script finds the queue by postconf, and reads the files themselves."""
    script = roots.oracle() / "usr/sbin/qshape"
    for box in both:
        box.write("/tmp/qshape", script.read_text(), mode=0o755)
    done = same(both, f"perl /tmp/qshape {words} deferred hold" if words in ("", "-s") else f"perl /tmp/qshape {words}")
    assert re.search(r"^ +TOTAL +[1-9]", done.stdout, re.M) and done.stderr == ""


def blocks(box, text):
    """A listing without the order of messages and of their recipients."""
    head, *rest = re.split(r"(?<=-)\n", box.mask(text).strip(), 1)
    return [head, sorted("\n".join(sorted(entry.splitlines())) for part in rest for entry in part.split("\n\n"))]


def test_pmailq(both):
    for words in "list", "parse", "-e x@client.test list", "-e x@client.test -u 1 list":
        shown = [box.run(f"pmailq {words}") for box in both]
        assert [d.returncode for d in shown] == [0, 0]
        seen = [sorted(re.findall(r"[^\s,|]+", box.mask(re.sub(r"(?m)^\w+(?=[|\n])", "", d.stdout)))) for box, d in zip(both, shown)]
        assert seen[0] == seen[1]
    assert "x@else.test" in both[0].run("pmailq parse").stdout


def test_pmailq_deletes(both):
    for box in both:
        mark = box.log.mark()
        queue_id = box.submit("gone@client.test", "gone@else.test", TEXT)
        box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
        wait_until(lambda: queue_id in box.queue_files("deferred"), what="the deferred queue")
        done = box.run("pmailq -e gone@else.test del", check=True)
        assert sorted(box.queue_files()) == sorted(box.ids), done.stdout + done.stderr


@pytest.mark.parametrize("user", ["root", "joe"])
@pytest.mark.parametrize("command", ["mailq", "postqueue -p", "sendmail -bp", "postqueue -s else.test", "postqueue -i NONE"])
def test_queue_commands(both, command, user):
    shown = []
    for box in both:
        done = box.run(command, user=user)
        shown.append((done.returncode, blocks(box, done.stdout), box.mask(done.stderr)))
    assert shown[0] == shown[1]


def test_queue_as_json(both):
    shown = []
    for box in both:
        lines = box.run(["postqueue", "-j"], user="joe", check=True).stdout.splitlines()
        entries = [json.loads(line) for line in lines]
        for entry in entries:
            assert entry.pop("queue_id") in box.ids and 0 <= time.time() - entry.pop("arrival_time") < 300
            entry["recipients"].sort(key=lambda r: r["address"])
            for recipient in entry["recipients"]:  # of Postfix since 3.11
                assert recipient.pop("orig_address", recipient["address"]) == recipient["address"]
            entry["names"] = list(entry)
        shown.append(sorted(entries, key=lambda e: e["sender"]))
    assert shown[0] == shown[1] and len(shown[0]) == 3


@pytest.mark.parametrize("words", ["-h ID", "-H ID", "-r ID", "-e ID", "-d ID", "-d NONE1", "-d", "-h ALL hold", "-x"])
def test_postsuper(both, words):
    shown = []
    for box in both:
        mark = box.log.mark()
        queue_id = box.submit("s@client.test", "s@else.test", TEXT)
        box.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
        wait_until(lambda: queue_id in box.queue_files("deferred"), what="the deferred queue")
        done = box.run(["postsuper", *words.replace("ID", queue_id).split()])
        said = re.sub(r"(usage: postsuper) .*", r"\1", box.mask(done.stderr))
        shown.append((done.returncode, box.mask(done.stdout), said))
        box.run(["postsuper", "-d", "-"], input=f"{queue_id}\n")
        left = [i for i in box.queue_files() if i not in box.ids]
        for other in left:  # requeued: another name
            box.run(["postsuper", "-d", other])
    assert shown[0] == shown[1]


def test_postcat_shows_the_same_records(both):
    shown = []
    for box in both:
        done = box.run(["postcat", "-qv", box.ids[0]], check=True)
        text = re.sub(r"postcat: .*\n", "", done.stdout)
        text = re.sub(r"(message_size:|create_time:|message_arrival_time:|offset|pointer|client_port=|regular_text:? Received).*", r"\1", text)
        text = re.sub(r"(?m)^ *\d+ ", "", text).replace(f"deferred/{box.ids[0][0]}/", "deferred/X/")
        shown.append(sorted(box.mask(text).splitlines()))  # recipients come in any order
    assert shown[0] == shown[1]


def scrape(box, words=()):
    address = f"{box.address}:9154"
    box.write("/var/log/mail.log", "")
    exporter = box.popen(["prometheus-postfix-exporter", f"--web.listen-address={address}", *words])
    try:

        def metrics():
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as reply:
                    return reply.read().decode()
            except OSError:
                return None

        return wait_until(metrics, what="the exporter")
    finally:
        box.kill("prometheus-post", signal.SIGTERM)  # as much of the name as the kernel keeps
        exporter.wait(10)


def test_prometheus_exporter(both):
    shown = []
    for box in both:
        text = scrape(box)
        assert re.search(r'^postfix_up\{path="[^"]*showq"\} 1$', text, re.M), text
        counts = re.findall(r'^postfix_showq_message_size_bytes_count\{queue="(\w+)"\} (\d+)', text, re.M)
        json_lines = box.run(["postqueue", "-j"], check=True).stdout.splitlines()
        queues = [json.loads(line)["queue_name"] for line in json_lines]
        assert {q: int(n) for q, n in counts if int(n)} == {q: queues.count(q) for q in set(queues)}
        shown.append(counts)
    assert shown[0] == shown[1]


def test_the_socket_of_showq_speaks_first(both):
    """What exporters read: names and values with NUL, an empty name after each message."""
    names = []
    for box in both:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(box.path("/var/spool/postfix/public/showq")))
            data = b"".join(iter(lambda: client.recv(4096), b""))
        fields = data.split(b"\0")
        assert fields[:2] == [b"protocol", b"mail_queue_list_protocol"]
        records = [r.split(b"\0") for r in data.split(b"\0\0")]
        newer = (b"original_recipient", b"log_class")  # of Postfix since 3.11
        names.append([[name for name in record[::2] if name not in newer] for record in records])
    assert names[0] == names[1]
