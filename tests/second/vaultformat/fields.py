"""FIELDS: how several values become one string of bytes (section 1)."""


def lp(data):
    """A value with its length before it, 4 bytes, big endian."""
    return len(data).to_bytes(4, "big") + data


def encoded(value):
    """A text as UTF-8, a number as 8 bytes, bytes (a digest too) as they are."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):
        return value.to_bytes(8, "big")
    return bytes(value)


def fields(label, *values):
    return lp(label.encode()) + b"".join(lp(encoded(value)) for value in values)
