"""Ledgers that parted and were joined again: cases of `history`."""

import json

from . import history
from .cases import changed

EXPIRES = "2026-11-24T04:30:00Z"


class Other:
    """A ledger that went on from a mark of the story by itself, with an opening."""

    def __init__(self, cases, mark, key="one"):
        self.story = history.Story([cases.one, cases.two])
        for step in cases.story.steps[: cases.story.marks[mark]]:
            entries = [one.encode() for one in step["entries"]]
            self.story.book.append(entries, step["by"], history.SIGNERS[step["by"]].private)
        self.parted = self.story.book.tree.size
        self.story.add("station", history.opening("deploy"))
        self.story.add("station", history.opened(history.statement(self.story, key), key))
        self.story.add("station", history.delivered("deploy"), history.incident("released", exit=0))

    def head(self, size):
        return {"size": size, "root": self.story.book.heads[size].hex()}

    @property
    def root(self):
        return self.story.book.tree.roots[-1].hex()

    def joined(self, main):
        since = [self.head(size) for size in self.story.book.heads if size > self.parted]
        return "ledger-joined", {"parted": self.head(self.parted), "main": main, "heads": since}

    def carried(self):
        entries = enumerate(self.story.book.entries[self.parted :], self.parted)
        return [self.carry(index, json.loads(entry)) for index, entry in entries]

    def carry(self, index, entry):
        return "carried", {"ledger": self.root, "index": index, "entry": entry}


def _head(cases, mark):
    steps = cases.story.steps[: cases.story.marks[mark]]
    size = sum(len(step["entries"]) for step in steps)
    return {"size": size, "root": cases.story.book.heads[size].hex()}


def cases(to):
    """Adds them to the cases of the story."""
    station = {"by": "station"}
    other = Other(to, "declared")
    joined, carried = other.joined(_head(to, "closed")), other.carried()
    whole = [joined, *carried]
    to.good("joined: what was opened in an incident that was closed meanwhile", "closed", *whole, **station)
    at_opening = other.joined(_head(to, "declared"))
    to.good("joined: to the head that both have", "declared", at_opening, *carried, **station)
    to.good("joined: in part", "closed", *whole[:2], **station)
    refused = history.of_key("key-refused", "deploy", "one", answers=3)
    denied = ("sessions-denied", {"credential": "deploy", "before": EXPIRES})
    closed = history.incident("incident-closed")
    to.good("joined: and closed again", "closed", *whole, refused, denied, closed)
    to.bad("joined: closed again, and no sessions denied since", "closed", *whole, refused, closed)
    to.good("joined: more is opened in it", "closed", *whole, history.opening("deploy"))
    to.bad("joined: twice", "closed", joined, joined, **station)
    for name, path, value in (
        ("parted at a head that this one never had", "parted.root", "5a" * 32),
        ("parted within a commit", "parted.size", 2),
        ("at a head that this one never had", "main.root", "5a" * 32),
        ("to an older head than it parted from", "main", _head(to, "added")),
        ("without a head", "heads", []),
        ("its heads in another order", "heads", joined[1]["heads"][::-1]),
        ("a head twice", "heads", joined[1]["heads"][:1] * 2),
        ("a head before the parting", "heads", [_head(to, "added"), *joined[1]["heads"]]),
    ):
        to.bad(f"joined: {name}", "closed", (joined[0], changed(joined[1], path, value)), **station)
    to.bad("carried: from a ledger that was not joined", "closed", carried[0], **station)
    to.bad("carried: twice", "closed", joined, carried[0], carried[0], **station)
    to.bad("carried: in another order", "closed", joined, *carried[::-1], **station)
    for name, index in (("before the parting", other.parted - 1), ("behind its end", other.parted + 4)):
        moved = (carried[0][0], {**carried[0][1], "index": index})
        to.bad(f"carried: an entry {name}", "closed", joined, moved, **station)
    elsewhere = history.statement(other.story)
    strange = changed(elsewhere, "ledger_root", "5a" * 32)
    for name, plain, witness in (
        ("on a head that neither had", strange, "one"),
        ("of another lease", {**elsewhere, "expires": EXPIRES}, "one"),
    ):
        entry = {"time": EXPIRES, "event": dict([history.opened(plain, witness)])}
        to.bad(f"carried: a statement {name}", "closed", joined, other.carry(other.parted, entry), **station)
    entry = {"time": EXPIRES, "event": dict([history.opened(elsewhere, "audit")])}
    forged = other.carry(other.parted, entry)
    to.bad("carried: a statement by another witness", "closed", joined, forged, kind="signature", **station)
    story = to.story.marks["statement"]
    entry = {"time": EXPIRES, "event": dict([history.opened(story, "one")])}
    again = other.carry(other.parted, entry)
    to.bad("carried: a statement that stands there already", "closed", joined, again, **station)
    never = {"incident-declared": history.declared("nobody", name="inc-2")[1]}
    entry = other.carry(other.parted, {"time": EXPIRES, "event": never})
    to.bad("carried: an incident for nobody's key", "closed", joined, entry, **station)
    declared = {"incident-declared": history.declared("deploy")[1]}
    entry = other.carry(other.parted, {"time": EXPIRES, "event": declared})
    to.bad("carried: an incident that there is already", "closed", joined, entry, **station)
