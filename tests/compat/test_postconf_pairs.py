"""Whole configurations, as people write them: postconf shows the same of each as
Debian's, warns of the same, and leaves the same files behind when it edits them.

postconf/pairs/*.pairs hold them: "==== title", main.cf, then "---- master.cf" and that
file, or "---- added to master.cf" and what follows a stock one. All of them are done by
one shell script in each of two sandboxes; the tests look at what it wrote.

Explained differences:
- The order of warnings is that of a hash table there and changes from run to run, and some
  are repeated: sets of lines are compared. So is the order of settings that one -e adds,
  therefore each edit here adds one at most; ours keep the order of the command line.
- Warnings that Postfix has since 3.8 and 3.9 (OURS).
- Parameters of later versions, and values made of them: postconf-d.differences.
- "-F" breaks a line there, also without "-f", where a service's name is very long.
- "-oname=value" in one word is split there at its second "o", and an empty argument "{}"
  of a service is lost: not tried here, see ../system/test_postconf_edits.py.
- An argument whose brace is not closed: there its last byte is another one in the warning.
- A last line without line end is ended before something is added; there the two are glued.
"""

import os
import pathlib
import re

import pytest

from harness.instance import Instance

HERE = pathlib.Path(__file__).parent / "postconf"
STOCK = (HERE / "master.cf").read_text()
DIFFERENCES = HERE.parent / "postconf-d.differences"
NEWER = {line.split("\t")[0] for line in DIFFERENCES.read_text().splitlines() if "\t" in line}

SHOWN = ["-n", "-nx", "-nf", "-x", "-d", "-p myhostname mydestination nosuch", "-C user", "-M", "-Mf", "-F", "-P", "-Px"]
# One after the other on the same files.
EDITS = [
    "-e myhostname=new.example.com",
    "'smtpd_recipient_restrictions = permit_mynetworks,   reject'",
    "-e 'relayhost = [gw.example.com]:587' myhostname=mail.example.com",
    "-# mynetworks smtpd_milters smtpd_recipient_restrictions",
    "-X smtpd_banner mydestination nosuch relayhost",
    "-Me 'submission/inet=submission inet n - y - - smtpd -o a=b -o { c = d e }' 'smtp/unix = smtp unix - - y - 5 smtp'",
    "-Pe '*/inet/smtpd_tls_security_level=encrypt' submission/inet/syslog_name=postfix/x",
    "-PX '*/*/syslog_name' '*/inet/smtpd_client_restrictions'",
    "-Fe '*/unix/chroot=n' submission/inet/process_limit=7 'smtp/inet/command=smtpd -o x=y'",
    "-M# submission/inet policy/unix",
    "-MX smtp/unix '*/fifo'",
]
OURS = re.compile(r'does not begin a comment|support for parameter ".*" will be removed')
NEWER_NAME = re.compile(r"(?:unused|undefined) parameter: ([\w]+)")

SCRIPT = """
export LC_ALL=C
one() {
    cd /etc/pairs/$1 || exit 1
    n=0
    while IFS= read -r line; do
        eval "postconf -c . $line" >s$n.out 2>s$n.err
        echo $? >>shown
        n=$((n + 1))
    done </etc/pairs/shown
    mkdir e
    cp -p main.cf master.cf e
    n=0
    while IFS= read -r line; do
        eval "postconf -c e $line" >e$n.out 2>&1
        echo $? >>edited
        cat e/main.cf >e$n.main; cat e/master.cf >e$n.master
        n=$((n + 1))
    done </etc/pairs/edits
}
cd /etc/pairs
for last in 0 1 2 3 4 5 6 7 8 9; do
    (for pair in [0-9]*$last; do (one $pair); done) &
done
wait
"""


def read_pairs(name):
    """{title: (main.cf, master.cf)} of a chapter."""
    pairs = {}
    for text in (HERE / "pairs" / f"{name}.pairs").read_text().split("==== ")[1:]:
        title, _, files = text.partition("\n")
        main, _, rest = files.partition("---- ")
        how, _, master = rest.partition("\n")
        pairs[title] = (main, master if how == "master.cf" else STOCK + master)
    return pairs


CHAPTERS = {path.stem: read_pairs(path.stem) for path in sorted((HERE / "pairs").glob("*.pairs"))}
REFUSED = CHAPTERS.pop("refused")
PAIRS = {title: pair for chapter in CHAPTERS.values() for title, pair in chapter.items()}
assert len(PAIRS) >= 60
NUMBERS = {title: f"{n:03}" for n, title in enumerate(PAIRS | REFUSED)}


