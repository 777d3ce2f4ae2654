"""Table types that are loaded on demand: in daemons that are locked into the queue directory, and where there are none."""

import re
import smtplib

import pytest

from harness import roots
from harness.instance import Instance
from harness.tables import recipient

MAIN = """\
header_checks = pcre:/etc/postfix/p
virtual_alias_maps = lmdb:/etc/postfix/alias
canonical_maps = hash:/etc/postfix/own, cdb:/etc/postfix/own
relocated_maps = cdb:/etc/postfix/gone
transport_maps = sqlite:/etc/postfix/route.cf
smtpd_recipient_restrictions = check_sender_access pcre:/etc/postfix/p, check_recipient_access btree:/etc/postfix/access, permit_mynetworks, reject
"""
OUTSIDE_JAIL = ("local", "virtual", "pipe", "spawn", "proxymap", "postlogd")
DATABASE = """import sqlite3
db = sqlite3.connect("/etc/postfix/route.db")
db.execute("create table route (domain text, next text)")
db.execute("insert into route values ('far.test', 'error:5.1.2 far away')")
db.commit()
"""


@pytest.fixture(scope="module")
def box(work):
    instance = Instance.make(work / "box", "postern", MAIN)
    instance.start(mail=False)
    for name, text in {
        "p": "/^Subject: bad/ REJECT pcre says no\n/^bad@/ REJECT pcre knows you\n",
        "alias": "list@example.test joe\n",
        "own": "old@mail.postern.test joe@mail.postern.test\n",
        "gone": "left@example.test new@far.test\n",
        "access": "never@example.test REJECT btree says no\n",
        "route.cf": "dbpath = /etc/postfix/route.db\nquery = SELECT next FROM route WHERE domain = '%s'\n",
    }.items():
        instance.write(f"/etc/postfix/{name}", text)
    instance.run(["/usr/bin/python3", "-c", DATABASE], check=True)
    instance.run("cd /etc/postfix; postmap lmdb:alias hash:own cdb:own cdb:gone btree:access", check=True)
    lines = []
    for line in instance.read("/etc/postfix/master.cf").splitlines():
        words = line.split()
        if len(words) >= 8 and words[1] in ("unix", "inet", "pass") and words[7] not in OUTSIDE_JAIL:
            words[4] = "y"
            line = " ".join(words)
        lines.append(line)
    instance.write("/etc/postfix/master.cf", "\n".join(lines) + "\n")
    instance.run("newaliases", check=True)
    assert instance.postfix("start").returncode == 0
    yield instance
    instance.close()


def refusal(client, sender, recipient, text="Subject: x\n\nx\n"):
    with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)) as refused:
        client.sendmail(sender, [recipient], text)
    return str(refused.value)


def test_daemons_in_a_jail_have_tables_of_every_type(box):
    with box.smtp() as client:
        assert "pcre knows you" in refusal(client, "bad@far.test", "joe@example.test")
        assert "btree says no" in refusal(client, "a@b.test", "never@example.test")
        assert "pcre says no" in refusal(client, "a@b.test", "joe@example.test", "Subject: bad\n\nx\n")
        assert "far away" in refusal(client, "a@b.test", "x@far.test")
        assert "new@far.test" in refusal(client, "a@b.test", "left@example.test")
    for address in ("list@example.test", "old@mail.postern.test"):
        lines = box.deliver("a@b.test", [address], "Subject: good\n\nx\n")
        assert [line for line in lines if "to=<joe@mail.postern.test>" in line and "status=sent" in line], lines
    assert box.log.matching("unavailable") == []


def test_a_type_that_is_not_there_is_named_with_its_package(box):
    box.run("mkdir -p /etc/none", check=True)
    done = box.run("cp /etc/postfix/main.cf /etc/none/; postconf -c /etc/none -e meta_directory=/etc/none; postmap -c /etc/none -q a lmdb:/etc/postfix/alias")
    assert done.stderr.endswith("postmap: fatal: unsupported dictionary type: lmdb. Is the postfix-lmdb package installed?\n")
    assert "lmdb" not in box.run("postconf -c /etc/none -m").stdout.split()
    assert {"lmdb", "cdb", "sqlite", "hash", "pcre", "unionmap"} <= set(box.run("postconf -m").stdout.split())


def test_a_plugin_that_is_replaced(box):
    """Who has it goes on with it, who starts takes the new one, and one of another version
    is an error in words, never a miss."""
    plugin = "/etc/so/postfix-lmdb.so"
    box.run("mkdir /etc/so && cp /usr/lib/postfix/postfix-*.so /etc/so/", check=True)
    box.configure("shlib_directory = /etc/so\nvirtual_alias_domains = v.test\nvirtual_alias_maps = lmdb:/etc/postfix/alias\n")
    box.write("/etc/postfix/alias", "list@v.test joe\n")
    box.run("postmap lmdb:/etc/postfix/alias", check=True)

    def answers():
        return recipient(box, "list@v.test")[0], recipient(box, "none@v.test")[0]

    assert answers() == (250, 550)
    box.run(f"cp {plugin} {plugin}.new && mv {plugin}.new {plugin}", check=True)
    assert answers() == (250, 550)
    box.run("postmap lmdb:/etc/postfix/alias", check=True)  # which ends who has the table open
    assert answers() == (250, 550)
    version = re.search(rb'TABLE_PLUGIN_VERSION "(\w+)"', (roots.TOP / "build/gen/table/plugin_version.gen.h").read_bytes()).group(1)
    mine = box.path(plugin).read_bytes()
    other = mine.replace(version, version[::-1])
    assert other != mine
    box.write(plugin + ".new", other)
    box.run(f"mv {plugin}.new {plugin}", check=True)
    box.reload()
    assert answers() == (451, 451)
    box.log.wait(r"postfix-lmdb.so is of another version: install the one that came with this program, and restart")
    box.write(plugin + ".new", mine)
    box.run(f"mv {plugin}.new {plugin}", check=True)
    box.reload()
    assert answers() == (250, 550)
