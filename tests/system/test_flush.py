"""Mail for sites that ask for it: ETRN, postqueue -s and -i."""

import os
import shutil
import time

import pytest

from harness.sandbox import wait_until

DOWN = "127.0.0.66"
MAIN = f"""
fast_flush_domains = relay.test, [192.0.2.1]
relay_domains = relay.test, other.test
relayhost = [{DOWN}]
minimal_backoff_time = 1h
maximal_backoff_time = 1h
queue_run_delay = 1h
transport_retry_time = 1h
"""
SPOOL = "/var/spool/postfix"


@pytest.fixture
def waiting(mta):
    """Two messages that wait: one for relay.test, one for other.test."""
    mark = mta.log.mark()
    ids = [mta.submit("a@client.test", [f"x@{site}"], "Subject: t\n\nhello\n") for site in ("relay.test", "other.test")]
    for queue_id in ids:
        mta.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark)
    yield ids
    mta.run(["postsuper", "-d", "ALL"], check=True)
    mta.run(f"rm -f {SPOOL}/flush/*", check=True)


def attempts(mta, mark, queue_id):
    return len(mta.log.matching(rf"{queue_id}: to=.*status=deferred", since=mark))


def test_only_listed_sites_are_remembered(mta, waiting):
    assert mta.read(f"{SPOOL}/flush/relay_test") == waiting[0] + "\n"
    assert mta.run(f"ls {SPOOL}/flush").stdout == "relay_test\n"


@pytest.mark.parametrize("how", ["etrn", "postqueue", "sendmail"])
def test_a_site_gets_its_mail_and_no_other_is_tried(mta, waiting, how):
    mark = mta.log.mark()
    if how == "etrn":
        with mta.smtp() as client:
            client.ehlo()
            assert client.docmd("ETRN relay.test") == (250, b"Queuing started")
    else:
        mta.run({"postqueue": "postqueue -s relay.test", "sendmail": "sendmail -qRrelay.test"}[how], user="joe", check=True)
    mta.log.wait(rf"{waiting[0]}: to=<x@relay.test>.*status=deferred", since=mark)
    assert attempts(mta, mark, waiting[1]) == 0
    # it was deferred once more, and is remembered once more
    assert mta.read(f"{SPOOL}/flush/relay_test") == waiting[0] + "\n"


def test_one_message_is_tried(mta, waiting):
    mark = mta.log.mark()
    mta.run(["postqueue", "-i", waiting[1]], user="joe", check=True)
    mta.log.wait(rf"{waiting[1]}: to=<x@other.test>.*status=deferred", since=mark)
    assert attempts(mta, mark, waiting[0]) == 0


def test_a_site_that_is_not_listed_hears_so(mta, waiting):
    with mta.smtp() as client:
        client.ehlo()
        assert client.docmd("ETRN other.test")[0] == 459
    done = mta.run(["postqueue", "-s", "other.test"])
    assert done.returncode == 69
    assert 'Flush service is not configured for destination "other.test"' in done.stderr


def wake(mta):
    """What master does from time to time."""
    mta.run(["postkick", "public", "flush", "W"], check=True)


def age(mta, name, days):
    then = time.time() - days * 86400
    os.utime(mta.path(f"{SPOOL}/flush/{name}"), (then, then))


def test_what_nobody_asked_for_is_tried_again_after_a_while(mta, waiting):
    mark = mta.log.mark()
    wake(mta)
    age(mta, "relay_test", 1)  # fast_flush_refresh_time is half a day
    wake(mta)
    mta.log.wait(rf"{waiting[0]}: to=<x@relay.test>.*status=deferred", since=mark)
    assert attempts(mta, mark, waiting[0]) == 1
    assert attempts(mta, mark, waiting[1]) == 0


def test_empty_lists_are_removed_after_a_while(mta, waiting):
    for name, days in (("young_test", 1), ("old_test", 8)):  # fast_flush_purge_time is a week
        path = mta.path(f"{SPOOL}/flush/{name}")
        path.touch(mode=0o600)
        shutil.chown(path, *mta_owner(mta))
        age(mta, name, days)
    wake(mta)
    wait_until(lambda: not mta.path(f"{SPOOL}/flush/old_test").exists(), what="the old list to go")
    assert sorted(os.listdir(mta.path(f"{SPOOL}/flush"))) == ["relay_test", "young_test"]


def mta_owner(mta):
    there = os.stat(mta.path(f"{SPOOL}/flush"))
    return there.st_uid, there.st_gid


SITES = {
    "relay.test": True,
    "RELAY.test": True,
    "sub.relay.test": True,  # parent_domain_matches_subdomains
    "relay.test.": False,
    "elay.test": False,
    "192.0.2.1": False,
    "../relay.test": False,
    "": False,
}


@pytest.mark.parametrize("site", SITES)
def test_which_sites_may_be_asked_for(mta, site):
    done = mta.run(["postqueue", "-s", site])
    assert done.returncode == (0 if SITES[site] else 69), done.stderr


def test_a_listed_address_is_a_site(mta):
    """Debian's Postfix finds no such form in its list."""
    if mta.flavour == "postern":
        mta.run(["postqueue", "-s", "[192.0.2.1]"], check=True)
