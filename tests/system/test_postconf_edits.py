"""postconf where it goes beyond what tests/compat compares with Debian's: edits that
lose nothing, and messages that say where."""

import os
import stat

import pytest

from harness.instance import Instance


@pytest.fixture(scope="module")
def box(work, request):
    """A machine with our programs; no mail system runs."""
    made = Instance.make(work / "box", request.config.option.flavour)
    made.start(mail=False)
    made.run("mkdir /etc/test", check=True)
    yield made
    made.close()


def write(box, main="", master="smtp inet n - n - - smtpd\n"):
    box.write("/etc/test/main.cf", main)
    box.write("/etc/test/master.cf", master)


def postconf(box, *words):
    return box.run(["postconf", "-c", "/etc/test", *words])


def test_stock_configuration_is_in_use_as_a_whole(box):
    box.run("cp /etc/postfix/main.cf.proto /etc/test/main.cf", check=True)
    box.run("cp /etc/postfix/master.cf.proto /etc/test/master.cf", check=True)
    done = postconf(box, "-n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "compatibility_level = 3.11\n" in done.stdout
    assert postconf(box, "-Mf").stderr == ""


def test_edit_keeps_mode_and_symbolic_link(box):
    write(box)
    box.run("mv /etc/test/main.cf /etc/test/real.cf; ln -s real.cf /etc/test/main.cf", check=True)
    box.run("chmod 0600 /etc/test/real.cf", check=True)
    assert postconf(box, "-e", "a=b").returncode == 0
    assert box.run("readlink /etc/test/main.cf").stdout == "real.cf\n"
    real = box.path("/etc/test/real.cf")
    assert stat.S_IMODE(os.stat(real).st_mode) == 0o600
    assert real.read_text() == "a = b\n"
    box.run("rm /etc/test/*", check=True)


def test_edit_that_changes_nothing_leaves_the_file_alone(box):
    write(box, "a = b\n")
    before = os.stat(box.path("/etc/test/main.cf"))
    assert postconf(box, "-e", "a = b").returncode == 0
    assert postconf(box, "-X", "nothere").returncode == 0
    assert os.stat(box.path("/etc/test/main.cf")).st_ino == before.st_ino


def test_edit_of_a_file_without_a_last_line_end(box):
    write(box, "a = b")
    postconf(box, "-e", "c=d", "e=f")
    assert box.read("/etc/test/main.cf") == "a = b\nc = d\ne = f\n"


def test_two_edits_at_once_both_count(box):
    write(box)
    loop = "for n in $(seq 40); do postconf -c /etc/test -e %s$n=$n || exit 1; done"
    both = [box.popen(loop % name) for name in ("a", "b")]
    assert [process.wait() for process in both] == [0, 0]
    names = {line.split(" =")[0] for line in box.read("/etc/test/main.cf").splitlines()}
    assert names == {f"{name}{n}" for name in "ab" for n in range(1, 41)}


def test_edit_leaves_nothing_behind(box):
    write(box)
    postconf(box, "-e", "a=b")
    postconf(box, "-M", "-e", "x/unix=x unix - - n - - smtp")
    assert box.run("ls /etc/test").stdout.split() == ["main.cf", "master.cf"]


def test_edit_keeps_the_arguments_of_a_service(box):
    write(box, master="p unix - n n - - pipe { a b } {c} d={e f} {} user=x\n")
    before = postconf(box, "-F", "p/unix/command").stdout
    assert postconf(box, "-P", "-e", "p/unix/x=y").returncode == 0
    assert postconf(box, "-P", "-X", "p/unix/x").returncode == 0
    assert postconf(box, "-F", "p/unix/command").stdout == before
    assert before == "p/unix/command = pipe {a b} c {d={e f}} {} user=x\n"


def test_edit_refuses_fields_that_would_break_the_file(box):
    write(box)
    before = box.read("/etc/test/master.cf")
    for request in ("smtp/inet/chroot=", "smtp/inet/chroot=q", "smtp/inet/wakeup=n n", "smtp/inet/command="):
        assert postconf(box, "-F", "-e", request).returncode == 1
    assert box.read("/etc/test/master.cf") == before


def test_broken_entry_can_be_removed(box):
    write(box, master="smtp inet n - n - - smtpd\nbad unix y\n")
    assert "master.cf, line 2: bad field count" in postconf(box, "-M").stderr
    assert postconf(box, "-M", "-X", "bad/unix").returncode == 0
    assert box.read("/etc/test/master.cf") == "smtp inet n - n - - smtpd\n"


def test_bad_macro_is_located(box):
    write(box, "a = 1\nmydomain = ${a\nb = $mydomain\n")
    done = postconf(box, "-n")
    assert done.returncode == 1
    assert 'main.cf, line 2: parameter mydomain: truncated macro reference: "${a"' in done.stderr


def test_warnings_can_be_switched_off(box):
    write(box, "nobody_uses_this = 1\nmydomain = $nobody_sets_this\n")
    assert "unused parameter: nobody_uses_this=1" in postconf(box, "-n").stderr
    assert "undefined parameter: nobody_sets_this" in postconf(box, "-n").stderr
    assert postconf(box, "-nq").stderr == ""
    assert postconf(box, "-nq").stdout == postconf(box, "-n").stdout


def test_full_disk_is_told(box):
    """However much of the output is left for the last write, nothing included."""
    for comment in ("", "x", 1000 * "x"):
        box.write("/etc/test/main.cf", f"mail_name = {comment}\n")
        assert box.run("postconf -c /etc/test -d >/dev/full").returncode == 1
    length = len(box.run("postconf -c /etc/test -n").stdout)
    box.write("/etc/test/main.cf", f"mail_name = {(1000 + 4096 - length % 4096) * 'x'}\n")
    assert len(box.run("postconf -c /etc/test -n").stdout) % 4096 == 0
    assert box.run("postconf -c /etc/test -n >/dev/full").returncode == 1
