"""postconf prints and edits as Debian's does: same output, same files, same exit status.

Standard error is compared as a set of lines: the reference tells of unused
settings in the order of a hash table, and repeats itself. Deliberate differences
stand beside the test that shows them.
"""

import os
import pathlib
import re

import pytest

from harness.instance import Instance

HERE = pathlib.Path(__file__).parent
MASTER = (HERE / "postconf/master.cf").read_text()


@pytest.fixture(scope="module")
def boxes(work, request):
    """Ours and Debian's, one host name, no mail system started."""
    flavours = {"ours": request.config.option.flavour, "oracle": "oracle"}
    made = [Instance.make(work / name, flavour, domain="postconf.test") for name, flavour in flavours.items()]
    for box in made:
        box.start(mail=False)
        box.run("mkdir /etc/test", check=True)
    yield made
    for box in made:
        box.close()


@pytest.fixture(scope="module")
def oracle():
    """Named so that conftest fetches Debian's packages."""


# What Postfix warns of since 3.8 and 3.9.
OURS = re.compile(r'does not begin a comment|support for parameter ".*" will be removed')


def warnings(text):
    """Lines of standard error, without repetitions and the words that are ours."""
    lines = {line for line in text.splitlines() if not OURS.search(line)}
    return sorted(re.sub(r", line \d+: logical", ": logical", line) for line in lines)


def write(box, name, text):
    """The reference waits for a file to rest before it reads it: this one was written long ago."""
    os.utime(box.write(f"/etc/test/{name}", text), (1e9, 1e9))


def outcome(box, command, main, master):
    """What the command does with these files: status, output, warnings, files after it."""
    write(box, "main.cf", main)
    write(box, "master.cf", master)
    done = box.run(command.replace("postconf", "postconf -c /etc/test", 1))
    return done.returncode, done.stdout, warnings(done.stderr), box.read("/etc/test/main.cf"), box.read("/etc/test/master.cf")


def same(boxes, command, main="compatibility_level = 3.6\n", master=MASTER):
    ours, theirs = (outcome(box, command, main, master) for box in boxes)
    for mine, reference in zip(ours, theirs):
        assert mine == reference, command


# --- defaults -----------------------------------------------------------------------


def defaults(box):
    lines = box.run(["postconf", "-d"], check=True).stdout.splitlines()
    names = [line.split(" =")[0] for line in lines]
    assert names == sorted(names)
    return {name: line[len(name) + 2 :].strip() for name, line in zip(names, lines)}


def test_defaults_differ_only_as_explained(boxes, oracle):
    services = "lmtp unix - - n - - lmtp\n"
    for box in boxes:
        box.write("/etc/postfix/master.cf", MASTER + services)
    ours, theirs = map(defaults, boxes)
    expected = dict(theirs)
    for line in (HERE / "postconf-d.differences").read_text().splitlines():
        if "\t" not in line:
            continue
        name, reference, mine = line.split("\t")
        assert theirs.get(name, "-") == reference, name
        if mine == "-":
            del expected[name]
        else:
            expected[name] = mine
    expected["process_id"] = ours["process_id"]
    wrong = {name for name in expected.keys() | ours.keys() if expected.get(name) != ours.get(name)}
    assert {name: (expected.get(name), ours.get(name)) for name in wrong} == {}


# --- showing main.cf -------------------------------------------------------------------

MAIN = (HERE / "postconf/main.cf").read_text()


@pytest.mark.parametrize(
    "options",
    ["-n", "-nx", "-nf", "-nh", "-nH", "-nfh", "-nxf", "-n -C user", "-C user", "-n -C builtin,service", "-C service"]
    + ["-h mydomain nosuch mydestination", "-x smtpd_banner mydestination", "-n mydomain relayhost", "-d mydomain x"]
    + ["-o mydomain=x.example -n", "-o 'mydomain = y' -x mydestination", "-o x=y x", "-p mydomain", "-l"],
)
def test_shows_main_cf(boxes, options, oracle):
    same(boxes, f"postconf {options}", MAIN)


