"""More deliveries to local users, ours beside Debian's Postfix: odd alias and include
files, rights and groups of commands, every exit status, commands that do not read or
do not end, what hostile users and senders may try."""

import re

import pytest

from compat.deliveries import SENDER, TEXT, Case, compare, names, outcomes, prepare, ready, settle

DOMAIN = "example.test"
MAIN = """
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
local_recipient_maps =
deliver_lock_attempts = 2
relayhost = [127.0.0.66]
command_time_limit = 5s
"""
LONG = "x" * 500
ALIASES = f"""
# comment
  # indented comment
plain:joe
two:	joe,
	ann
folded: joe,
# comment in between
 ann
blanks  :   joe  ,  ann
names: Joe <joe>, ann (Ann), "bob"
at: joe@
route: <@here.test:joe@example.test>
percent: joe%example.test
quotedfile: "/tmp/out/a file"
filecmd: /tmp/out/one, "|cat >/tmp/out/two"
barepipe: |exit 67
emptypipe: "|"
emptyinc: :include:
fail: :fail:
empty:
tilde: ~joe/box
devfd: /dev/fd/2
dotdot: /tmp/out/../out/dots
target: /tmp/out/target
targetdir: /tmp/out/targetdir/
escaped: \\joe, \\\\ann
semicolon: joe;
listlike: list:joe,ann;
eight: "|printf '\\303\\274\\351\\n'; exit 77"
control: "|printf 'a\\033[1m\\001b\\n'; exit 77"
longout: "|yes {'y' * 60} | head -c 200000; exit 77"
nooutput: "|exec >&-; exit 77"
code4: "|echo '4.1.2 later'; exit 69"
code2: "|echo '2.1.2 fine'; exit 69"
codeonly: "|echo 5.1.2; exit 75"
codespace: "|echo ' 5.1.2 x'; exit 75"
codeodd: "|echo '5.1.2x y'; exit 75"
bigcode: "|echo '5.1234.1 x'; exit 75"
stderr: "|echo err >&2; exit 77"
noread: "|exec <&-; exit 0"
noreadfail: "|exec <&-; exit 1"
noreadend: "|exit 0"
readsome: "|head -c 10 >/tmp/out/some"
child: "|(sleep 30 >/dev/null 2>&1 <&- &) ; exit 0"
childholds: "|(sleep 30 <&- &) ; exit 0"
term: "|kill -TERM $$"
nosuch: |/nonexistent/command
notexec: |/etc/passwd
builtin: |cd /tmp
words: "|/tmp/bin/dump \\"a b\\" c"
metas: "|/tmp/bin/dump $HOME `id` > /tmp/out/x"
env: "|/tmp/bin/dump"
inc1: :include:/etc/inc1
incloop: :include:/etc/incloop
inclong: :include:/etc/inclong
incbin: :include:/etc/incbin
incfold: :include:/etc/incfold
inclink: :include:/tmp/out/inclink
inclinked: :include:/etc/inclinked
incfifo: :include:/tmp/out/incfifo
inc000: :include:/tmp/out/inc000
incjoe: :include:/tmp/out/incjoe
incgroup: :include:/tmp/out/incgroup
incspace: ":include:/etc/inc 1"
""" + "".join(f'exit{n}: "|exit {n}"\n' for n in (2, 65, 66, 68, 69, 70, 71, 72, 73, 74, 76, 78, 79, 126, 127, 128, 255)) + f"""
longname: "|exit 1 {LONG}"
"""
ETC = {
    "aliases": "postmaster: root\n" + ALIASES,
    "inc1": "ann, :include:/etc/inc2\n",
    "inc2": "bob\n:include:/etc/inc3\n",
    "inc3": "# nothing\n\njoe\n",
    "incloop": "ann\n:include:/etc/incloop\n",
    "inclong": "ann, " + ", ".join(f"joe+{i:05}" for i in range(1500)) + "\nbob\n",
    "incbin": "ann\nb\u00fccher\nbob\x01\n\x7f\n",
    "incfold": "ann,\n  bob\njoe (with\n comment)\n",
    "inc 1": "ann\n",
}
MANY = " ".join(f"exit{n}" for n in (2, 65, 66, 68, 69, 70, 71, 72, 73, 74, 76, 78, 79, 126, 127, 128, 255))
BIG = TEXT + "0123456789abcdef" * 4 + "\n"
BIG += ("0123456789abcdef" * 4 + "\n") * 20000
LONG_LINE = TEXT + "y" * 300_000 + "\nend\n"
TARGETS = {
    "link": "ln -s /tmp/out/victim /tmp/out/target; touch /tmp/out/victim; chown nobody /tmp/out/victim",
    "root's link in root's folder": "mkdir /tmp/out/d; touch /tmp/out/d/v; chown nobody /tmp/out/d/v; ln -s /tmp/out/d/v /tmp/out/target",
    "dangling link": "ln -s /tmp/out/victim /tmp/out/target",
    "hard link": "touch /tmp/out/victim; chmod 666 /tmp/out/victim; ln /tmp/out/victim /tmp/out/target",
    "fifo": "mkfifo -m 666 /tmp/out/target",
    "folder": "mkdir -m 777 /tmp/out/target",
    "set-gid": "touch /tmp/out/target; chmod 2666 /tmp/out/target",
    "executable": "touch /tmp/out/target; chmod 777 /tmp/out/target",
    "read only": "touch /tmp/out/target; chmod 444 /tmp/out/target",
    "lock": "touch /tmp/out/target /tmp/out/target.lock; chmod 666 /tmp/out/target",
}
INCLUDES = (
    "ln -sf /etc/inc1 /etc/inclinked; ln -s /etc/inc1 /tmp/out/inclink; mkfifo -m 666 /tmp/out/incfifo; echo ann >/tmp/out/inc000; chmod 0 /tmp/out/inc000;"
    " printf '\"|/tmp/bin/dump\"\\n/home/joe/box\\n' >/tmp/out/incjoe; chown joe:ann /tmp/out/incjoe;"
    " cp /tmp/out/incjoe /tmp/out/incgroup; chown ann:joe /tmp/out/incgroup; chmod 664 /tmp/out/incgroup"
)
OWN = "alias_maps = hash:/tmp/own/{0}/t"
OWNED = (
    "mkdir -p /tmp/own/{0}; chown {0} /tmp/own/{0}; printf 'cmd: \"|/tmp/bin/dump\"\\nfile: /home/joe/box\\ninc: :include:/etc/inc3\\n' >/tmp/own/{0}/t;"
    " chown {0} /tmp/own/{0}/t; postalias /tmp/own/{0}/t"
)


