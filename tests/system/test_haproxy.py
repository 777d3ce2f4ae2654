"""haproxy in front of smtpd: the client's address is the one that counts."""

import smtplib

import pytest

from harness.sandbox import wait_until

MAIN = "smtpd_peername_lookup = no\n"
MASTER = "2526 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy\n"
CONFIGURATION = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
listen first
    bind 127.0.0.8:2501
    server mail {0}:2526 send-proxy
listen second
    bind 127.0.0.8:2502
    server mail {0}:2526 send-proxy-v2 check check-send-proxy inter 500ms
listen plain
    bind 127.0.0.8:2503
    server mail {0}:2526
"""


@pytest.fixture(scope="module")
def haproxy(mta):
    mta.write("/etc/haproxy.cfg", CONFIGURATION.format(mta.address))
    process = mta.popen("exec haproxy -db -f /etc/haproxy.cfg")
    wait_until(lambda: mta.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.8/2503"]).returncode == 0, what="haproxy")
    yield process
    process.terminate()
    process.wait(20)


def connect(port):
    return smtplib.SMTP("127.0.0.8", port, "client.test", 20, ("127.0.0.33", 0))


@pytest.mark.parametrize("port", [2501, 2502])
def test_the_client_is_known(mta, haproxy, port):
    mark = mta.log.mark()
    with connect(port) as client:
        client.sendmail("a@client.test", ["joe@postern.test"], "Subject: x\n\nhello\n")
    mta.log.wait(r"smtpd\[\d+\]: connect from unknown\[127.0.0.33\]", since=mark)
    mta.wait_empty()
    assert "[127.0.0.33]" in mta.mbox("joe")[-1]["Received"]


def test_a_balancer_that_tells_nothing(mta, haproxy):
    mark = mta.log.mark()
    with pytest.raises(Exception, match="421"):
        connect(2503)
    mta.log.wait(r"warning: haproxy read: timeout error", since=mark)


def test_the_checks_of_the_balancer(mta, haproxy):
    """They say LOCAL: it is the balancer's own connection."""
    mta.log.wait(r"connect from unknown\[(?!127.0.0.33)\S+\]", count=2)
