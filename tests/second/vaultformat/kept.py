"""Ledgers that were joined, as they are kept in the vault (section 8): each holds by itself, and what was
carried over stands in it."""

from . import events, files
from .fault import need
from .ledger import Ledger

MOST = 4 << 20


def check(folder, chain, commits, state):
    """`commits` are the bytes of the vault's own ledger. How many ledgers were joined."""
    carried = [one for other in state.joined.values() for one in other.carried]
    for root, other in state.joined.items():
        place = f"ledger/offline/{root.hex()}/commit"
        names = sorted(files.names(folder, place))
        need(names, "tree", f"{place} is missing")
        first = int(names[0])
        kept = Ledger(chain)
        for data in commits[: first - 1]:
            kept.take(data)
        parted = len(kept.entries)
        for number, name in enumerate(names, first):
            need(name == f"{number:012}", "tree", f"{place}: a gap")
            kept.take(files.read(folder, f"{place}/{name}", MOST))
        since = {size: head for size, head in kept.heads.items() if size >= parted}
        need(since == other.heads, "tree", f"{place}: other heads than were joined")
        for index, entry in enumerate(kept.entries[parted:], parted):
            time, name, inner = events.parse(entry)
            if name in events.CARRIED:
                need((index, time, name, inner) in carried, "history", f"entry {index} was not carried over")
    return len(state.joined)
