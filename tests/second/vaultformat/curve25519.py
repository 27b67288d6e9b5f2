"""Points of edwards25519 (RFC 8032, section 5.1.3), to tell those of small order. Public data only."""

import functools

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


@functools.lru_cache(maxsize=4096)
def decode(data):
    """The point (x, y) of 32 bytes, or None. A y that is not below p is no point."""
    whole = int.from_bytes(data, "little")
    y, sign = whole & (2**255 - 1), whole >> 255
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (v * x * x - u) % P != 0 or (x == 0 and sign):
        return None
    return (P - x if x % 2 != sign else x), y


def add(one, other):
    (x1, y1), (x2, y2) = one, other
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P
    return x, y


@functools.lru_cache(maxsize=4096)
def is_small(point):
    """Whether 8 times the point is the neutral one."""
    for _ in range(3):
        point = add(point, point)
    return point == (0, 1)
