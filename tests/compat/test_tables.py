"""Index files change hands: made by one system's postmap, read by the other's."""

import re

import pytest

DOMAIN = "example.test"
TEXT = "Joe@Example.Test  one\nspaced\tvalue with blanks\n  and a second line\n# no\nempty@x y\n"
ALIASES = 'team: joe, "|cat >/dev/null"\nPostmaster: root\n'


@pytest.fixture(scope="module", params=["ours to Debian's", "Debian's to ours"])
def pair(request, ours, oracle):
    return (ours, oracle) if request.param.startswith("ours") else (oracle, ours)


@pytest.mark.parametrize("kind, suffix", [("hash", "db"), ("btree", "db"), ("lmdb", "lmdb"), ("cdb", "cdb")])
def test_an_index_of_the_other(pair, kind, suffix):
    maker, taker = pair
    maker.write("/tmp/table", TEXT)
    maker.run(["postmap", f"{kind}:/tmp/table"], check=True)
    taker.write("/tmp/table", TEXT)
    taker.write(f"/tmp/table.{suffix}", maker.path(f"/tmp/table.{suffix}").read_bytes())
    listing = ("postmap -s",) if kind != "cdb" else ()  # Debian's cannot list cdb
    for command in ("postmap -q joe@example.test", "postmap -q SPACED", "postmap -q none", *listing):
        first, second = (m.run([*command.split(), f"{kind}:/tmp/table"]) for m in pair)
        assert (first.returncode, first.stdout) == (second.returncode, second.stdout), command
    if kind == "cdb":  # is never changed
        return
    taker.run(["postmap", "-i", f"{kind}:/tmp/table"], input="new entry\n", check=True)
    maker.write(f"/tmp/table.{suffix}", taker.path(f"/tmp/table.{suffix}").read_bytes())
    assert maker.run(["postmap", "-q", "new", f"{kind}:/tmp/table"], check=True).stdout == "entry\n"


def test_an_alias_file_of_the_other(pair):
    maker, taker = pair
    maker.write("/tmp/aliases", ALIASES)
    maker.run(["postalias", "hash:/tmp/aliases"], check=True)
    taker.write("/tmp/aliases", ALIASES)
    taker.write("/tmp/aliases.db", maker.path("/tmp/aliases.db").read_bytes())
    done = taker.run(["postalias", "-q", "TEAM", "hash:/tmp/aliases"], check=True)
    assert done.stdout == 'joe, "|cat >/dev/null"\n'
    assert taker.run(["postalias", "-q", "@", "hash:/tmp/aliases"]).stdout == "@\n"


def test_cdb_files_are_the_same_bytes(ours, oracle):
    for box in (ours, oracle):
        box.write("/tmp/same", TEXT + "Joe@example.test again\n")
        for options in ("", "-N", "-r"):
            box.run(f"postmap {options} cdb:/tmp/same && cp /tmp/same.cdb /tmp/kept{options}.cdb", check=True)
    for options in ("", "-N", "-r"):
        assert ours.path(f"/tmp/kept{options}.cdb").read_bytes() == oracle.path(f"/tmp/kept{options}.cdb").read_bytes(), options


