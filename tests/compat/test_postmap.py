"""postmap and postalias: the same command line, the same words and status as Debian's."""

import re

import pytest

DOMAIN = "example.test"

TABLE = """\
foo bar
Foo dup
key:  value here
noval
 leading
  cont
"quoted key" val
abc def  ghi
  more\ttext
alone
# comment
k\xe4 v
"""
ALIASES = """\
root: joe
"Quoted User":  ann,   bob (comment)
Foo: "|/bin/x  y", :include:/tmp/z
foo: dup
bad line
 lead: x
x@y: z
list: a@b, <c@d>, "e f"@g,
  h
empty:
"""
MESSAGE = """\
Subject: foo
 bar
To: x
Content-Type: multipart/mixed; boundary="b"

preamble
--b
Content-Type: message/rfc822

From: a
Subject: inner

inner body
--b
Content-Type: text/plain

plain
--b--
epilogue
"""

# One a line; each line starts with the files above, made anew.
COMMANDS = """\
postmap t; postmap -s t
postmap hash:t btree:t2; postmap -s btree:t2
postmap -w t; postmap -q foo t
postmap -r t; postmap -q foo t
postmap -f t; postmap -f -q Foo t; postmap -f -q foo t; postmap -q Foo t
postmap -n t; postmap -q foo t; postmap -N t; postmap -q foo t
postmap -u t; postmap -s t
postmap t; postmap -q foo t; postmap -q FOO t; postmap -q none t; postmap -q '' t
postmap t t2; postmap -q foo t2 t; postmap -q none t t2; postmap -q foo t nowhere; postmap -q none t nowhere
postmap t; printf 'foo\\nnone\\n\\nABC\\n"quoted key"\\n' | postmap -q - t
postmap t; postmap -q - t </dev/null
postmap t t2; postmap -d foo t t2; postmap -d foo t t2; postmap -d '' t
postmap t; printf 'abc\\nxx\\n' | postmap -d - t; postmap -s t
postmap t; echo 'foo new' | postmap -i t; postmap -q foo t
postmap t; echo 'foo new' | postmap -ir t; postmap -q foo t
postmap t; echo 'foo new' | postmap -iw t; postmap -q foo t
echo 'foo new' | postmap -i hash:new; postmap -s hash:new
postmap nowhere; postmap -q a nowhere; postmap -d a nowhere; postmap -s nowhere
postmap -q a nothing:t; postmap -s regexp:re; postmap -q axb regexp:re; postmap regexp:re; postmap -d x regexp:re
postmap; postmap -q a -d b t; postmap -s -q a t; postmap -h t; postmap -q x -b t
postmap -s texthash:t | sort
postmap -q x static:y; postmap -q a inline:{a=b,c=d}; postmap -q joe unix:passwd.byname; postmap -q none unix:passwd.byname
chmod 600 t; postmap t; stat -c %a t.db; rm t.db; postmap -p t; stat -c %a t.db
mkdir d; chown joe d; cp t d; chown joe d/t; postmap d/t; stat -c %U d/t.db
mkdir d; cp t d; chown joe d/t; chmod 755 d; postmap d/t; postmap -o d/t; stat -c %U d/t.db
printf 'a f1 f2\\nb none\\n' >f; printf 'x\\ny' >f1; echo z >f2; postmap -F f; postmap -s f; postmap -Fq a f; postmap -Fs f
postmap -hq - regexp:all <m
postmap -bq - regexp:all <m
postmap -hbq - regexp:all <m
postmap -hmq - regexp:all <m
postmap -bmq - regexp:all <m
postmap -hbmq - regexp:all <m
postmap -hq - regexp:re <m
postmap lmdb:t; postmap -s lmdb:t; postmap -q foo lmdb:t; postmap -q none lmdb:t; postmap -d foo lmdb:t; postmap -d foo lmdb:t; postmap -q foo lmdb:t
postmap -w lmdb:t; postmap -r lmdb:t; postmap -q foo lmdb:t; echo 'foo new' | postmap -i lmdb:t; echo 'foo new' | postmap -ir lmdb:t; postmap -q foo lmdb:t
postmap -n lmdb:t; postmap -q foo lmdb:t; postmap -f lmdb:t; postmap -f -q Foo lmdb:t; postmap -q foo lmdb:t; postmap -q a lmdb:nowhere
postmap cdb:t; postmap -q foo cdb:t; postmap -q FOO cdb:t; postmap -q none cdb:t; postmap -q '' cdb:t; postmap -q a cdb:nowhere
postmap -w cdb:t; postmap -r cdb:t; postmap -q foo cdb:t; postmap -N cdb:t; postmap -q foo cdb:t; postmap -f cdb:t; postmap -f -q Foo cdb:t
postmap -q k pipemap:{static:a,inline:{a=b}}; postmap -q k pipemap:{static:x,inline:{a=b}}; postmap -q k pipemap:{}; postmap -q k pipemap:x; postmap -q k pipemap:{foo}
postmap -q k unionmap:{static:a,inline:{k=b},static:c}; postmap -q k unionmap:{inline:{z=1}}; postmap -q k unionmap:{}; postmap -s unionmap:{static:a}
postmap -q k randmap:{a}; postmap -q k 'randmap:{ {a b} }'; postmap -q k randmap:{}; postmap -s randmap:{a}; postmap -q k internal:x; postmap -s internal:x
postmap -q k 'pipemap:{static:x, pcre:{{/(x)/ got$1}}}'; postmap -q k 'regexp:{ {/k/ a}{/x/ y} }'; postmap -q k 'cidr:{ {1.2.3.0/24 x}'; postmap -q k static:; postmap -q k :x
postmap -F -q a inline:{a=t2}; postmap -F -s inline:{a=t2}; postmap -F -q a 'unionmap:{static:t2}'; postmap -F -q a 'regexp:{{/./ t2}}'; postmap static:x; postmap inline:{a=b}
postalias a; postalias -s a; postalias -q foo a; postalias -q none a; postalias -q 'quoted user' a
postalias a; printf 'root\\nlist\\n' | postalias -q - a; postalias -d foo a; postalias -d foo a
postalias a; echo 'new: one, two' | postalias -i a; postalias -q new a
postalias -r a; postalias -q foo a; postalias -w a; postalias -q foo a
postalias; postalias -q a -d b a; postalias nowhere; postalias -q a nowhere
"""