class Outcome:
    """What one postconf made of all of them."""

    def __init__(self, box):
        for title, (main, master) in (PAIRS | REFUSED).items():
            for name, text in (("main.cf", main), ("master.cf", master)):
                os.utime(box.write(f"/etc/pairs/{NUMBERS[title]}/{name}", text), (1e9, 1e9))
        box.write("/etc/pairs/shown", "\n".join(SHOWN) + "\n")
        box.write("/etc/pairs/edits", "\n".join(EDITS) + "\n")
        box.run(SCRIPT, check=True, timeout=600)
        self.files = {}
        for title, number in NUMBERS.items():
            folder = box.path(f"/etc/pairs/{number}")
            self.files[title] = {
                path.name: path.read_text(encoding="utf-8", errors="surrogateescape")
                for path in folder.iterdir()
                if path.is_file()
            }

    def shown(self, title, n):
        files = self.files[title]
        return int(files["shown"].split()[n]), files[f"s{n}.out"], files[f"s{n}.err"]

    def edited(self, title, n):
        files = self.files[title]
        return int(files["edited"].split()[n]), files[f"e{n}.out"], files[f"e{n}.main"], files[f"e{n}.master"]


@pytest.fixture(scope="module")
def outcomes(work, request):
    """Ours and Debian's."""
    made = []
    for name, flavour in {"ours": request.config.option.flavour, "oracle": "oracle"}.items():
        made.append(Instance.make(work / name, flavour, domain="pairs.test"))
        made[-1].start(mail=False)
    yield [Outcome(box) for box in made]
    for box in made:
        box.close()


@pytest.fixture(scope="module")
def oracle():
    """Named so that conftest fetches Debian's packages."""


# Where ours names file and line, and theirs a file or nothing.
PLACES = [(r'\?"$', '"'), (r", line \d+: logical", ": logical"), (r"warning: (\S*master\.cf(, line \d+)?: )?(miss|synt)", r"warning: \3")]
# Our version, process and default aliases are not theirs.
MASKS = [(r"3\.(7\.11|11\.0)", "VERSION"), (r"(/postconf) \d+", r"\1 PID"), (r", nis:mail.aliases", "")]


def replaced(text, rules):
    for pattern, with_what in rules:
        text = re.sub(pattern, with_what, text)
    return text


def warnings(text):
    """Lines of standard error that both have."""
    lines = set()
    for line in text.splitlines():
        newer = NEWER_NAME.search(line)
        if not OURS.search(line) and not (newer and newer[1] in NEWER):
            lines.add(replaced(line, PLACES))
    return lines


def lines_of(text, skip):
    return [line for line in replaced(text, MASKS).splitlines() if line.split(" =")[0] not in skip]


def dependent(text):
    """Names whose value, as "-d" prints it, is made of one that is not the same in both."""
    names = NEWER | {"process_id"}
    values = dict(line.split(" =", 1) for line in text.splitlines())
    while True:
        more = {
            name for name, value in values.items() if set(re.findall(r"\$[{(]?(\w+)", value)) & names
        } - names
        if not more:
            return names
        names |= more


def not_the_same(options, default):
    """Names whose lines are not compared."""
    if options == "-x":
        return default
    if options == "-d":
        return NEWER | {"process_id"}
    return NEWER if options == "-C user" else set()  # a former name here is a user's name there


@pytest.mark.parametrize("title", PAIRS)
def test_shows_the_same(outcomes, title, oracle):
    ours, theirs = outcomes
    default = dependent(theirs.shown(title, SHOWN.index("-d"))[1])
    for n, options in enumerate(SHOWN):
        (status, out, err), (their_status, their_out, their_err) = ours.shown(title, n), theirs.shown(title, n)
        skip = not_the_same(options, default)
        assert status == their_status, (options, err, their_err)
        assert lines_of(out, skip) == lines_of(their_out, skip), options
        assert warnings(err) == warnings(their_err), options


@pytest.mark.parametrize("title", PAIRS)
def test_edits_the_same(outcomes, title, oracle):
    ours, theirs = outcomes
    for n, options in enumerate(EDITS):
        (status, out, main, master), (their_status, their_out, their_main, their_master) = (
            one.edited(title, n) for one in (ours, theirs)
        )
        assert (status, master) == (their_status, their_master), (options, out, their_out)
        assert warnings(out) == warnings(their_out), options
        assert main == their_main, options


@pytest.mark.parametrize("title", REFUSED)
def test_refuses_the_same_and_says_where(outcomes, title, oracle):
    ours, theirs = outcomes
    name, line = re.search(r"(\S+) (\d+)$", title).groups()
    for n, options in enumerate(SHOWN):
        (status, out, err), (their_status, their_out, _) = ours.shown(title, n), theirs.shown(title, n)
        skip = not_the_same(options, set())
        assert (status, lines_of(out, skip)) == (their_status, lines_of(their_out, skip)), options
        if status:
            assert re.search(rf"fatal: \./{name}, line {line}: ", err), (options, err)
    assert ours.shown(title, SHOWN.index("-x"))[0] == 1
