"""pgsql: and mysql: tables beside real servers: what a key can do, what is answered, and what
mail does while the server is away."""

import time

import pytest
from harness.databases import MariaDB, Postgres, certificate
from harness.lookup_servers import relay, slow
from harness.tables import MAILBOXES, look_up, mail_waits_while_away

MAIN = MAILBOXES
KEYS = ["o'brien@v.test", 'q"uote@v.test', "back\\slash@v.test", "per%cent@v.test", "semi;--@v.test", "é@v.test",
        "und_er@v.test", "' or '1'='1", "\\' or 1=1 -- ", "x' union select 'y"]  # fmt: skip
ROWS = [
    ("joe@v.test", "joe/", "note"), ("multi@v.test", "m1", "m2"), ("multi@v.test", "m3", ""), ("null@v.test", None, "n"),
    ("addr@v.test", "ann@other.test", "plain"), ("local", "loc", ""), ("d@sub.v.test", "sub", ""),
]  # fmt: skip


def literal(text, escape):
    return "null" if text is None else "'" + escape(text).replace("'", "''") + "'"


def schema(escape):
    rows = ROWS + [(k.lower(), f"key {i}", "") for i, k in enumerate(KEYS)]
    values = ", ".join("(" + ", ".join(literal(v, escape) for v in row) + ")" for row in rows)
    return f"create table users (address varchar(200), box varchar(200), more varchar(200));\ninsert into users values {values};\n"


class Case:
    def __init__(self, mta, kind):
        self.mta = mta
        self.kind = kind
        self.server = Postgres(mta) if kind == "pgsql" else MariaDB(mta)
        if kind == "pgsql":
            self.server.start()
            self.server.sql(
                "create role mail login password 'se#cret';\n"
                + schema(lambda t: t)
                + "grant select on users to mail;\n"
                + "create function box_of(text) returns varchar as 'select box from users where address = $1' language sql;\n"
            )
            self.login = "user = mail\npassword = se#cret\ndbname = postgres\n"
        else:
            self.server.start(
                "create database mail;\nuse mail;\n"
                + schema(lambda t: t.replace("\\", "\\\\"))
                + "create user mail identified by 'se#cret';\ngrant select on mail.* to mail;\n"
                + "create user secure identified by 'se#cret' require ssl;\ngrant select on mail.* to secure;\n"
            )
            self.login = "user = mail\npassword = se#cret\ndbname = mail\n"

    def table(self, text, hosts=None):
        self.mta.write("/etc/postfix/t.cf", f"hosts = {hosts or '127.0.0.1'}\n{self.login}{text}\n")
        return f"{self.kind}:/etc/postfix/t.cf"

    def ask(self, key, text, hosts=None):
        return look_up(self.mta, key, self.table(text, hosts))


@pytest.fixture(scope="module", params=["pgsql", "mysql"])
def case(mta, request):
    case = Case(mta, request.param)
    yield case
    case.server.stop()


BOX = "query = select box from users where address = '%s'"
BOTH = "query = select box, more from users where address = '%s'"


