"""The files of the ledger (section 8)."""

import re

from .fault import Fault, need
from .note import Note

FIRST = b"breakglass-ledger-commit/v1\n"
NUMBERS = re.compile(rb"(0|[1-9][0-9]{0,19}) ([1-9][0-9]{0,19}) ([1-9][0-9]{0,19})\n")
MOST = 256


class Commit:
    """A commit of the right form: `number`, `note`, `entries` (bytes)."""

    def __init__(self, data):
        need(data.startswith(FIRST), "form", "no commit")
        head = NUMBERS.match(data, len(FIRST))
        need(head, "form", "the numbers of a commit")
        self.number, length, count = (int(part) for part in head.groups())
        need(count <= MOST, "form", f"{count} entries")
        at = head.end() + length
        need(at <= len(data), "form", "cut off in the note")
        self.note = Note(data[head.end() : at])
        self.entries = []
        for _ in range(count):
            need(at + 2 <= len(data), "form", "cut off before an entry")
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            need(1 <= size <= len(data) - at, "form", "an empty entry, or cut off in one")
            self.entries.append(data[at : at + size])
            at += size
        need(at == len(data), "form", "something after the last entry")
        try:
            for entry in self.entries:
                entry.decode()
        except UnicodeDecodeError as error:
            raise Fault("form", "an entry is no UTF-8") from error

    def check(self, vault, number, tree):
        """Signed, the next one, and of the tree, which then has its entries."""
        need(self.number == number, "place", f"commit {self.number} in the place of {number}")
        self.note.check(vault)
        for entry in self.entries:
            tree.add(entry)
        there = (tree.size, tree.roots[-1])
        need((self.note.size, self.note.root) == there, "tree", f"commit {number}: not the entries signed")


def make(number, note, entries):
    parts = [len(entry).to_bytes(2, "big") + entry for entry in entries]
    return FIRST + b"%d %d %d\n" % (number, len(note), len(entries)) + note + b"".join(parts)
