"""myorigin = /etc/mailname, as Debian's packages write it: a file with the name in it."""

import pytest

MAIN = "myorigin = /etc/mailname\nmydestination = $myhostname, name.test\n"


def sent_by(mta, words="sendmail joe"):
    mark = mta.log.mark()
    done = mta.run(f"echo hi | {words}", user="joe")
    assert done.returncode == 0, done.stderr
    return mta.log.wait(r"qmgr\[\d+\]: \w+: from=<(.+)>, ", since=mark).group(1)


@pytest.mark.parametrize("text", ("name.test\n", "  name.test \nother.test\n", "name.test"))
def test_the_first_line_is_the_name(mta, text):
    mta.write("/etc/mailname", text)
    mta.reload()
    assert sent_by(mta) == "joe@name.test"
    assert mta.run("postconf -h myorigin; postconf -hx myorigin").stdout == 2 * "/etc/mailname\n"


@pytest.mark.parametrize("text", ("", "\nname.test\n", "two names\n", None))
def test_a_file_without_one_name_is_an_error(mta, text):
    mta.write("/etc/mailname", "name.test\n")
    mta.run("rm /etc/mailname", check=True) if text is None else mta.write("/etc/mailname", text)
    done = mta.run("echo hi | sendmail joe", user="joe")
    assert done.returncode == 75
    assert ("empty" if text in ("", "\nname.test\n") else "names" if text else "No such file") in done.stderr
    mta.write("/etc/mailname", "name.test\n")
