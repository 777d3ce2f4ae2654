"""Index files change hands: made by one system's postmap, read by the other's."""

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