@pytest.mark.parametrize(
    "key, text, answer",
    [
        ("joe@v.test", BOX, "joe/"),
        ("Joe@V.test", BOX, "joe/"),
        ("nobody@v.test", BOX, None),
        ("multi@v.test", BOTH, "m1,m2,m3"),
        ("null@v.test", BOX, None),
        ("null@v.test", BOTH, "n"),
        ("joe@v.test", "query = select box from users where address = '%u@%d'", "joe/"),
        ("local", "query = select box from users where address = '%u'", "loc"),
        ("local", "query = select box from users where address = '%d'", None),
        ("d@sub.v.test", "query = select '%3 %2 %1'", "sub v test"),
        ("d@v.test", "query = select '%3 %2 %1'", None),
        ("joe@v.test", "query = select '100%%'", "100%"),
        ("addr@v.test", BOX + "\nresult_format = %s %u %d %S %U %D %1", "ann@other.test ann other.test addr@v.test addr v.test test"),
        ("addr@v.test", BOTH + "\nresult_format = smtp:[%d]", "smtp:[other.test]"),
        ("multi@v.test", BOTH + "\nresult_format = <%s>", "<m1>,<m2>,<m3>"),
        ("multi@v.test", BOTH + "\nexpansion_limit = 3", "m1,m2,m3"),
        ("joe@v.test", BOX + "\ndomain = other.test, v.test", "joe/"),
        ("d@sub.v.test", BOX + "\ndomain = v.test", None),
        ("local", BOX + "\ndomain = v.test", None),
        ("joe@v.test", "table = users\nselect_field = box\nwhere_field = address", "joe/"),
        ("joe@v.test", "table = users\nselect_field = box\nwhere_field = address\nadditional_conditions = and more = 'x'", None),
    ],
)  # fmt: skip
def test_what_is_asked_and_answered(case, key, text, answer):
    assert case.ask(key, text) == answer


@pytest.mark.parametrize(
    "text, words",
    [
        (BOTH + "\nexpansion_limit = 2", "limit exceeded"),
        ("query = select nonsense from nowhere", "nowhere"),
        ("query = select '%z'", "%"),
        ("table = users\nselect_field = box", "where_field"),
        ("", "table"),
        (BOX + "\nexpansion_limit = many", "expansion_limit = many"),
        (BOX + "\nno sign", 'no sign"'),
    ],
)
def test_errors_say_what_is_wrong(case, text, words):
    answer = case.ask("multi@v.test", text)
    assert answer.startswith("fatal") and words.lower() in answer.lower()


@pytest.mark.parametrize("number", range(len(KEYS)))
def test_no_key_gets_out_of_its_quotes(case, number):
    assert case.ask(KEYS[number], BOX) == f"key {number}"


@pytest.mark.parametrize("key", ["k" * 20000, b"bad\xff", "line\nbreak", "x\\", "'", "''", "\\'"], ids=range(7))
def test_odd_keys_are_just_not_there(case, key):
    assert case.ask(key, BOX) is None


def test_a_query_without_end_is_an_error(case):
    if case.kind == "pgsql":
        answer = case.ask("joe@v.test", "query = copy (select 1) to stdout\ntimeout = 2")
        assert answer.startswith("fatal") and "COPY" in answer


def test_the_old_forms(case):
    if case.kind == "pgsql":
        assert case.ask("joe@v.test", "select_function = box_of") == "joe/"
    lines = "\n".join("users_" + line for line in (case.login + "hosts = 127.0.0.1\n" + BOX).splitlines())
    case.mta.configure(lines, reload=False)
    done = case.mta.run(["postmap", "-q", "joe@v.test", f"{case.kind}:users"], check=True)
    assert done.stdout == "joe/\n"


def test_servers_stand_in_for_each_other(case):
    socket = "unix:/home/bob/pg" if case.kind == "pgsql" else "unix:/home/bob/my/socket"
    port = case.server.port
    for hosts in (socket, f"127.0.0.1:{port}", f"inet:127.0.0.1:{port}", f"127.0.0.1:9, 127.0.0.1:{port}",
                  f"unix:/none 127.0.0.1:9 {socket}"):  # fmt: skip
        assert case.ask("joe@v.test", BOX, hosts) == "joe/", hosts
    if case.kind == "pgsql":
        assert case.ask("joe@v.test", BOX, f"postgresql://mail:se%23cret@127.0.0.1:{port}/postgres") == "joe/"
    assert case.ask("joe@v.test", BOX, "127.0.0.1:9").startswith("fatal")


def test_passwords(case):
    words = "authentication failed" if case.kind == "pgsql" else "Access denied"
    for text in ("password = wrong", "password =", "user = nobody"):
        answer = case.ask("joe@v.test", f"{BOX}\n{text}")
        assert answer.startswith("fatal") and words in answer or "no password" in answer, text


