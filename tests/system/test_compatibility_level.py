"""Without compatibility_level old defaults are in force, and the log says which."""

import re

import pytest

from harness.instance import Instance


@pytest.fixture(scope="module")
def oracle():
    """Named so that conftest fetches Debian's packages."""


def notices(work, flavour):
    box = Instance.make(work / flavour, flavour, domain="level.test")
    main = box.etc["postfix/main.cf"].replace("compatibility_level = 3.6\n", "")
    box.etc["postfix/main.cf"] = main + "smtpd_relay_restrictions = reject_unauth_destination\n"
    box.etc["postfix/master.cf"] = re.sub(r"(?m)^(local .*)n(       -       -       local)", r"\1-\2", box.etc["postfix/master.cf"])
    box.start()
    try:
        box.postfix("reload", check=True)
        box.log.wait(r"reload -- version")
        box.log.wait(r"chroot=y", count=2)  # at the start and now, by and by
        lines = [re.sub(r"\[\d+\]|line \d+", "N", line) for line in box.log.lines]
        box.run(["postconf", "-e", "compatibility_level=3.6"], check=True)
        mark = box.log.mark()
        box.run(["postfix", "check"], check=True)
        assert not [line for line in box.log.lines[mark:] if "backwards" in line]
    finally:
        box.close()
    return [line for line in lines if re.search("[Bb]ackwards|COMPATIBILITY", line)]


def test_start_and_reload_tell_of_old_defaults(work, request, oracle):
    ours, theirs = (notices(work, flavour) for flavour in (request.config.option.flavour, "oracle"))
    assert sorted(ours) == sorted(theirs)
    assert len([line for line in ours if "chroot=y" in line]) == 2
