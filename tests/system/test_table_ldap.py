"""ldap: tables beside a real slapd: what a key can do, groups, binds, TLS, and what mail does
while the server is away."""

import time

import pytest
from harness.databases import Slapd
from harness.lookup_servers import slow
from harness.tables import MAILBOXES, look_up, mail_waits_while_away

MAIN = MAILBOXES
BASE = Slapd.SUFFIX
KEYS = ["o'brien@v.test", "st*ar@v.test", "par(en)s@v.test", "back\\slash@v.test", "per%cent@v.test", "é@v.test",
        "and&or|not!@v.test", "*", ")(mail=*"]  # fmt: skip
PEOPLE = [("joe", "joe@v.test", "joe/"), ("ann", "ann@v.test", "ann/"), ("other", "x@other.test", "other/")]
PEOPLE += [(f"key{i}", key, f"key {i}") for i, key in enumerate(KEYS)]


def entry(name, **attributes):
    lines = [f"dn: cn={name},{BASE}", "objectClass: extensibleObject", "objectClass: applicationProcess", f"cn: {name}"]
    for attribute, values in attributes.items():
        lines += [f"{attribute}: {value}" for value in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n\n"


def dn(name):
    return f"cn={name},{BASE}"


LDIF = f"dn: {BASE}\nobjectClass: domain\ndc: example\n\n" + "".join(
    entry(name, mail=mail, title=mail, description=box) for name, mail, box in PEOPLE
)
LDIF += entry("staff", mail="staff@v.test", member=[dn("joe"), dn("ann"), dn("gone")], seeAlso=dn("nobody"))
LDIF += entry("all", mail="all@v.test", member=[dn("staff"), dn("other")], description="group")
LDIF += entry("url", mail="url@v.test", labeledURI=f"ldap:///{BASE}?mail?sub?(description=joe/)")
LDIF += entry("loop", mail="loop@v.test", member=[dn("loop")])
LDIF += entry("routed", mail="routed@v.test", member=[dn("joe")], street="list@host.test")
LDIF += entry("many", mail="many@v.test", description=["d1", "d2", "d3"])
LDIF += entry("reader", userPassword="readerpw", sn="x")
# what a bind is needed for
ACCESS = f"""\
access to attrs=userPassword by anonymous auth by * none
access to dn.base="{dn("other")}" by dn.exact="{dn("reader")}" read by * none
access to * by * read
"""


class Case:
    def __init__(self, mta):
        self.mta = mta
        self.server = Slapd(mta, conf=ACCESS)
        self.server.load(LDIF)
        self.server.start()

    def table(self, text, host=None):
        host = host or f"ldap://127.0.0.1:{self.server.port}"
        base = "" if "search_base" in text else f"search_base = {BASE}\n"
        self.mta.write("/etc/postfix/l.cf", f"server_host = {host}\n{base}{text}\n")
        return "ldap:/etc/postfix/l.cf"

    def ask(self, key, text, host=None):
        return look_up(self.mta, key, self.table(text, host))


@pytest.fixture(scope="module")
def case(mta):
    case = Case(mta)
    yield case
    case.server.stop()


BOX = "query_filter = (mail=%s)\nresult_attribute = description\nversion = 3"
GROUP = "query_filter = (mail=%s)\nversion = 3\n"


@pytest.mark.parametrize(
    "key, text, answer",
    [
        ("joe@v.test", BOX, "joe/"),
        ("JOE@v.test", BOX, "joe/"),
        ("nobody@v.test", BOX, None),
        ("many@v.test", BOX, "d1,d2,d3"),
        ("many@v.test", BOX + "\nexpansion_limit = 3", "d1,d2,d3"),
        ("joe@v.test", BOX + "\nresult_format = %s %U %D %1", "joe/ joe v.test test"),
        ("joe@v.test", BOX + "\nresult_format = %d", None),
        ("joe@v.test", "query_filter = (cn=%u)\nresult_attribute = mail, description\nversion = 3", "joe@v.test,joe/"),
        ("joe@v.test", f"search_base = cn=%u,{BASE}\nscope = base\nquery_filter = (cn=*)\nresult_attribute = mail\nversion = 3", "joe@v.test"),
        ("none@v.test", f"search_base = cn=%u,{BASE}\nscope = base\nquery_filter = (cn=*)\nresult_attribute = mail\nversion = 3", None),
        ("joe@v.test", BOX + "\nscope = one", "joe/"),
        ("joe@v.test", BOX + "\nscope = base", None),
        ("joe@v.test", BOX + "\ndomain = v.test", "joe/"),
        ("joe@v.test", BOX + "\ndomain = w.test", None),
        ("joe", "query_filter = (cn=%d)\nresult_attribute = mail\nversion = 3", None),
        ("joe", "query_filter = (cn=%s)\nresult_filter = <%s>\nresult_attribute = mail\nversion = 3", "<joe@v.test>"),
        ("staff@v.test", GROUP + "result_attribute =\nspecial_result_attribute = member\nleaf_result_attribute = mail", "joe@v.test,ann@v.test"),
        ("staff@v.test", GROUP + "result_attribute = mail\nspecial_result_attribute = member", "staff@v.test,joe@v.test,ann@v.test"),
        ("joe@v.test", GROUP + "result_attribute =\nspecial_result_attribute = member\nleaf_result_attribute = mail", "joe@v.test"),
        ("routed@v.test", GROUP + "result_attribute = mail\nspecial_result_attribute = member\nterminal_result_attribute = street", "list@host.test"),
        ("url@v.test", GROUP + "result_attribute =\nspecial_result_attribute = labeledURI\nleaf_result_attribute = mail", "joe@v.test"),
        ("url@v.test", GROUP + "result_attribute = description\nspecial_result_attribute = labeledURI\nleaf_result_attribute = cn", None),
    ],
    ids=range(22),
)  # fmt: skip
def test_what_is_asked_and_answered(case, key, text, answer):
    assert case.ask(key, text) == answer


@pytest.mark.parametrize("number", range(len(KEYS)))
def test_no_key_gets_out_of_its_place(case, number):
    assert case.ask(KEYS[number], BOX.replace("mail", "title")) == f"key {number}"


@pytest.mark.parametrize("key", ["k" * 20000, b"bad\xff", "line\nbreak", "\\2a", "*)(cn=*", ")", "\\"], ids=range(7))
def test_odd_keys_are_just_not_there(case, key):
    assert case.ask(key, BOX) is None
    if not isinstance(key, bytes) and len(key) < 1000:  # slapd calls that no DN, an error
        name = f"search_base = cn=%s,{BASE}\nscope = base\nquery_filter = (cn=*)\nresult_attribute = mail\nversion = 3"
        assert case.ask(key, name) is None
        assert case.ask(f"joe,{BASE}", name) is None


@pytest.mark.parametrize(
    "key, text, words",
    [
        ("many@v.test", BOX + "\nexpansion_limit = 2", "limit exceeded"),
        ("joe@v.test", "query_filter = (cn=*)\nresult_attribute = mail\nsize_limit = 2\nversion = 3", "limit exceeded"),
        ("loop@v.test", GROUP + "special_result_attribute = member\nrecursion_limit = 5", "recursion limit"),
        ("joe@v.test", "query_filter = ((\nversion = 3", "filter"),
        ("joe@v.test", BOX + "\nscope = up", "scope = up"),
        ("joe@v.test", f"search_base = cn=gone,{BASE}\n" + BOX, "no such object"),
        ("joe@v.test", BOX + "\nbind = maybe", "bind = maybe"),
        ("joe@v.test", BOX + "\nsearch_base =", "search_base"),
        ("joe@v.test", BOX + f"\nbind_dn = {dn('reader')}\nbind_pw = wrong", "invalid credentials"),
        ("joe@v.test", BOX + "\nstart_tls = yes\ntls_require_cert = yes", "start_tls"),
    ],
    ids=range(10),
)
def test_errors_say_what_is_wrong(case, key, text, words):
    answer = case.ask(key, text)
    assert answer.startswith("fatal") and words in answer.lower()


def test_binds(case):
    assert case.ask("x@other.test", BOX) is None
    assert case.ask("x@other.test", BOX + f"\nbind = simple\nbind_dn = {dn('reader')}\nbind_pw = readerpw") == "other/"
    assert case.ask("joe@v.test", BOX + "\nbind = no") == "joe/"
    assert case.ask("joe@v.test", BOX + "\nbind = sasl\nsasl_mechs = EXTERNAL", "ldapi://%2fhome%2fbob%2fldap%2fsocket/") == "joe/"


def test_tls(case):
    port, ca = case.server.port, "\ntls_ca_cert_file = /home/bob/ldap/cert.pem\ntls_require_cert = yes"
    assert case.ask("joe@v.test", BOX + "\nstart_tls = yes") == "joe/"
    assert case.ask("joe@v.test", BOX + "\nstart_tls = yes" + ca) == "joe/"
    assert case.ask("joe@v.test", BOX + ca, f"ldaps://127.0.0.1:{port + 1}") == "joe/"
    assert case.ask("joe@v.test", BOX + "\ntls_require_cert = yes", f"ldaps://127.0.0.1:{port + 1}").startswith("fatal")


def test_servers_stand_in_for_each_other(case):
    port = case.server.port
    for host in (f"127.0.0.1:{port}", f"127.0.0.1\nserver_port = {port}", f"127.0.0.1:9 127.0.0.1:{port}",
                 f"ldap://127.0.0.1:9, ldap://127.0.0.1:{port}", "ldapi://%2fhome%2fbob%2fldap%2fsocket/"):  # fmt: skip
        assert case.ask("joe@v.test", BOX, host) == "joe/", host
    assert case.ask("joe@v.test", BOX, "127.0.0.1:9").startswith("fatal")


def test_the_old_form(case):
    text = f"server_host = ldap://127.0.0.1:{case.server.port}\nsearch_base = {BASE}\n" + BOX
    case.mta.configure("\n".join("people_" + line for line in text.splitlines()), reload=False)
    assert case.mta.run(["postmap", "-q", "joe@v.test", "ldap:people"], check=True).stdout == "joe/\n"


def test_mail_waits_while_the_server_is_away(case):
    mail_waits_while_away(case.mta, case.server, case.table(BOX))


def test_a_server_that_hangs_is_an_error_in_time(case):
    case.server.pause()
    try:
        assert case.ask("joe@v.test", BOX + "\ntimeout = 1").startswith("fatal")
    finally:
        case.server.pause(False)


BOUND = bytes.fromhex("300c02010161070a010004000400")
STARTED = bytes.fromhex("300c02010178070a010004000400")
ENTRY = bytes.fromhex("308203e8020102648203e10403")  # of 1000 bytes, of which no more come
SIMPLE = f"\nbind_dn = {dn('reader')}\nbind_pw = readerpw"


@pytest.mark.parametrize(
    "steps, text, url",
    [
        ([], "", "ldap"),
        ([], SIMPLE, "ldap"),
        ([], "\nbind = no", "ldap"),
        ([], "\nbind = sasl\nsasl_mechs = PLAIN\nbind_dn = x\nbind_pw = y", "ldap"),
        ([BOUND], "", "ldap"),
        ([BOUND[:5]], "", "ldap"),
        ([BOUND[:1]], "", "ldap"),
        ([BOUND, ENTRY[:1]], "", "ldap"),
        ([BOUND, ENTRY], "", "ldap"),
        ([BOUND, (ENTRY + bytes(1000), 0.4)], "", "ldap"),
        ([], "\nstart_tls = yes", "ldap"),
        ([STARTED], "\nstart_tls = yes", "ldap"),
        ([STARTED, b"\x16\x03\x03"], "\nstart_tls = yes", "ldap"),
        ([], "", "ldaps"),
        ([b"\x16\x03\x03"], "", "ldaps"),
        ([(b"\x16\x03\x03\x10\0" + bytes(1000), 0.4)], "", "ldaps"),
    ],
    ids=range(16),
)
def test_no_wait_is_without_end(case, steps, text, url):
    with slow(3899, steps):
        began = time.monotonic()
        assert case.ask("joe@v.test", BOX + "\ntimeout = 1" + text, f"{url}://127.0.0.1:3899").startswith("fatal")
        assert time.monotonic() - began < 5