# Words that differ on purpose.
KNOWN = [
    (r"(postmap|postalias): fatal: usage: .*", r"\1: fatal: usage"),
    (r"[\w.]+\.db\.\d+\.tmp", "t.db"),
    (r"YP_LAST_MODIFIED:\t\d+", "YP_LAST_MODIFIED:\tTIME"),
]


def run(box, line):
    box.run("rm -rf /tmp/w && mkdir /tmp/w", check=True)
    files = {"t": TABLE.encode("latin-1"), "t2": "foo second\nonly two\n", "a": ALIASES, "m": MESSAGE}
    for name, text in files.items() | {"re": "/a(x)b/ got $1\n", "all": "/(.*)/ hit:$1\n"}.items():
        box.write(f"/tmp/w/{name}", text)
    box.run("touch -d @1700000000 /tmp/w/*", check=True)  # Debian's reads a new texthash: again and again
    found = []
    for command in line.split("; "):
        done = box.run(f"cd /tmp/w && {command}")
        found.append((command, done.returncode, done.stdout, done.stderr))
    text = "\n".join(f"$ {c}\n{o}{e}= {r}" for c, r, o, e in found)
    for pattern, word in KNOWN:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("line", COMMANDS.splitlines())
def test_as_debian(ours, oracle, line):
    assert run(ours, line) == run(oracle, line)
