"""reliability: T35 and T37 for every type of table: a row each in KEYS (what no key can do)
and in RACES (what readers see while others write)."""

import collections
import json
import re
import threading
import time

import pytest
from harness.databases import Memcached
from harness.lookup_servers import SocketmapServer, TcpServer
from harness.sandbox import wait_until
from harness.tables import look_up, look_up_all, recipient
from system import test_table_ldap as ldap
from system import test_table_sql as sql

MAIN = """\
virtual_alias_domains = v.test
proxy_read_maps = proxy:texthash:/etc/postfix/keys proxy:hash:/etc/postfix/race proxy:btree:/etc/postfix/race
    proxy:lmdb:/etc/postfix/race proxy:cdb:/etc/postfix/race
"""

# --- T37: a key is a key, and nothing else -----------------------------------------------------

KNOWN = "joe@v.test"
# What tables of texts can hold; none of them means anything but itself.
HELD = ["o'brien@v.test", 'q"uote@v.test', "back\\slash@v.test", "per%cent@v.test", "%s@v.test", "semi;--@v.test", "und_er@v.test",
        "st*ar@v.test", "par(en)s@v.test", "a|b&c@v.test", "${x}@v.test", "{b}@v.test"]  # fmt: skip
# What no table here holds: an answer would come from the framing, from a part of the key, or from a query.
STRANGE = [KNOWN + "\0", KNOWN + "\0x", "\0" + KNOWN, "k" * 20000, KNOWN + "k" * 20000, "' or '1'='1", "' or 1=1 -- ", "\\' or 1=1 -- ",
           'x" or "1"="1', "x' union select 'y", "*", ")(mail=*", "*)(objectClass=*", "\\2a", "%", "%%", "%zz", "%00", "\\", "\\\\", "'", "''",
           '"', "`id`", "$(id)", "a\tb", "a\rget joe@v.test", "7:OK evil,", "map joe@v.test,12:", "\udcff\udcfe", "x\x01y\x7f",
           "b\u0101d\udcc3", " joe@v.test", "joe@v.test ", "@", ".", "{", "}"]  # fmt: skip


def rows(keys):
    return "".join(f"{key}  value {i} 100%\n" for i, key in enumerate([KNOWN, *keys]))


def rules(keys, flags=""):
    """flags: "E" keeps pcre's $ from a line end."""
    return "".join(f"/^{re.escape(key)}$/{flags} value {i} 100%\n" for i, key in enumerate([KNOWN, *keys]))


class Row:
    """A table that holds known and keys; start() makes what is behind it. equal: keys that
    are the known one by the rules of the server, which does not see blanks there."""

    known, keys, server = KNOWN, HELD, None

    def __init__(self, name, text=None, keys=None, known=None, equal=()):
        self.name = name
        self.text = text
        self.equal = equal
        if keys is not None:
            self.keys = keys
        if known is not None:
            self.known = known

    def start(self, mta):
        if self.text:
            mta.write("/etc/postfix/keys", self.text)
        kind = self.name.split(":")[0]
        if kind in ("hash", "btree", "lmdb", "cdb"):
            mta.run(["postmap", f"{kind}:/etc/postfix/keys"], check=True)

    def stop(self):
        if self.server:
            self.server.stop()


class Sqlite(Row):
    PROGRAM = """import json, sqlite3, sys
db = sqlite3.connect("/etc/postfix/keys.sqlite")
db.executescript("drop table if exists t; create table t (k text, v text);")
db.executemany("insert into t values (?, 'value')", [(k,) for k in json.load(sys.stdin)])
db.commit()
"""

    def start(self, mta):
        mta.run(["/usr/bin/python3", "-c", self.PROGRAM], input=json.dumps([KNOWN, *self.keys]), check=True)
        mta.write("/etc/postfix/keys.cf", "dbpath = /etc/postfix/keys.sqlite\nquery = select v from t where k = '%s'\n")


