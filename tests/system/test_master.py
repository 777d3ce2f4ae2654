"""master(8): processes on demand, limits, rest after failure, reload, stop."""

import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.instance import MASTER_CF, Instance
from harness.sandbox import FORKED, wait_until

# Stands for a daemon: master only sees whether it ends, and how.
DAEMON = """\
#!/usr/bin/python3
import os, select, socket, sys, time
log = open("/var/log/daemon", "a", buffering=1)
print("argv", *sys.argv[1:], file=log)
print("env", *(f"{k}={v}" for k, v in sorted(os.environ.items()) if k != "PATH"), file=log)
print("fds", *sorted(int(f) for f in os.listdir("/proc/self/fd") if int(f) not in (log.fileno(), log.fileno() + 1)), file=log)
if "fail" in sys.argv:
    sys.exit(7)
listener = socket.socket(fileno=6)
while True:
    ready, _, _ = select.select([listener, 5], [], [])
    if 5 in ready:
        sys.exit(0)
    client, _ = listener.accept()
    print("got", client.recv(100), file=log)
"""


@pytest.fixture
def box(work):
    """A mail system with few services, for each test anew."""
    instance = Instance.make(work / "box", "postern")
    instance.etc["postfix/master.cf"] = "smtp inet n - n - - smtpd\n"
    yield instance
    instance.close()


def start(box, services="", main=""):
    box.etc["postfix/master.cf"] += services
    box.etc["postfix/main.cf"] += main
    box.start(mail=False)
    box.write("/etc/postfix/daemon", DAEMON, mode=0o755)
    assert box.postfix("start").returncode == 0
    return box.processes("master")[0]


def connect(box, port=25):
    client = socket.create_connection((box.address, port), timeout=30)
    return client


def greeted(client):
    return client.recv(1000).startswith(b"220 ")


