"""A server of a test: a listener, and a thread for each connection."""

import os
import socket
import threading


class ThreadedServer:
    """place: (address, port), or the path of a UNIX socket. talk(client, stream) is the
    subclass's: the talk over one connection, which is closed when it returns."""

    def __init__(self, place):
        self.connections, self.open = 0, set()
        self._path = None if isinstance(place, tuple) else place
        if self._path:
            self._listener = socket.create_server(self._path, family=socket.AF_UNIX)
            os.chmod(self._path, 0o666)
        else:
            self._listener = socket.create_server(place)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in [self._listener, *self.open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()
        self._thread.join(10)
        if self._path:
            os.unlink(self._path)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, client.makefile("rb") as stream:
            try:
                self.talk(client, stream)
            except OSError:
                pass
            self.open.discard(client)