IS_SECURE = "query = select ssl::text from pg_stat_ssl where pid = pg_backend_pid()"
OWN, OTHER = "/home/bob/tls/cert.pem", "/home/bob/other/cert.pem"
# kind: hosts or their ending, parameters, answer (None = an error)
TLS = {
    "pgsql": [
        (f"localhost:5432/postgres?sslmode=verify-full&sslrootcert={OWN}", IS_SECURE, "true"),
        (f"127.0.0.1:5432/postgres?sslmode=verify-ca&sslrootcert={OWN}", IS_SECURE, "true"),
        ("127.0.0.1:5432/postgres?sslmode=disable", IS_SECURE, "false"),
        (f"127.0.0.2:5432/postgres?sslmode=verify-full&sslrootcert={OWN}", IS_SECURE, None),  # not its name
        (f"127.0.0.1:5432/postgres?sslmode=verify-ca&sslrootcert={OTHER}", IS_SECURE, None),
        ("127.0.0.1:5432/postgres?sslmode=verify-ca&sslrootcert=/nonexistent", IS_SECURE, None),
    ],
    "mysql": [
        ("127.0.0.1", "", None),  # the user may not come in without TLS
        ("127.0.0.1", f"tls_CAfile = {OWN}", "joe/"),
        ("127.0.0.1", f"tls_CAfile = {OWN}\ntls_verify_cert = yes", "joe/"),
        ("127.0.0.1", f"tls_CAfile = {OTHER}", None),
        ("127.0.0.1", f"tls_CAfile = {OTHER}\ntls_verify_cert = yes", None),
        ("127.0.0.1", "tls_CAfile = /nonexistent", None),
    ],
}


def test_tls(case):
    certificate(case.mta, "/home/bob/other")
    for hosts, text, answer in TLS[case.kind]:
        if case.kind == "pgsql":
            hosts = f"postgresql://mail:se%23cret@{hosts}"
        else:
            text += f"\n{BOX}\nuser = secure"
        got = case.ask("joe@v.test", text, hosts)
        assert got == answer if answer else got.startswith("fatal"), (hosts, text, got)


def test_load_is_spread_over_servers(case):
    with relay(4203, case.server.port) as first, relay(4204, case.server.port) as second:
        assert {case.ask("joe@v.test", BOX, "127.0.0.1:4203 127.0.0.1:4204") for _ in range(25)} == {"joe/"}
        assert first and second and len(first) + len(second) == 25


def test_a_server_that_failed_is_left_alone_for_a_while(case):
    """proxymap lives on from one question to the next."""
    mta = case.mta
    table = case.table(BOX + "\nretry_interval = 3\ntimeout = 1", "127.0.0.1:4201 127.0.0.1:4202")
    mta.configure(f"proxy_read_maps = proxy:{table}")

    def ask():
        return mta.run(["postmap", "-q", "joe@v.test", f"proxy:{table}"]).stderr

    with slow(4201, []) as first, slow(4202, []) as second:
        assert "query error" in ask()
        assert (len(first), len(second)) == (1, 1)
        assert "all failed within retry_interval" in ask()
        assert (len(first), len(second)) == (1, 1)
        time.sleep(3.1)
        assert "query error" in ask()
        assert (len(first), len(second)) == (2, 2)
    only = case.table(BOX + "\nretry_interval = 3", f"127.0.0.1:{case.server.port}")
    case.server.stop()
    mta.reload()
    assert "query error" in ask()
    case.server.start()
    assert only == table and ask() == ""  # a single one is asked again at once


def test_mail_waits_while_the_server_is_away(case):
    mail_waits_while_away(case.mta, case.server, case.table(BOX + "\nretry_interval = 1\ntimeout = 2"))


def test_a_server_that_hangs_is_an_error_in_time(case):
    case.server.pause()
    try:
        assert case.ask("joe@v.test", BOX + "\ntimeout = 2").startswith("fatal")
    finally:
        case.server.pause(False)
