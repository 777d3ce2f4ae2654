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


def hand_over(maker, taker, path, mode=0o700, group=POSTFIX, owner=POSTFIX):
    """Move a queue file with its defer log, as an administrator's cp -a would."""
    for source in (path, path.replace("/deferred/", "/defer/")):
        if not maker.path(source).exists():
            continue
        target = taker.path(source)
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
