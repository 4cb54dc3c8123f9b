#!/usr/bin/env python3
"""Opens what real agents send, with nothing but proto/*.md: a second implementation of the envelope (tests/seal/envelope_vectors.py)
and of the messages (decode.py).

usage: live.py capture SECONDS PORT FILE     keeps the UDP payloads to that port that come to or leave this network
                                             namespace (root), one a line, in hex
       live.py open KEY-FILE FILE STATE...   unseals and decodes them with the secrets in the members' state files; exits 1 if one does
                                             not open or decode, or a member's record is not signed by it
"""
import collections
import os
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "seal")]
import decode  # noqa: E402
import envelope_vectors as envelope  # noqa: E402

ETH_P_ALL, IPV4, UDP = 3, 0x0800, 17
HEADER, TAG, SIGNATURE, SIGNATURE_FIELD = 27, 16, 64, bytes.fromhex("0dc440")


def capture(seconds, port, path):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sniffer.settimeout(0.2)
    end = time.monotonic() + seconds
    with open(path, "w", encoding="ascii") as file:
        while time.monotonic() < end:
            try:
                frame = sniffer.recv(65535)
            except TimeoutError:
                continue
            ip = frame[14:]
            if frame[12:14] != struct.pack(">H", IPV4) or ip[9] != UDP:
                continue
            udp = ip[(ip[0] & 15) * 4:]
            if struct.unpack(">H", udp[2:4])[0] == port:
                size = struct.unpack(">H", udp[4:6])[0]
                file.write(udp[8:size].hex() + "\n")


def unseal(key, nonce, sealed, aad):
    """The payload, or None: the tag does not verify."""
    subkey, nonce12 = envelope.hchacha20(key, nonce[:16]), bytes(4) + nonce[16:]
    text, tag = sealed[:-TAG], sealed[-TAG:]
    lengths = struct.pack("<QQ", len(aad), len(text))
    wanted = envelope.poly1305(envelope.chacha20(subkey, 0, nonce12, bytes(32)),
                               envelope.pad16(aad) + envelope.pad16(text) + lengths)
    return envelope.chacha20(subkey, 1, nonce12, text) if wanted == tag else None


def seed_of(path):
    """The node's seed: in a page of the state file, behind its name and eight bytes of checksum."""
    with open(path, "rb") as file:
        data = file.read()
    at = data.index(b"node-seed") + len(b"node-seed") + 8
    return data[at:at + 32]


