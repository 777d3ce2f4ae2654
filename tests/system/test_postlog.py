"""postlog(1), postlogd(8), and who writes maillog_file when."""

import os
import pathlib
import re
import signal
import socket
import time

import pytest

from harness.instance import Instance
from harness.sandbox import wait_until

LINE = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d mail "


@pytest.fixture
def box(work):
    instance = Instance.make(work / "box", "postern", "maillog_file = /var/log/maillog")
    instance.etc["postfix/master.cf"] = "smtp inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\n"
    instance.start(mail=False)
    yield instance
    instance.close()


def wait_for(box, pattern, path="/var/log/maillog"):
    return wait_until(
        lambda: box.path(path).exists() and re.search(pattern, box.read(path), re.M),
        what=f"{pattern} in {path}",
    )


def test_all_programs_write_the_file_through_postlogd(box):
    assert box.postfix("start").returncode == 0
    wait_for(box, rf"^{LINE}postfix/master\[\d+\]: daemon started -- version")
    box.smtp().quit()
    wait_for(box, rf"^{LINE}postfix/smtpd\[\d+\]: disconnect from .* quit=1 commands=1$")
    assert box.postfix("stop").returncode == 0
    wait_for(box, rf"^{LINE}postfix/master\[\d+\]: terminating on signal 15$")
    # the first and the last words, when no postlogd was there, are root's own
    wait_for(box, rf"\A{LINE}postfix/postfix-script\[\d+\]: starting the Postfix mail system$")
    assert box.path("/var/log/maillog").stat().st_mode & 0o777 == 0o600
    assert box.log.lines == []


def test_a_user_reaches_postlogd_by_the_set_gid_bit(box):
    assert box.postfix("start").returncode == 0
    done = box.run(["postlog", "-t", "mine", "-p", "warn", "said", "by\njoe"], user="joe")
    assert (done.returncode, done.stderr) == (0, "mine: warning: said by?joe\n")
    wait_for(box, rf"^{LINE}mine\[\d+\]: warning: said by\?joe$")


def test_lines_of_standard_input(box):
    done = box.run("printf 'one\\n\\ntwo' | postlog -p error")
    assert done.stderr == "postlog: error: one\npostlog: error: \npostlog: error: two\n"
    lines = box.read("/var/log/maillog").splitlines()
    assert [l.split(": ", 1)[1] for l in lines] == ["error: one", "error: ", "error: two"]


def test_a_bad_priority_is_refused(box):
    done = box.run(["postlog", "-p", "loud", "x"])
    assert (done.returncode, done.stderr) == (1, 'postlog: fatal: bad severity: "loud"\n')


def test_a_file_outside_the_prefixes_is_not_opened(box):
    box.configure("maillog_file = /etc/maillog", reload=False)
    box.postfix("start")
    box.run(["postlog", "x"], user="joe")
    box.path("/etc/maillog").unlink(missing_ok=True)  # by root's commands
    box.smtp().quit()
    assert not box.path("/etc/maillog").exists()


def test_in_a_container_the_log_is_standard_output(box):
    box.configure("maillog_file = /dev/stdout", reload=False)
    running = box.popen("postfix start-fg >/var/log/out 2>&1")
    wait_for(box, rf"^{LINE}postfix/master\[\d+\]: daemon started", "/var/log/out")
    box.smtp().quit()
    wait_for(box, rf"^{LINE}postfix/smtpd\[\d+\]: disconnect from", "/var/log/out")
    assert box.postfix("stop").returncode == 0
    assert running.wait(30) == 0
    wait_for(box, rf"^{LINE}postfix/master\[\d+\]: terminating on signal 15$", "/var/log/out")