def aliases(words, **more):
    return [Case(f"alias {n}", n, **more) for n in words.split()]


def forward(name, text, *to, **more):
    return Case(f"forward {name}", *(to or ("joe",)), joe=text, **more)


CASES = [
    *aliases(
        "plain two folded blanks names at route percent quotedfile filecmd barepipe emptypipe emptyinc fail empty tilde"
        " devfd dotdot escaped semicolon listlike eight control longout nooutput code4 code2 codeonly codespace codeodd"
        " bigcode stderr term builtin words metas inc1 incloop incbin incfold incspace longname"
    ),
    *aliases(MANY),
    *aliases("noread noreadfail noreadend readsome child", text=BIG),
    *aliases("inclinked incfifo inc000 incjoe incgroup", shell=INCLUDES),
    *(Case(f"file: {name}", "target", shell=shell) for name, shell in TARGETS.items()),
    Case("Maildir: a link", "targetdir", shell="mkdir -m 777 /tmp/out/m; ln -s m /tmp/out/targetdir"),
    Case("Maildir: a file", "targetdir", shell="touch /tmp/out/targetdir"),
    Case("Maildir without new", "targetdir", shell="mkdir -m 777 /tmp/out/targetdir /tmp/out/targetdir/tmp"),
    *(Case(f"long line to {n}", n, text=LONG_LINE) for n in ("joe", "quotedfile", "targetdir", "readsome")),
    Case("no line end", "joe", text=TEXT[:-3] + "no end"),
    Case("no body", "joe", text="Subject: x\n"),
    Case("From_ in the header", "joe", text="From a@b Mon\nSubject: x\n\nFrom \n>From x\nFromage\n"),
    Case("addresses that look like code", '"|id"', '"/etc/passwd"', '":include:/etc/inc1"', '"$(id)"', '"a\\"b"', "~joe"),
    *(Case(f"aliases of {who}: {n}", n, setting=OWN.format(who), shell=OWNED.format(who)) for who in ("ann", "joe") for n in ("cmd", "file", "inc")),
    Case("rights by default_privs", "env", "filecmd", setting="default_privs = ann"),
    Case("more groups", "joe", setting="mailbox_command = /tmp/bin/dump", shell="grep -q ^extra /etc/group || echo extra:x:9999:joe >>/etc/group"),
    Case("export_environment", "joe", setting="mailbox_command = /tmp/bin/dump\nexport_environment = TZ, FOO=bar baz, HOME=/x { TWO = a b }"),
    Case("filter of values", '"joe+a;b"', setting="mailbox_command = /tmp/bin/dump\ncommand_expansion_filter = abcjoe"),
    Case("directory with a filter", "joe+x/y", "joe+xy", setting="mailbox_command = /tmp/bin/dump\ncommand_execution_directory = /home/$user/$extension\nexecution_directory_expansion_filter = a-z"),
    Case("missing directory", "joe", setting="mailbox_command = /tmp/bin/dump\ncommand_execution_directory = /nonexistent"),
    Case("forward filter", "joe+x.y", setting="forward_path = /home/joe/.forward$extension\nforward_expansion_filter = abc", joe="ann\n"),
    Case("no forward_path", "joe", setting="forward_path =", joe="ann\n"),
    Case("two delimiters", "joe-x", "joe+x", setting="recipient_delimiter = +-", joe="\"|/tmp/bin/dump $EXTENSION\"\n"),
    Case("few addresses of a list", "two", "inc1", setting="duplicate_filter_limit = 1"),
    Case("command table fails", "joe", setting="mailbox_command_maps = fail:x"),
    Case("transport table fails", "joe", setting="mailbox_transport_maps = fail:x"),
    Case("fallback table fails", "nosuchuser", setting="fallback_transport_maps = fail:x"),
    Case("commands in .forward only", "barepipe", "joe", setting="allow_mail_to_commands = forward\nallow_mail_to_files = forward", joe="\"|/tmp/bin/dump\"\n/home/joe/box\n"),
    Case("commands in aliases only", "barepipe", "joe", setting="allow_mail_to_commands = alias\nallow_mail_to_files = alias", joe="\"|/tmp/bin/dump\"\n/home/joe/box\n"),
    Case("home_mailbox elsewhere", "joe", setting="home_mailbox = ../ann/box"),
    Case("dot lock only", "joe", setting="mailbox_delivery_lock = dotlock"),
    Case("aliases by pattern", "joe", "abc", setting="alias_maps = regexp:{{/^abc$$/ ann}}"),
    Case("aliases by pattern with parts", "abc", setting="alias_maps = regexp:{{/^a(.*)$$/ $$1}}"),
    Case("mailbox of root", "root", setting="mailbox_command = /tmp/bin/dump"),
    Case("root's .forward with a command", "root", root=("\"|/tmp/bin/dump\"\n", 0o644, "root", ".forward")),
    Case("big message", "joe", text=BIG),
    forward("longest", "ann\n" + "b, " * 60000 + "\nbob\n"),
    forward("without line end", "ann, bob"),
    forward("CR LF", "ann\r\nbob\r\n"),
    forward("other letters", "ann, b\u00fccher, \u00fc@example.test\n"),
    forward("comment not closed", "ann (x\nbob\n"),
    forward("folded", "ann,\n bob\n"),
    forward("vacation form", '\\joe, "|/tmp/bin/dump joe"\n', "joe", "joe+ext"),
    forward("loop by include", ":include:/home/joe/.forward\nann\n"),
    forward("owner", "ann\n", shell="chmod 777 /home/joe"),
    forward("empty with blanks", "  \n\t\n"),
    forward("user@ alias", "plain@example.test, ann@\n"),
    Case("forward to a mailbox of another", "joe", joe="/var/mail/ann\n", shell="touch /var/mail/ann; chown ann /var/mail/ann; chmod 600 /var/mail/ann"),
    Case("command with ids of joe cannot read ann's", "joe", joe="\"|cat /home/ann/secret; exit 77\"\n", shell="echo s >/home/ann/secret; chmod 600 /home/ann/secret; chown ann /home/ann/secret"),
]


