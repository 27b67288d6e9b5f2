"""Shamir's sharing over GF(2^8) with the polynomial of AES (section 6)."""

from .fault import need


def times(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    result = 1
    for _ in range(254):
        result = times(result, a)
    return result


def split(secret, threshold, count, draw):
    """Shares of index 1 to count. A polynomial's coefficients are drawn for all bytes at once: first all
    of degree 1, then all of degree 2 and so on."""
    rows = [secret] + [draw(len(secret)) for _ in range(threshold - 1)]

    def share(x):
        values = bytearray(len(secret))
        for row in reversed(rows):
            values = bytearray(times(value, x) ^ more for value, more in zip(values, row))
        return bytes(values)

    return [share(x) for x in range(1, count + 1)]


def combine(shares):
    """The secret from as many pairs (index, share) as the threshold says."""
    indices = [index for index, _ in shares]
    need(len(set(indices)) == len(indices) > 0, "form", "an index twice, or no share")
    need(all(1 <= index <= 255 for index in indices), "form", "an index is from 1 to 255")
    need(all(len(share) == 32 for _, share in shares), "form", "a share has 32 bytes")
    secret = bytearray(32)
    for index, share in shares:
        weight = 1
        for other in indices:
            if other != index:
                weight = times(weight, times(other, inverse(other ^ index)))
        secret = bytearray(value ^ times(weight, byte) for value, byte in zip(secret, share))
    return bytes(secret)