class Database(Row):
    def start(self, mta):
        case = sql.Case(mta, self.name.split(":")[0])
        self.server = case.server
        self.name = case.table(sql.BOX)


class Directory(Row):
    def start(self, mta):
        case = ldap.Case(mta)
        self.server = case.server
        self.name = case.table(ldap.BOX.replace("mail", "title"))


class Cache(Row):
    def start(self, mta):
        self.server = Memcached(mta)
        self.server.start()
        self.server.say("".join(f"set {key} 0 0 5\r\nvalue\r\n" for key in [KNOWN, *self.keys]) + "quit\r\n")
        mta.write("/etc/postfix/keys.cf", "memcache = inet:127.0.0.1:11211\n")


class Lookups(Row):
    def start(self, mta):
        port = int(re.search(r"127.0.0.1:(\d+)", self.name).group(1))
        server = TcpServer if self.name.startswith("tcp") else SocketmapServer
        self.server = server(port, {key: "value" for key in [KNOWN, *self.keys]})
        self.server.start()


TEXT = rows(HELD)
LIKE_INLINE = [key for key in HELD if not set(key) & set("{}")]  # braces are its own
KEYS = {
    "hash": Row("hash:/etc/postfix/keys", TEXT),
    "btree": Row("btree:/etc/postfix/keys", TEXT),
    "lmdb": Row("lmdb:/etc/postfix/keys", TEXT),
    "cdb": Row("cdb:/etc/postfix/keys", TEXT),
    "texthash": Row("texthash:/etc/postfix/keys", TEXT),
    "inline": Row("inline:{" + ", ".join(f"{{{k} = value}}" for k in [KNOWN, *LIKE_INLINE]) + "}", keys=LIKE_INLINE),
    "proxy": Row("proxy:texthash:/etc/postfix/keys", TEXT),
    "debug": Row("debug:texthash:/etc/postfix/keys", TEXT),
    "pipemap": Row("pipemap:{texthash:/etc/postfix/keys,regexp:{{/^(.*)$/ got $1}}}", TEXT),
    "unionmap": Row("unionmap:{texthash:/etc/postfix/keys,inline:{x=y}}", TEXT),
    "regexp": Row("regexp:/etc/postfix/keys", rules(HELD)),
    "pcre": Row("pcre:/etc/postfix/keys", rules(HELD, "E")),
    "cidr": Row("cidr:/etc/postfix/keys", "192.0.2.0/24 net\n2001:db8::/32 net6\n", keys=["2001:db8::7"], known="192.0.2.1"),
    "environ": Row("environ:x", keys=[], known="PATH"),
    "unix": Row("unix:passwd.byname", keys=["ann"], known="joe"),
    "internal": Row("internal:keys", keys=[], known=None),
    "sqlite": Sqlite("sqlite:/etc/postfix/keys.cf"),
    "pgsql": Database("pgsql:", keys=sql.KEYS),
    "mysql": Database("mysql:", keys=sql.KEYS, equal=[KNOWN + " "]),
    "ldap": Directory("ldap:", keys=ldap.KEYS, equal=[KNOWN + " ", " " + KNOWN]),
    "memcache": Cache("memcache:/etc/postfix/keys.cf"),
    "tcp": Lookups("tcp:127.0.0.1:4111"),
    "socketmap": Lookups("socketmap:inet:127.0.0.1:4112:map"),
}
# The key means nothing to these: the same answer to all of them.
WITHOUT_KEYS = {"static": "static:same", "randmap": "randmap:{same}", "fail": "fail:words"}


def test_every_type_has_its_rows(mta):
    types = set(mta.run("postconf -m", check=True).stdout.split())
    assert types == KEYS.keys() | WITHOUT_KEYS.keys()
    assert types == RACES.keys() | NOT_WRITTEN.keys()


