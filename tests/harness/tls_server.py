"""An SMTP server with TLS that behaves as a test says, and keeps what it heard."""

import socket
import ssl
import threading


class TlsServer:
    """certificate: of the server (certificates.py). How it behaves: a set of words.

    no-offer    EHLO names no STARTTLS
    refuse      STARTTLS is answered with 454, "refuse-for-good" with 502
    hang-up     after STARTTLS the connection ends, "garbage" sends no TLS
    wrapped     TLS from the first byte on
    ask         asks for a certificate of the client
    old         TLSv1.2 at the most
    early       the reply to the next command comes with that to STARTTLS
    no-mail     MAIL is refused for now
    """

    def __init__(self, place, certificate, behaviour=(), authority=None, lmtp=False):
        self.behaviour, self.heard, self.names, self.lmtp = set(behaviour), [], [], lmtp
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.cert_file, certificate.key_file)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        if "old" in self.behaviour:
            self._context.maximum_version = ssl.TLSVersion.TLSv1_2
        if "ask" in self.behaviour:
            self._context.verify_mode = ssl.CERT_OPTIONAL
            self._context.load_verify_locations(authority.cert_file)
        self._listener = socket.create_server(place)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._serve(client)
            except (OSError, ssl.SSLError) as error:
                if self.heard[-1:] != ["QUIT"]:  # then nobody needs to hear our answer
                    self.heard.append(f"({type(error).__name__})")

    def _encrypt(self, client):
        client = self._context.wrap_socket(client, server_side=True)
        own = client.getpeercert() if "ask" in self.behaviour else None
        self.heard.append(f"({client.version()}{', certificate' if own else ''})")
        return client

    def _serve(self, client):
        if "wrapped" in self.behaviour:
            client = self._encrypt(client)
        client.sendall(b"220 server.test ESMTP\r\n")
        while client:
            client = self._talk(client)

    def _talk(self, client):
        """Until TLS begins, which gives the new socket, or the end."""
        encrypted = isinstance(client, ssl.SSLSocket)
        with client.makefile("rb") as lines:
            for line in lines:
                said = line.decode(errors="replace").strip()
                verb = said.split(" ")[0].upper()
                self.heard.append(verb)
                if verb == "STARTTLS":
                    return self._start(client)
                if verb in ("EHLO", "LHLO"):
                    offer = "" if encrypted or "no-offer" in self.behaviour else "250-STARTTLS\r\n"
                    client.sendall(f"250-server.test\r\n{offer}250 8BITMIME\r\n".encode())
                elif verb == "DATA":
                    client.sendall(b"354 go\r\n")
                    for text in lines:
                        if text == b".\r\n":
                            break
                    client.sendall(b"250 2.0.0 taken\r\n")
                elif verb == "MAIL" and "no-mail" in self.behaviour:
                    client.sendall(b"450 4.0.0 later\r\n")
                else:
                    client.sendall(b"221 2.0.0 bye\r\n" if verb == "QUIT" else b"250 2.0.0 fine\r\n")
                if verb == "QUIT":
                    break
        client.close()
        return None

    def _start(self, client):
        if "refuse" in self.behaviour:
            client.sendall(b"454 4.7.0 not today\r\n")
            return client
        if "refuse-for-good" in self.behaviour:
            client.sendall(b"502 5.5.1 never\r\n")
            return client
        early = b"250 2.1.0 early\r\n" if "early" in self.behaviour else b""
        client.sendall(b"220 2.0.0 ready\r\n" + early)
        if "garbage" in self.behaviour:
            client.sendall(b"this is no TLS\r\n")
        if self.behaviour & {"garbage", "hang-up"}:
            client.recv(10000)  # else what it says next is answered with a reset
            client.close()
            return None
        return self._encrypt(client)
