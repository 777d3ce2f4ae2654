"""Servers that tables ask, started inside a sandbox, on loopback: the programs of Debian's
packages. All sandboxes of a test run share the network, so one server serves both mail
systems; it is started once a test file.

    database = Postgres(box)
    database.start(); database.sql("create table ..."); database.stop()
"""

import signal
import socket

from .sandbox import wait_until


def certificate(box, folder, owner="root", host="localhost"):
    """FOLDER/cert.pem for the host, which is its own authority, and FOLDER/key.pem."""
    subject = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"]
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
    box.run(f"mkdir -p {folder}", check=True)
    box.run([*words, "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", *subject], check=True)
    box.run(f"chmod 600 {folder}/key.pem; chown -R {owner} {folder}", check=True)


class Server:
    """port: where it answers on 127.0.0.1. A stop is a kill: what a crash looks like."""

    def __init__(self, box, port):
        self.box = box
        self.port = port
        self.process = None

    def start(self):
        log = open(self.box.folder / f"{type(self).__name__}.log", "ab")
        self.process = self.box.popen(self.command(), user=self.user, stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, 20, f"{type(self).__name__} to start")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0 and self.ready()

    def ready(self):
        return True

    def stop(self):
        if self.process:
            self.box.kill(self.name)
            wait_until(self._gone, 20, f"{self.name} to end")
            self.process = None
            wait_until(lambda: not self.box.processes(self.name), 20, f"{self.name} to end")

    def _gone(self):
        self.process.send_signal(signal.SIGCONT)  # nsenter, which may have stopped along with it
        return self.process.poll() is not None

    def pause(self, yes=True):
        """Let it hang: connections are taken by the kernel, and nothing is answered."""
        self.box.kill(self.name, signal.SIGSTOP if yes else signal.SIGCONT)


class Postgres(Server):
    name, user = "postgres", "bob"
    BIN = "/usr/lib/postgresql/15/bin"

    def __init__(self, box, port=5432):
        super().__init__(box, port)
        certificate(box, "/home/bob/tls", "bob")
        box.run("mkdir -p /home/bob/pg && chown bob /home/bob/pg", check=True)
        box.run(
            [f"{self.BIN}/initdb", "-D", "/home/bob/pg/data", "--no-sync", "-U", "admin", "-E", "UTF8",
             "--locale", "C", "--auth-local", "trust", "--auth-host", "scram-sha-256"],
            user="bob",
            check=True,
        )  # fmt: skip
        box.run("echo host all all 127.0.0.0/8 scram-sha-256 >>/home/bob/pg/data/pg_hba.conf", check=True)

    def command(self):
        return [f"{self.BIN}/postgres", "-D", "/home/bob/pg/data", "-p", str(self.port), "-c", "fsync=off",
                "-c", "unix_socket_directories=/home/bob/pg", "-c", "listen_addresses=127.0.0.1,127.0.0.2", "-c", "ssl=on",
                "-c", "ssl_cert_file=/home/bob/tls/cert.pem", "-c", "ssl_key_file=/home/bob/tls/key.pem"]  # fmt: skip

    def ready(self):
        words = [f"{self.BIN}/pg_isready", "-q", "-h", "/home/bob/pg", "-p", str(self.port)]
        return self.box.run(words).returncode == 0

    def sql(self, text):
        words = [f"{self.BIN}/psql", "-q", "-h", "/home/bob/pg", "-U", "admin", "-v", "ON_ERROR_STOP=1", "postgres"]
        self.box.run(words, input=text, check=True)


class MariaDB(Server):
    name, user = "mariadbd", "bob"
    DONE = "/home/bob/my/started"

    def __init__(self, box, port=3306):
        super().__init__(box, port)
        certificate(box, "/home/bob/tls", "bob")
        box.run("mkdir -p /home/bob/my && chown bob /home/bob/my", check=True)
        box.run(
            ["mariadb-install-db", "--no-defaults", "--datadir=/home/bob/my", "--basedir=/usr", "--skip-test-db", "--cross-bootstrap",
             "--innodb=OFF", "--default-storage-engine=Aria", "--lc-messages-dir=/usr/share/mysql"],
            user="bob",
            check=True,
        )  # fmt: skip

    def command(self):
        return ["mariadbd", "--no-defaults", "--datadir=/home/bob/my", "--ssl-cert=/home/bob/tls/cert.pem",
                "--ssl-key=/home/bob/tls/key.pem", "--socket=/home/bob/my/socket",
                "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-networking=0", "--innodb=OFF",
                "--default-storage-engine=MyISAM", "--character-set-server=utf8mb4",
                "--lc-messages-dir=/usr/share/mysql", "--pid-file=/home/bob/my/pid", "--init-file=/home/bob/my/init.sql"]  # fmt: skip

    def start(self, text=""):
        """text: statements, one a line, that the server runs before it serves anybody."""
        done = f"select 1 into outfile '{self.DONE}';\n"
        self.box.write("/home/bob/my/init.sql", text + done)
        self.box.path(self.DONE).unlink(missing_ok=True)
        super().start()

    def ready(self):
        return self.box.path(self.DONE).exists()


class Slapd(Server):
    name, user = "slapd", "root"
    SUFFIX = "dc=example,dc=test"
    CONF = f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile /home/bob/ldap/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /home/bob/ldap/cert.pem
TLSCertificateKeyFile /home/bob/ldap/key.pem
database mdb
suffix "{SUFFIX}"
rootdn "cn=admin,{SUFFIX}"
rootpw secret
directory /home/bob/ldap/data
dbnosync
"""

    def __init__(self, box, port=3890, conf=""):
        super().__init__(box, port)
        box.run("mkdir -p /home/bob/ldap/data", check=True)
        certificate(box, "/home/bob/ldap")
        box.write("/home/bob/ldap/slapd.conf", self.CONF + conf)

    def command(self):
        urls = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.port + 1}/ ldapi://%2fhome%2fbob%2fldap%2fsocket/"
        return ["slapd", "-f", "/home/bob/ldap/slapd.conf", "-h", urls, "-d", "0"]

    def load(self, ldif):
        """Entries, before the start."""
        self.box.run(["slapadd", "-q", "-f", "/home/bob/ldap/slapd.conf"], input=ldif, check=True)


class Memcached(Server):
    name, user = "memcached", "bob"

    def __init__(self, box, port=11211):
        super().__init__(box, port)

    def command(self):
        return ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]

    def say(self, text):
        """Send lines of its protocol; the answer up to its last line."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as client:
            client.sendall(text.encode())
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(4096), b"")).decode()
