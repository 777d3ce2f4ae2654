"""postfix(1): directories and their rights, what check finds, control commands."""

import os
import stat

import pytest

from harness.instance import Instance
from harness.sandbox import POSTDROP, POSTFIX, wait_until

SPOOL = "/var/spool/postfix"
OWNED = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
LAYOUT = {name: (POSTFIX, 0, 0o700) for name in OWNED} | {
    "maildrop": (POSTFIX, POSTDROP, 0o1730),
    "public": (POSTFIX, POSTDROP, 0o2710),
    "pid": (0, 0, 0o755),
    ".": (0, 0, 0o755),
}


@pytest.fixture
def box(work):
    instance = Instance.make(work / "box", "postern")
    instance.start(mail=False)
    instance.run("newaliases", check=True)
    yield instance
    instance.close()


def rights(box, name):
    st = os.stat(box.path(f"{SPOOL}/{name}"))
    return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)


def test_check_makes_what_is_missing_and_says_nothing(box):
    done = box.postfix("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {name: rights(box, name) for name in LAYOUT} == LAYOUT
    assert sorted(os.listdir(box.path(SPOOL))) == sorted(set(LAYOUT) - {"."})
    assert box.postfix("check").stderr == ""


def test_check_warns_and_set_permissions_repairs(box):
    box.postfix("check")
    box.run(
        f"cd {SPOOL} && chgrp joe incoming && chown joe saved && chmod 777 active && chgrp root maildrop && chown joe pid &&"
        " touch corrupt/4SVLCh0sf8z7Qhl flush/some_test && chown postfix corrupt/* && chown joe flush/some_test"
        " && mkdir etc && echo old >etc/hosts && cp /etc/passwd etc"
        " && touch /etc/postfix/open && chmod 666 /etc/postfix/open",
        check=True,
    )
    lines = sorted(box.postfix("check").stderr.splitlines())
    prefix = "postfix/postfix-script: warning: "
    assert lines == sorted(
        prefix + words
        for words in (
            f"not owned by postfix: {SPOOL}/saved",
            f"group or other writable: {SPOOL}/active",
            f"not owned by group postdrop: {SPOOL}/maildrop",
            f"not owned by root: {SPOOL}/pid",
            "damaged message: corrupt/4SVLCh0sf8z7Qhl",
            f"not owned by postfix: {SPOOL}/flush/some_test",
            f"{SPOOL}/etc/hosts and /etc/hosts differ",
            "group or other writable: /etc/postfix/open",
        )
    )
    assert rights(box, "saved")[0] != POSTFIX  # check changes nothing
    box.run(f"rm -r {SPOOL}/etc {SPOOL}/corrupt/* {SPOOL}/flush/some_test /etc/postfix/open")
    # the programs lie on a file system that is only read here: that much cannot be repaired
    box.postfix("set-permissions")
    assert {name: rights(box, name) for name in LAYOUT} == LAYOUT
    assert box.postfix("check").stderr == ""


def test_the_list_of_what_is_installed_agrees_with_what_is_made(box):
    """postfix-files of the installation: each queue folder, each program, and no more."""
    box.postfix("check")
    listed = {}
    for line in box.read("/etc/postfix/postfix-files").splitlines():
        if not line.startswith("#"):
            name, kind, owner, group, mode = line.split(":")[:5] if line.count(":") > 3 else [*line.split(":"), "-", "-"][:5]
            listed[name] = (kind, owner, group, mode)
    folders = {n.split("/")[1]: r for n, r in listed.items() if n.startswith("$queue_directory/")}
    owners = {"root": 0, "$mail_owner": POSTFIX}
    assert {n: (owners[o], POSTDROP if g == "$setgid_group" else 0, int(m, 8)) for n, (_, o, g, m) in folders.items()} == {
        n: r for n, r in LAYOUT.items() if n != "."
    }
    daemons = box.run("ls /usr/lib/postfix/sbin", check=True).stdout.split()
    assert sorted(n.split("/")[1] for n in listed if n.startswith("$daemon_directory/")) == sorted(daemons)
    pages = box.run("ls /usr/share/man/man*", check=True).stdout.split()
    assert sum(n.startswith("$manpage_directory/") for n in listed) > 50
    assert all(n.split("/")[-1] in pages for n in listed if n.startswith("$manpage_directory/"))
    done = box.postfix("set-permissions")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_link_in_place_of_a_directory_is_not_followed(box):
    box.postfix("check")
    box.run(f"rmdir {SPOOL}/hold && mkdir -m 755 /tmp/elsewhere && ln -s /tmp/elsewhere {SPOOL}/hold", check=True)
    done = box.postfix("set-permissions")
    assert done.returncode == 1
    assert f"open directory {SPOOL}/hold" in done.stderr
    assert os.stat(box.path("/tmp/elsewhere")).st_uid == 0


def test_set_permissions_gives_the_queue_to_a_new_owner(box):
    box.postfix("check")
    box.run(
        f"cd {SPOOL} && mkdir -p deferred/A flush/deep/er maildrop && cd deferred && touch A/A1 plain && chmod 700 A/A1 plain"
        " && ln -s /etc/passwd link && touch /tmp/secret && echo root-s >secret && ln secret twice && touch ../flush/deep/er/f"
        f" && chown -R joe {SPOOL}/flush/deep && chown postfix A A/A1 plain && touch ../maildrop/M && chown joe ../maildrop/M"
        " && touch /var/lib/postfix/cache",
        check=True,
    )
    box.configure("mail_owner = ann", reload=False)
    done = box.postfix("set-permissions")
    for name in ("deferred", "deferred/A", "deferred/A/A1", "deferred/plain", "flush/deep/er/f", "incoming", "../../lib/postfix/cache"):
        assert box.run(f"stat -c %U {SPOOL}/{name}").stdout == "ann\n", name
    assert [box.run(f"stat -c %U {name}").stdout for name in ("/etc/passwd", f"{SPOOL}/deferred/secret", f"{SPOOL}/maildrop/M")] == [
        "root\n", "root\n", "joe\n"
    ]
    assert rights(box, "deferred/A/A1")[2] == 0o700
    for name in "secret", "twice":
        assert f"warning: left alone, since it has other names: {SPOOL}/deferred/{name}\n" in done.stderr


def test_abort_flush_and_reload_while_it_runs(box):
    """The words of the log are what readers know."""
    assert box.postfix("start").returncode == 0
    for word, said in (("reload", "refreshing"), ("abort", "aborting")):
        assert box.postfix("flush").returncode == 0
        done = box.postfix(word)
        assert (done.returncode, done.stderr) == (0, f"postfix/postfix-script: {said} the Postfix mail system\n")
        box.log.wait(rf"postfix-script\[\d+\]: {said} the Postfix mail system$")
    box.log.wait(r"master\[\d+\]: terminating on signal 15$")
    wait_until(lambda: not box.processes("master") and not box.processes("qmgr"), what="all to end")
    done = box.postfix("flush")
    assert (done.returncode, done.stderr) == (69, "postqueue: fatal: Cannot flush mail queue - mail system is down\n")


def test_start_fg_stays_and_ends_with_the_signal(box):
    running = box.popen("exec postfix start-fg")
    box.log.wait("daemon started")
    assert running.poll() is None
    box.smtp().quit()
    assert box.postfix("stop").returncode == 0
    assert running.wait(30) == 0
    assert box.processes("master") == box.processes("smtpd") == []


def test_words_and_status_as_debian(box):
    """Seen on Debian's Postfix with a terminal, where it writes to stderr too."""
    script = "postfix/postfix-script: "
    for words, status, text in (
        (["status"], 1, script + "the Postfix mail system is not running\n"),
        (["stop"], 1, script + "fatal: the Postfix mail system is not running\n"),
        (["reload"], 1, script + "fatal: the Postfix mail system is not running\n"),
        (["flush"], 69, "postqueue: fatal: Cannot flush mail queue - mail system is down\n"),
        (["abort"], 1, script + "fatal: the Postfix mail system is not running\n"),
        (["-c", "etc", "start"], 1, "postfix: fatal: -c requires absolute pathname\n"),
        (["-c", "/none", "start"], 1, "postfix: fatal: open /none/main.cf: No such file or directory\n"),
    ):
        done = box.postfix(*words)
        assert (done.returncode, done.stderr) == (status, text), words
    done = box.postfix("dance")
    assert done.returncode == 1
    assert done.stderr.startswith(script + "fatal: unknown command: 'dance'. Usage: postfix start (or stop, reload, ")
    done = box.run(["postfix", "status"], user="joe")
    assert done.returncode == 1
    assert done.stderr.endswith("postfix: fatal: the postfix command is reserved for the superuser\n")


def test_drain_leaves_processes_to_finish(box):
    assert box.postfix("start").returncode == 0
    client = box.smtp()
    assert box.postfix("drain").returncode == 0
    wait_until(lambda: not box.processes("master"), what="master to end")
    assert client.noop()[0] == 250
    client.quit()
    assert box.postfix("status").returncode == 1


def test_unknown_owners_are_named(box):
    box.configure("setgid_group = nobodys", reload=False)
    done = box.postfix("start")
    assert done.returncode == 1
    assert done.stderr.endswith("fatal: file /etc/postfix/main.cf: parameter setgid_group: group nobodys is not known\n")
    box.configure("setgid_group = postdrop\nmail_owner = someone", reload=False)
    assert "parameter mail_owner: user someone is not known" in box.postfix("start").stderr


def test_with_a_broken_main_cf_reload_changes_nothing_and_stop_stops(box):
    assert box.postfix("start").returncode == 0
    box.smtp().quit()
    wait_until(lambda: len(box.processes("smtpd")) == 2, what="processes that have read the old one")
    box.configure("max_idle = soon\nsetgid_group = nobodys", reload=False)
    done = box.postfix("reload")
    line = len(box.read("/etc/postfix/main.cf").splitlines()) - 1
    words = f"/etc/postfix/main.cf, line {line}: parameter max_idle: bad time value or unit: soon\n"
    assert (done.returncode, done.stderr) == (
        1,
        f"postfix: error: /etc/postfix/main.cf:{line}:12: parameter max_idle: bad time value or unit: soon\n"
        "postfix/postfix-script: fatal: the old configuration stays in force\n",
    )
    client = box.smtp()
    assert client.noop()[0] == 250
    client.quit()
    assert box.postfix("status").returncode == 0
    done = box.postfix("stop")
    assert (done.returncode, done.stderr) == (0, f"postfix: warning: {words}postfix/postfix-script: stopping the Postfix mail system\n")
    assert box.processes("master") == []


def test_start_repairs_the_names_of_a_restored_queue(box):
    box.configure("hash_queue_depth = 1", reload=False)
    box.postfix("check")
    box.write(f"{SPOOL}/hold/0A1B2C3D4E5F", b"", owner="postfix", mode=0o700)
    mark = box.log.mark()
    assert box.postfix("start").returncode == 0
    assert not box.path(f"{SPOOL}/hold/0A1B2C3D4E5F").exists()
    (name,) = box.queue_files("hold")
    assert name.endswith(f"{os.stat(box.path(box.queue_files('hold')[name])).st_ino:X}")
    box.log.wait("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS", since=mark)


def test_a_queue_that_cannot_be_repaired_is_not_started(box):
    box.postfix("check")
    box.run(f"chown joe {SPOOL}/incoming && chmod 700 {SPOOL}/incoming", check=True)
    done = box.postfix("start")
    assert done.returncode == 1
    assert done.stderr.endswith("postfix/postfix-script: fatal: Postfix integrity check failed!\n")
    assert box.postfix("check").returncode == 1


def test_upgrade_configuration_adds_what_is_missing(box):
    lines = box.read("/etc/postfix/master.cf").splitlines(True)
    missing = ("flush", "retry", "discard", "anvil", "proxywrite", "postlog", "relay", "trace")
    old = "".join(l for l in lines if l.split()[0] not in missing) + "# the end"
    box.write("/etc/postfix/master.cf", old)
    box.run("chmod 640 /etc/postfix/master.cf")
    done = box.postfix("upgrade-configuration", check=True)
    assert "Editing /etc/postfix/master.cf, adding missing entry for relay service\n" in done.stdout
    new = box.read("/etc/postfix/master.cf")
    assert new.startswith(old + "\n")
    assert set(missing) <= {l.split()[0] for l in new[len(old) + 1 :].splitlines()}
    assert box.run("stat -c %a /etc/postfix/master.cf").stdout == "640\n"
    assert box.postfix("check").returncode == 0
    assert box.postfix("upgrade-configuration", check=True).stdout == ""


def test_upgrade_configuration_adds_tls(box):
    """The service that all TLS uses, and an example, which is added once, and not where it is
    in use already."""
    tlsmgr = "tlsmgr    unix  -       -       n       1000?   1       tlsmgr\n"
    example = "#tlsproxy  unix  -       -       n       -       0       tlsproxy\n"
    old = "".join(l for l in box.read("/etc/postfix/master.cf").splitlines(True) if "tlsmgr" not in l)
    for more, wanted in (
        ("", [tlsmgr, example]),
        ("tlsproxy unix - - y - 10 tlsproxy -v\n", [tlsmgr]),
        ("#tlsproxy\tunix\t-\t-\ty\t-\t0\ttlsproxy\n", [tlsmgr]),
        ("# tlsproxy unix is fine\n" + tlsmgr, [example]),
        (tlsmgr + example, []),
    ):
        box.write("/etc/postfix/master.cf", old + more)
        box.postfix("upgrade-configuration", check=True)
        added = [l for l in box.read("/etc/postfix/master.cf")[len(old + more) :].splitlines(True) if "tls" in l]
        assert added == wanted, more
        assert box.postfix("upgrade-configuration", check=True).stdout == ""


def test_set_permissions_saves_its_arguments_first(box):
    box.postfix("check")
    box.postfix("set-permissions", "mail_owner=ann")
    assert box.run("postconf -h mail_owner; stat -c %U /var/spool/postfix/active").stdout == "ann\nann\n"
    for words in ("name", "relayhost=x"):
        done = box.postfix("set-permissions", words)
        assert done.returncode == 1 and f'not "{words}"' in done.stderr
    assert box.run("postconf -h relayhost").stdout == "\n"


@pytest.mark.parametrize("nowhere", ("no", "null"))
def test_what_is_not_installed_is_not_looked_for(box, nowhere):
    box.run(f"postconf manpage_directory={nowhere} html_directory={nowhere}", check=True)
    for command in ("check", "set-permissions"):
        done = box.postfix(command)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_post_install_does_what_scripts_of_packages_want(box):
    done = box.postfix("post-install", "create-missing")
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: rights(box, name) for name in LAYOUT} == LAYOUT
    box.run(f"chown joe {SPOOL}/active && rmdir {SPOOL}/hold", check=True)
    assert box.postfix("post-install", "mail_owner=ann", "upgrade-permissions").returncode == 0
    assert box.run(f"stat -c %U {SPOOL}/active {SPOOL}/hold").stdout == "ann\nann\n"
    assert box.run("postconf -h mail_owner").stdout == "ann\n"
    box.run("postconf -MX flush/unix", check=True)
    assert "flush service" in box.postfix("post-install", "upgrade-configuration").stdout
    assert "/etc/postfix/main.cf" in box.postfix("post-install", "first-install-reminder").stdout
    by_place = box.run("$(postconf -h daemon_directory)/post-install first-install-reminder", check=True)
    assert by_place.stdout == box.postfix("post-install", "first-install-reminder").stdout
    for words in ([], ["dance"], ["mail_owner=ann"], ["relayhost=x", "create-missing"], ["create-missing", "twice"]):
        assert box.postfix("post-install", *words).returncode == 1, words


