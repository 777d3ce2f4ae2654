"""Deliveries to virtual mailboxes, ours beside Debian's Postfix."""

import pytest

from compat.deliveries import TEXT, Case, compare, names, outcomes, prepare, ready, settle
from harness.sandbox import USERS

DOMAIN = "example.test"
UID, GID = USERS["vmail"][:2]
MAILBOXES = """joe@v.test=v.test/joe, ann@v.test=v.test/ann/, other@v.test=other,
 bad@v.test=nodir/x, baddir@v.test=nodir2/x/, dots@v.test=../../tmp/out/dots, abs@v.test=/abs, ro@v.test=ro,
 link@v.test=link, fifo@v.test=fifo, theirs@v.test=theirs, rod@v.test=rodir/, u50@v.test=u, uabc@v.test=u,
 uminus@v.test=u, unone@v.test=u, uzero@v.test=u, gzero@v.test=u, locked@v.test=locked, sp@v.test=sp"""
MAIN = f"""
recipient_delimiter = +
minimal_backoff_time = 1h
maximal_backoff_time = 1h
deliver_lock_attempts = 2
smtpd_reject_unlisted_recipient = no
relayhost = [127.0.0.66]
virtual_mailbox_domains = v.test
virtual_mailbox_base = /home/vmail
virtual_mailbox_maps = inline:{{{" ".join(MAILBOXES.split())}}}
virtual_uid_maps = inline:{{u50@v.test=50, uabc@v.test=abc, uminus@v.test=-5, uzero@v.test=0, @v.test={UID}}}
virtual_gid_maps = inline:{{gzero@v.test=0, @v.test={GID}}}
"""
IN_THE_WAY = (
    "cd /home/vmail; mkdir v.test rodir; chown vmail v.test; touch ro; chmod 400 ro; chown vmail ro; ln -s"
    " /tmp/out/victim link; mkfifo fifo; chmod 666 fifo; touch theirs; chmod 666 theirs; touch locked.lock"
)


def each(text, setting="", shell=IN_THE_WAY, **more):
    return [Case(n, f"{n}@v.test", setting=setting, shell=shell, **more) for n in text.split()]


CASES = [
    *each(
        "joe ann joe+ext JOE other bad baddir dots abs ro link fifo theirs rod u50 uabc uminus uzero gzero"
        " locked sp nosuch nosuch+ext NoSuch"
    ),
    Case("twice", "joe@v.test", "joe+more@v.test", shell=IN_THE_WAY),
    Case("null sender", "joe@v.test", sender="", shell=IN_THE_WAY),
    Case("odd names", '"a b"@v.test', shell=IN_THE_WAY, sender='"x y"@client.test'),
    Case("was here", "joe@v.test", shell=IN_THE_WAY, text="Delivered-To: joe@v.test\n" + TEXT),
    *each("joe ann any+e", "virtual_mailbox_maps = inline:{joe=bare, joe@=at, @v.test=catch}"),
    *each("joe", "virtual_mailbox_maps = inline:{joe+x@v.test=whole, joe@v.test=part}"),
    *each("joe", f"virtual_uid_maps = static:{UID}\nvirtual_gid_maps = static:{GID}"),
    *each("joe", "virtual_uid_maps = inline:{x=1}"),
    *each("joe", "virtual_gid_maps = inline:{x=1}"),
    *each("joe", "virtual_uid_maps = fail:x"),
    *each("joe", "virtual_minimum_uid = 20000"),
    *each("joe ann", "virtual_mailbox_limit = 1000\nmessage_size_limit = 1000"),
    *each("joe", "virtual_mailbox_base = /home/nodir"),
    *each("joe ann", "enable_original_recipient = no"),
    *(
        Case(f"uid {uid}", "joe@v.test", setting=f"virtual_uid_maps = inline:{{{{joe@v.test = {uid}}}}}", shell=IN_THE_WAY)
        for uid in ("0x23f4", "65535")
    ),
    *(
        Case(f"gid {gid}", "joe@v.test", setting=f"virtual_gid_maps = inline:{{{{joe@v.test = {gid}}}}}", shell=IN_THE_WAY)
        for gid in ("65535", "-1")
    ),
    *(
        Case(f"path {path}", "joe@v.test", setting=f"virtual_mailbox_maps = inline:{{{{joe@v.test = {path}}}}}", shell=IN_THE_WAY)
        for path in ("a b", "a, b", "/", ".", "v.test/", "v.test", "v.test//x", "./y/", "x" * 300, "link/x", "theirs/x")
    ),
    *(
        Case(f"in the way: {name}", "joe@v.test", shell=IN_THE_WAY + ";" + shell)
        for name, shell in {
            "folder": "mkdir v.test/joe; chown vmail v.test/joe",
            "dangling link": "ln -s /tmp/out/victim v.test/joe",
            "hard link": "touch v.test/x; chown vmail v.test/x; ln v.test/x v.test/joe",
            "executable": "touch v.test/joe; chown vmail v.test/joe; chmod 755 v.test/joe",
            "content": "echo end >v.test/joe; chown vmail v.test/joe",
        }.items()
    ),
    *(
        Case(f"Maildir, in the way: {name}", "ann@v.test", shell=IN_THE_WAY + ";" + shell)
        for name, shell in {
            "file": "touch v.test/ann",
            "link": "mkdir x; chown vmail x; ln -s ../x v.test/ann",
            "tmp of another": "mkdir -p v.test/ann/tmp; chown vmail v.test/ann",
            "tmp is a link": "mkdir -p v.test/ann x; ln -s ../../x v.test/ann/tmp; chown -R vmail v.test/ann x",
        }.items()
    ),
    Case("a long line", "joe@v.test", "ann@v.test", shell=IN_THE_WAY, text=TEXT + "y" * 100_000 + "\nFrom x\n"),
    Case("no line end", "joe@v.test", shell=IN_THE_WAY, text=TEXT[:-3] + "no end"),
    *each("joe", "virtual_mailbox_lock = dotlock"),
    *each("joe nosuch", "virtual_mailbox_maps = fail:x"),
    *each("theirs", "strict_mailbox_ownership = no"),
    *each("locked", "virtual_mailbox_lock = flock, fcntl"),
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
        mta.sendmail(["-bv", "joe@v.test", "ann@v.test", "nosuch@v.test"], "", user="ann")
        settle(mta)
        results.append(outcomes(mta, mark))
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["uid", "gid"])
@pytest.mark.parametrize("value", ["4294967295", "4294967296", "99999999999999999999", "9204x", "+9204", "9204 9204"])
def test_ids_that_are_none_are_not_guessed_at(both, kind, value):
    """There, these are cut to numbers, and mail is written as somebody."""
    mta = both[0]
    prepare(mta, Case("", shell=IN_THE_WAY, setting=f"virtual_{kind}_maps = inline:{{{{joe@v.test = {value}}}}}"))
    mark = mta.log.mark()
    mta.submit("a@client.test", ["joe@v.test"], TEXT)
    settle(mta)
    (line,) = outcomes(mta, mark)
    assert "dsn=4.3.5, status=deferred (mail system configuration error)" in line
    mta.run(["postsuper", "-d", "ALL"], check=True)