def decompress(encoded):
    """A point of Ed25519 (RFC 8032 5.1.3)."""
    number = int.from_bytes(encoded, "little")
    y, sign = number % 2**255, number >> 255
    square = (y * y - 1) * pow(envelope.D * y * y + 1, envelope.P - 2, envelope.P) % envelope.P
    x = pow(square, (envelope.P + 3) // 8, envelope.P)
    if x * x % envelope.P != square:
        x = x * pow(2, (envelope.P - 1) // 4, envelope.P) % envelope.P
    if x * x % envelope.P != square:
        return None
    return (envelope.P - x if x % 2 != sign else x, y)


def verify(public, domain, message, signature):
    """RFC 8032 5.1.7."""
    digest = envelope.h(64, bytes([len(domain)]), domain, message)
    point, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point is None or r is None or s >= envelope.ORDER:
        return False
    k = int.from_bytes(envelope.sha512(signature[:32] + public + digest).digest(), "little") % envelope.ORDER
    return envelope.multiply(s, envelope.BASE) == envelope.add(r, envelope.multiply(k, point))


def statement(message):
    """The map of a member message without its signature (proto/gossip.md 3.5)."""
    at = message.index(SIGNATURE_FIELD)
    body = message[3 if message[1] == 0xcc else 2:]  # behind [id,
    at -= len(message) - len(body)
    pairs, rest = (body[0] & 15, 1) if body[0] < 0x90 else (struct.unpack(">H", body[1:3])[0], 3)
    head = bytes([0x80 | pairs - 1]) if pairs - 1 < 16 else b"\xde" + struct.pack(">H", pairs - 1)
    return head + body[rest:at] + body[at + 3 + 64:]


class Reader:
    def __init__(self, key_file, state_files):
        with open(key_file, "rb") as file:
            self.cluster_id, self.key_id, self.key = envelope.read_key_file(file.read())
        self.protocol = decode.Protocol(sorted(decode.glob.glob(os.path.join(decode.PROTO, "*.toml"))))
        self.counts, self.signed, self.wrong = collections.Counter(), {}, []
        self.seeds = {envelope.node_id(envelope.ed25519_public(seed)): seed for seed in map(seed_of, state_files)}
        self.pairs = {}

    def pair(self, sender, to_id):
        if (sender, to_id) not in self.pairs:
            secret = envelope.pair_secret(self.seeds[sender], envelope.ed25519_public(self.seeds[to_id]))
            self.pairs[sender, to_id] = self.pairs[to_id, sender] = envelope.h(32, secret, key=self.key)
        return self.pairs[sender, to_id]

    def open(self, datagram):
        """A datagram does not name its destination: it is one of the others."""
        flags, sender = datagram[2], datagram[3:11]
        if datagram[0] != 2 or datagram[1] != self.key_id or flags not in (0, 2, 3) or sender not in self.seeds:
            return None
        head, public = datagram[:HEADER + (48 if flags & 2 else 0)], datagram[HEADER:HEADER + 32]
        if flags & 2 and head[-16:] != envelope.h(16, b"shoal introduction 2", self.cluster_id, head[:-16], key=self.key):
            return None
        if flags & 1:
            aad = head + self.cluster_id + bytes(8)
            payload = unseal(self.key, head[3:HEADER], datagram[len(head):], aad)
            signed = payload is not None and envelope.node_id(public) == sender and \
                verify(public, b"shoal datagram 2", aad + payload[:-SIGNATURE], payload[-SIGNATURE:])
            return payload[:-SIGNATURE] if signed else None
        for to_id in self.seeds:
            payload = None if to_id == sender else \
                unseal(self.pair(sender, to_id), head[3:HEADER], datagram[len(head):], head + self.cluster_id + to_id)
            if payload is not None:
                return payload
        return None

    def member(self, message, values):
        """Each record once: a verification takes a tenth of a second here."""
        if self.signed.get(message) is None:
            good = "signature" in values and envelope.node_id(values["public_key"]) == values["node"].to_bytes(8, "big") \
                and verify(values["public_key"], b"shoal member 1", statement(message), values["signature"])
            self.signed[message] = good
            if not good:
                self.wrong.append(f"a record of {values['node']:016x} is not signed by it")

    def payload(self, payload):
        cursor = decode.Cursor(payload)
        while cursor.at < len(payload):
            start = cursor.at
            name, values = self.protocol.message(cursor)
            self.counts[name] += 1
            if name == "member":
                self.member(payload[start:cursor.at], values)

    def read(self, path):
        with open(path, encoding="ascii") as file:
            datagrams = [bytes.fromhex(line) for line in file]
        self.wrong += [f"does not open: {datagram[:HEADER].hex()}" for datagram in datagrams if not self.take(datagram)]
        return len(datagrams), len({datagram[3:11] for datagram in datagrams})

    def take(self, datagram):
        payload = self.open(datagram)
        if payload is None:
            return False
        try:
            self.payload(payload)
        except decode.Bad as verdict:
            self.wrong.append(f"{verdict}: {payload.hex()}")
        return True


def main():
    if sys.argv[1:2] == ["capture"] and len(sys.argv) == 5:
        capture(float(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        return 0
    if sys.argv[1:2] != ["open"] or len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    reader = Reader(sys.argv[2], sys.argv[4:])
    datagrams, nodes = reader.read(sys.argv[3])
    for line in reader.wrong:
        print(line)
    counts = " ".join(f"{name}={count}" for name, count in sorted(reader.counts.items()))
    print(f"{datagrams} datagrams of {nodes} nodes: {counts}; {len(reader.signed)} records verified, {len(reader.wrong)} wrong")
    return 1 if reader.wrong or datagrams == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
