"""postmulti(1): instances come, run side by side, and go."""

import os
import smtplib

import pytest

from harness.instance import Instance
from harness.sandbox import wait_until

OUT = "127.0.0.77"  # where the second one listens
PROTO = {f"postfix/{name}.proto": text for name, text in (("main.cf", "biff = no\n"), ("master.cf", ""))}


@pytest.fixture
def box(work):
    instance = Instance.make(work / "box", "postern", main="meta_directory = /etc/postfix", etc=dict(PROTO))
    instance.start(mail=False)
    instance.write("/etc/postfix/master.cf.proto", instance.read("/etc/postfix/master.cf"))
    yield instance
    instance.postfix("stop")
    instance.close()


def multi(box, *words, status=0):
    done = box.run(["postmulti", *words])
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def names(box, *words):
    return [line.split()[0] for line in multi(box, "-l", *words).splitlines()]


def test_instances_are_created_named_and_listed(box):
    assert multi(box, "-l") == "-               -               y         /etc/postfix\n"
    assert "run 'postmulti -e init' first" in multi(box, "-I", "postfix-a", "-e", "create", status=1)
    multi(box, "-e", "init")
    assert box.run("postconf -h multi_instance_wrapper multi_instance_enable").stdout == "${command_directory}/postmulti -p --\nyes\n"
    multi(box, "-I", "postfix-a", "-G", "in", "-e", "create")
    multi(box, "-I", "postfix-b", "-a", "-e", "create", "queue_directory=/var/spool/bee")
    multi(box, "-I", "postfix-c", "-g", "in", "-e", "create")
    multi(box, "-I", "postfix-d", "-i", "postfix-c", "-e", "create")
    assert names(box) == ["-", "postfix-b", "postfix-d", "postfix-c", "postfix-a"]
    assert names(box, "-R") == ["postfix-a", "postfix-c", "postfix-d", "postfix-b", "-"]
    assert names(box, "-g", "in") == ["postfix-a"]
    assert names(box, "-i", "/etc/postfix-d") == ["postfix-d"]
    assert multi(box, "-lj", "-g", "in") == '{"name": "postfix-a", "group": "in", "enabled": "n", "config_directory": "/etc/postfix-a"}\n'
    shown = box.run("postconf -c /etc/postfix-a -n").stdout
    for line in ("queue_directory = /var/spool/postfix-a", "data_directory = /var/lib/postfix-a", "master_service_disable = inet",
                 "authorized_submit_users =", "multi_instance_name = postfix-a", "mail_owner = postfix", "biff = no"):
        assert line in shown.splitlines(), shown
    assert box.run("stat -c '%U %a' /var/spool/bee/maildrop /var/lib/postfix-a").stdout == "postfix 1730\npostfix 700\n"
    multi(box, "-i", "postfix-a", "-I", "postfix-e", "-G", "-", "-e", "assign")
    multi(box, "-i", "postfix-e", "-e", "enable")
    assert multi(box, "-l", "-i", "postfix-e") == "postfix-e       -               y         /etc/postfix-a\n"
    multi(box, "-i", "postfix-d", "-e", "deport")
    assert names(box) == ["-", "postfix-b", "postfix-c", "postfix-e"]
    assert box.path("/etc/postfix-d/main.cf").exists()
    multi(box, "-e", "import", "config_directory=/etc/postfix-d")
    assert names(box)[-1] == "postfix-d"
    assert multi(box, "-x", "sh", "-c", "echo $multi_instance_name $MAIL_CONFIG $queue_directory").splitlines() == [
        "/etc/postfix /var/spool/postfix", "postfix-b /etc/postfix-b /var/spool/bee", "postfix-c /etc/postfix-c /var/spool/postfix-c",
        "postfix-e /etc/postfix-a /var/spool/postfix-a", "postfix-d /etc/postfix-d /var/spool/postfix-d",
    ]
    assert multi(box, "-i", "-", "-R", "-x", "postconf", "-h", "queue_directory") == "/var/spool/postfix\n"


@pytest.mark.parametrize(
    "words,said",
    [
        ("", "Specify exactly one of '-e', '-l', '-p', '-x'"),
        ("-l -x true", "Specify exactly one of '-e', '-l', '-p', '-x'"),
        ("-e bogus", "Invalid '-e' edit action 'bogus'"),
        ("-e create -I mail", "New instance name must start with 'postfix-'"),
        ("-e create", "Missing config_directory parameter value"),
        ("-e create -I postfix-a syslog_name=x", "Parameter 'syslog_name' not valid with action create"),
        ("-e create -I postfix-a -g none", "No matching secondary instances"),
        ("-e create -I postfix-a queue_directory=/var/spool/postfix", "belongs to instance"),
        ("-e import -I postfix-a", "no main.cf and master.cf to import"),
        ("-e destroy -i postfix-a", "No instance named postfix-a"),
        ("-e destroy -i -", "Cannot destroy the primary instance"),
        ("-e create -I postfix-a/b", "Illegal '/' character in new instance name: 'postfix-a/b'"),
        ("-e create config_directory=relative", "Parameter setting 'config_directory' is not an absolute path"),
        ("-e assign -i - -I bad", "New instance name must start with 'postfix-'"),
        ("-e enable", "Select an instance via '-i name'"),
        ("-g none -p status", "No matching instances"),
        ("-x", "Missing command"),
        ("-R -p status", "Specify '-R' only"),
    ],
)
def test_what_cannot_be_done_is_refused(box, words, said):
    box.run("postmulti -e init", check=True)
    assert said in multi(box, *words.split(), status=1)
    assert not box.path("/etc/postfix-a").exists()


