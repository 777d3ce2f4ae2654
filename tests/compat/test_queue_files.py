"""Queue files change hands: what one system wrote, the other prints and delivers.

So a site can stop one of the two, start the other on the same queue, and go
back. "maker" writes the files, "taker" reads them; both ways.
"""

import os
import shutil

import pytest

from harness.sandbox import POSTDROP, POSTFIX, USERS, wait_until

DOMAIN = "example.test"
MAIN = "minimal_backoff_time = 1h\nmaximal_backoff_time = 1h\n"
LONG = "x" * 5000
MESSAGES = {
    "plain": ([], "Subject: plain\n\nhello\n"),
    "long lines and a lone dot": ([], f"Subject: long\n\n{LONG}\n.\n..\nend\n"),
    "8-bit": ([], "Subject: eight\nContent-Type: text/plain; charset=utf-8\n\ngr\xfc\xdf Gott\n"),
    "dsn": (["NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;j+2Boe@old.test"], "Subject: dsn\n\nhello\n"),
    "empty": ([], ""),
}


@pytest.fixture(scope="module", params=["ours to Debian's", "Debian's to ours"])
def pair(request, ours, oracle):
    """(maker, taker); the maker's own mail to local users waits."""
    maker, taker = (ours, oracle) if request.param.startswith("ours") else (oracle, ours)
    maker.configure("defer_transports = local")
    taker.configure("defer_transports =")
    return maker, taker


def submit(mta, recipient_options, text):
    with mta.smtp() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@client.test> ENVID=id+2B1 RET=HDRS BODY=8BITMIME")
        for user in ("joe", "ann"):
            code, reply = client.docmd(f"RCPT TO:<{user}@{DOMAIN}> {' '.join(recipient_options)}")
            assert code == 250, reply
        code, reply = client.data(text.encode())
        assert code == 250, reply
    return reply.decode().split()[-1]


@pytest.fixture
def deferred(pair):
    """Make one deferred message after another in the maker's queue."""
    maker, _ = pair

    def make(kind):
        mark = maker.log.mark()
        queue_id = submit(maker, *MESSAGES[kind])
        maker.log.wait(rf"{queue_id}: to=.*status=deferred", since=mark, count=2)
        return wait_until(lambda: maker.queue_files("deferred").get(queue_id), what="a deferred file")

    yield make
    maker.run(["postsuper", "-d", "ALL"], check=True)