def arguments(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
        return f.read().split("\0")[:-1]


def descriptors(pid):
    """What is open; a descriptor that is closed meanwhile is none."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return sorted(found)


def zombies(parent):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                state, ppid = f.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(ppid) == parent:
            found.append(int(entry))
    return found


def told(box):
    """What the daemons have written so far."""
    path = box.path("/var/log/daemon")
    return path.read_text() if path.exists() else ""


def reload(box):
    mark = box.log.mark()
    assert box.postfix("reload").returncode == 0
    box.log.wait("reload -- version", since=mark)


# -- processes on demand ------------------------------------------------------------


def test_a_process_starts_with_the_first_client_and_serves_the_next(box):
    start(box)
    assert box.processes("smtpd") == []
    with connect(box) as client:
        assert greeted(client)
        # while it is served: one that is idle again by then would be reserve enough
        pids = wait_until(lambda: len(p := box.processes("smtpd")) == 2 and p, what="one in reserve")
    for _ in range(3):
        with connect(box) as client:
            assert greeted(client)
    assert set(pids) <= set(box.processes("smtpd"))
    assert arguments(pids[0]) == ["smtpd", "-n", "smtp", "-t", "inet", "-u", "-o", "stress="]


def test_while_all_are_busy_one_more_starts(box):
    start(box)
    clients = [connect(box) for _ in range(4)]
    assert all(greeted(c) for c in clients)
    wait_until(lambda: len(box.processes("smtpd")) == 5, what="one idle process")
    for client in clients:
        client.close()


def test_the_process_limit_makes_clients_wait_and_is_told_once(box):
    box.etc["postfix/master.cf"] = "smtp inet n - n - 2 smtpd\n"
    start(box)
    first, second = connect(box), connect(box)
    assert greeted(first) and greeted(second)
    warning = r'warning: service "smtp" \(25\) has reached its process limit "2": new clients may experience noticeable delays$'
    box.log.wait(r"master\[\d+\]: " + warning)
    third = connect(box)
    third.settimeout(0.5)
    with pytest.raises(socket.timeout):
        third.recv(100)
    assert len(box.processes("smtpd")) == 2
    first.close()
    third.settimeout(30)
    assert greeted(third)
    second.close()
    third.close()
    assert len(box.log.matching(warning)) == 1
    assert len(box.log.matching("to avoid this condition, increase the process count in master.cf or reduce the service time per client$")) == 1
    assert any("stress=yes" in arguments(pid) for pid in box.processes("smtpd"))


def test_processes_that_start_under_stress_have_other_defaults(box):
    box.etc["postfix/master.cf"] = "smtp inet n - n - 2 smtpd\n"
    start(box, "", "smtpd_timeout = ${stress?{1s}:{300s}}\n")
    with connect(box) as first, connect(box) as second:
        assert greeted(first)
        said = second.makefile("rb").read()
        assert said.startswith(b"220 ") and b"\r\n421 4.4.2 " in said
        box.log.wait("timeout after CONNECT")
        first.send(b"NOOP\r\n")
        assert first.recv(100).startswith(b"250 ")


def test_a_process_that_was_killed_is_replaced(box):
    start(box)
    with connect(box) as client:
        assert greeted(client)
        box.kill("smtpd")
    box.log.wait(r"warning: process /usr/lib/postfix/sbin/smtpd pid \d+ killed by signal 9$")
    with connect(box) as client:
        assert greeted(client)


# -- what a process gets --------------------------------------------------------------


def test_arguments_environment_and_descriptors_of_a_process(box):
    start(
        box,
        "daemon unix n n n - 1 /etc/postfix/daemon -o { a = b c } last\n",
        "import_environment = MAIL_CONFIG TZ NEW=x HOME { ONE = a b }\nsyslog_name = other\n",
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path("/var/spool/postfix/public/daemon")))
        client.send(b"hello")
        wait_until(lambda: "got" in told(box), what="the daemon's word")
    lines = told(box).splitlines()
    assert lines[0] == "argv -l -n daemon -t unix -o a = b c last".replace("-o a = b c", "-o a=b c")
    assert lines[1].startswith("env GENERATION=1 HOME=/root ")
    assert "MAIL_CONFIG=/etc/postfix MAIL_LOGTAG=other NEW=x ONE=a b SLOT=0" in lines[1]
    assert lines[2] == "fds 0 1 2 3 4 5 6 7"  # the last: main.cf as it was read
    assert lines[3] == "got b'hello'"


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@pytest.mark.parametrize(
    "fields, command",
    (("- - n", "discard"), ("- - y", "trivial-rewrite"), ("- n n", "local"), ("- n y", "virtual -o virtual_mailbox_base=/")),
)
def test_a_process_has_the_rights_that_master_cf_says(box, fields, command):
    """unpriv and chroot: who it is, what it may, and which files it sees."""
    start(box, f"x unix {fields} - 1 {command}\n", "alias_maps =\n")
    _, unprivileged, jailed = fields.split()
    spool, program = "/var/spool/postfix", command.split()[0]
    root = box.run(f"stat -c %d:%i {spool if jailed == 'y' else '/'}").stdout.strip()
    owner = box.run("id -u postfix").stdout.strip()

    def has_its_rights():
        st, status = os.stat(f"/proc/{pid}/root"), status_of(pid)
        if f"{st.st_dev}:{st.st_ino}" != root:
            return False
        if unprivileged == "n":
            return status["Uid"].split() == ["0"] * 4 and status["Groups"].split() in ([], ["0"])
        return (
            set(status["Uid"].split() + status["Gid"].split() + status["Groups"].split()) == {owner}
            and status["NoNewPrivs"] == "1"
            and not any(int(status[cap], 16) for cap in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
        )

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path(f"{spool}/private/x")))
        (pid,) = wait_until(lambda: box.processes(program), what="the process")
        wait_until(has_its_rights, what="its rights")
        assert os.readlink(f"/proc/{pid}/exe").endswith(f"/{program}")


def test_nothing_of_who_starts_master_gets_to_its_processes(box):
    """Ignored signals, descriptors, environment, umask, directory."""
    box.start(mail=False)
    done = box.run("trap '' INT HUP QUIT ALRM USR1 TERM; exec 7</etc/passwd; umask 0; export LD_BIND_NOW=1 BASH_ENV=x; cd /home; postfix start")
    assert done.returncode == 0, done.stderr
    with connect(box) as client:
        assert greeted(client)
        for pid in box.processes("smtpd") + box.processes("master"):
            status = status_of(pid)
            ignored = {n for n in range(1, 65) if int(status["SigIgn"], 16) >> (n - 1) & 1}
            assert ignored - {32, 33} == {signal.SIGPIPE}  # those two are glibc's own
            assert status["Umask"] == "0077"
            assert [d for d in descriptors(pid) if d in ("/etc/passwd", "/dev/pts/0")] == []
            assert os.path.basename(os.readlink(f"/proc/{pid}/cwd")) == "postfix"
        with open(f"/proc/{box.processes('smtpd')[0]}/environ", encoding="utf-8") as f:
            assert [word for word in f.read().split("\0") if word.startswith(("LD_", "BASH"))] == []


# -- wake-up ---------------------------------------------------------------------------


def test_wake_up_comes_at_the_start_and_again(box):
    start(box, "daemon unix n n n 1 1 /etc/postfix/daemon\n")
    wait_until(lambda: told(box).count("got b'W'") >= 2, what="two wake-ups")


def test_a_service_with_a_question_mark_sleeps_until_it_was_used(box):
    start(box, "daemon unix n n n 1? 1 /etc/postfix/daemon\n")
    time.sleep(1.5)
    assert not box.path("/var/log/daemon").exists()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path("/var/spool/postfix/public/daemon")))
        client.send(b"x")
    wait_until(lambda: "got b'W'" in told(box), what="a wake-up")


def test_fifos_of_older_configurations_wake_pickup_and_qmgr(box):
    old = MASTER_CF.replace("pickup    unix  n       -       n       1 ", "pickup    fifo  n       -       n       3600 ").replace(
        "qmgr      unix  n       -       n       1 ", "qmgr      fifo  n       -       n       3600 "
    )
    assert old.count("fifo") == 2
    box.etc["postfix/master.cf"] = ""
    start(box, old, "alias_maps =\n")
    public = box.path("/var/spool/postfix/public")
    assert public.joinpath("pickup").is_fifo() and public.joinpath("qmgr").is_fifo()
    box.sendmail(["joe"], "Subject: one\n\nx\n")  # long before the next wake-up
    box.log.wait("status=sent")
    assert box.run(["postqueue", "-f"]).returncode == 0


# -- services of type pass ---------------------------------------------------------------


def passed(**fields):
    """The message of ipc/messages.h."""
    fields = {"client_address": "", "client_port": 0, "server_address": "", "server_port": 0} | fields
    return "".join(f"{name}\0{value}\0" for name, value in fields.items()).encode() + b"\0"


def hand_over(box, words, fds):
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(str(box.path("/var/spool/postfix/private/passed")))
        socket.send_fds(to, [words], fds)


def test_a_client_that_another_program_has_met_is_served_on(box):
    start(box, "passed pass - - n - 1 smtpd\n")
    with socket.create_server((box.address, 2600)) as server:
        for fields, name in (
            ({}, rf"connect from \S+\[{re.escape(box.address)}\]"),
            ({"client_address": "192.0.2.7", "client_port": 99}, r"connect from unknown\[192\.0\.2\.7\]"),
            ({"client_address": "2001:db8::7"}, r"connect from unknown\[2001:db8::7\]"),
        ):
            mark = box.log.mark()
            with connect(box, 2600) as client:
                peer, _ = server.accept()
                hand_over(box, passed(**fields), [peer.fileno()])
                peer.close()
                assert greeted(client)
                box.log.wait(name, since=mark)
    assert box.log.troubles() == []


def test_what_is_passed_badly_costs_nobody_else(box):
    start(box, "passed pass - - n - 1 smtpd\n")
    with open("/dev/null", "rb") as no_socket, socket.create_server((box.address, 2600)) as server:
        for words, fds, said in (
            (passed(), [], "no descriptor came along"),
            (passed(), [no_socket.fileno()], "the descriptor is no connection"),
            (passed(client_address="me"), [server.fileno()], "bad address: me, port 0"),
            (passed(client_address="192.0.2.1", client_port=65536), [server.fileno()], "bad address: 192.0.2.1, port 65536"),
            (b"EHLO x\r\n", [server.fileno()], ""),
        ):
            mark = box.log.mark()
            hand_over(box, words, fds)
            box.log.wait(r"smtpd\[\d+\]: warning: passed: client that was passed on: " + said, since=mark)
        (pid,) = box.processes("smtpd")
        before = len(descriptors(pid))
        with connect(box, 2600) as client:
            peer, _ = server.accept()
            hand_over(box, passed(), [peer.fileno()])
            assert greeted(client)
    wait_until(lambda: len(descriptors(pid)) == before, what="no descriptor to be left")
    assert box.processes("smtpd") == [pid]


# -- failure ----------------------------------------------------------------------------


def test_a_process_that_fails_at_once_rests_its_service(box):
    start(box, "daemon unix n n n 1 1 /etc/postfix/daemon fail\n")
    began = time.monotonic()
    box.log.wait(r"master\[\d+\]: warning: process /etc/postfix/daemon pid \d+ exit status 7$")
    box.log.wait(r"master\[\d+\]: warning: /etc/postfix/daemon: bad command startup -- throttling$")
    box.log.wait("bad command startup", count=2)
    assert time.monotonic() - began > 0.9  # service_throttle_time
    with connect(box) as client:  # others serve on
        assert greeted(client)


def test_a_program_that_is_no_daemon_is_not_started_over_and_over(box):
    start(box, "daemon unix - - n - - /bin/true\n", "service_throttle_time = 300s\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path("/var/spool/postfix/private/daemon")))
        box.log.wait("warning: process /bin/true pid [0-9]+ exit status 0, but it has not served")
        box.log.wait("warning: /bin/true: bad command startup -- throttling")
    with connect(box) as client:
        assert greeted(client)
    assert len(box.log.matching("/bin/true pid")) == 1


@pytest.mark.parametrize(
    "line, said",
    (
        ("x unix - - n - - nosuch", r"master\[\d+\]: fatal: execute /usr/lib/postfix/sbin/nosuch: No such file or directory"),
        ("x unix - - n - 1 postlogd", r"postlogd\[\d+\]: fatal: unsupported transport type: unix: .* unix-dgram$"),
        ("x unix - - n - 3 qmgr", r"qmgr\[\d+\]: fatal: service x requires a process limit of 1"),
        ("x unix - - n - 3 cleanup", r"cleanup\[\d+\]: fatal: service x requires a process limit of 0"),
        ("x unix - - n - - bounce", r"bounce\[\d+\]: fatal: service x requires a process limit of 0"),
        ("x unix - y n - - local", r"local\[\d+\]: fatal: service x requires privileged operation"),
        ("x unix - - n - - smtpd -o max_use=many", r"smtpd\[\d+\]: fatal: bad numerical configuration: max_use = many"),
        ("x unix - - n - - smtpd -o max_use = 1", r"smtpd\[\d+\]: fatal: -o max_use: missing '=' after attribute name"),
        ("x unix - - n - - smtpd -q", r"smtpd\[\d+\]: fatal: unknown option -q"),
    ),
)
def test_mistakes_in_master_cf_are_told_and_rest_their_service_only(box, line, said):
    start(box, line + "\n", "service_throttle_time = 300s\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path("/var/spool/postfix/private/x")))
        box.log.wait(said)
        box.log.wait("bad command startup -- throttling")
    with connect(box) as client:
        assert greeted(client)
    assert len(box.log.matching("bad command startup")) == 1


def test_who_hangs_is_ended_and_who_only_waits_is_not(box):
    start(box, "", "daemon_timeout = 1s\n")
    with connect(box) as client:
        assert greeted(client)
    pids = wait_until(lambda: len(p := box.processes("smtpd")) == 2 and p, what="one in reserve")
    with connect(box) as client:  # served by one of the two, for too long
        assert greeted(client)
        box.log.wait(r"smtpd\[\d+\]: fatal: watchdog timeout")
        assert client.recv(100) == b""
    left = set(pids) & set(box.processes("smtpd"))
    assert len(left) == 1 and len(box.log.matching("watchdog timeout")) == 1


# -- used up and idle ------------------------------------------------------------------------


def test_processes_end_when_used_up_and_when_idle(box):
    box.etc["postfix/master.cf"] = "smtp inet n - n - 1 smtpd\n"
    start(box, "2525 inet n - n - 1 smtpd -o max_idle=1s -o max_use=100\n", "max_use = 2\nmax_idle = 300s\n")
    served = []
    for _ in range(4):
        with connect(box) as client:
            assert greeted(client)
            served += box.processes("smtpd")
            client.send(b"QUIT\r\n")
            assert client.recv(100).startswith(b"221 ")
            assert client.recv(100) == b""
    assert served[0] == served[1] != served[2] == served[3]
    wait_until(lambda: box.processes("smtpd") == [], what="the second to be used up")
    with connect(box, 2525) as client:
        assert greeted(client)
    wait_until(lambda: box.processes("smtpd") == [], what="the idle one to end")
    assert box.log.troubles() == []


def test_many_clients_are_drained(box):
    """A process that retires answers what is on its way; who stops half way has a limited time."""
    start(box, "rewrite unix - - n - - trivial-rewrite\n", "application_event_drain_time = 1s\n")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(box.path("/var/spool/postfix/private/rewrite")))
        assert client.recv(100)
        client.send(b"resolve\0")
        old = box.processes("trivial-rewrite")
        assert len(old) == 1
        reload(box)
        wait_until(lambda: not set(old) & set(box.processes("trivial-rewrite")), what="the end of the old process")
        with contextlib.suppress(ConnectionResetError):  # what it had not read is lost with it
            assert client.recv(100) == b""


def test_reload_ends_the_rest(box):
    start(
        box, "daemon unix n n n 1 1 /etc/postfix/daemon fail\n", "service_throttle_time = 300s\n"
    )
    box.log.wait("bad command startup")
    box.write("/etc/postfix/master.cf", "daemon unix n n n 1 1 /etc/postfix/daemon\n")
    reload(box)
    wait_until(lambda: "got b'W'" in told(box), what="the repaired daemon")


# -- reload -------------------------------------------------------------------------------


def test_a_client_is_served_to_its_end_across_a_reload(box):
    master = start(box)
    client = connect(box)
    assert greeted(client)
    old = box.processes("smtpd")
    reload(box)
    client.send(b"HELO x\r\n")
    assert client.recv(100).startswith(b"250 ")
    client.close()
    wait_until(lambda: not set(old) & set(box.processes("smtpd")), what="old processes to retire")
    with connect(box) as client:
        assert greeted(client)
    assert master in box.processes("master")


def test_services_come_and_go_with_master_cf(box):
    start(box)
    box.write(
        "/etc/postfix/master.cf",
        "smtp inet n - n - - smtpd\n2525 inet n - n - - smtpd\nbounce unix - - n - 0 bounce\n",
    )
    reload(box)
    with connect(box, 2525) as client:
        assert greeted(client)
    assert box.path("/var/spool/postfix/private/bounce").is_socket()
    box.write("/etc/postfix/master.cf", "2525 inet n - n - - smtpd\n")
    reload(box)
    assert not box.path("/var/spool/postfix/private/bounce").exists()
    with pytest.raises(ConnectionRefusedError):
        connect(box)
    with connect(box, 2525) as client:
        assert greeted(client)


def test_a_bad_master_cf_leaves_the_old_one_in_force(box):
    master = start(box)
    box.write("/etc/postfix/master.cf", "smtp inet n - n - -\n")
    mark = box.log.mark()
    os.kill(master, signal.SIGHUP)
    box.log.wait(r"master\[\d+\]: error: .*/etc/postfix/master.cf.*line 1", since=mark)
    assert master in box.processes("master")
    with connect(box) as client:
        assert greeted(client)


def test_a_bad_main_cf_leaves_the_old_one_in_force(box):
    master = start(box)
    text = box.read("/etc/postfix/main.cf")
    box.write("/etc/postfix/main.cf", text + "service_throttle_time = soon\n")
    mark = box.log.mark()
    os.kill(master, signal.SIGHUP)
    box.log.wait(rf"master\[\d+\]: error: /etc/postfix/main.cf, line {len(text.splitlines()) + 1}: .*service_throttle_time", since=mark)
    box.log.wait("warning: the old configuration stays in force", since=mark)
    with connect(box) as client:
        assert greeted(client)


@pytest.mark.parametrize("mistake", ["this line means nothing", "smtpd_timeout = soon", "myhostname = $mydomain\nmydomain = $myhostname"])
def test_a_process_that_starts_after_main_cf_was_broken_serves_as_before(box, mistake):
    """Also with "-o" of its line in master.cf; and all is new once the mistake is mended."""
    master = start(box, "2600 inet n - n - - smtpd -o smtpd_banner=other\n", "smtpd_banner = before\n")
    text = box.read("/etc/postfix/main.cf")
    line = len(text.splitlines()) + 1
    box.write("/etc/postfix/main.cf", text.replace("before", "after") + mistake + "\n")
    os.kill(master, signal.SIGHUP)
    box.log.wait(rf"master\[\d+\]: error: /etc/postfix/main.cf, line ({line}|{line + 1}): ")
    for port, banner in ((25, b"220 before"), (2600, b"220 other")):
        mark = box.log.mark()
        with connect(box, port) as client:
            assert client.recv(100).startswith(banner)
        box.log.wait(rf"smtpd\[\d+\]: error: /etc/postfix/main.cf, line ({line}|{line + 1}): ", since=mark)
        box.log.wait(r"smtpd\[\d+\]: warning: the configuration of the last reload stays in force", since=mark)
    box.write("/etc/postfix/main.cf", text.replace("before", "after"))
    reload(box)
    with connect(box) as client:
        assert client.recv(100).startswith(b"220 after")


def test_a_service_that_cannot_be_had_is_named_by_file_and_line(box):
    start(box)
    for line in "nosuchport inet n - n - - smtpd", "none.invalid:99 inet n - n - - smtpd", "99999 inet n - n - - smtpd", "no/such unix - - n - - smtpd":
        box.write("/etc/postfix/master.cf", "# one\nsmtp inet n - n - - smtpd\n" + line + "\n")
        mark = box.log.mark()
        assert box.postfix("reload").returncode == 0
        box.log.wait(rf"error: /etc/postfix/master.cf, line 3: .*: service {line.split()[0]} is not available$", since=mark)
        with connect(box) as client:
            assert greeted(client)


def test_what_others_keep_beside_our_sockets_is_left_alone(box):
    """private/ and public/ hold sockets of Dovecot, OpenDKIM and others."""
    start(box, "daemon unix - - n - - discard\n")
    private = box.path("/var/spool/postfix/private")
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(private / "auth"))
        theirs.listen()
        (private / "notes").write_text("mine")
        os.mkfifo(private / "pipe")
        reload(box)
        box.postfix("stop")
        assert box.postfix("start").returncode == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(private / "auth"))
    assert (private / "notes").read_text() == "mine" and (private / "pipe").is_fifo()
    # Not even a line of master.cf by that name takes the file of somebody else.
    box.write("/etc/postfix/master.cf", "smtp inet n - n - - smtpd\nnotes unix - - n - - discard\n")
    mark = box.log.mark()
    box.postfix("reload")
    box.log.wait("private/notes is in the way: not a socket: service notes is not available", since=mark)
    assert (private / "notes").read_text() == "mine"


def test_nobody_can_have_root_change_what_a_name_leads_to(box):
    """private/ is the mail owner's: a link there must lead root nowhere."""
    box.etc["postfix/master.cf"] = MASTER_CF
    box.start(mail=False)
    box.run("postfix check")
    calls = "chmod,fchmodat,chown,lchown,fchownat,truncate,setxattr"
    done = box.run(["strace", "-o", "/tmp/calls", "-e", f"trace={calls}", "/usr/lib/postfix/sbin/master", "-d", "-e", "0"])
    assert done.returncode == 0, done.stderr
    assert [line for line in box.read("/tmp/calls").splitlines() if "(" in line] == []


def test_nothing_is_left_after_many_clients_and_reloads(box):
    master = start(box)
    with connect(box) as client:
        assert greeted(client)
    before = descriptors(master)
    for _ in range(5):
        clients = [connect(box) for _ in range(10)]
        assert all(greeted(c) for c in clients)
        reload(box)
        for client in clients:
            client.close()
    with connect(box) as client:
        assert greeted(client)
    wait_until(lambda: len(box.processes("smtpd")) <= 2, what="old processes to retire")
    wait_until(lambda: len(descriptors(master)) == len(before), what=f"descriptors as before")
    wait_until(lambda: zombies(master) == [], what="the dead to be buried")
    assert box.log.troubles() == []


# -- one instance, start and stop -------------------------------------------------------------


def test_a_second_master_is_refused(box):
    master = start(box)
    done = box.run(["/usr/lib/postfix/sbin/master", "-w"])
    assert done.returncode == 1
    assert re.search(
        r"^master: fatal: open lock file pid/master.pid: unable to set exclusive lock: Resource temporarily unavailable$",
        done.stderr,
    )
    assert box.run(["/usr/lib/postfix/sbin/master", "-t"]).returncode == 1
    assert master in box.processes("master")
    assert box.read("/var/spool/postfix/pid/master.pid").endswith("\n")
    assert len(box.read("/var/spool/postfix/pid/master.pid")) == 33
    box.postfix("stop")
    assert box.run(["/usr/lib/postfix/sbin/master", "-t"]).returncode == 0


def test_a_look_at_the_lock_does_not_keep_master_from_starting(box):
    """postfix status holds it for a moment."""
    box.start(mail=False)
    box.run("postfix check; touch /var/spool/postfix/pid/master.pid")
    with open(box.path("/var/spool/postfix/pid/master.pid")) as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        starting = box.popen(["/usr/lib/postfix/sbin/master", "-w"])
        wait_until(lambda: box.processes(FORKED), what="master -w to have its child")
    assert starting.wait(30) == 0
    assert len(box.processes("master")) == 1


def test_options_that_do_not_fit(box):
    box.start(mail=False)
    for words, said in (
        (["-i"], "master: fatal: -i is allowed only for PID 1 process"),
        (["-Z"], "master: fatal: usage: master [-c config_dir] [-D (debug)] "),
        (["-e", "soon"], "master: fatal: usage: "),
        (["-w", "-d"], "master: fatal: usage: "),
        (["word"], "master: fatal: usage: "),
    ):
        done = box.run(["/usr/lib/postfix/sbin/master", *words])
        assert (done.returncode, said in done.stderr) == (1, True), (words, done.stderr)
    assert box.processes("master") == []


def test_two_queues_cannot_share_a_data_directory(box):
    start(box)
    box.run("mkdir /tmp/two /tmp/queue && cp -r /etc/postfix/. /tmp/two && "
            "sed -i '/^queue_dir/d; $ a queue_directory = /tmp/queue\\nconfig_directory = /tmp/two' /tmp/two/main.cf")
    done = box.postfix("-c", "/tmp/two", "start")
    assert done.returncode == 1
    assert "master: fatal: open lock file /var/lib/postfix/master.lock: unable to set exclusive lock" in done.stderr


def test_stop_ends_everything(box):
    start(box, MASTER_CF.replace("smtp      inet", "2525 inet").split("pickup")[0] + "bounce unix - - n - 0 bounce\n")
    clients = [connect(box) for _ in range(3)]
    assert all(greeted(c) for c in clients)
    assert box.postfix("stop").returncode == 0
    box.log.wait(r"postfix-script\[\d+\]: stopping the Postfix mail system$")
    box.log.wait(r"master\[\d+\]: terminating on signal 15$")
    assert box.processes("master") == box.processes("smtpd") == []
    assert not box.path("/var/spool/postfix/private/bounce").exists()
    done = box.postfix("status")
    assert (done.returncode, done.stderr) == (1, "postfix/postfix-script: the Postfix mail system is not running\n")


def test_processes_end_when_master_is_killed(box):
    start(box)
    with connect(box) as client:
        assert greeted(client)
    box.kill("master")
    wait_until(lambda: box.processes("smtpd") == [], what="smtpd to end")
    assert box.postfix("start").returncode == 0
    with connect(box) as client:
        assert greeted(client)


def test_a_start_that_fails_says_so(box):
    box.etc["postfix/master.cf"] = "smtp inet n - n - - smtpd extra\nsmtp\n"
    box.start(mail=False)
    done = box.postfix("start")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "postfix/postfix-script: fatal: mail system startup failed"
    assert "/etc/postfix/master.cf" in done.stderr
    assert box.processes("master") == []


# -- options -----------------------------------------------------------------------------------


def test_foreground_and_exit_time(box):
    box.start(mail=False)
    box.run("postfix check")
    done = box.run(["/usr/lib/postfix/sbin/master", "-d", "-e", "1", "-v"])
    assert done.returncode == 0
    assert "daemon started" in done.stderr
    assert box.processes("master") == []


def test_another_configuration_directory(box):
    box.start(mail=False)
    box.run("cp -r /etc/postfix /etc/other")
    assert box.postfix("-c", "/etc/other", "-v", "start").returncode == 0
    box.log.wait("daemon started -- version 3.11.0, configuration /etc/other ")
    with connect(box) as client:
        assert greeted(client)
    assert all("-v" in arguments(pid) for pid in box.processes("smtpd"))
    assert box.postfix("-c", "/etc/other", "status").returncode == 0


def test_a_debugger_sees_processes_that_start_with_it(box):
    command = "debugger_command = echo $process_name $process_id >>/var/log/seen\n"
    start(box, "2525 inet n - n - - smtpd -D\n", command)
    with connect(box, 2525) as client:
        assert greeted(client)
    assert box.read("/var/log/seen").startswith("smtpd ")
    box.postfix("stop")
    assert box.postfix("-D", "start").returncode == 0
    assert box.read("/var/log/seen").splitlines()[-1].startswith("master ")


# -- torture ------------------------------------------------------------------------------------


def test_a_storm_of_reloads_turns_no_client_away(box):
    master = start(box)
    end = time.monotonic() + 3
    count = 0
    while time.monotonic() < end:
        os.kill(master, signal.SIGHUP)
        with connect(box) as client:
            assert greeted(client)
            client.send(b"QUIT\r\n")
            assert client.recv(100).startswith(b"221 ")
        count += 1
    assert count > 20
    assert master in box.processes("master")
    wait_until(lambda: len(box.processes("smtpd")) <= 2, what="old processes to retire")
    wait_until(lambda: zombies(master) == [], what="the dead to be buried")
    assert box.log.troubles() == []


def test_a_port_that_is_taken_is_named(box):
    box.start(mail=False)
    with socket.socket() as other:
        other.bind((box.address, 25))
        other.listen()
        done = box.postfix("start")
    assert done.returncode == 1
    assert f"{box.address}" in done.stderr and "Address already in use" in done.stderr
    assert box.processes("master") == []
    assert box.postfix("start").returncode == 0


def test_no_more_processes_can_be_started(box):
    """fork fails: the service rests, master lives on, and serves when it can again."""
    master = start(box)
    fork = "clone,clone3,fork,vfork"
    tool = ["strace", "-o", "/dev/null", "-e", f"trace={fork}", "-e", f"inject={fork}:error=EAGAIN:when=1..2", "-p", str(master)]
    tracer = subprocess.Popen(tool)
    wait_until(lambda: traced(master), what="strace to attach")
    client = connect(box)
    box.log.wait(r"warning: fork: Resource temporarily unavailable -- throttling")
    assert greeted(client)
    client.close()
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    assert master in box.processes("master")


def traced(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return "TracerPid:\t0\n" not in f.read()


def descendants(pid, name):
    """Processes below pid with that program name, whatever namespace they are in."""
    parents, names = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        parents[int(entry)], names[int(entry)] = int(rest.split()[1]), comm
    found = []
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and names[child] == name:
            found.append(child)
    return found


def test_as_process_1_of_a_container(box):
    box.start(mail=False)
    orphan = "(sleep 0.2 & ) ; exec postfix start-fg"
    running = box.popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", orphan])
    box.log.wait("daemon started")
    with connect(box) as client:
        assert greeted(client)
    (master,) = wait_until(lambda: len(p := descendants(running.pid, "master")) == 1 and p, what="one master")
    assert arguments(master)[1:] == ["-i"]
    time.sleep(0.4)
    wait_until(lambda: zombies(master) == [], what="the dead to be buried")
    os.kill(master, signal.SIGTERM)
    assert running.wait(30) == 0
    box.log.wait("terminating on signal 15")


@pytest.mark.parametrize("off", ("smtp.inet", "SMTP/inet", "inet, unix", "!foo/inet inet"))
def test_a_service_that_is_disabled_is_not_there(box, off):
    start(box, "bounce unix - - n - 0 bounce\n", f"master_service_disable = {off}\n")
    with pytest.raises(ConnectionRefusedError):
        connect(box)
    assert box.path("/var/spool/postfix/private/bounce").exists() == ("unix" not in off)


@pytest.mark.parametrize("on", ("smtp", "all", "smtp/unix", "!smtp/inet inet"))
def test_other_words_disable_nothing(box, on):
    """As Debian's: a word is a type, or a name with a type."""
    start(box, "", f"master_service_disable = {on}\n")
    with connect(box) as client:
        assert greeted(client)


def test_services_can_be_disabled(box):
    start(
        box,
        "2525 inet n - n - - smtpd\nbounce unix - - n - 0 bounce\n",
        "master_service_disable = !smtp/inet, inet\n",
    )
    with connect(box) as client:
        assert greeted(client)
    with pytest.raises(ConnectionRefusedError):
        connect(box, 2525)
    assert box.path("/var/spool/postfix/private/bounce").is_socket()
