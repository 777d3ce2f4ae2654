"""Leaving Berkeley DB: indexes of the new types are made when tables are first opened, and
only for files that nobody else could have put there."""

import pytest

from harness.instance import Instance

TYPES = "default_database_type = lmdb\ndefault_cache_db_type = cdb\n"
TABLE = "list@mail.postern.test joe\n"
TEXT = "Subject: x\n\nhello\n"


@pytest.fixture
def box(work):
    """Tables of the old types with their indexes, then the move."""
    instance = Instance.make(work / "box", "postern", main="virtual_alias_maps = hash:/etc/postfix/one\nauthorized_mailq_users = btree:/etc/postfix/users\n")
    instance.start(mail=False)
    instance.run("newaliases", check=True)
    for name, text in (("one", TABLE), ("users", "joe ok\n")):
        instance.write(f"/etc/postfix/{name}", text)
    instance.run("postmap hash:/etc/postfix/one btree:/etc/postfix/users", check=True)
    instance.configure(TYPES, reload=False)
    assert instance.postfix("non-bdb", "enable-reindex").returncode == 0
    yield instance
    instance.close()


def test_indexes_are_made_when_tables_are_opened(box):
    assert box.run("postconf -h non_bdb_migration_level").stdout == "enable-reindex\n"
    assert box.run("postconf -M nbdb_reindex/unix").stdout.split() == "nbdb_reindex unix - n n - 1 nbdb_reindexd".split()
    assert box.path("/etc/postfix/users.cdb").exists()  # set-gid commands cannot ask for it
    assert not box.path("/etc/postfix/one.lmdb").exists()
    assert box.postfix("start").returncode == 0
    box.log.wait("daemon started")
    box.sendmail(["list@mail.postern.test", "postmaster"], TEXT)
    box.log.wait(r"to=<joe@.*orig_to=<list@.*status=sent")
    box.log.wait(r"to=<root@.*status=sent|to=<\S+, orig_to=<postmaster>.*status=sent")
    box.log.wait(r"nbdb_reindexd\[\d+\]: hash:/etc/postfix/one was indexed as lmdb:/etc/postfix/one")
    box.log.wait(r"nbdb_reindexd\[\d+\]: hash:/etc/aliases was indexed as lmdb:/etc/aliases")
    assert box.run("postmap -q list@mail.postern.test lmdb:/etc/postfix/one").stdout == "joe\n"
    assert box.run("postalias -q postmaster lmdb:/etc/aliases").stdout.strip() == "root"


REFUSALS = [
    ("chmod 664 /etc/postfix/one", "is group or other writable"),
    ("chown ann /etc/postfix/one", "belongs to another user than its index"),
    ("rm /etc/postfix/one.db", "look at /etc/postfix/one.db"),
    ("mv /etc/postfix/one /tmp/one; ln -s /tmp/one /etc/postfix/one", "is not the plain path of a file"),
    ("chown joe /etc/postfix/one.db", "is in no folder of non_bdb_migration_allow_user_prefixes"),
    ("postconf non_bdb_migration_allow_root_prefixes=/usr/local/etc", "is in no folder of non_bdb_migration_allow_root_prefixes"),
    ("postconf non_bdb_migration_allow_root_prefixes=/etc/post", "is in no folder of non_bdb_migration_allow_root_prefixes"),
]


@pytest.mark.parametrize("command,why", REFUSALS)
def test_what_somebody_else_may_have_put_there_is_not_indexed(box, command, why):
    box.run(command, check=True)
    assert box.postfix("start").returncode == 0
    box.log.wait("daemon started")
    box.sendmail(["list@mail.postern.test"], TEXT)
    box.log.wait(rf"nbdb_reindexd\[\d+\]: warning: hash:/etc/postfix/one is not indexed: .*{why}")
    box.log.wait(r"cleanup\[\d+\]: warning: .*virtual_alias_maps map lookup problem")  # mail waits
    assert not box.path("/etc/postfix/one.lmdb").exists()


def test_a_mapping_that_proxymap_would_ask_itself_for_is_none(box):
    """Debian's has no such parameter; here proxymap would wait for its own answer."""
    box.configure(
        "non_bdb_migration_level = enable-redirect\nnon_bdb_custom_mapping = proxy:inline:{hash=cdb}\nalias_maps = texthash:/etc/aliases\n"
        "virtual_alias_maps = proxy:hash:/etc/postfix/one",
        reload=False,
    )
    box.run("postmap lmdb:/etc/postfix/one", check=True)
    assert box.postfix("start").returncode == 0
    box.log.wait("daemon started")
    box.sendmail(["list@mail.postern.test"], TEXT)
    box.log.wait(r"proxymap\[\d+\]: warning: non_bdb_custom_mapping: proxy:inline:{hash=cdb}: proxymap asks this table itself")
    box.log.wait(r"to=<joe@.*orig_to=<list@.*status=sent")


def test_the_table_of_a_user_is_made_with_that_users_rights(box):
    box.run("mkdir /var/lib/mailman && cp /etc/postfix/one /var/lib/mailman/ && cp /etc/postfix/one.db /var/lib/mailman/ && chown -R ann /var/lib/mailman", check=True)
    box.configure("virtual_alias_maps = hash:/var/lib/mailman/one", reload=False)
    assert box.postfix("start").returncode == 0
    box.log.wait("daemon started")
    box.sendmail(["list@mail.postern.test"], TEXT)
    box.log.wait(r"to=<joe@.*status=sent")
    assert box.run("stat -c %U /var/lib/mailman/one.lmdb").stdout == "ann\n"
