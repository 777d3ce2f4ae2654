"""postconf where it goes beyond what tests/compat compares with Debian's: edits that
lose nothing, and messages that say where."""

import json
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


# --- conf.d ---------------------------------------------------------------------------


def include(box, **files):
    write(box, "main_cf_include = yes\nmyorigin = a.example\nrelayhost = a\n")
    box.run("rm -rf /etc/test/conf.d; mkdir /etc/test/conf.d", check=True)
    for name, text in files.items():
        box.write(f"/etc/test/conf.d/{name.replace('_', '.')}", text)


def test_files_of_conf_d_are_read_in_the_order_of_their_names(box):
    include(box, b_cf="myorigin = b.example\n", a_cf="myorigin = no\nrelayhost = c\n", c_txt="junk\n")
    box.write("/etc/test/conf.d/.z.cf", "junk\n")
    done = postconf(box, "-n", "--origin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "command line: config_directory = /etc/test",
        "/etc/test/main.cf:1: main_cf_include = yes",
        "/etc/test/conf.d/b.cf:1: myorigin = b.example",
        "/etc/test/conf.d/a.cf:2: relayhost = c",
    ]
    write(box, "myorigin = a.example\n")
    assert postconf(box, "-h", "myorigin").stdout == "a.example\n"


def test_other_programs_see_conf_d(box):
    include(box, x_cf="syslog_name = from-conf-d\n")
    mark = box.log.mark()
    box.run(["postlog", "-c", "/etc/test", "hello"], check=True)
    assert box.log.wait(r"from-conf-d\S*: hello", since=mark)


def test_conf_d_complains_with_its_own_file_and_line(box):
    include(box, x_cf="# c\njunk\n")
    assert "/etc/test/conf.d/x.cf, line 2: missing '='" in postconf(box, "-n").stderr
    include(box, x_cf="# c\nqueue_run_delay = soon\n", y_cf="nosuch = 1\n")
    assert "warning: /etc/test/conf.d/y.cf: unused parameter: nosuch=1" in postconf(box, "-n").stderr
    done = box.run(["postfix", "-c", "/etc/test", "status"])
    assert done.returncode != 0
    write(box, "main_cf_include = maybe\n")
    done = box.run(["postkick", "-c", "/etc/test", "public", "qmgr", "I"])
    assert "/etc/test/main.cf, line 1: bad boolean configuration: main_cf_include = maybe" in done.stderr


def test_an_edit_that_conf_d_undoes_is_warned_of(box):
    include(box, x_cf="relayhost = c\n")
    done = postconf(box, "-e", "relayhost=b", "biff=no")
    assert done.returncode == 0
    assert done.stderr == "postconf: warning: /etc/test/conf.d/x.cf, line 1: relayhost is set here, which goes on to count\n"
    assert "relayhost = b\n" in box.read("/etc/test/main.cf")


# --- what Postfix has since 3.8, and what is ours ---------------------------------------


def test_origin_names_every_source(box):
    write(box, "myorigin = a\n  b\n")
    words = ["-o", "relayhost=x", "--origin", "relayhost", "myorigin", "mydomain"]
    assert postconf(box, *words).stdout.splitlines() == [
        "command line: relayhost = x",
        "/etc/test/main.cf:1: myorigin = a b",
        "default: mydomain = " + postconf(box, "-h", "mydomain").stdout.strip(),
    ]
    done = box.run("MAIL_CONFIG=/etc/test postconf -n --origin")
    assert "environment: config_directory = /etc/test\n" in done.stdout


def test_warns_of_what_is_obsolete_and_of_comments_that_are_none(box):
    write(
        box,
        "smtpd_use_tls = yes\nsmtpd_tls_eecdh_grade = strong\nrelayhost = [a] # b\n",
        "smtp inet n - n - - smtpd -o smtp_use_tls=yes # no\n",
    )
    assert sorted(postconf(box, "-n").stderr.splitlines()) == [
        "postconf: warning: /etc/test/main.cf, line 3: \"#\" after other text does not begin a comment: relayhost=[a] # b",
        'postconf: warning: /etc/test/main.cf: support for parameter "smtpd_tls_eecdh_grade" will be removed;'
        " instead, do not specify it",
        'postconf: warning: /etc/test/main.cf: support for parameter "smtpd_use_tls" will be removed; instead,'
        ' specify "smtpd_tls_security_level"',
        "postconf: warning: /etc/test/master.cf, line 1: \"#\" after other text does not begin a comment:"
        " smtpd -o smtp_use_tls=yes # no",
        'postconf: warning: /etc/test/master.cf: support for parameter "smtp_use_tls" will be removed; instead,'
        ' specify "smtp_tls_security_level"',
    ]
    assert postconf(box, "-nq").stderr == ""