@pytest.fixture(scope="module")
def both(ours, oracle):
    return ready((ours, oracle))


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_delivery(both, case):
    compare(both, case)


# --- where ours does other than Debian's, on purpose ----------------------------------


def delivered(mta, name, shell="true"):
    """What is logged of a message to that alias."""
    prepare(mta, Case("", shell=shell))
    mark = mta.log.mark()
    mta.submit(SENDER, [f"{name}@{mta.domain}"], TEXT)
    settle(mta)
    mta.run(["postsuper", "-d", "ALL"], check=True)
    return "\n".join(outcomes(mta, mark)), mark


def test_a_long_line_of_a_list_is_read_whole(both):
    """There it is cut, in the middle of an address."""
    text, _ = delivered(both[0], "inclong")
    assert len(set(re.findall(r"to=<(.*?)>, orig_to=<inclong@", text))) == 1502


def test_lists_behind_links_of_others_are_not_read(both):
    """A report would tell what is in the file."""
    text, _ = delivered(both[0], "inclink", INCLUDES)
    assert "dsn=5.3.5, status=bounced (mail system configuration error)" in text


@pytest.mark.parametrize("name, why", [("nosuch", "/nonexistent/command: No such file"), ("notexec", "/etc/passwd: Permission denied")])
def test_a_command_that_cannot_be_started_waits(both, name, why):
    """There the words are those of a program that died: "local: fatal: execvp ..."."""
    text, _ = delivered(both[0], name)
    assert f"dsn=4.3.0, status=deferred (temporary failure. Command output: execute {why}" in text


def test_a_command_has_ended_though_its_child_keeps_the_output_open(both):
    """There the agent waits for the child, and the mail that was taken is returned."""
    text, _ = delivered(both[0], "childholds")
    assert "status=sent (delivered to command: " in text
    both[0].kill("sleep")
