"""Who checks passwords, inside a sandbox: Dovecot's auth service, users of the Cyrus SASL
library (sasldb), saslauthd. All know joe with the password "secret"."""

import base64
import hashlib
import hmac
import socket
import subprocess

from .sandbox import wait_until

SOCKET = "/var/spool/postfix/private/auth"
DOVECOT_CONF = """
base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /tmp/dovecot.log
protocols =
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = vmail
default_internal_group = vmail
default_login_user = nobody
first_valid_uid = 1
auth_failure_delay = 0
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 anonymous external
passdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
userdb {
  driver = passwd-file
  args = /etc/dovecot/users
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    user = postfix
    mode = 0600
  }
  inet_listener {
    address = ADDRESS
    port = 12345
  }
}
service stats {
  chroot =
}
service anvil {
  chroot =
}
"""
USERS = """\
joe:{PLAIN}secret:9204:9204::/home/vmail/joe::
joe@box.test:{PLAIN}secret:9204:9204::/home/vmail/joe::
ann:{PLAIN}secret:9204:9204::/home/vmail/ann::
"""


class Dovecot:
    """Dovecot's auth service, at private/auth and at port 12345."""

    conf, users, place = DOVECOT_CONF, USERS, SOCKET

    def __init__(self, box):
        self.box = box
        box.run("cat >>/etc/group", input="dovecot:x:9301:\ndovenull:x:9302:\n")
        box.run("cat >>/etc/passwd", input="dovecot:x:9301:9301::/:/bin/false\ndovenull:x:9302:9302::/:/bin/false\n")
        box.write("/etc/dovecot/dovecot.conf", self.conf.replace("ADDRESS", box.address))
        box.write("/etc/dovecot/users", self.users)
        self.start()

    def start(self):
        self.process = self.box.popen(["dovecot", "-F"])
        wait_until(self.listens, 20, "Dovecot")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.box.path(self.place))) == 0

    def stop(self):
        if self.process:
            self.box.run(["doveadm", "stop"])
            self.process.wait(20)
            self.box.kill("auth")  # it stays as long as it has clients
            self.process = None


def sasldb(box, *users):
    """Make /etc/sasldb2, which also a jail sees."""
    for user in users or ("joe", "ann"):
        box.run(["saslpasswd2", "-p", "-c", "-u", "mail.same.test", user], input="secret", check=True)
    box.run("chown postfix /etc/sasldb2; mkdir -p /var/spool/postfix/etc; cp -p /etc/sasldb2 /var/spool/postfix/etc/", check=True)


def saslauthd(box):
    """A running saslauthd that knows the users of sasldb; a process to be killed."""
    folder = "/var/run/saslauthd"
    box.run(f"mkdir -p {folder} && chmod 755 {folder}", check=True)
    process = box.popen(["saslauthd", "-d", "-a", "sasldb", "-m", folder, "-n", "1"], stderr=subprocess.DEVNULL)

    def listens():
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(box.path("/run/saslauthd/mux"))) == 0

    wait_until(listens, 20, "saslauthd")
    return process


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(user="joe", password="secret", other=""):
    """AUTH PLAIN with its initial response."""
    return f"AUTH PLAIN {b64(f'{other}{chr(0)}{user}{chr(0)}{password}')}"


def cram(user="joe", password="secret"):
    """What answers a challenge of CRAM-MD5: a function of the reply."""

    def answer(reply):
        challenge = base64.b64decode(reply.split()[1])
        return b64(f"{user} {hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()}")

    return answer
