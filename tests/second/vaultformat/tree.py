"""The tree of RFC 6962 with SHA-256 (section 8), grown leaf by leaf."""

import hashlib


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Remembers the roots of all its sizes: `roots[size]`."""

    def __init__(self):
        self.roots = [hashlib.sha256(b"").digest()]
        self._peaks = []  # (leaves, hash), the largest first

    @property
    def size(self):
        return len(self.roots) - 1

    def copy(self):
        other = Tree()
        other.roots, other._peaks = list(self.roots), list(self._peaks)
        return other

    def add(self, entry):
        count, top = 1, leaf(entry)
        while self._peaks and self._peaks[-1][0] == count:
            top = node(self._peaks.pop()[1], top)
            count *= 2
        self._peaks.append((count, top))
        root = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            root = node(left, root)
        self.roots.append(root)