def first_process(name, ancestor):
    """The outside pid of the program below ancestor that is process 1 where it runs."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if fields["Name"] != name or fields["NSpid"].split()[-1] != "1":
            continue
        above = fields["PPid"]
        while above not in ("0", str(ancestor)):
            above = re.search(r"PPid:\t(\d+)", pathlib.Path(f"/proc/{above}/status").read_text()).group(1)
        if above == str(ancestor):
            return int(fields["Pid"])
    raise AssertionError(f"no {name}")


def test_as_process_1_of_a_container_a_signal_ends_it_whole(box):
    """The log is standard output, SIGTERM ends all within 5 seconds, and a new start finds nothing odd."""
    box.configure("maillog_file = /dev/stdout", reload=False)
    for output in "/var/log/first", "/var/log/second":
        command = f"exec unshare --pid --fork --kill-child --mount-proc postfix start-fg >{output} 2>&1"
        running = box.popen(["sh", "-c", command])
        wait_for(box, rf"^{LINE}postfix/master\[1\]: daemon started", output)
        box.smtp().quit()
        wait_for(box, rf"^{LINE}postfix/smtpd\[\d+\]: disconnect from", output)
        init = first_process("master", os.getpid())
        start = time.monotonic()
        os.kill(init, signal.SIGTERM)
        assert running.wait(30) == 0
        assert time.monotonic() - start < 5
        text = box.read(output)
        assert "terminating on signal 15" in text and not re.search("warning|fatal|panic", text), text
        assert box.processes("master") == box.processes("smtpd") == []


def test_what_a_daemon_says_before_it_knows_the_file_is_in_the_file(box):
    assert box.postfix("start").returncode == 0
    wait_for(box, "daemon started")
    box.configure("max_idle = soon", reload=False)
    with socket.create_connection((box.address, 25)):
        wait_for(box, rf"^{LINE}postfix/smtpd\[\d+\]: error: /etc/postfix/main.cf, line \d+: parameter max_idle: ")
    assert box.log.lines == []


def test_the_log_is_rotated(box):
    assert box.postfix("start").returncode == 0
    wait_for(box, "daemon started")
    box.configure("maillog_file_rotate_suffix = old", reload=False)
    assert box.postfix("logrotate").returncode == 0
    wait_until(lambda: box.path("/var/log/maillog.old.gz").exists(), what="the compressed file")
    assert "daemon started" in box.run("zcat /var/log/maillog.old.gz").stdout
    box.smtp().quit()
    wait_for(box, "disconnect from")
    assert "daemon started" not in box.read("/var/log/maillog")
    assert not box.path("/var/log/maillog.old").exists()


def test_there_is_nothing_to_rotate_without_a_file(box):
    for name in ("", "/dev/stdout", "/var/log/none"):
        box.configure(f"maillog_file = {name}", reload=False)
        assert box.postfix("logrotate").returncode == 1


@pytest.mark.parametrize("listed", [False, True])
def test_a_set_gid_postlog_reads_no_configuration_of_users(box, listed):
    """It could be told to write another file by one."""
    box.run("cp -rp /etc/postfix /etc/postfix-two && postconf -c /etc/postfix-two -e syslog_name=two", check=True)
    setting = "alternate_config_directories = " + ("/etc/postfix-two" if listed else "/etc/postfix-three")
    box.configure(setting, reload=False)
    done = box.run("postlog -c /etc/postfix-two hello", user="joe")
    box.run("rm -r /etc/postfix-two", check=True)
    assert done.returncode == (0 if listed else 1)
    assert ("unauthorized configuration directory name: /etc/postfix-two" in done.stderr) == (not listed)


@pytest.mark.parametrize("mode", ["0640", "0644"])
def test_the_file_has_the_permissions_asked_for(box, mode):
    box.configure(f"maillog_file_permissions = {mode}", reload=False)
    assert box.postfix("start").returncode == 0
    box.smtp().quit()
    wait_for(box, "disconnect from")
    assert box.path("/var/log/maillog").stat().st_mode & 0o777 == int(mode, 8)


def test_syslog_lines_carry_facility_severity_and_name(box):
    """<PRI> is facility times 8 plus severity: local3 is 19, warning 4, info 6."""
    box.configure("maillog_file =\nsyslog_facility = local3\nsyslog_name = site", reload=False)
    path = box.path("/dev/log")
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(20)
        path.chmod(0o666)
        for priority, severity, said in (("info", 6, "hello"), ("warn", 4, "warning: hello"), ("fatal", 2, "fatal: hello")):
            box.run(["postlog", "-p", priority, "hello"])
            line = listener.recv(4096).decode()
            assert re.fullmatch(rf"<{19 * 8 + severity}>.* site/postlog\[\d+\]: {said}\0?\n?", line), line
    box.configure("syslog_facility = nowhere", reload=False)
    assert 'syslog_facility: unknown facility "nowhere"' in box.run(["postlog", "x"]).stderr