def test_non_bdb_wants_other_default_types_first(box):
    assert box.postfix("non-bdb", "status").stdout == "disable\n"
    assert box.postfix("non-bdb", "disable").returncode == 0
    for words in (["enable-redirect"], ["enable-reindex"], [], ["status", "now"], ["dance"]):
        assert box.postfix("non-bdb", *words).returncode == 1
    box.configure("default_database_type = lmdb", reload=False)
    done = box.postfix("non-bdb", "enable-redirect")
    assert done.returncode == 1 and 'default_cache_db_type is still "btree"' in done.stderr
    assert box.postfix("non-bdb", "status").stdout == "disable\n"


def test_non_bdb_puts_other_types_in_the_place_of_hash_and_btree(box):
    box.configure("default_database_type = lmdb\ndefault_cache_db_type = cdb", reload=False)
    assert box.postfix("non-bdb", "enable-redirect").returncode == 0
    assert box.postfix("non-bdb", "status").stdout == "enable-redirect\n"
    for name in ("one", "two", "three"):
        box.write(f"/etc/postfix/{name}", "list@mail.postern.test joe\n")
    box.configure("non_bdb_custom_mapping = inline:{{hash:/etc/postfix/three = cdb}}\nvirtual_alias_maps = hash:/etc/postfix/one", reload=False)
    for table, index in (("hash:/etc/postfix/one", "one.lmdb"), ("btree:/etc/postfix/two", "two.cdb"), ("hash:/etc/postfix/three", "three.cdb")):
        box.run(["postmap", table], check=True)
        assert box.path(f"/etc/postfix/{index}").exists()
        assert box.run(["postmap", "-q", "list@mail.postern.test", table]).stdout == "joe\n"
    assert not list(box.path("/etc/postfix").glob("*.db"))
    box.run("newaliases && rm /etc/aliases.db", check=True)
    assert box.postfix("check").stderr == ""
    assert box.postfix("start").returncode == 0
    box.sendmail(["list@mail.postern.test"], "Subject: x\n\nhello\n")
    box.log.wait(r"to=<joe@.*status=sent")
    box.log.wait(r"redirecting hash:/etc/postfix/one to lmdb:/etc/postfix/one")
    box.configure("non_bdb_migration_log_redirect = no", reload=False)
    assert box.run(["postmap", "-q", "list@mail.postern.test", "btree:/etc/postfix/two"]).stderr == ""
    for mapping in ("texthash:/none", "unionmap:{hash:/none}"):
        box.configure(f"non_bdb_custom_mapping = {mapping}", reload=False)
        done = box.run(["postmap", "-q", "list@mail.postern.test", "hash:/etc/postfix/three"])
        assert done.returncode == 1 and "non_bdb_custom_mapping" in done.stderr