@pytest.mark.parametrize(
    "main",
    ["myhostname = $mydomain\n", "mydomain = $myhostname\n", "mydomain =\nmyhostname = x.$mydomain\n", "mydomain = a.b\n"]
    + ["myhostname = a.b.c\n", "myhostname = bare\n"],
)
def test_derives_names(boxes, main, oracle):
    same(boxes, "postconf -x myhostname mydomain myorigin mydestination", main)


@pytest.mark.parametrize(
    "options",
    ["-T run-version", "-T public-key-algorithms", "-T nosuch", "-aA", "-an", "-Ax", "-ae x=y", "-lT run-version", "-T x -n"],
)
def test_tells_of_tls(boxes, options, oracle):
    same(boxes, f"postconf {options}")


@pytest.mark.parametrize(
    "options",
    ["-nd", "-ne", "-mn", "-nM", "-MF", "-MP", "-Md", "-em", "-Pd", "-pM", "-hM", "-eh", "-ef", "-Xd", "-hH x", "-C bad"]
    + ["-e", "-X", "-#", "-M -X", "-e a", "-e =a", "-o x -n", "-M a/b/c", "-F a/b/nosuch", "-Me a=b", "-MX a", "-Fe a/b=c"],
)
def test_refuses_options_and_arguments(boxes, options, oracle):
    same(boxes, f"postconf {options}")


# --- expressions -------------------------------------------------------------------------

EXPRESSIONS = [
    line for line in (HERE / "postconf/expressions").read_text().splitlines() if line and not line.startswith("# ")
]


# A fatal error takes the reference a second: all at once, each in its folder.
EXPAND_ALL = """cd /etc/test/expressions
for folder in *; do
    (postconf -c $folder -xh smtpd_banner >$folder/out 2>$folder/err || echo refused >$folder/out) &
done
wait"""


def expanded(box):
    """What each expression comes to; the words of complaints are ours."""
    names = (HERE / "postconf/names.cf").read_text()
    for n, expression in enumerate(EXPRESSIONS):
        write(box, f"expressions/{n}/main.cf", f"{names}smtpd_banner = {expression}\n")
        write(box, f"expressions/{n}/master.cf", MASTER)
    box.run(EXPAND_ALL, check=True)
    return {text: box.read(f"/etc/test/expressions/{n}/out") for n, text in enumerate(EXPRESSIONS)}


def test_expands_macros(boxes, oracle):
    ours, theirs = map(expanded, boxes)
    assert len(ours) > 140
    assert {text: (ours[text], theirs[text]) for text in ours if ours[text] != theirs[text]} == {}


# --- editing main.cf -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "-e myhostname=n.example",
        "-e 'mydomain = new   value ' relayhost=",
        "-e newone=1 newone=3",
        "newone=1",
        "-e 'x = {y'",
        "-e mail_version=3",
        "-e foo=x\\$y",
        "-e '  a = b'",
        "-e 'a=b\n c'",
        "-e '#a=b'",
        "-e '{ a = b }'",
        "-X mydomain",
        "-X nothere",
        "-X mydomain=3",
        "-X relayhost myhostname used1",
        "-X ''",
        "-# mydomain",
        "-# relayhost nosuch",
        "-# a=",
    ],
)
def test_edits_main_cf(boxes, options, oracle):
    same(boxes, f"postconf {options}", MAIN)


# --- master.cf ------------------------------------------------------------------------------

SERVICES = (HERE / "postconf/services.cf").read_text()