def test_a_list_of_none_is_empty(box):
    multi(box, "-e", "init")
    assert multi(box, "-l", "-g", "none") == multi(box, "-l", "-i", "postfix-none") == ""


def test_a_disabled_primary_instance_manages_no_others(box):
    multi(box, "-e", "init")
    multi(box, "-e", "disable", "-i", "-")
    for words in ("-e create -I postfix-a", "-e enable -i -"):
        assert "multi_instance_enable!=yes, run 'postmulti -e init' first." in multi(box, *words.split(), status=1)
    assert multi(box, "-l") == "-               -               y         /etc/postfix\n"  # as long as it is alone


def test_two_run_side_by_side_with_mail_and_one_goes(box):
    """Each has its own port, queue and log name; the second hands its mail to the first."""
    multi(box, "-e", "init")
    multi(box, "-I", "postfix-out", "-G", "out", "-e", "create")
    box.run(
        "postconf -c /etc/postfix-out -e master_service_disable= authorized_submit_users=static:anyone "
        f"inet_interfaces={OUT} inet_protocols=ipv4 myhostname=out.postern.test mydestination= relay_domains=postern.test "
        f"mynetworks=127.0.0.0/8 'relayhost=[{box.address}]:25' compatibility_level=3.6 smtp_bind_address=127.0.0.1 alias_maps= &&"
        " postconf -c /etc/postfix-out -MX smtp/inet && postconf -c /etc/postfix-out -Me '2525/inet=2525 inet n - n - - smtpd'"
        " && newaliases",
        check=True,
    )
    assert box.postfix("start").returncode == 0  # a disabled instance is only looked at
    assert box.run("postfix -c /etc/postfix-out status").returncode == 1
    assert multi(box, "-i", "postfix-out", "-p", "stop") == ""  # nothing to stop, no complaint
    multi(box, "-i", "postfix-out", "-e", "enable")
    assert multi(box, "-g", "out", "-p", "start") == ""
    assert box.postfix("status").returncode == 0
    wait_until(lambda: len(box.processes("master")) == 2, what="two masters, and no child before its exec")
    with smtplib.SMTP(OUT, 2525, "client.test", timeout=60) as client:
        client.sendmail("a@client.test", ["joe@postern.test"], "Subject: by two\n\nx\n")
    box.log.wait(r"postfix-out/smtpd\[\d+\]: \w+: client=")
    box.log.wait(r"postfix-out/smtp\[\d+\]: \w+: to=<joe@postern.test>.* status=sent")
    box.log.wait(r"postfix/local\[\d+\]: \w+: to=<joe@postern.test>.* status=sent")
    assert box.mbox("joe")[0]["Subject"] == "by two"
    done = box.run("sendmail -C /etc/postfix-out joe@postern.test", user="joe", input="Subject: by sendmail\n\nx\n")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: len(box.mbox("joe")) == 2, what="mail by sendmail through both")
    mark = box.log.mark()
    assert box.postfix("reload").returncode == 0
    for name in "postfix", "postfix-out":
        box.log.wait(rf"{name}/master\[\d+\]: reload -- version", since=mark)
    assert "Cannot remove enabled" in multi(box, "-i", "postfix-out", "-e", "destroy", status=1)
    multi(box, "-i", "postfix-out", "-e", "disable")
    assert "is not stopped" in multi(box, "-i", "postfix-out", "-e", "destroy", status=1)
    assert box.run("postfix -c /etc/postfix-out stop").returncode == 0
    box.write("/var/spool/postfix-out/hold/0A1B2C3D4E5F", b"x")
    assert "queue is not empty" in multi(box, "-i", "postfix-out", "-e", "destroy", status=1)
    box.run("rm /var/spool/postfix-out/hold/*; touch /etc/postfix-out/mine")
    fd = os.open(box.path("/var/spool/postfix-out/hold"), os.O_PATH)
    for _ in range(25):  # deeper than a path can be long
        os.mkdir("d" * 200, dir_fd=fd)
        above, fd = fd, os.open("d" * 200, os.O_PATH, dir_fd=fd)
        os.close(above)
    os.close(os.open("0A1B2C3D4E5F", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    assert "queue is not empty" in multi(box, "-i", "postfix-out", "-e", "destroy", status=1)
    os.unlink("0A1B2C3D4E5F", dir_fd=fd)
    os.close(fd)
    multi(box, "-i", "postfix-out", "-e", "destroy")
    assert box.run("ls -d /etc/postfix-out/* /var/spool/postfix-out /var/lib/postfix-out").stdout == "/etc/postfix-out/mine\n"
    assert names(box) == ["-"]
    assert box.running()
