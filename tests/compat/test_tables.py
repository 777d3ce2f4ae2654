"""Index files change hands: made by one system's postmap, read by the other's."""

import pytest

DOMAIN = "example.test"
TEXT = "Joe@Example.Test  one\nspaced\tvalue with blanks\n  and a second line\n# no\nempty@x y\n"
ALIASES = 'team: joe, "|cat >/dev/null"\nPostmaster: root\n'


@pytest.fixture(scope="module", params=["ours to Debian's", "Debian's to ours"])
def pair(request, ours, oracle):
    return (ours, oracle) if request.param.startswith("ours") else (oracle, ours)


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_an_index_of_the_other(pair, kind):
    maker, taker = pair
    maker.write("/tmp/table", TEXT)
    maker.run(["postmap", f"{kind}:/tmp/table"], check=True)
    taker.write("/tmp/table", TEXT)
    taker.write("/tmp/table.db", maker.path("/tmp/table.db").read_bytes())
    for command in ("postmap -q joe@example.test", "postmap -q SPACED", "postmap -q none", "postmap -s"):
        first, second = (m.run([*command.split(), f"{kind}:/tmp/table"]) for m in pair)
        assert (first.returncode, first.stdout) == (second.returncode, second.stdout), command
    taker.run(["postmap", "-i", f"{kind}:/tmp/table"], input="new entry\n", check=True)
    maker.write("/tmp/table.db", taker.path("/tmp/table.db").read_bytes())
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
