"""The mail log of one sandbox: a reader of its private /dev/log.

A line is kept as "postfix/smtpd[123]: text": priority and time are cut off.
"""

import re
import socket
import threading

from .sandbox import wait_until

HEADER = re.compile(rb"^<\d+>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?")


class MailLog:
    def __init__(self, path):
        """path: where the socket is made, as the outside sees it."""
        self.lines = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(str(path))
        path.chmod(0o666)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            data = self._socket.recv(16384)
            if not data:
                return
            line = HEADER.sub(b"", data).rstrip(b"\n\0")
            self.lines.append(line.decode(errors="replace"))

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(5)
        self._socket.close()

    def mark(self):
        """A place in the log, to be given as `since`."""
        return len(self.lines)

    def matching(self, pattern, since=0):
        expression = re.compile(pattern)
        return [m for m in map(expression.search, self.lines[since:]) if m]

    def wait(self, pattern, since=0, count=1, timeout=30):
        """Wait for a line that matches; return the (count-th) match object."""
        try:
            return wait_until(
                lambda: (self.matching(pattern, since)[count - 1 :] or [None])[0],
                timeout,
                f"log line /{pattern}/",
            )
        except AssertionError as gone:
            tail = "\n".join(self.lines[since:][-40:])
            raise AssertionError(f"{gone}; the log since then:\n{tail}") from None

    def of(self, queue_id, since=0):
        """The lines about one message, without the program's pid."""
        return [re.sub(r"\[\d+\]: ", ": ", l, count=1) for l in self.lines[since:] if f": {queue_id}:" in l]

    def crashes(self):
        """Lines that tell of a defect, or of a process that a signal ended (not -9)."""
        bad = re.compile(r": panic: |killed by signal (?!9\b)")
        return [l for l in self.lines if bad.search(l)]

    def troubles(self, since=0):
        """Lines that no healthy run writes."""
        bad = re.compile(r": (panic|fatal|error): |killed by signal")
        return [l for l in self.lines[since:] if bad.search(l)]