# Tables that are made of others, or stand in their name: what is accepted, and the words when it is not.
# Ours alone take a key with blanks, as in inline:{{a b = c}}.
NAMES = """\
static:value
static:two words
static:{ two words }
static:{{x}}
static:{}
static:{ }
static:{x
static:{x}y
static:
inline:{a=b}
inline:{a=b,c=d}
inline:{a=b c=d}
inline:{{a = b c}, {k = v w}, x=y}
inline:{ {k = } }
inline:{k=}
inline:{=x}
inline:{k}
inline:{{k}}
inline:{{k=v}x}
inline:{k=v
inline:k=v
inline:{}
inline:{ , }
inline:{k=1,k=2}
inline:{K=1}
inline:{k==v}
inline:{k={v}}
inline:{{k = {v}}}
unionmap:{static:a,static:b}
unionmap:{static:a static:b}
unionmap:{ static:a , inline:{k=x} , inline:{z=y} }
unionmap:{inline:{k=1,2=x},inline:{k=2}}
unionmap:{{static:a b}, {static:{c d}}}
unionmap:{unionmap:{static:a,static:b},static:c}
unionmap:{pipemap:{inline:{k=v},inline:{v=w}},randmap:{r}}
unionmap:{regexp:{{/k/ one}},static:a}
unionmap:{static:a,static:b}x
unionmap:{static:a
unionmap:static:a
unionmap:{}
unionmap:{ }
unionmap:{a}
unionmap:{static:a,b}
unionmap:{nothing:a}
unionmap:{static:a,fail:b}
unionmap:{fail:b}
unionmap:{hash:/nonexistent}
unionmap:{static:a,hash:/nonexistent}
pipemap:{static:a}
pipemap:{static:a,inline:{a=b}}
pipemap:{static:a, inline:{a=b}, regexp:{{/(.)/ $1$1}}}
pipemap:{inline:{z=a},static:b}
pipemap:{static:a,inline:{z=b}}
pipemap:{unionmap:{static:a,static:b},inline:{{a,b = both}}}
pipemap:{pipemap:{static:a},pipemap:{static:b}}
pipemap:{inline:{k=A},inline:{a=low}}
pipemap:{static:a
pipemap:{static:a}b
pipemap:static:a
pipemap:{}
pipemap:{b}
pipemap:{static:a,fail:x}
pipemap:{inline:{z=1},fail:x}
pipemap:{nothing:a,static:b}
randmap:{a}
randmap:{a b}x
randmap:{{a b}}
randmap:{ {a} }
randmap:{{a}x}
randmap:{a
randmap:a
randmap:{}
randmap:{ }
randmap:{a=b}
fail:x
fail:
internal:x
environ:x
texthash:/nonexistent
regexp:{{/k/ a}{/b/ c}}
regexp:{{/k/ a},{/b/ c}}
regexp:{ {/K/ a} }
regexp:{/k/ a}
regexp:{{/k/}}
regexp:{{if /k/}{/./ in}{endif}}
regexp:{{!/x/ not}}
pcre:{{/k/ a}, {/b/ c}}
pcre:{{/(K)/ a$1}}
cidr:{{192.0.2.0/24 net}, {2001:db8::/32 net6}}
cidr:{{192.0.2.1/24 net}}
cidr:{{if 192.0.2.0/24}, {192.0.2.1 one}, {endif}, {!10.0.0.0/8 other}}
cidr:{{if !10.0.0.0/8}, {2001:db8::/32 six}, {0.0.0.0/0 four}, {endif}, {!2001:db8::/32 other}}
cidr:{{if 2001:db8::/32}, {!10.0.0.0/8 x}, {endif}}
cidr:{{if !2001:db8::/32}, {if !2001:db8:1::/48}, {0.0.0.0/0 x}, {endif}, {endif}, {::/0 y}}
proxy:static:a
""".splitlines()
ASKED = "k\nK\na b\nz\n192.0.2.1\n2001:db8::1\n"


# Ours say which of several tables it was, why it failed, and that an entry stands twice.
OURS = [
    (r"fatal: (\{?\w+:\S+?|inline:\{k=a b\}|\{static:a b\}): (?=unsupported|open|missing)", "fatal: "),
    (r"query error: (table fail:\w+: )?lookup error by request", "query error: Application error"),
    (r"table \S+: query error: proxymap service", "proxymap service"),
    (r".*duplicate entry: .*: the last one counts\n", ""),
]


@pytest.mark.parametrize("name", NAMES)
def test_tables_in_names(ours, oracle, name):
    first, second = (box.run(["postmap", "-q", "-", name], input=ASKED) for box in (ours, oracle))
    words = first.stderr
    for pattern, word in OURS:
        words = re.sub(pattern, word, words)
    assert (first.returncode, first.stdout, words) == (second.returncode, second.stdout, second.stderr)