def test_prints_json(box):
    write(box, 'smtpd_banner = "a"\n  b\\c\n', "smtp inet n - n - - smtpd -o a=b\n")
    for options, item in [
        ("-jq smtpd_banner", {"smtpd_banner": '"a" b\\c'}),
        ("-jqM", {"smtp/inet": "smtp       inet  n       -       n       -       -       smtpd -o a=b"}),
        ("-jqF smtp/inet/chroot", {"smtp/inet/chroot": "n"}),
        ("-jqF smtp/inet/command", {"smtp/inet/command": "smtpd -o a=b"}),
        ("-jqP", {"smtp/inet/a": "b"}),
    ]:
        done = postconf(box, *options.split())
        assert done.stdout.count("\n") == 1
        assert (json.loads(done.stdout), done.stderr) == (item, "")
    assert "specify one of -h -j" in postconf(box, "-hj").stderr


def test_shows_what_a_service_sees(box):
    write(box, "smtpd_banner = $myhostname\nmyhostname = a.b\n", "smtp inet n - n - - smtpd -o myhostname=c.d\n")
    assert postconf(box, "-PP", "smtp/inet/smtpd_banner").stdout == "smtp/inet/smtpd_banner = $myhostname\n"
    assert postconf(box, "-PPxh", "smtp/inet/smtpd_banner").stdout == "c.d\n"
    assert postconf(box, "-PPh", "smtp/inet/relayhost").stdout == "\n"
    names = {line.split(" =")[0] for line in postconf(box, "-PP", "smtp/inet").stdout.splitlines()}
    assert {"smtp/inet/smtpd_banner", "smtp/inet/smtpd_recipient_restrictions"} <= names
    assert "smtp/inet/pipe_delivery_status_filter" not in names


def test_keeps_arguments_whole(box):
    """Debian's splits the first at its second "o", and loses the second."""
    write(box, "", "smtp inet n - n - - smtpd -osmtpd_sasl_type=dovecot\nx unix - n n - - pipe argv=a {} b\n")
    shown = postconf(box, "-M").stdout.splitlines()
    assert shown[0].endswith(" smtpd -o smtpd_sasl_type=dovecot")
    assert shown[1].endswith(" pipe argv=a {} b")


# --- tools ------------------------------------------------------------------------------------

ANSIBLE = ["myhostname = mail.example.com", "mynetworks = 127.0.0.0/8 [::1]/128", "relayhost =", "inet_protocols=all"]


def test_loops_of_edits_are_idempotent(box):
    """As a playbook does it: look, and set what is not so; a second run changes nothing."""
    write(box, "# ours\nmyhostname=old\n\ninet_protocols = ipv4\n# end\n")
    for item in ANSIBLE:
        assert postconf(box, "-e", item).returncode == 0
    first, before = box.read("/etc/test/main.cf"), os.stat(box.path("/etc/test/main.cf"))
    assert first.startswith("# ours\nmyhostname = mail.example.com\n\ninet_protocols = all\n# end\n")
    for item in ANSIBLE:
        name, value = (part.strip() for part in item.split("="))
        assert postconf(box, "-h", name).stdout == value + "\n"
        assert postconf(box, "-e", item).returncode == 0
    after = os.stat(box.path("/etc/test/main.cf"))
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


AUGTOOL = """\
set /augeas/load/Postfix_Main/lens Postfix_Main.lns
set /augeas/load/Postfix_Main/incl /etc/test/main.cf
set /augeas/load/Postfix_Master/lens Postfix_Master.lns
set /augeas/load/Postfix_Master/incl /etc/test/master.cf
load
set /files/etc/test/main.cf/relayhost [new.example]
set /files/etc/test/master.cf/smtp[type='inet']/chroot y
save
print /augeas//error
"""


def test_augeas_reads_and_changes_what_we_wrote(box):
    write(box, "# first\nmydomain = a\nrelayhost = [b]\n", "# c\nsmtp inet n - n - - smtpd\npickup unix n - n 60 1 pickup\n")
    postconf(box, "-e", "mynetworks = 127.0.0.0/8 [::1]/128", "smtpd_recipient_restrictions = reject_unauth_destination")
    postconf(box, "-Me", "submission/inet = submission inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o a=b")
    postconf(box, "-Pe", "smtp/inet/syslog_name=postfix/x")
    postconf(box, "-Fe", "pickup/unix/process_limit=2")
    before = [box.read(f"/etc/test/{name}").splitlines() for name in ("main.cf", "master.cf")]
    done = box.run(["augtool", "--noautoload", "--noload", "--autosave"], input=AUGTOOL)
    assert (done.returncode, done.stdout.replace("Saved 2 file(s)\n", "")) == (0, ""), done.stdout + done.stderr
    after = [box.read(f"/etc/test/{name}").splitlines() for name in ("main.cf", "master.cf")]
    changes = [
        [(old, new) for old, new in zip(a, b) if old.split() != new.split()] for a, b in zip(before, after)
    ]
    assert [len(a) for a in before] == [len(a) for a in after]
    assert changes[0] == [("relayhost = [b]", "relayhost = [new.example]")]
    assert [new.split()[4] for _, new in changes[1]] == ["y"]
