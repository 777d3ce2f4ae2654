"""Tables behind servers, asked by ours and by Debian's postmap: the same server, the same
parameters, the same keys, the same answer. What is an error of ours is in
tests/system: Debian's postmap waits a second at each."""

import pytest
from harness.databases import Memcached
from system import test_table_ldap as ldap
from system import test_table_sql as sql

ODD = ["", "@v.test", "joe@", "a@b@v.test", "x.y@sub.v.test", "joe", "v.test", ".", "%s", "joe@v.test,x"]
COMMON = [
    "", "result_format = %%%s", "result_format = <%u>", "result_format = <%d>", "result_format = %S=%s", "result_format = %U",
    "result_format = %D %1", "result_format = %3", "result_format = x", "result_filter = [%s]",
    "expansion_limit = -1", "domain = v.test", "domain = .v.test",
    "domain = w.test, sub.v.test", "domain = static:all", "domain = /etc/postfix/domains", "domain =",
]  # fmt: skip
QUERIES = [
    sql.BOX, sql.BOTH, "query = select '%u'", "query = select '%d'", "query = select '%1.%2'", "query = select '%S %U %D'",
    "query = select 'a%%b'", "query = select null", "query = select ''",
    "query = select 1, 2", "table = users\nselect_field = box\nwhere_field = address",
    "table = users\nselect_field = box, more\nwhere_field = address\nadditional_conditions = and more <> ''",
"query = select box from users where address = '%s'\ntable = nowhere",
]  # fmt: skip
FILTERS = [
    ldap.BOX, "query_filter = (cn=%u)\nresult_attribute = mail", "query_filter = (cn=%d)\nresult_attribute = mail",
    "query_filter = (description=*)\nresult_attribute = cn\nscope = base", "query_filter = (cn=%1)",
    f"search_base = cn=%u,{ldap.BASE}\nscope = base\nquery_filter = (cn=*)\nresult_attribute = mail",
    f"search_base = cn=gone,{ldap.BASE}\nquery_filter = (cn=*)\nresult_attribute = mail",
    "query_filter = (mail=%s)\nresult_attribute =\nspecial_result_attribute = member\nleaf_result_attribute = mail",
    "query_filter = (mail=%s)\nresult_attribute = mail\nspecial_result_attribute = member",
    "query_filter = (mail=%s)\nresult_attribute = mail,cn\nspecial_result_attribute = member\nterminal_result_attribute = street",
    "query_filter = (mail=%s)\nresult_attribute = cn\nspecial_result_attribute = labeledURI\nleaf_result_attribute = mail",
    "bind = no\nquery_filter = (mail=%s)\nresult_attribute = cn",
]  # fmt: skip


@pytest.fixture(scope="module", params=["pgsql", "mysql"])
def database(ours, request):
    case = sql.Case(ours, request.param)
    yield case
    case.server.stop()


@pytest.fixture(scope="module")
def directory(ours):
    case = ldap.Case(ours)
    yield case
    case.server.stop()


def answers(pair, name, text, table, keys):
    """What each of the two says to all keys: the exit status, and a line for each key found,
    up to the first error, at which postmap ends."""
    found = []
    for mta in pair:
        mta.write("/etc/postfix/domains", "v.test\n")
        mta.write(f"/etc/postfix/{name}", text)
        done = mta.run(["postmap", "-q", "-", table], input="".join(key + "\n" for key in keys))
        found.append((done.returncode, done.stdout, "fatal" in done.stderr))
    return found


SQL_KEYS = [row[0] for row in sql.ROWS] + [k for k in sql.KEYS if k.isascii()] + ODD[1:]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_queries(database, ours, oracle, number):
    table = f"{database.kind}:/etc/postfix/q.cf"
    text = f"hosts = 127.0.0.1\n{database.login}{QUERIES[number]}\n"
    first, second = answers((ours, oracle), "q.cf", text, table, SQL_KEYS)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(COMMON)))
def test_results(database, ours, oracle, number):
    if database.kind == "mysql" and number > 3:
        return  # what follows is not the database's work
    text = f"hosts = 127.0.0.1\n{database.login}{sql.BOTH}\n{COMMON[number]}\n"
    first, second = answers((ours, oracle), "q.cf", text, f"{database.kind}:/etc/postfix/q.cf", [row[0] for row in sql.ROWS])
    assert first == second


LDAP_KEYS = ["joe@v.test", "many@v.test", "staff@v.test", "all@v.test", "url@v.test", "routed@v.test", "nobody@v.test"]


@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_directories(directory, ours, oracle, number):
    base = "" if "search_base" in FILTERS[number] else f"search_base = {ldap.BASE}\n"
    text = f"server_host = ldap://127.0.0.1:{directory.server.port}\n{base}{FILTERS[number]}\n"
    keys = LDAP_KEYS + (ldap.KEYS[:5] + ODD[1:] if number == 0 else [])
    first, second = answers((ours, oracle), "l.cf", text, "ldap:/etc/postfix/l.cf", keys)
    assert first == second


def test_memcached(ours, oracle):
    server = Memcached(ours)
    server.start()
    server.say("set joe@v.test 0 0 10\r\nsome value\r\nset p:joe 0 0 1\r\nx\r\nset p:v.test 0 0 1\r\ny\r\nquit\r\n")
    try:
        for line in ("", "key_format = p:%u", "key_format = p:%d", "domain = v.test", "domain = w.test", "backup = static:b"):  # fmt: skip
            text = f"memcache = inet:127.0.0.1:11211\n{line}\n"
            keys = ["joe@v.test", "Joe@V.test", "nobody@v.test", "joe", "v.test"]
            first, second = answers((ours, oracle), "m.cf", text, "memcache:/etc/postfix/m.cf", keys)
            assert first == second, line
    finally:
        server.stop()
