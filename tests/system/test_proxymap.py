"""proxymap(8) and proxywrite: tables that others open for us."""

import pytest

from harness.instance import Instance
from harness.sandbox import wait_until


@pytest.fixture(scope="module")
def box(work):
    instance = Instance.make(work / "box", "postern", "virtual_alias_maps = proxy:hash:/etc/postfix/map\nproxy_write_maps = proxy:btree:/var/lib/postfix/cache")
    instance.etc["postfix/master.cf"] = "proxymap unix - - n - - proxymap\nproxywrite unix - - n - 1 proxymap\n"
    instance.start(mail=False)
    instance.write("/etc/postfix/map", "a 1\n")
    instance.run(["postmap", "/etc/postfix/map"], check=True)
    assert instance.postfix("start").returncode == 0
    yield instance
    instance.close()


def ask(box, key, table):
    done = box.run(["postmap", "-q", key, table])
    return done.returncode, done.stdout + done.stderr


def test_allowed_tables_answer_and_others_do_not(box):
    assert ask(box, "A", "proxy:hash:/etc/postfix/map") == (0, "1\n")
    assert ask(box, "b", "proxy:hash:/etc/postfix/map") == (1, "")
    assert ask(box, "root", "proxy:unix:passwd.byname")[0] == 0
    status, words = ask(box, "a", "proxy:texthash:/etc/postfix/map")
    assert status == 1
    assert 'proxymap service is not configured for table "texthash:/etc/postfix/map"' in words
    box.log.wait(r'proxymap\[\d+\]: warning: request for unapproved table: "texthash:/etc/postfix/map"$')
    box.log.wait(r"proxymap\[\d+\]: warning: to approve this table for read-only access, list proxy:texthash:/etc/postfix/map in main.cf:proxy_read_maps$")


@pytest.mark.parametrize("entries", (0, 1, 5000))
def test_a_table_is_listed(box, entries):
    """In several answers when it is large; from the start again, and when it has changed."""
    box.table("map", "".join(f"key{i} {i} {'v' * (i % 90)}\n" for i in range(entries)))
    direct = box.run(["postmap", "-s", "hash:/etc/postfix/map"], check=True).stdout
    assert len(direct.splitlines()) == entries
    for _ in range(2):
        assert box.run(["postmap", "-s", "proxy:hash:/etc/postfix/map"], check=True).stdout == direct
    done = box.run(["postmap", "-s", "proxy:texthash:/etc/postfix/map"])
    assert done.returncode == 1 and 'is not configured for table "texthash:/etc/postfix/map"' in done.stderr


def test_a_changed_table_is_seen_without_a_reload(box):
    box.table("map", "a 2\n")
    wait_until(lambda: ask(box, "a", "proxy:hash:/etc/postfix/map") == (0, "2\n"))


def test_proxywrite_changes_its_tables_only(box):
    box.run("echo 'k v' >/var/lib/postfix/cache; chown postfix /var/lib/postfix/cache; postmap btree:/var/lib/postfix/cache", check=True)
    assert box.run(["postmap", "-d", "k", "proxy:btree:/var/lib/postfix/cache"]).returncode == 0
    assert box.run(["postmap", "-d", "k", "proxy:btree:/var/lib/postfix/cache"]).returncode == 1
    assert box.run(["postmap", "-q", "k", "btree:/var/lib/postfix/cache"]).returncode == 1
    done = box.run(["postmap", "-d", "a", "proxy:hash:/etc/postfix/map"])
    assert done.returncode == 1
    assert 'proxywrite service is not configured for table "hash:/etc/postfix/map"' in done.stderr
    done = box.run(["postmap", "proxy:btree:/var/lib/postfix/cache"])
    assert (done.returncode, done.stderr) == (1, "postmap: fatal: can't create maps via the proxy service\n")