@pytest.mark.parametrize(
    "options",
    ["-M", "-Mf", "-P", "-Px", "-Ph", "-PH", "-Pf", "-F", "-Ff", "-Fh smtp/inet/type", "-FH uucp", "-F '*/*/command'"]
    + ["-M inet", "-M '*/inet'", "-M smtp/unix qmgr", "-M nosuch", "-F smtp/inet", "-P submission", "-P '*/*/stress'", "-P qmgr/unix", "-P '*/unix'", "-P qmgr"]
    + ["-P smtp/inet/nosuch", "-Phx submission/inet/syslog_name", "-n"],
)
def test_shows_master_cf(boxes, options, oracle):
    same(boxes, f"postconf {options}", "compatibility_level = 3.6\nmua_c = permit\n", SERVICES)


@pytest.mark.parametrize(
    "options",
    [
        "-Me 'smtp/inet=smtp inet n - y - - smtpd -o a=b -o { c = d e }'",
        "-M 'new/unix=new unix n - y - - smtpd foo {bar baz}'",
        "-M 'new/unix=new unix n - y - '",
        "-M 'new/unix='",
        "-MX smtp/inet",
        "-MX nosuch/unix",
        "-MX '*/unix'",
        "-M# qmgr/unix uucp/unix",
        "-M# smtp/inet",
        "-Fe smtp/inet/chroot=y",
        "-Fe qmgr/unix/wakeup=30? smtp/inet/process_limit=5",
        "-Fe 'qmgr/unix/command=qmgr -o a=b'",
        "-Fe qmgr/unix/service=foo",
        "-Fe '*/unix/chroot=y'",
        "-Fe nosuch/unix/chroot=y",
        "-Fe smtp/inet/private",
        "-FX qmgr/unix/chroot",
        "-Pe smtp/inet/foo=bar",
        "-Pe 'smtp/inet/foo=bar baz'",
        "-Pe smtp/inet/smtpd_sender_restrictions=bar qmgr/unix/a=b",
        "-Pe smtp/inet/smtpd_client_restrictions=bar",
        "-Pe 'smtp/inet/foo='",
        "-Pe '*/*/foo=a'",
        "-Pe nosuch/inet/foo=a",
        "-PX smtp/inet/smtpd_client_restrictions",
        "-PX '*/*/smtpd_sender_restrictions'",
        "-PX smtp/inet/nosuch",
        "-P# smtp/inet/a",
    ],
)
def test_edits_master_cf(boxes, options, oracle):
    same(boxes, f"postconf {options}", master=SERVICES)


# --- files that are missing or broken: refused by both, ours says where ------------------------


def test_names_file_and_line_of_what_is_broken(boxes, oracle):
    for box in boxes:
        write(box, "main.cf", "mydomain = a\n\njunk\n")
        done = box.run("postconf -c /etc/test mydomain")
        assert (done.returncode, done.stdout) == (1, "")
        assert "/etc/test/main.cf, line 3: missing '=' after attribute name: \"junk\"" in done.stderr
        assert box.run("postconf -c /etc/test -d mydomain").returncode == 0
        write(box, "main.cf", "mydomain = a\n")
        write(box, "master.cf", "# c\nsmtp inet n\n")
        done = box.run("postconf -c /etc/test mydomain")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.search(r"/etc/test/master.cf[:,] line 2: bad field count", done.stderr)


def test_does_without_master_cf(boxes, oracle):
    for box in boxes:
        write(box, "main.cf", "mydomain = a\n")
        box.run("rm -f /etc/test/master.cf", check=True)
        done = box.run("postconf -c /etc/test mydomain")
        assert (done.returncode, done.stdout) == (0, "mydomain = a\n")
        assert "warning: open /etc/test/master.cf: No such file or directory" in done.stderr
        assert box.run("postconf -c /etc/test -M").returncode == 1
        assert box.run("postconf -c /nonexistent mydomain").returncode == 1


def test_finds_the_configuration_directory(boxes, oracle):
    for box in boxes:
        write(box, "main.cf", "mydomain = a\n")
        done = box.run("postconf -n", env={"MAIL_CONFIG": "/etc/test"})
        assert done.stdout == "config_directory = /etc/test\nmydomain = a\n"
        assert "config_directory" in box.run("postconf -n").stdout
