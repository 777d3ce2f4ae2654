"""Deliveries to commands of pipe(8), ours beside Debian's Postfix."""

import re

import pytest

from compat.deliveries import TEXT, Case, compare, names, outcomes, prepare, ready, settle

DOMAIN = "example.test"
DUMP = "argv=/tmp/bin/dump"
ALL = (
    "$sender ${recipient} $(user) $extension $domain $mailbox $nexthop $size $client_address $client_helo"
    " $client_hostname $client_protocol $original_recipient [$sasl_method] [$sasl_username] [$sasl_sender]"
    " a${user}b ${user}@${domain} x$$y {two words} x{$user}y"
)
STATUSES = (2, 64, 65, 66, 68, 69, 70, 71, 72, 73, 74, 76, 78, 79, 126, 127, 255)
SERVICES = {
    "plain": f"user=joe {DUMP} -f $sender -- $recipient",
    "all": f"user=joe {DUMP} {ALL}",
    "flags": f"flags=DRhuqO.>FB user=joe:ann directory=/home/joe {DUMP} $sender $recipient $user $extension $mailbox $nexthop",
    "quoted": f"flags=q user=joe {DUMP} $sender $recipient $user $mailbox",
    "eol": f"flags=R user=joe null_sender= eol=\\r\\n {DUMP} $sender",
    "from": f"flags=F user=joe: {DUMP} pre${{recipient}}post",
    "blank": f"flags=B> user=joe {DUMP}",
    "delivered": f"flags=D user=joe {DUMP}",
    "original": f"flags=O user=joe {DUMP}",
    "size": f"size=100 user=joe {DUMP}",
    "text": "flags=X user=joe argv=/bin/sh -c {cat >/dev/null; echo fine}",
    "text2": "user=joe argv=/bin/sh -c {cat >/dev/null; printf '2.1.5 all\\n\\tfine\\n\\n'}",
    "text5": "user=joe argv=/bin/sh -c {echo 5.2.1 but fine}",
    "later": "user=joe argv=/bin/sh -c {echo 4.2.2 later; exit 1}",
    "never": "user=joe argv=/bin/sh -c {echo 5.7.1 never; exit 75}",
    "exit1": "user=joe argv=/bin/sh -c {exit 1}",
    "exit67": "user=joe argv=/bin/sh -c {echo who; exit 67}",
    "exit75": "user=joe argv=/bin/sh -c {exit 75}",
    "exit77": "user=joe argv=/bin/sh -c {exit 77}",
    "signal": "user=joe argv=/bin/sh -c {kill -9 $$$$}",
    "slow": "user=joe argv=sleep 9",
    "closes": "user=joe argv=/bin/sh -c {exec <&-; sleep 0.2}",
    "macro": "user=joe argv=/bin/true $nosuch",
    "form": "user=joe argv=/bin/true ${user?x}",
    "many": f"user=joe {DUMP} -r $recipient/$user/$extension/$domain $mailbox x$original_recipient",
    "jail": f"user=joe chroot=/ directory=/home {DUMP} $user",
    "nodir": f"user=joe directory=/nonexistent {DUMP}",
    "nojail": f"user=joe chroot=/nonexistent {DUMP}",
    "group": f"user=joe:mail {DUMP}",
    "noread": "user=joe argv=/bin/sh -c {exec <&-; exit 0}",
    "noreadfail": "user=joe argv=/bin/sh -c {exec <&-; exit 77}",
    "endsearly": "user=joe argv=/bin/true",
    "some": "user=joe argv=/bin/sh -c {head -c 10 >/tmp/out/some}",
    "code": "user=joe argv=/bin/sh -c {echo 4.1.2 later; exit 69}",
    "code2": "user=joe argv=/bin/sh -c {echo 2.1.2 fine; exit 69}",
    "codeonly": "user=joe argv=/bin/sh -c {echo 5.1.2; exit 75}",
    "rest": "flags=h> user=joe argv=/tmp/bin/dump $domain $nexthop",
    **{f"exit{n}": f"user=joe argv=/bin/sh -c {{exit {n}}}" for n in STATUSES},
}
MASTER = "".join(f"{name} unix - n n - - pipe {words}\n" for name, words in SERVICES.items())
MAIN = f"""
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
local_recipient_maps =
relayhost = [127.0.0.66]
relay_domains = {" ".join(f"{n}.test" for n in SERVICES)}
transport_maps = inline:{{{", ".join(f"{n}.test={n}:" for n in SERVICES)}, hop.test=all:Next.Hop:25}}
slow_time_limit = 1s
"""