@pytest.mark.parametrize("kind", KEYS)
def test_t37_a_key_is_only_a_key(mta, kind):
    """One process and one connection, and between any two keys the known one: what a
    strange key breaks shows in the next answer."""
    row = KEYS[kind]
    strange = [key for key in STRANGE if key not in row.keys]
    if kind in ("sqlite", "pgsql", "mysql", "ldap"):
        row.keys = [key.lower() for key in row.keys]
    row.start(mta)
    try:
        if kind == "internal":
            assert look_up_all(mta, strange, row.name) == []
            return
        between = [part for key in [*row.keys, *strange] for part in (key, row.known)]
        found = [key for key, _value in look_up_all(mta, between, row.name)]
        assert found == [key for key in between if key in (row.known, *row.keys, *row.equal)]
        for key in ("new\nline", "\n", row.known + "\n", "\r\nset evil 0 0 1\r\ny\r\n", row.known + "\nget x"):
            done = mta.run(["postmap", "-q", key, row.name])
            assert (done.returncode, done.stdout) == (1, "") and "fatal" not in done.stderr, key
        assert look_up(mta, row.known, row.name)
    finally:
        row.stop()


@pytest.mark.parametrize("kind", WITHOUT_KEYS)
def test_t37_where_keys_mean_nothing(mta, kind):
    for key in [*HELD, *(key for key in STRANGE if "\0" not in key and not re.search("[\udc80-\udcff]", key))]:
        answer = look_up(mta, key, WITHOUT_KEYS[kind])
        assert answer == "same" if kind != "fail" else answer.startswith("fatal"), key


# --- T35: readers and writers ------------------------------------------------------------------

RACE = "/etc/postfix/race"
KEPT, GONE, LAST = "kept@v.test", "gone@v.test", "last@v.test"

# Run a command over and over, and kill it anywhere in most of the runs.
WRITER = """import random, subprocess, sys, time
end, longest, source, *command = sys.argv[1:]
end = time.time() + float(end)
while time.time() < end:
    with open(source) as stdin:
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if random.random() < 0.8:
        time.sleep(random.uniform(0, float(longest)))
        process.kill()
    process.wait()
"""
# Ask for the entry that is always there and for one that never is; print what was wrong.
READER = f"""import collections, subprocess, sys, time
end, table = time.time() + float(sys.argv[1]), sys.argv[2]
seen = collections.Counter()
while time.time() < end:
    done = subprocess.run(["postmap", "-q", "-", table], input=b"{GONE}\\n{KEPT}\\n", capture_output=True)
    seen[done.stdout + done.stderr] += 1
for words, n in seen.items():
    print(n, repr(words))
"""
FILLED = f"{KEPT} joe@postern.test\n" + "".join(f"filler{i}@v.test filler{i}-{'x' * 40}\n" for i in range(3000))
ADDED = "".join(f"added{i}@v.test other{'y' * 60}\n" for i in range(1500))
EDIT = 'cat >{0}.$$ && mv {0}.$$ {0}'


class Race:
    """table: what is asked. writers: commands, with what they read. text: what they write.
    proxied: whether proxymap may be asked for it. finish: a command for the last change."""

    # a process sees the file that it opened; daemons do at a reload
    reload, proxied = False, False

    def __init__(self, kind, writers, text=FILLED, last=f"{LAST} joe@postern.test\n", finish=None):
        self.table = f"{kind}:{RACE}"
        self.writers = [(command, source) for command, source in writers]
        self.text = text
        self.last = text + last
        self.finish = finish or writers[0][0]

    def start(self, mta):
        mta.write(RACE, self.text)
        mta.write("/tmp/added", ADDED)
        mta.run(self.finish, input=self.text, check=True)

    def stop(self):
        pass


class Indexed(Race):
    proxied = True

    def __init__(self, kind):
        build, put = ["postmap", f"{kind}:{RACE}"], ["postmap", "-ir", f"{kind}:{RACE}"]
        writers = [(build, "/dev/null"), (build if kind == "cdb" else put, "/tmp/added")]
        super().__init__(kind, writers)


