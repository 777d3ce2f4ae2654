"""A whole spool changes hands, as when a site stops one system and starts the other
on the same queue: mail that came in a moment ago, that is deferred, that is on hold;
under short and long ids; with several recipients, some of them done; with its defer
logs. Nothing is lost, nothing comes twice. Both ways.
"""

import os
import re
import shutil
import signal

import pytest

from harness.sandbox import wait_until

DOMAIN = "example.test"
MAIN = """
minimal_backoff_time = 1h
maximal_backoff_time = 1h
queue_run_delay = 1h
transport_maps = inline:{done.test=discard:}
"""
SPOOL = "/var/spool/postfix"
QUEUES = ("incoming", "active", "deferred", "hold", "bounce", "defer", "trace")
TO = [f"joe@{DOMAIN}", "one@done.test", f"ann@{DOMAIN}", "two@done.test"]


@pytest.fixture(scope="module", params=["ours to Debian's", "Debian's to ours"])
def pair(request, ours, oracle):
    """(maker, taker), both running, with empty queues; the maker's local mail waits."""
    maker, taker = (ours, oracle) if request.param.startswith("ours") else (oracle, ours)
    for mta in (maker, taker):
        if not mta.running():
            mta.postfix("start", check=True)
        mta.run(["postsuper", "-d", "ALL"], check=True)
    maker.configure("defer_transports = local")
    taker.configure("defer_transports =")
    return maker, taker


def late(mta, name):
    """A message that is done for two of its four recipients, and deferred."""
    mark = mta.log.mark()
    queue_id = mta.submit("a@client.test", TO, f"Subject: {name}\n\nhello\n")
    mta.log.wait(rf"{queue_id}: to=.*status=sent", since=mark, count=2)
    mta.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark, count=2)
    wait_until(lambda: queue_id in mta.queue_files("deferred"), what="a deferred file")
    return queue_id


def fill(mta):
    """{subject: queue id}, in all states; the system is down at the end."""
    made = {}
    for form, setting in (("short", "no"), ("long", "yes")):
        mta.configure(f"enable_long_queue_ids = {setting}")
        for state in ("deferred", "hold", "requeued"):
            made[f"{state}-{form}"] = late(mta, f"{state}-{form}")
        mta.run(["postsuper", "-h", made[f"hold-{form}"]], check=True)
        (qmgr,) = mta.processes("qmgr")
        os.kill(qmgr, signal.SIGSTOP)
        made[f"incoming-{form}"] = mta.submit("a@client.test", TO, f"Subject: incoming-{form}\n\nhello\n")
        if form == "short":  # it stays where it is while the system is restarted by hand
            mta.run(["postsuper", "-h", made["incoming-short"]], check=True)
            os.kill(qmgr, signal.SIGCONT)
    mta.kill(None)  # as it is, with mail in incoming
    wait_until(lambda: not mta.processes(), what="all to end")
    queue = mta.path(f"{SPOOL}/incoming")
    shutil.move(mta.path(mta.queue_files("hold")[made["incoming-short"]]), queue)
    return made


def hand_over(maker, taker):
    """Move all queue files: the same inodes, or postsuper would give them new names."""
    for queue in QUEUES:
        source, target = (m.folder / "spool" / queue for m in (maker, taker))  # not through two mounts
        owner = os.stat(target)
        for folder, _, files in os.walk(source):
            new = target / os.path.relpath(folder, source)
            new.mkdir(mode=0o700, exist_ok=True)
            os.chown(new, owner.st_uid, owner.st_gid)
            for name in files:
                os.rename(os.path.join(folder, name), new / name)


def listing(mta):
    """The messages of mailq, without the widths of columns (and the headline that shows them)."""
    text = re.sub(r"^-.*\n", "", mta.run(["mailq"], check=True).stdout, flags=re.M)
    return sorted(re.sub(r"[ \t]+", " ", block) for block in text.split("\n\n") if "@" in block)


def arrivals(mta, user, since):
    return sorted(message["Subject"] for message in mta.mbox(user)[since:])


def test_a_spool_goes_on_under_the_other_system(pair):
    maker, taker = pair
    made = fill(maker)
    assert maker.queue_files("incoming").keys() == {made["incoming-short"], made["incoming-long"]}
    taker.postfix("stop", check=True)
    listed = listing(maker)
    hand_over(maker, taker)
    before = {user: len(taker.mbox(user)) for user in ("joe", "ann")}
    mark = taker.log.mark()

    assert listing(taker) == listed and len(listed) == len(made) == 8
    taker.run(["postsuper", "-r", made["requeued-short"], "-r", made["requeued-long"]], check=True)
    taker.postfix("start", check=True)
    taker.run(["postqueue", "-f"], check=True)
    # under other names perhaps: long ids become short ones when these are configured
    wait_until(lambda: len(taker.queue_files()) == len(taker.queue_files("hold")) == 2, what="all but the held ones to go")
    assert not taker.log.matching(r"(qmgr|pickup|showq|local)\[\d+\]: warning: |corrupt", mark)
    taker.run(["postsuper", "-H", "ALL"], check=True)
    taker.run(["postqueue", "-f"], check=True)
    taker.wait_empty()
    for user, count in before.items():
        assert arrivals(taker, user, count) == sorted(made)
    done = taker.log.matching(r"to=<one@done.test>.*status=sent", mark)
    assert len(done) == 2  # of the two that had not been tried before
    for queue in ("defer", "bounce", "trace") if taker.flavour == "postern" else ():  # Debian's leaves some
        assert not [f for _, _, files in os.walk(taker.path(f"{SPOOL}/{queue}")) for f in files]
