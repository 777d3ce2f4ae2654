"""Keys and certificates for tests, made with openssl(1)."""

import hashlib
import pathlib
import subprocess

KINDS = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}


def openssl(*words, **how):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, **how).stdout


class Certificate:
    """A key and its certificate: files, and what they are known by."""

    def __init__(self, folder, name):
        self.name = name
        self.key_file, self.cert_file = (str(pathlib.Path(folder) / f"{name}.{suffix}") for suffix in ("key", "pem"))

    key = property(lambda self: pathlib.Path(self.key_file).read_text(encoding="ascii"))
    cert = property(lambda self: pathlib.Path(self.cert_file).read_text(encoding="ascii"))

    def fingerprint(self, digest="sha256"):
        return _digest(openssl("x509", "-in", self.cert_file, "-outform", "DER"), digest)

    def key_fingerprint(self, digest="sha256"):
        text = openssl("x509", "-in", self.cert_file, "-noout", "-pubkey")
        return _digest(openssl("pkey", "-pubin", "-outform", "DER", input=text), digest)


def _digest(data, digest):
    return hashlib.new(digest, data).digest().hex(":").upper()


class Authority(Certificate):
    """One that signs: `Authority(folder).issue("client.test")`."""

    def __init__(self, folder, name="Test CA"):
        super().__init__(folder, name.replace(" ", "-"))
        self.folder = folder
        self._make(self, "rsa", name, ["basicConstraints=critical,CA:TRUE"], ["-signkey", self.key_file, "-days", "30"])

    @staticmethod
    def _make(certificate, kind, subject, extensions, words):
        asked = [word for extension in extensions for word in ("-addext", extension)]
        request = openssl("req", "-new", "-nodes", "-newkey", *KINDS[kind], "-keyout", certificate.key_file, "-subj", f"/CN={subject}", *asked)
        openssl("x509", "-req", "-copy_extensions", "copyall", "-out", certificate.cert_file, *words, input=request)

    def issue(self, file, subject=None, kind="rsa", names=(), days=30, own=False, extensions=()):
        """A certificate FILE.pem for subject; names: "mail.test" and the like, for what it is
        as well. days=-1: it has expired. own: signed by itself."""
        certificate = Certificate(self.folder, file)
        also = ["subjectAltName=" + ",".join(f"DNS:{name}" for name in names)] if names else []
        signer = ["-signkey", certificate.key_file] if own else ["-CA", self.cert_file, "-CAkey", self.key_file, "-CAcreateserial"]
        self._make(certificate, kind, subject or file, ["basicConstraints=CA:FALSE", *also, *extensions], [*signer, "-days", str(days)])
        return certificate
