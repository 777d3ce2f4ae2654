"""Servers of tcp: and socketmap: tables with entries of a test's own. They answer the whole
key; nonsense: a function from the key to the bytes to be sent instead, None = hang up.
And servers for any protocol: slow, relay."""

import contextlib
import socket
import threading
import time


class LookupServer:
    def __init__(self, port, entries):
        self.port = port
        self.entries = entries
        self.asked = []
        self.nonsense = None
        self.listener = None
        self.clients = []

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(50)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            for client in self.clients:
                hang_up(client)
            self.clients = []

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client.makefile("rb") as stream:
            try:
                while (key := self.question(stream)) is not None:
                    self.asked.append(key)
                    answer = self.nonsense(key) if self.nonsense else self.answer(self.entries.get(key))
                    if answer is None:
                        return hang_up(client)
                    client.sendall(answer)
            except OSError:
                pass


class TcpServer(LookupServer):
    def question(self, stream):
        words = stream.readline().split()
        if len(words) != 2:
            return None
        text, out = words[1].split(b"%"), b""
        for i, part in enumerate(text):
            out += part if i == 0 else bytes([int(part[:2], 16)]) + part[2:]
        return out.decode(errors="surrogateescape")

    def answer(self, value):
        return b"500 no\n" if value is None else b"200 " + value.replace("%", "%25").replace(" ", "%20").encode() + b"\n"


class SocketmapServer(LookupServer):
    def question(self, stream):
        digits = b""
        while (byte := stream.read(1)) not in (b":", b""):
            digits += byte
        if not digits:
            return None
        text = stream.read(int(digits))
        assert stream.read(1) == b","
        return text.decode(errors="surrogateescape").removeprefix("map ")

    def answer(self, value):
        text = b"NOTFOUND " if value is None else b"OK " + value.encode()
        return b"%d:%s," % (len(text), text)


@contextlib.contextmanager
def listening(port, serve):
    """A server that calls serve with each client's socket, in a thread; the list of all that
    ever came."""
    listener = socket.create_server(("127.0.0.1", port))
    clients = []

    def quietly(client):
        with contextlib.suppress(OSError):
            serve(client)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                clients.append(listener.accept()[0])
                threading.Thread(target=quietly, args=(clients[-1],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield clients
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in clients:
            hang_up(client)


def slow(port, steps):
    """Answers what comes in with the next of steps (bytes), and after the last one says
    nothing. A step (bytes, seconds) is sent a byte at a time, with that pause."""

    def serve(client):
        for step in steps:
            if not client.recv(65536):
                return
            text, pause = step if isinstance(step, tuple) else (step, 0)
            for part in [text] if not pause else [bytes([byte]) for byte in text]:
                client.sendall(part)
                time.sleep(pause)

    return listening(port, serve)


def relay(port, to):
    """Hands on what comes to another port, and its answers back."""

    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        hang_up(target)

    def serve(client):
        server = socket.create_connection(("127.0.0.1", to))
        threading.Thread(target=pass_on, args=(server, client), daemon=True).start()
        pass_on(client, server)

    return listening(port, serve)


def hang_up(client):
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    client.close()
