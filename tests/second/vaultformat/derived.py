"""What is derived from the commits: the plain checkpoint, tiles and entry bundles (section 8; C2SP
tlog-tiles). They may be missing or old, and nothing is believed because of them."""

import os
import pathlib

from . import tree
from .commit import MOST as WIDTH


def name(number):
    """A tile's number in groups of three digits, all but the last with an x before it."""
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups)


def _full(hashes):
    """The root over the hashes of a full tile."""
    while len(hashes) > 1:
        hashes = [tree.node(left, right) for left, right in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def _row(row, parts):
    """The files of a row of tiles; the last one may be partial."""
    for number, at in enumerate(range(0, len(parts), WIDTH)):
        of_tile = parts[at : at + WIDTH]
        partial = "" if len(of_tile) == WIDTH else f".p/{len(of_tile)}"
        yield f"tile/{row}/{name(number)}{partial}", b"".join(of_tile)


def files(entries, note):
    """All derived files of a ledger as it is now, path below `ledger/` to bytes."""
    found = {"checkpoint": note}
    found.update(_row("entries", [len(entry).to_bytes(2, "big") + entry for entry in entries]))
    level, hashes = 0, [tree.leaf(entry) for entry in entries]
    while hashes:
        found.update(_row(level, hashes))
        whole = len(hashes) // WIDTH * WIDTH
        hashes = [_full(hashes[at : at + WIDTH]) for at in range(0, whole, WIDTH)]
        level += 1
    return found


def compare(folder, entries, note):
    """How many of the wanted files are there and right, there and other, and not there."""
    count = {"right": 0, "other": 0, "missing": 0}
    for path, wanted in files(entries, note).items():
        place = pathlib.Path(folder) / "ledger" / path
        if not os.path.isfile(place):
            count["missing"] += 1
        else:
            count["right" if place.read_bytes() == wanted else "other"] += 1
    return count
