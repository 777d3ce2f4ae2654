"""postfix-files, the list of what is installed: what set-permissions and check make of it."""

import re

import pytest

from harness.instance import Instance

LIST = """\
# a comment
$config_directory:d:root:-:755:u
$data_directory:d:$mail_owner:-:700:uc
$queue_directory:d:root:-:755:uc
$queue_directory/saved:d:$mail_owner:-:700:ucr
$queue_directory/maildrop:d:$mail_owner:$setgid_group:730:uc
$config_directory/w/smtpd:f:root:-:755
$config_directory/w/gone:f:root:-:755:o
$config_directory/w/old:f:root:-:755:o
$config_directory/w/postdrop:f:root:$setgid_group:2755:u
$config_directory/w/postdrop2:h:$config_directory/w/postdrop
$config_directory/w/link:l:/etc/hosts
$config_directory/w/pointer:f:root:-:640
$config_directory/w/made:d:joe:-:750:c
$config_directory/w/tree:d:joe:-:700:r
$html_directory/page.html:f:root:-:644
"""
SPOIL = """\
mkdir -p /etc/postfix/w/tree/below && cd /etc/postfix/w && touch smtpd old postdrop link tree/below/file target && ln -s target pointer &&
chmod 600 smtpd old postdrop && chown joe smtpd old postdrop link && chown ann tree/below/file &&
chmod 777 /etc/postfix && mkdir -p /var/spool/postfix/saved/A && chown joe /var/spool/postfix/saved/A &&
mkdir -m 755 /var/lib/postfix/others && chown postfix /var/lib/postfix/others
"""


def start(work, flavour):
    box = Instance.make(work / flavour, flavour, domain="files.test")
    box.start(mail=False)
    folders = "meta_directory=/tmp/meta\nhtml_directory=no\n"
    if flavour == "oracle":  # its programs lie on a file system that is only read
        box.run("cp -a /usr/lib/postfix /tmp/lib", check=True)
        folders += "daemon_directory=/tmp/lib/sbin\nshlib_directory=/tmp/lib\n"
    box.configure(folders, reload=False)
    box.run("mkdir -p /tmp/meta/postfix-files.d", check=True)
    box.write("/tmp/meta/postfix-files", LIST)
    box.write("/tmp/meta/postfix-files.d/more.files", "$config_directory/w/more:f:joe:ann:640\n")
    box.run(SPOIL + "touch more && chmod 600 more", check=True)
    return box


@pytest.fixture(scope="module")
def boxes(work, request, oracle):
    found = [start(work, flavour) for flavour in (request.config.option.flavour, "oracle")]
    yield found
    for box in found:
        box.close()


def rights(box):
    paths = "/etc/postfix /var/lib/postfix /var/lib/postfix/others /var/spool/postfix/saved /var/spool/postfix/saved/A /etc/postfix/w/tree/below/file /etc/postfix/w /etc/postfix/w/*"
    return box.run(f"stat -c '%n %A %U %G' {paths}").stdout.splitlines()


def test_what_is_listed_gets_its_owner_and_permissions(boxes):
    for box in boxes:
        assert box.postfix("set-permissions").returncode == 0
    ours, theirs = map(rights, boxes)
    assert ours == theirs
    assert "/etc/postfix/w/postdrop -rwxr-sr-x root postdrop" in ours
    assert "/etc/postfix/w/target -rw-r----- root root" in ours
    assert "/etc/postfix/w/old -rw------- joe root" in ours
    assert "/etc/postfix/w/made drwxr-x--- joe root" in ours
    assert "/etc/postfix/w/more -rw-r----- joe ann" in ours


def test_check_makes_missing_directories(boxes):
    for box in boxes:
        box.run("rmdir /etc/postfix/w/made", check=True)
        box.postfix("check")
    ours, theirs = map(rights, boxes)
    assert ours == theirs
    assert "/etc/postfix/w/made drwxr-x--- joe root" in ours


@pytest.mark.parametrize("line", ["none:f:root:-:644", "smtpd:f:nobody-here:-:644"])
def test_what_cannot_be_done_fails(boxes, line):
    for box in boxes:
        box.write("/tmp/meta/postfix-files", LIST + f"$config_directory/w/{line}\n")
        done = box.postfix("set-permissions")
        box.write("/tmp/meta/postfix-files", LIST)
        assert (box.flavour, done.returncode, done.stderr != "") == (box.flavour, 1, True)


def test_a_file_of_nobody_stops_no_start(boxes):
    for box in boxes:
        box.run("rmdir /etc/postfix/w/made; newaliases", check=True)
        box.write("/tmp/meta/postfix-files.d/bad.files", "$config_directory/w/smtpd:f:nobody-here:-:644\n")
        done = box.postfix("check")
        box.run("rm /tmp/meta/postfix-files.d/bad.files", check=True)
        assert (box.flavour, done.returncode, "nobody-here" in done.stderr) == (box.flavour, 0, False)
        assert "drwxr-x---" in box.run("ls -ld /etc/postfix/w/made", check=True).stdout


@pytest.mark.parametrize("line", ["$config_directory/w/x:q:root:-:644", "no type at all"])
def test_a_line_that_is_none_is_told_of_and_stops_no_mail(boxes, line):
    ours = boxes[0]
    ours.write("/tmp/meta/postfix-files", f"{line}\n" + LIST)
    ours.run("rm -rf /etc/postfix/w/made; chmod 600 /etc/postfix/w/target", check=True)
    place = r"error: /tmp/meta/postfix-files, line 1: bad type"
    for words, status in (("check", 1), ("post-install create-missing", 1), ("set-permissions", 1), ("start", 0), ("stop", 0)):
        done = ours.run(f"postfix {words}")
        assert (words, done.returncode) == (words, status)
        assert words == "stop" or re.search(place, done.stderr)
    ours.write("/tmp/meta/postfix-files", LIST)
    assert "/etc/postfix/w/made drwxr-x--- joe root" in rights(ours)
    assert "/etc/postfix/w/target -rw-r----- root root" in rights(ours)
