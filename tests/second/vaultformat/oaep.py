"""RSAES-OAEP encryption with a given seed (RFC 8017, section 7.1.1), so that vectors come out the same
each time. Public keys only; decrypting is the token's work."""

import hashlib


def _mgf1(seed, length):
    blocks = (hashlib.sha256(seed + count.to_bytes(4, "big")).digest() for count in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def _xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


def encrypt(key, message, seed):
    """SHA-256, MGF1 with SHA-256, empty label; `seed` is 32 random bytes."""
    size = (key.key_size + 7) // 8
    block = hashlib.sha256(b"").digest() + bytes(size - len(message) - 66) + b"\1" + message
    masked = _xor(block, _mgf1(seed, len(block)))
    encoded = b"\0" + _xor(seed, _mgf1(masked, 32)) + masked
    numbers = key.public_numbers()
    return pow(int.from_bytes(encoded, "big"), numbers.e, numbers.n).to_bytes(size, "big")
