"""ECDSA over P-256 with SHA-256, verification only, for `verify.py --key`. Standard library only; not in constant time, which
nothing here needs: all it handles is public."""
import base64
import hashlib

P, B = 2**256 - 2**224 + 2**192 + 2**96 - 1, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B  # P-256
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(a, b):  # points of the curve; None is the one at infinity
    if a is None or b is None or (a[0] == b[0] and (a[1] + b[1]) % P == 0):
        return (a or b) if a is None or b is None else None
    slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    for bit in bin(k)[2:]:
        total = add(add(total, total), point if bit == "1" else None)
    return total


def has_signed(spki, message, signature):
    """`spki` in DER; `signature` in base64 of DER, as OpenSSL and KMS make it."""
    try:
        der = base64.b64decode(signature, validate=True)
        return holds(spki, message, der)
    except (ValueError, IndexError):
        return False


def holds(spki, message, der):
    x, y = int.from_bytes(spki[-64:-32], "big"), int.from_bytes(spki[-32:], "big")
    size = der[3]
    r, s = int.from_bytes(der[4:4 + size], "big"), int.from_bytes(der[6 + size:], "big")
    strict = der[:1] + der[2:3] + der[4 + size:5 + size] == b"\x30\x02\x02" and der[1] == len(der) - 2 and der[5 + size] == len(der) - size - 6
    if not (strict and 0 < r < N and 0 < s < N and (y * y - x**3 + 3 * x - B) % P == 0):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    point = add(times(digest * inverse % N, G), times(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r