BIG = TEXT + ("0123456789abcdef" * 4 + "\n") * 20000


def to(name, local="Joe+Ext", **more):
    return Case(f"{name} {local}", f"{local}@{name}.test", **more)


CASES = [
    *(to(name) for name in SERVICES),
    to("all", sender=""),
    to("flags", sender=""),
    to("plain", sender=""),
    to("eol", sender=""),
    *(to("all", local) for local in ("a+", "+a", "a+b+c", '"a b"')),
    to("flags", '"a b"', sender='"c d"@client.test'),
    to("quoted", '"a b"', sender='"c d"@client.test'),
    to("plain", '"a b;c$(id)"', sender='"c d"@client.test'),
    Case("letter case of the domain", "Joe@ALL.test", "Joe@FLAGS.test"),
    Case("was here", "joe@delivered.test", "joe@plain.test", text="Delivered-To: joe@delivered.test\n" + TEXT),
    Case("several recipients", ("a@all.test", "B+x@all.test"), ("a@plain.test", "b@plain.test")),
    Case("several for flag D", ("a@delivered.test", "b@delivered.test")),
    Case("several for flag O", ("a@original.test", "b@original.test")),
    *(
        Case(f"big message to {n}", f"joe@{n}.test", text=BIG)
        for n in ("noread", "noreadfail", "endsearly", "some", "size", "blank")
    ),
    Case("over the size", "joe@size.test", text=TEXT + "x" * 200 + "\n"),
    Case("a long line", "joe@flags.test", "joe@eol.test", text=TEXT + "." + "y" * 100_000 + "\n.\nFrom x\n"),
    Case("no line end", "joe@blank.test", "joe@eol.test", text=TEXT[:-3] + "no end"),
    Case("several with macros of recipients", ("A+b@many.test", "C@many.test")),
    *(Case(f"odd user {n}", f"{n}@plain.test", f"{n}@flags.test") for n in ('"+x"', '"a\\"b"', '"|id"', '"${user}"', "$(id)")),
    Case("verified sender of nobody", "joe@rest.test", sender=""),
    Case("several fail together", ("a@exit67.test", "b@exit67.test")),
]


@pytest.fixture(scope="module")
def both(ours, oracle):
    return ready((ours, oracle))


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_delivery(both, case):
    compare(both, case)


def test_verification(both):
    results = []
    for mta in both:
        prepare(mta, Case(""))
        mark = mta.log.mark()
        mta.sendmail(["-bv", "joe@all.test", "joe@macro.test"], "", user="ann")
        settle(mta)
        results.append(outcomes(mta, mark))
    assert results[0] == results[1]


@pytest.mark.parametrize("service", ["plain", "text", "exit1", "exit67", "exit77", "never"])
def test_success_report(both, service):
    reports = []
    for mta in both:
        prepare(mta, Case(""))
        mta.sendmail(["-f", "joe", "-N", "success,failure", f"a@{service}.test"], TEXT, user="ann")
        settle(mta)
        lines = mta.mask(mta.read("/var/mail/joe")).splitlines()
        reports.append([l for l in lines if re.match(r"<|Action|Status|Final|Original|Diag", l)])
    assert reports[0] == reports[1]
