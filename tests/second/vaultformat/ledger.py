"""The whole ledger: commits in their order, the tree, the state (sections 8 and 9); and writing it."""

import json

from . import note
from .commit import MOST, Commit, make
from .fault import Fault
from .replay import State
from .tree import Tree


class Ledger:
    """`commits`, the `tree`, the `state` so far."""

    def __init__(self, chain):
        self.vault, self.commits = chain.fingerprint, 0
        self.tree, self.state = Tree(), State(chain)
        self.heads = {0: self.tree.roots[0]}
        self.entries, self.note = [], b""

    def take(self, data):
        """The bytes of the next commit's file."""
        commit = Commit(data)
        before = self.tree.size
        commit.check(self.vault, self.commits + 1, self.tree)
        for index, entry in enumerate(commit.entries):
            try:
                self.state.apply(entry, commit.note.public, self.heads)
            except Fault as fault:
                raise Fault(
                    fault.kind, f"entry {before + index} (commit {commit.number}): {fault}"
                ) from fault
        self.commits += 1
        self.entries += commit.entries
        self.note = commit.note.data
        self.heads[self.tree.size] = self.tree.roots[-1]

    def append(self, entries, name, private):
        """Makes the next commit of entries (bytes), takes it, and returns its file's bytes."""
        assert 1 <= len(entries) <= MOST
        grown = self.tree.copy()
        for entry in entries:
            grown.add(entry)
        head = note.make(self.vault, grown.size, grown.roots[-1], name, private)
        data = make(self.commits + 1, head, entries)
        self.take(data)
        return data


def entry(time, name, **fields):
    """The bytes of an entry, from JSON's values."""
    plain = {key.rstrip("_"): value for key, value in fields.items()}
    return json.dumps(
        {"time": time, "event": {name: plain}}, separators=(",", ":"), ensure_ascii=False
    ).encode()
