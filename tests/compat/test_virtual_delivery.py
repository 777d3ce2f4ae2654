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
