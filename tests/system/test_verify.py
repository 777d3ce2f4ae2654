"""verify(8): caches of every kind, in a jail and out of it, ageing, and what stands still when it
is not there."""

import concurrent.futures
import re

import pytest

from harness.instance import Instance
from harness.sandbox import USERS

MAIN = """
smtpd_error_sleep_time = 0
address_verify_poll_delay = 1s
local_recipient_maps =
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions = reject_unverified_recipient
ipc_timeout = 10s
"""
CACHES = {
    "btree": "",
    "hash": "address_verify_map = hash:$data_directory/verify_cache",
    "lmdb": "address_verify_map = lmdb:$data_directory/verify_cache",
    "proxy": "address_verify_map = proxy:btree:$data_directory/verify_cache\naddress_verify_cache_cleanup_interval = 0",
    "in memory": "address_verify_map =",
    "jail": "",
}
FILES = {"btree": "btree", "hash": "hash", "lmdb": "lmdb", "proxy": "btree", "jail": "btree"}
DELIVERS, UNKNOWN = "delivers to mailbox", 'unknown user: "no"'


@pytest.fixture
def start(work, request):
    boxes = []

    def begin(main="", jail=False):
        box = Instance.make(work / re.sub(r"\W", "-", request.node.name), "postern", MAIN + main)
        if jail:
            box.etc["postfix/master.cf"] = re.sub(r"^(verify +unix +- +- +)n", r"\1y", box.etc["postfix/master.cf"], flags=re.M)
        boxes.append(box)
        box.start()
        return box

    yield begin
    for box in boxes:
        box.close()


def ask(mta, *users):
    with mta.smtp() as client:
        client.ehlo()
        client.mail("a@client.test")
        return [client.rcpt(f"{user}@postern.test")[0] for user in users]


def probes(mta, mark=0):
    return [line for line in mta.log.lines[mark:] if "status=deliverable" in line or "status=undeliverable" in line]


def dump(mta, kind):
    text = mta.run(["postmap", "-s", f"{kind}:/var/lib/postfix/verify_cache"], check=True).stdout
    return dict(line.split("\t") for line in text.splitlines())


@pytest.mark.parametrize("name", CACHES)
def test_what_was_found_out_is_remembered(start, name):
    mta = start(CACHES[name], jail=name == "jail")
    assert ask(mta, "joe", "no", "joe", "no") == [250, 450, 250, 450]
    assert len(probes(mta)) == 2
    if name == "in memory":
        return
    entries = dump(mta, FILES[name])  # while verify has it open
    assert re.fullmatch(rf"0:0:\d+:{DELIVERS}", entries["joe@postern.test"])
    assert re.fullmatch(rf"2:0:\d+:{UNKNOWN}", entries["no@postern.test"])
    suffix = ".lmdb" if name == "lmdb" else ".db"
    assert mta.path(f"/var/lib/postfix/verify_cache{suffix}").stat().st_uid == USERS["postfix"][0]
    mta.kill("verify")  # and all that it had in memory
    assert ask(mta, "joe", "no", "ann") == [250, 450, 250]
    assert len(probes(mta)) == 3
    mta.postfix("stop", check=True)
    mta.postfix("start", check=True)
    assert ask(mta, "joe", "no", "ann") == [250, 450, 250]
    assert len(probes(mta)) == 3
    assert not [line for line in mta.log.lines if "verify[" in line and "warning" in line]


def test_many_who_ask_at_once_send_one_probe(start):
    mta = start()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(lambda _: ask(mta, "joe"), range(10)))
    assert codes == 10 * [[250]]
    assert len(probes(mta)) == 1


def test_old_entries_go(start):
    mta = start("address_verify_cache_cleanup_interval = 1s\naddress_verify_positive_expire_time = 3s\naddress_verify_negative_expire_time = 1d\n")
    assert ask(mta, "joe", "no") == [250, 450]
    mta.log.wait(r"verify\[\d+\]: cache btree:/var/lib/postfix/verify_cache full cleanup: retained=1 dropped=1 entries")
    entries = dump(mta, "btree")
    assert "no@postern.test" in entries and "joe@postern.test" not in entries
    assert "_LAST_CACHE_CLEANUP_COMPLETED_" in entries


def test_a_cache_behind_proxymap_is_cleaned_too(start):
    mta = start("address_verify_map = proxy:btree:$data_directory/verify_cache\n")
    assert ask(mta, "joe") == [250]
    mta.log.wait("verify.*: cache proxy:btree:/var/lib/postfix/verify_cache full cleanup: retained=0 dropped=0 entries")


def test_bad_answers_are_for_who_asked(start):
    mta = start("address_verify_negative_cache = no\n")
    assert ask(mta, "no") == [450]
    mta.log.wait(f"unverified address: {UNKNOWN}")


def test_the_sender_of_probes_changes(start):
    mta = start("address_verify_sender_ttl = 1d\n")
    assert ask(mta, "joe") == [250]
    sender = re.search(r"from=<(double-bounce[0-9b-z]+@mail.postern.test)>", mta.log.wait(r"qmgr\[\d+\]: \w+: from=<double-bounce[0-9b-z]+@").string).group(1)
    with mta.smtp() as client:
        client.ehlo()
        client.mail("a@client.test")
        assert client.rcpt(sender)[0] == 250
        assert client.rcpt("double-bouncex@mail.postern.test")[0] == 450


def test_without_verify_mail_waits(start):
    mta = start("address_verify_service_name = none\n")
    assert ask(mta, "joe") == [451]
    mta.log.wait("warning: .*private/none")


def test_a_broken_cache_costs_what_it_knew(start):
    mta = start()
    assert ask(mta, "joe") == [250]
    mta.postfix("stop", check=True)
    path = mta.path("/var/lib/postfix/verify_cache.db")
    path.write_bytes(path.read_bytes()[:4096] + 4096 * b"\xaa")
    mta.postfix("start", check=True)
    assert ask(mta, "joe")[0] in (250, 450)
    mta.log.wait(r"verify\[\d+\]: warning: cache btree:/var/lib/postfix/verify_cache: ")
    assert mta.running()
