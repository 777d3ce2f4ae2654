"""Values that no program can work with: names of this machine that can be none, empty texts
where something must stand. Both refuse the same, and all programs end alike."""

import re

import pytest

from harness.instance import Instance

VALUES = [
    "myhostname =",
    "myhostname = mail..names.test",
    "myhostname = -mail.names.test",
    "myhostname = mail-.names.test",
    "myhostname = mail_2.names.test",
    "myhostname = 192.0.2.1",
    "myhostname = 1234",
    "myhostname = 1234.names",
    "myhostname = [192.0.2.1]",
    "myhostname = ::1",
    "myhostname = mail.names.test other",
    "myhostname = mail.names.test.",
    "myhostname = bare",
    "myhostname = " + "x" * 64 + ".test",
    "myhostname = " + "x." * 127 + "yy",
    "myhostname = büro.test",
    "mydomain =",
    "mydomain = names..test",
    "mydomain = 192.0.2.1",
    "mydomain = [192.0.2.1]",
    "myorigin =",
    "myorigin = names..test",
]
COMMANDS = """\
postqueue -f
mailq -v
postcat /etc/hostname
postsuper -d ABCDEF
postmap -q a inline:{a=b}
postmap /etc/postfix/none
postalias -q a inline:{a=b}
newaliases
sendmail joe
postdrop
postkick public nosuch x
postlock /tmp/x true
postlog hello
postmulti -l
postconf -h mail_name
postconf -x mail_owner
postfix start
postfix upgrade-configuration
postfix logrotate
postfix flush
postfix check
/usr/lib/postfix/sbin/master -t
/usr/lib/postfix/sbin/smtpd -S"""

NOT_EMPTY = """\
address_verify_service_name bounce_service_name cleanup_service_name command_directory daemon_directory
data_directory default_database_type default_privs defer_service_name double_bounce_sender error_service_name
flush_service_name hash_queue_names info_log_address_format mail_name mail_owner maillog_file_compressor
maillog_file_prefixes maillog_file_rotate_suffix meta_directory mynetworks_style pickup_service_name
postlog_service_name proxymap_service_name proxywrite_service_name queue_directory queue_service_name
rewrite_service_name setgid_group shlib_directory showq_service_name smtputf8_autodetect_classes
syslog_facility syslog_name trace_service_name verp_delimiter_filter""".split()


@pytest.fixture(scope="module")
def boxes(work, request, oracle):
    made = [Instance.make(work / f"names-{f}", f, domain="names.test") for f in (request.config.option.flavour, "oracle")]
    for box in made:
        box.start(mail=False)
        box.main_cf = box.read("/etc/postfix/main.cf")
        box.run("newaliases", check=True)
    yield made
    for box in made:
        box.close()


def write(box, line):
    name = line.split()[0]
    box.write_main(re.sub(rf"(?m)^{name} =.*\n", "", box.main_cf) + line + "\n")


def is_refused(box):
    """Does a program that needs nothing else refuse to work, with words that name the parameter?"""
    done = box.run("postmap -q a inline:{a=b}")
    assert done.returncode in (0, 1)
    if done.returncode == 1:
        assert re.search(r"fatal: .*(my(hostname|domain|origin): bad parameter value|bad string length 0 < 1: my\w+ = )", done.stderr)
    return done.returncode == 1


@pytest.mark.parametrize("line", VALUES)
def test_the_same_names_are_refused(boxes, line):
    for box in boxes:
        write(box, line)
    ours, theirs = map(is_refused, boxes)
    assert ours == theirs


@pytest.mark.parametrize("command", COMMANDS.splitlines())
def test_every_program_refuses(boxes, command):
    found = []
    for box in boxes:
        write(box, "myhostname = mail..names.test")
        mark = box.log.mark()
        status = box.run(command).returncode
        write(box, "myhostname = mail.names.test")
        box.run(["postlog", "-t", "end", "of it"])
        box.log.wait("end.*of it", since=mark)
        fatal = [line for line in box.log.lines[mark:] if "fatal:" in line]
        found.append((status, bool(fatal)))
        assert all("myhostname: bad parameter value: mail..names.test" in line for line in fatal), fatal
    assert found[0] == found[1]


def test_the_same_values_must_not_be_empty(boxes):
    found = []
    for box in boxes:
        box.write_main(box.main_cf)
        command = "cp /etc/postfix/main.cf /tmp/main.cf; for name in %s; do (grep -v \"^$name *=\" /tmp/main.cf; echo \"$name =\") >/etc/postfix/main.cf; postqueue -f; done"
        done = box.run(command % " ".join([*NOT_EMPTY, "default_verp_delimiters"]))
        box.write_main(box.main_cf)
        found.append(re.findall(r"fatal: .*(bad string length .*)", done.stderr))
    assert found[0] == found[1]
    assert len(found[0]) == len(NOT_EMPTY) + 1