def hand_over(maker, taker, path, mode=0o700, group=POSTFIX, owner=POSTFIX, into=None):
    """Copy a queue file with its defer log, as an administrator's cp -a would. into: another queue."""
    logs = [f for f in maker.run("find /var/spool/postfix/defer -type f").stdout.split() if os.path.basename(f) == os.path.basename(path)]
    for source in (*logs, path):
        target = taker.path(f"{into}/{os.path.basename(path)}" if into and source == path else source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(maker.path(source), target)
        shutil.copystat(maker.path(source), target)  # the time of the next attempt
        target.chmod(mode if source == path else 0o600)
        os.chown(target, owner, group)
        os.chown(target.parent, POSTFIX, POSTFIX if "maildrop" not in path else POSTDROP)


@pytest.mark.parametrize("kind", MESSAGES)
def test_both_print_it_alike(pair, deferred, kind):
    maker, taker = pair
    path = deferred(kind)
    taker.write("/tmp/file", maker.path(path).read_bytes())
    maker.write("/tmp/file", maker.path(path).read_bytes())
    for words in ("postcat", "postcat -v", "postcat -h", "postcat -b", "postcat -e", "postcat -o", "postcat -d"):
        mine, theirs = (m.run([*words.split(), "/tmp/file"], check=True).stdout for m in pair)
        assert mine == theirs, words


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_other_delivers_it(pair, deferred, kind):
    maker, taker = pair
    path = deferred(kind)
    before = {user: len(taker.mbox(user)) for user in ("joe", "ann")}
    taker.postfix("stop", check=True)
    hand_over(maker, taker, path)
    taker.postfix("start", check=True)
    taker.run(["postqueue", "-f"], check=True)
    taker.wait_empty()
    for user, count in before.items():
        (message,) = taker.mbox(user)[count:]
        assert message["Return-Path"] == "<a@client.test>"
        assert f"{user}@{DOMAIN}" == message["Delivered-To"]
        body = MESSAGES[kind][1].partition("\n\n")[2].encode()
        assert message.get_payload(decode=True).rstrip(b"\n") == body.rstrip(b"\n")
    if kind == "dsn":
        taker.log.wait(r"sender delivery status notification")
    assert taker.log.troubles() == []


def test_both_list_it_alike(pair, deferred):
    maker, taker = pair
    path = deferred("plain")
    hand_over(maker, taker, path)
    listings = [m.run(["mailq"], check=True).stdout for m in pair]
    assert listings[0] == listings[1] and "@client.test" in listings[0]
    taker.run(["postsuper", "-d", "ALL"], check=True)


def test_a_submitted_file_is_picked_up_by_the_other(pair):
    maker, taker = pair
    before = len(taker.mbox("ann"))
    maker.postfix("stop", check=True)
    maker.sendmail(["-f", "list@old.test", "-N", "never", "ann"], f"Subject: drop\n\n{LONG}\n")
    (path,) = maker.queue_files("maildrop").values()
    hand_over(maker, taker, path, mode=0o744, group=POSTDROP, owner=USERS["joe"][0])
    maker.path(path).unlink()
    taker.run(["postqueue", "-f"], check=True)
    wait_until(lambda: len(taker.mbox("ann")) > before, what="mail from the other's maildrop")
    message = taker.mbox("ann")[before]
    assert message["Return-Path"] == "<list@old.test>"
    assert message.get_payload() == LONG + "\n"
    assert "(Postfix, from userid 9201)" in message["Received"]
    maker.postfix("start", check=True)


# What the taker does with a partly delivered message that lies in that queue.
TAKEN = {
    "deferred": ("deferred", "postqueue -f"),
    "requeued": ("deferred", "postsuper -r ALL"),
    "held": ("hold", "postsuper -H ALL && postqueue -f"),
    "held and requeued": ("hold", "postsuper -r ALL"),
    "incoming": ("incoming", "postkick public qmgr I"),
}


@pytest.fixture(params=["short", "long"])
def partly_done(request, pair):
    """The path of a message whose first recipient is done, and whose others wait."""
    maker, taker = pair
    long_ids = "enable_long_queue_ids = " + ("yes" if request.param == "long" else "no")
    maker.configure(f"{long_ids}\ntransport_maps = inline:{{done.test=discard:}}")
    taker.configure(long_ids, reload=False)  # it shows wider columns then
    mark = maker.log.mark()
    queue_id = maker.submit("a@client.test", ["x@done.test", f"joe@{DOMAIN}", f"ann@{DOMAIN}"], "Subject: three\n\nhello\n")
    assert (len(queue_id) > 12) == (request.param == "long")
    maker.log.wait(rf"{queue_id}: to=.*status=(deferred|sent)", since=mark, count=3)
    yield wait_until(lambda: maker.queue_files("deferred").get(queue_id), what="a deferred file")
    for mta in pair:
        mta.run(["postsuper", "-d", "ALL"], check=True)
        mta.configure("enable_long_queue_ids = no\ntransport_maps =", reload=False)


@pytest.mark.parametrize("how", TAKEN)
def test_what_is_partly_done_is_finished_by_the_other(pair, partly_done, how):
    maker, taker = pair
    queue, command = TAKEN[how]
    before = {user: len(taker.mbox(user)) for user in ("joe", "ann")}
    if queue == "hold":
        maker.run(["postsuper", "-h", "ALL"], check=True)
        partly_done = partly_done_path(maker, partly_done)
    shown = [maker.run(words, check=True).stdout for words in (["mailq"], ["postcat", "-qv", os.path.basename(partly_done)])]
    mark = taker.log.mark()
    hand_over(maker, taker, partly_done, into=None if queue != "incoming" else "/var/spool/postfix/incoming")
    if queue != "incoming":  # nothing takes it from there
        again = [taker.run(words, check=True).stdout for words in (["mailq"], ["postcat", "-qv", os.path.basename(partly_done)])]
        assert again == shown and shown[0].count("@") == 3  # the sender, and two who wait
    else:
        os.utime(taker.path(f"/var/spool/postfix/incoming/{os.path.basename(partly_done)}"))
    taker.run(command)  # the oracle's postkick may die of SIGPIPE when all is done
    taker.log.wait(r": removed$", since=mark)
    taker.wait_empty()
    assert {user: len(taker.mbox(user)) for user in before} == {user: n + 1 for user, n in before.items()}
    assert not taker.log.matching(r"x@done\.test", since=mark)
    if taker.flavour == "postern":  # the oracle's postsuper leaves logs of what it requeues
        assert taker.run("find /var/spool/postfix/defer -type f").stdout == ""


def partly_done_path(mta, path):
    """Where the file lies now."""
    return wait_until(lambda: mta.queue_files().get(os.path.basename(path)), what="the held file")