class Edited(Race):
    """What an administrator writes, as good editors do it: aside, and renamed."""

    reload = True

    def __init__(self, kind, text=FILLED, last=f"{LAST} joe@postern.test\n"):
        edit = ["sh", "-c", EDIT.format(RACE)]
        super().__init__(kind, [(edit, "/tmp/race.text"), (edit, "/tmp/race.text")], text, last)

    def start(self, mta):
        mta.write("/tmp/race.text", self.text)
        super().start(mta)


def patterns(key):
    return f"/^{re.escape(key)}$/ joe@postern.test\n"


FILLER = "".join(f"/^filler{i}@/ x\n" for i in range(1000))
RACES = {
    "hash": Indexed("hash"),
    "btree": Indexed("btree"),
    "lmdb": Indexed("lmdb"),
    "cdb": Indexed("cdb"),
    "texthash": Edited("texthash"),
    "regexp": Edited("regexp", FILLER + patterns(KEPT), patterns(LAST)),
    "pcre": Edited("pcre", FILLER + patterns(KEPT), patterns(LAST)),
}
NOT_WRITTEN = {
    "cidr": "the file is read as that of regexp",
    "inline": "in main.cf", "static": "in main.cf", "randmap": "in main.cf", "internal": "in memory", "fail": "no entries",
    "environ": "of the process", "unix": "the C library's",
    "proxy": "asked beside each type that proxymap may open", "debug": "the table behind it", "pipemap": "the tables in it",
    "unionmap": "the tables in it",
    "sqlite": "the database's own transactions", "pgsql": "the server's transactions", "mysql": "the server's",
    "ldap": "the server's", "memcache": "the server's", "tcp": "the server's", "socketmap": "the server's",
}  # fmt: skip


def race(mta, row, seconds):
    """All at once for that time; what the readers found wrong."""
    began = time.monotonic()
    mta.run(row.finish, input=row.text, check=True)
    longest = 1.3 * (time.monotonic() - began)
    words = [["/usr/bin/python3", "-c", WRITER, str(seconds), str(longest), source, *command] for command, source in row.writers]
    tables = [row.table, row.table, *(["proxy:" + row.table] if row.proxied else [])]
    words += [["/usr/bin/python3", "-c", READER, str(seconds), table] for table in tables]
    answers = [None] * len(words)

    def run(i):
        answers[i] = mta.run(words[i], timeout=seconds + 60)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(words))]
    for thread in threads:
        thread.start()
    replies = collections.Counter()
    while time.monotonic() < began + seconds:
        replies[recipient(mta, KEPT)[0], recipient(mta, GONE)[0]] += 1
    for thread in threads:
        thread.join()
    assert [a.stderr for a in answers] == [""] * len(answers)
    good = repr(f"{KEPT}\tjoe@postern.test\n".encode())
    wrong = [line for a in answers[2:] for line in a.stdout.splitlines() if not line.endswith(good)]
    assert all(a.stdout for a in answers[2:])
    return wrong, replies


def check_race(mta, kind, seconds):
    row = RACES[kind]
    row.start(mta)
    mta.configure(f"virtual_alias_maps = {row.table}")
    try:
        wrong, replies = race(mta, row, seconds)
        assert wrong == []
        assert replies.keys() == {(250, 550)}, replies
        mta.write(RACE, row.last)
        mta.run(row.finish, input=row.last, check=True)
        if row.reload:
            mta.reload()
        assert look_up(mta, LAST, row.table) == "joe@postern.test"
        wait_until(lambda: recipient(mta, LAST)[0] == 250, 5, "smtpd to see the change")
        if row.proxied:
            wait_until(lambda: look_up(mta, LAST, "proxy:" + row.table), 5, "proxymap to see the change")
    finally:
        row.stop()


@pytest.mark.parametrize("kind", RACES)
def test_t35_readers_and_writers(mta, kind):
    check_race(mta, kind, 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", RACES)
def test_t35_a_minute_of_it(mta, kind):
    check_race(mta, kind, 60)
