#!/usr/bin/env python3
"""A second implementation of proto/envelope.md, from its text and the RFCs alone, to see that the text is enough.

usage: envelope_vectors.py FILE          compares every value of FILE with what is computed here
       envelope_vectors.py --print       prints the values
Slow and not constant-time: for tests only.
"""
import base64
import struct
import sys
from hashlib import blake2b, sha512

# --- ChaCha20, HChaCha20, Poly1305 and XChaCha20-Poly1305: RFC 8439, draft-irtf-cfrg-xchacha-03


def rounds(state):
    def rotate(x, n):
        return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for i, j, k, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[i] = (state[i] + state[j]) & 0xFFFFFFFF
            state[k] = rotate(state[k] ^ state[i], n)

    for _ in range(10):
        for column in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(*column)
        for diagonal in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*diagonal)
    return state


def initial(key, sixteen):
    return list(struct.unpack("<16I", b"expand 32-byte k" + key + sixteen))


def chacha20(key, counter, nonce12, data):
    out = b""
    for i in range(0, len(data), 64):
        start = initial(key, struct.pack("<I", counter + i // 64) + nonce12)
        words = [(a + b) & 0xFFFFFFFF for a, b in zip(start, rounds(list(start)))]
        out += bytes(x ^ y for x, y in zip(data[i:i + 64], struct.pack("<16I", *words)))
    return out


def hchacha20(key, nonce16):
    words = rounds(initial(key, nonce16))
    return struct.pack("<8I", *words[:4], *words[12:])


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def pad16(data):
    return data + bytes(-len(data) % 16)


def xchacha_seal(key, nonce24, plain, aad):
    subkey = hchacha20(key, nonce24[:16])
    nonce12 = bytes(4) + nonce24[16:]
    sealed = chacha20(subkey, 1, nonce12, plain)
    lengths = struct.pack("<QQ", len(aad), len(sealed))
    return sealed + poly1305(chacha20(subkey, 0, nonce12, bytes(32)), pad16(aad) + pad16(sealed) + lengths)


class SecretStream:
    """libsodium's crypto_secretstream_xchacha20poly1305, push side."""

    def __init__(self, key, header):
        self.key = hchacha20(key, header[:16])
        self.counter = 1
        self.inonce = header[16:]

    def push(self, plain, aad, tag):
        nonce = struct.pack("<I", self.counter) + self.inonce
        poly_key = chacha20(self.key, 0, nonce, bytes(32))
        block = chacha20(self.key, 1, nonce, bytes([tag]) + bytes(63))
        sealed = chacha20(self.key, 2, nonce, plain)
        # The padding counts from 64 + the size as libsodium computes it: (0x10 - 64 + mlen) & 0xf bytes.
        padding = bytes((0x10 - 64 + len(plain)) & 0xF)
        lengths = struct.pack("<QQ", len(aad), 64 + len(plain))
        mac = poly1305(poly_key, pad16(aad) + block + sealed + padding + lengths)
        self.inonce = bytes(a ^ b for a, b in zip(self.inonce, mac))
        self.counter += 1
        if tag & 2:
            self.key = None  # a new key would be next; no vector goes on after the final chunk
        return block[:1] + sealed + mac


# --- X25519 (RFC 7748) and Ed25519 (RFC 8032)

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493


def x25519(scalar, point):
    k = bytearray(scalar)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(point, "little") % 2**255
    x2, z2, x3, z3 = 1, 0, u, 1
    for t in reversed(range(255)):
        bit = k >> t & 1
        if bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def add(p, q):
    x1, y1, x2, y2 = *p, *q
    k = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P)


def multiply(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x if x % 2 == 0 else P - x, y)


BASE = base_point()


def encode_point(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def expand(seed):
    h = sha512(seed).digest()
    return (int.from_bytes(h[:32], "little") & (2**254 - 8)) | 2**254, h[32:]


def ed25519_public(seed):
    return encode_point(multiply(expand(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = expand(seed)
    public = ed25519_public(seed)
    r = int.from_bytes(sha512(prefix + message).digest(), "little") % ORDER
    big_r = encode_point(multiply(r, BASE))
    k = int.from_bytes(sha512(big_r + public + message).digest(), "little") % ORDER
    return big_r + ((r + k * a) % ORDER).to_bytes(32, "little")


# --- proto/envelope.md


def h(size, *pieces, key=b""):
    return blake2b(b"".join(pieces), digest_size=size, key=key).digest()


def node_id(public):
    return h(32, public)[:8]


def sign(seed, domain, message):
    return ed25519_sign(seed, h(64, bytes([len(domain)]), domain, message))


def token_secret(cluster_id, key, expires):
    return h(32, b"shoal token 2", cluster_id, expires, key=key)


def text(prefix, body):
    return prefix + base64.urlsafe_b64encode(body + h(32, body)[:4]).rstrip(b"=")


def token(cluster_id, key_id, key, expires):
    return text(b"shoal2.", b"\x02" + cluster_id + bytes([key_id]) + expires + token_secret(cluster_id, key, expires))


def key_file(cluster_id, key_id, key):
    return text(b"shoalkey1.", b"\x01" + cluster_id + bytes([key_id]) + key)


def read_key_file(line):
    """(cluster id, key id, key)"""
    prefix, _, encoded = line.strip().partition(b".")
    data = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    if prefix != b"shoalkey1" or len(data) != 54 or data[0] != 1 or h(32, data[:50])[:4] != data[50:]:
        raise ValueError("not a key file")
    return data[1:17], data[17], data[18:50]


def pair_secret(seed, other_public):
    """What a node with this seed shares with the other one. u = (1 + y) / (1 - y): RFC 7748 4.1."""
    public = ed25519_public(seed)
    y = int.from_bytes(other_public, "little") % 2**255
    u = (1 + y) * pow(1 - y, P - 2, P) % P
    shared = x25519(sha512(seed).digest()[:32], u.to_bytes(32, "little"))
    return h(32, b"shoal pair 2", min(public, other_public), max(public, other_public), key=shared)


def datagram_head(cluster_id, key_id, key, flags, seed, boot, counter):
    public = ed25519_public(seed)
    header = bytes([2, key_id, flags]) + node_id(public) + boot + counter
    if not flags & 2:
        return header
    return header + public + h(16, b"shoal introduction 2", cluster_id, header, public, key=key)


def datagram(cluster_id, key_id, key, seed, boot, counter, to_public, introduces, payload):
    head = datagram_head(cluster_id, key_id, key, 2 if introduces else 0, seed, boot, counter)
    sealing = h(32, pair_secret(seed, to_public), key=key)
    return head + xchacha_seal(sealing, head[3:27], payload, head + cluster_id + node_id(to_public))


def datagram_to_anyone(cluster_id, key_id, key, seed, boot, counter, payload):
    head = datagram_head(cluster_id, key_id, key, 3, seed, boot, counter)
    aad = head + cluster_id + bytes(8)
    return head + xchacha_seal(key, head[3:27], payload + sign(seed, b"shoal datagram 2", aad + payload), aad)


def make_hello(cluster_id, key_id, key, purpose, ephemeral, expires=bytes(8)):
    clear = bytes([1, key_id, 0, purpose]) + ephemeral + expires
    if expires != bytes(8):
        key = token_secret(cluster_id, key, expires)
    return clear + h(16, b"shoal hello 1", cluster_id, clear, key=key)


def handshake(v, cluster_id, key_id, key):
    """Returns hello, answer, proof and the two directions' streams."""
    seeds = [v["initiator.seed"], v["responder.seed"]]
    secrets = [v["initiator.ephemeral"], v["responder.ephemeral"]]
    publics = [x25519(s, (9).to_bytes(32, "little")) for s in secrets]
    hello = make_hello(cluster_id, key_id, key, 2, publics[0])
    answer = b"\x01" + publics[1]
    t1 = h(32, b"shoal transcript 1", cluster_id, hello, answer)
    shared = h(32, b"shoal shared 1", x25519(secrets[0], publics[1]), t1, key=key)

    def statement(role, seed, transcript):
        plain = ed25519_public(seed) + sign(seed, role, transcript)
        return xchacha_seal(h(32, role, key=shared), bytes(24), plain, transcript)

    sealed = statement(b"shoal answer 1", seeds[1], t1)
    answer += sealed
    t2 = h(32, b"shoal transcript 1", t1, sealed)
    proof = statement(b"shoal proof 1", seeds[0], t2)
    t3 = h(32, b"shoal transcript 1", t2, proof)
    streams = []
    for label in (b"shoal to responder 1", b"shoal to initiator 1"):
        material = h(56, label, t3, key=shared)
        streams.append(SecretStream(material[:32], material[32:]))
    return hello, answer, proof, streams


def frame(stream, tag, plain):
    length = struct.pack(">H", len(plain))
    return length + stream.push(plain, length, tag)


def compute():
    v = {
        "cluster.id": bytes(range(0x10, 0x20)),
        "key.id": b"\x07",
        "key": bytes(range(0x80, 0xA0)),
        "initiator.seed": bytes([0x01] * 32),
        "responder.seed": bytes([0x02] * 32),
        "initiator.ephemeral": bytes([0x31] * 32),
        "responder.ephemeral": bytes([0x32] * 32),
        "boot.nonce": bytes.fromhex("0066778899abcdef"),
        "token.expires": (1800000000).to_bytes(8, "big"),
        "payload": b"One payload for all datagrams.",
        "chunk.plain": b"The first chunk of a message.",
    }
    cluster_id, key_id, key = v["cluster.id"], v["key.id"][0], v["key"]
    initiator = ed25519_public(v["initiator.seed"])
    responder = ed25519_public(v["responder.seed"])
    v["initiator.public"], v["initiator.id"] = initiator, node_id(initiator)
    v["responder.public"], v["responder.id"] = responder, node_id(responder)
    v["signature"] = sign(v["initiator.seed"], b"test", v["payload"])
    v["key.fingerprint"] = h(32, key)[:8]
    v["key-file"] = key_file(cluster_id, key_id, key)
    v["token"] = token(cluster_id, key_id, key, v["token.expires"])
    v["pair.secret"] = pair_secret(v["initiator.seed"], responder)
    for name, counter, introduces in (("datagram.introducing", 1, True), ("datagram.to-responder", 3, False)):
        v[name] = datagram(cluster_id, key_id, key, v["initiator.seed"], v["boot.nonce"], struct.pack(">Q", counter),
                           responder, introduces, v["payload"])
    v["datagram.to-anyone"] = datagram_to_anyone(cluster_id, key_id, key, v["initiator.seed"], v["boot.nonce"],
                                                 struct.pack(">Q", 2), v["payload"])
    v["hello"], v["answer"], v["proof"], streams = handshake(v, cluster_id, key_id, key)
    v["hello.by-token"] = make_hello(cluster_id, key_id, key, 1, x25519(v["initiator.ephemeral"], (9).to_bytes(32, "little")),
                                     v["token.expires"])
    v["to-responder.part"] = frame(streams[0], 0, v["chunk.plain"])
    v["to-responder.end"] = frame(streams[0], 1, b"")
    v["to-initiator.fin"] = frame(streams[1], 3, b"")
    return v


def main():
    values = compute()
    if sys.argv[1:] == ["--print"]:
        for name, value in values.items():
            print(f"{name} = {value.hex()}")
        return 0
    found = {}
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, value = line.split(" = ")
                found[name] = bytes.fromhex(value.strip())
    wrong = [n for n in values.keys() | found.keys() if values.get(n) != found.get(n)]
    for name in sorted(wrong):
        print(f"{name}: differs", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
