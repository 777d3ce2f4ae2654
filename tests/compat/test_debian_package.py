"""Debian's own scripts do to our programs what they do to Debian's Postfix: the
package's configuration and maintainer scripts, what its units call, and its hooks."""

import re
import shutil
import subprocess

import pytest

from harness import roots
from harness.instance import Instance

ANSWERS = """\
postfix postfix/main_mailer_type select Satellite system
postfix postfix/mailname string site.example
postfix postfix/relayhost string [hub.example]:587
postfix postfix/destinations string site.example, localhost
postfix postfix/mynetworks string 127.0.0.0/8 [::1]/128
postfix postfix/root_address string joe
postfix postfix/recipient_delim string +
"""
# Parts of the package that are neither programs nor their libraries.
DATA = ["usr/share/postfix", "usr/lib/postfix/configure-instance.sh", "etc/network", "etc/ppp", "etc/resolvconf", "etc/init.d"]
INFO = "/var/lib/dpkg/info/postfix"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package's data as a layer of a sandbox, and its control files."""
    folder = tmp_path_factory.mktemp("package")
    root = roots.oracle()
    for name in DATA:
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / "data" / name)
        else:
            shutil.copy2(root / name, folder / "data" / name)
    generator = "lib/systemd/system-generators/postfix-instance-generator"
    (folder / "data/usr/lib/postfix").mkdir(parents=True, exist_ok=True)
    shutil.copy2(root / generator, folder / "data/usr/lib/postfix/generator")
    [deb] = (root.parent / "deb").glob("postfix_*.deb")
    subprocess.run(["dpkg-deb", "-e", deb, folder / "control"], check=True)
    return folder


def make(package, work, flavour):
    box = Instance.make(work / flavour, flavour, domain="site.example")
    box.layers.append(str(package / "data"))
    del box.etc["postfix/main.cf"], box.etc["postfix/master.cf"], box.etc["aliases"]
    box.start(mail=False)
    for name in ("config", "postinst", "prerm", "templates"):
        shutil.copy2(package / "control" / name, box.path(f"{INFO}.{name}"))
    box.run("mkdir /tmp/up /tmp/work && mount -t overlay -o lowerdir=/usr/sbin,upperdir=/tmp/up,workdir=/tmp/work sbin /usr/sbin", check=True)
    box.run("find /etc/postfix -maxdepth 1 -type f ! -name 'post*' -delete; rm /etc/aliases")  # as the package finds it
    return box


def script(box, name, *words):
    """Run a maintainer script as dpkg does; debconf runs the config script before postinst."""
    env = {"DEBIAN_FRONTEND": "noninteractive", "DPKG_MAINTSCRIPT_PACKAGE": "postfix", "DPKG_MAINTSCRIPT_NAME": name}
    return box.run([f"{INFO}.{name}", *words], env=env)


def listing(box):
    """The queue and its chroot files, but for sockets, which are made as they are needed."""
    return box.run(
        "cd /var/spool/postfix; find . -path ./private -prune -o -path ./public -prune -o -path ./lib -prune -o"
        " -printf '%p %y %u:%g %m\\n' | sort; ls lib/*; stat -c '%n %U:%G %a' private public"
    ).stdout


def install(box):
    box.run("debconf-set-selections", input=ANSWERS, check=True)
    postinst = script(box, "postinst", "configure", "")
    assert postinst.returncode == 0, postinst.stderr
    return {
        "main.cf": box.read("/etc/postfix/main.cf"),
        # systemd's units lie outside of the sandbox's layers
        "said": [l for l in (postinst.stdout + postinst.stderr).splitlines() if not re.search("system(ctl|d)|preset", l)],
        "queue": listing(box),
        "aliases": box.run("cat /etc/aliases; postalias -q root /etc/aliases; stat -c '%n %U:%G %a' /var/lib/postfix /usr/sbin/postdrop").stdout,
    }


def service(box, word):
    """What the package's script for init does, and its exit status."""
    done = box.run(f"/etc/init.d/postfix {word}")
    return done.returncode, done.stdout


def operate(box):
    """Start, stop and what lies between by the package's ways."""
    did = {"before": service(box, "status")}
    did["instance"] = box.run("/usr/lib/postfix/configure-instance.sh -").returncode
    did["chroot"] = listing(box)
    did["start"] = service(box, "start")
    box.log.wait("daemon started")
    did["running"] = service(box, "status")
    mark = box.log.mark()
    did["hook"] = box.run("IFACE=eth0 /etc/network/if-up.d/postfix").returncode
    did["reload"] = service(box, "reload")
    box.log.wait("reload -- version", since=mark)
    for word in ("flush", "check", "stop"):
        did[word] = service(box, word)[0]
    box.log.wait("terminating on signal 15")
    did["after"] = service(box, "status")
    return did


def instances(box):
    """Two instances, as the package's generator sees them and its script starts one."""
    box.run("postmulti -e init && postmulti -I postfix-two -G g -e create && postmulti -i postfix-two -e enable", check=True)
    box.run("mkdir /tmp/units && sh /usr/lib/postfix/generator /tmp/units", check=True)
    return {
        "units": box.run("cd /tmp/units; find . -type l -printf '%p %l\\n' | sort").stdout,
        "instance": box.run("/usr/lib/postfix/configure-instance.sh postfix-two").returncode,
        "start": box.run("postmulti -i postfix-two -p start").returncode,
        "status": [box.run(f"postmulti -i {name} -p status").returncode for name in ("-", "postfix-two")],
        "stop": box.run("postmulti -i postfix-two -p stop").returncode,
    }


def remove(box):
    return {"prerm": script(box, "prerm", "remove").returncode, "left": box.run("ls -d /var/spool/postfix/etc").returncode}


@pytest.mark.slow
def test_the_package_works_alike(package, work):
    found = {}
    for flavour in ("oracle", "postern"):
        box = make(package, work, flavour)
        try:
            found[flavour] = {step.__name__: step(box) for step in (install, operate, instances, remove)}
        finally:
            box.close()
    for step, of_oracle in found["oracle"].items():
        for what, value in of_oracle.items():
            assert found["postern"][step][what] == value, (step, what)
    done = found["postern"]["operate"]
    assert (done["before"][0], done["start"][0], done["running"][0], done["after"][0]) == (3, 0, 0, 3)
    assert "/etc/resolv.conf f" in done["chroot"]
    assert "postfix@postfix-two.service" in found["postern"]["instances"]["units"]


def test_programs_are_where_access_profiles_expect_them(package):
    """AppArmor and SELinux know programs by path; so do hooks and monitors."""
    catalogue = (roots.TOP / "src/master/services.cat").read_text(encoding="utf-8")
    missing = {r.split()[2] for r in re.split(r"\n(?=[a-z])", catalogue) if re.search(r"^ +not-built", r, re.M)}
    daemons = {f.name for f in (roots.oracle() / "usr/lib/postfix/sbin").iterdir() if not re.search("script|wrapper|install|fsstone", f.name)}
    ours = {f.name for f in (roots.ours() / "usr/lib/postfix/sbin").iterdir()}
    assert daemons - missing - ours <= {"qmqpd"}
    for name in ("postalias", "postcat", "postconf", "postdrop", "postfix", "postkick", "postlock", "postlog", "postmap", "postmulti", "postqueue", "postsuper", "sendmail"):
        assert (roots.ours() / "usr/sbin" / name).exists(), name
    for name in ("mailq", "newaliases"):
        assert (roots.ours() / "usr/bin" / name).is_symlink()
