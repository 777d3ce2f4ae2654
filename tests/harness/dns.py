"""A name server for the private network: answers from a table, else NXDOMAIN.

names = {"mx.test": {"MX": ["10 mail.mx.test"], "A": ["127.0.0.3"]}}
An answer list may be the word "SERVFAIL" instead. UDP only, no compression.
"""

import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
NXDOMAIN, SERVFAIL = 3, 2


def wire_name(name):
    labels = [l for l in name.rstrip(".").split(".") if l]
    return b"".join(bytes([len(l)]) + l.encode() for l in labels) + b"\0"


def wire_data(kind, text):
    if kind == "A":
        return socket.inet_aton(text)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == "MX":
        preference, host = text.split()
        return struct.pack("!H", int(preference)) + wire_name(host)
    if kind == "SRV":
        priority, weight, port, host = text.split()
        return struct.pack("!HHH", int(priority), int(weight), int(port)) + wire_name(host)
    if kind == "TXT":
        return bytes([len(text)]) + text.encode()
    return wire_name(text)


class NameServer:
    def __init__(self, address="127.0.0.1"):
        self.names = {}
        self.questions = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            packet, client = self._socket.recvfrom(4096)
            try:
                self._socket.sendto(self.answer(packet), client)
            except (struct.error, IndexError, OSError):
                continue

    def answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        question = packet[12 : at + 5]
        name = ".".join(labels).lower()
        (number,) = struct.unpack("!H", packet[at + 1 : at + 3])
        kind = next((k for k, v in TYPES.items() if v == number), str(number))
        self.questions.append((name, kind))
        code, records = self._lookup(name, kind)
        body = b"".join(
            wire_name(owner) + struct.pack("!HHIH", TYPES[k], 1, 60, len(data)) + data
            for owner, k, data in records
        )
        header = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        return header + question + body

    def _lookup(self, name, kind):
        records = []
        for _ in range(10):
            entry = self.names.get(name)
            if entry is None:
                return (0 if records else NXDOMAIN), records
            if entry.get(kind) == "SERVFAIL":
                return SERVFAIL, []
            for text in entry.get(kind, []):
                records.append((name, kind, wire_data(kind, text)))
            if entry.get(kind) or not entry.get("CNAME"):
                return 0, records
            target = entry["CNAME"][0]
            records.append((name, "CNAME", wire_name(target)))
            name = target.lower()
        return 0, records
