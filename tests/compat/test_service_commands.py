"""postfix, postmulti and postlog: what they do, their exit status, and what the log says of it.

Standard error is not compared: since 3.8 messages go there without a terminal, too."""

import re

import pytest

from harness.instance import Instance

# Commands of one line are run one after the other by both; then outcomes are compared.
LINES = """\
postfix nosuch
postfix -c relative status
postfix status
postfix stop
postfix reload
postfix abort
postfix drain
postfix flush
postfix check
postfix logrotate
postfix start; postfix start; postfix status; postfix status extra; postfix reload; postfix flush; postfix check; postfix stop; postfix stop
postfix start; postfix abort
postfix start; postfix quick-stop; postfix status; postfix quick-stop 2>/dev/null; echo $?
postlog hello world
postlog -p warn hello; postlog -p error hello; postlog -p fatal hello; postlog -p panic hello; postlog -p nosuch hello
postlog -t tag hello; postlog -i hello; postlog -t tag -i -p info hello
printf 'a\\nb\\n\\nc' | postlog; printf 'a\\nb\\n' | postlog -p warn -t x
postmulti -l; postmulti -l -g none; postmulti -l -i postfix-none; postmulti -l -i -; postmulti -p status
postmulti -e create -I postfix-a; postmulti -e enable; postmulti -e nosuch; postmulti -l -p; postmulti
postmulti -e init; postmulti -l; postmulti -e create -I bad; postmulti -e create -I postfix-a/b; postmulti -e create; postmulti -e create x=y
postmulti -e init; postmulti -e create config_directory=a; postmulti -e create config_directory=/a queue_directory=b data_directory=/c
postmulti -e init; postmulti -e create -I postfix-a; postmulti -l; postmulti -l -R; postmulti -l -i postfix-a; postmulti -l -i /etc/postfix-a
postmulti -e init; postmulti -e create -I postfix-a; postmulti -e assign -i postfix-a -G grp -I postfix-b; postmulti -l; postmulti -l -g grp
postmulti -e init; postmulti -e create -I postfix-a; postmulti -x -R sh -c 'echo $config_directory $multi_instance_name $multi_instance_enable'
postmulti -e init; postmulti -e create -I postfix-a; postmulti -e enable -i postfix-a; postmulti -l; postmulti -p status; postmulti -p nosuch
postmulti -e init; postmulti -e create -I postfix-a; postmulti -e create -i postfix-a -I postfix-c; postmulti -e create -a -I postfix-d; postmulti -l
postmulti -e init; postmulti -e create -I postfix-a; postmulti -e deport -i postfix-a; postmulti -l; ls /etc/postfix-a; postmulti -e import config_directory=/etc/postfix-a; postmulti -l
postmulti -e init; postmulti -e create -I postfix-a; postmulti -e destroy -i postfix-a; postmulti -l; ls -d /etc/postfix-* /var/spool/postfix-*
postmulti -e init; postmulti -e disable -i -; postmulti -l; postmulti -e create -I postfix-a; postmulti -e enable -i -; postmulti -e assign -i - -I bad
postmulti -e init; postmulti -e destroy -i postfix-none; postmulti -i postfix-none -p start; postmulti -e import -I postfix-z config_directory=/etc/none 2>/dev/null
"""
# The list of words after "Usage"; numbers of processes and versions; who speaks before main.cf is read.
MASKS = [
    (r"\[\d+\]|PID: \d+", "N"),
    (r"Usage: postfix start.*", "Usage"),
    (r"-- version [\d.]+, configuration (\S+).*", r"-- version, configuration \1"),
    (r"^(postfix/postmulti-script|postmulti)N:", "postmultiN:"),
]
SPOKEN = re.compile(r"postfix-script|postfix/master|^postfixN?|postmulti|postlog|^tag|^x")
# Said in words of our own, or only where the machine is slow.
OURS = re.compile(r"waiting for the Postfix mail system to terminate|no main.cf and master.cf to import|Failed to obtain all required|the Postfix mail system is not running$|unable to look up public")


def masked(text):
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text, flags=re.M)
    return text


@pytest.fixture(scope="module")
def boxes(work, request, oracle):
    made = [Instance.make(work / f"service-{f}", f, domain="service.test") for f in (request.config.option.flavour, "oracle")]
    for box in made:
        box.start(mail=False)
        box.run("newaliases; cp /etc/postfix/master.cf /etc/postfix/master.cf.proto", check=True)
        box.write("/etc/postfix/main.cf.proto", "biff = no\ncompatibility_level = 3.6\n")
    yield made
    for box in made:
        box.log.lines.clear()  # "panic" of postlog is no crash
        box.close()


def outcome(box, line):
    main = box.read("/etc/postfix/main.cf")
    mark, done = box.log.mark(), []
    for command in line.split("; "):
        run = box.run(command)
        done.append((command, run.returncode, masked(run.stdout)))
    box.run(["postlog", "-t", "end", "of it"])
    box.log.wait("end.*of it", since=mark)
    lines = [l for l in map(masked, box.log.lines[mark:]) if SPOKEN.search(l) and not OURS.search(l)]
    if "postfix start" in line:
        box.postfix("stop")
    box.run("rm -rf /etc/postfix-* /var/spool/postfix-* /var/lib/postfix-*")
    box.write_main(main)
    return done, sorted(lines)


@pytest.mark.parametrize("line", LINES.splitlines())
def test_as_debian(boxes, line):
    ours, theirs = (outcome(box, line) for box in boxes)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
