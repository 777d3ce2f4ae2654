"""sqlite: tables: every form of query found in real configurations, hostile keys, a database that fails."""

import sqlite3

import pytest

DOMAIN = "example.test"
SCHEMA = """
create table alias (address text, goto text, active integer, domain text);
insert into alias values ('joe@a.test', 'joe@b.test,ann@b.test', 1, 'a.test'), ('off@a.test', 'x', 0, 'a.test'),
  ('O''Hara@a.test', 'ohara', 1, 'a.test'), ('many@a.test', 'one', 1, 'a.test'), ('many@a.test', 'two', 1, 'a.test'),
  ('none@a.test', '', 1, 'a.test'), ('null@a.test', null, 1, 'a.test'), ('j\u00f6rg@a.test', 'joerg', 1, 'a.test');
create table mailbox (username text, quota integer, maildir text);
insert into mailbox values ('joe', 1000, 'a.test/joe/');
"""
FORMS = {
    "plain": "query = SELECT goto FROM alias WHERE address='%s' AND active = 1",
    "parts": "query = SELECT goto FROM alias WHERE address='%u@%d'",
    "user": "query = SELECT maildir, quota FROM mailbox WHERE username='%u'",
    "format": "query = SELECT maildir FROM mailbox WHERE username='%u'\nresult_format = /mail/%s:%U:%D",
    "labels": "query = SELECT '%1.%2'",
    "limit": "query = SELECT goto FROM alias WHERE address='%s'\nexpansion_limit = 1",
    "domain": "query = SELECT goto FROM alias WHERE address='%s'\ndomain = b.test, static:no",
    "literal": "query = SELECT 'it%%s' WHERE '%s' LIKE '%%joe%%'",
    "old": "table = alias\nselect_field = goto\nwhere_field = address\nadditional_conditions = AND active = 1",
    "wrong": "query = SELECT nix FROM nowhere WHERE address='%s'",
    "syntax": "query = SELECT '%s",
}
KEYS = [
    "joe@a.test", "JOE@A.test", "off@a.test", "o'hara@a.test", "many@a.test", "none@a.test", "null@a.test", "j\u00f6rg@a.test",
    "joe", "@a.test", "joe@", "x' OR '1'='1", "'", "''", "\\", "\\'", "%s", "%", '"', ";--", "a@b@a.test", "k" * 20000,
]  # fmt: skip


@pytest.fixture(scope="module")
def boxes(ours, oracle, work):
    with sqlite3.connect(work / "db.sqlite") as db:
        db.executescript(SCHEMA)
    for box in (ours, oracle):
        box.write("/tmp/db.sqlite", (work / "db.sqlite").read_bytes())
        for name, text in FORMS.items():
            box.write(f"/tmp/{name}.cf", f"dbpath = /tmp/db.sqlite\n{text}\n")
    return ours, oracle


def answers(box, form):
    found = []
    for key in KEYS:
        done = box.run(["postmap", "-q", key, f"sqlite:/tmp/{form}.cf"])
        found.append((key, done.returncode, done.stdout))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_as_debian(boxes, form):
    assert answers(boxes[0], form) == answers(boxes[1], form)


def test_errors_are_told(boxes):
    box = boxes[0]
    box.write("/tmp/gone.cf", "dbpath = /tmp/gone.sqlite\nquery = SELECT '%s'\n")
    box.write("/tmp/empty.cf", "query = SELECT '%s'\n")
    box.write("/tmp/twice.cf", 'dbpath = /tmp/db.sqlite\nquery = SELECT goto FROM alias WHERE address = "%s"\n')
    for name, words in (("gone", "unable to open"), ("empty", "dbpath"), ("wrong", "no such table: nowhere"), ("limit", "")):
        done = box.run(["postmap", "-q", "many@a.test", f"sqlite:/tmp/{name}.cf"])
        assert done.returncode == 1 and "fatal" in done.stderr and words in done.stderr, name
    done = box.run(["postmap", "-q", 'x" OR "1"="1', "sqlite:/tmp/twice.cf"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "in double quotes" in done.stderr


def test_a_change_is_seen(boxes):
    box = boxes[0]
    program = """import sqlite3
db = sqlite3.connect("/tmp/db.sqlite")
db.execute("insert into alias values ('new@a.test', 'here', 1, 'a.test')")
db.commit()
"""
    box.run(["/usr/bin/python3", "-c", program], check=True)
    assert box.run(["postmap", "-q", "new@a.test", "sqlite:/tmp/plain.cf"]).stdout == "here\n"
