"""Ledgers that parted from this one and were joined to it (section 9)."""

from .fault import need


class Other:
    """A ledger that was joined: its `heads` (size to root), those of the parting and since."""

    def __init__(self, event):
        parted, heads = event["parted"], event["heads"]
        sizes = [head["size"] for head in (parted, *heads)]
        need(heads and sizes == sorted(set(sizes)), "history", "heads out of order")
        self.heads = {head["size"]: head["root"] for head in (parted, *heads)}
        self.next, self.end = sizes[0], sizes[-1]
        self.root = heads[-1]["root"]
        self.carried = []  # (index, time, name of the event, its fields)


class Joined:
    """The part of the state that joined ledgers make up."""

    def __init__(self):
        super().__init__()
        self.joined = {}

    def on_ledger_joined(self, event):
        for head in (event["parted"], event["main"]):
            had = self.heads.get(head["size"]) == head["root"]
            need(had, "history", "joined at a head that this ledger never had")
        need(event["main"]["size"] >= event["parted"]["size"], "history", "parted after it was joined")
        other = Other(event)
        need(other.root not in self.joined, "history", "joined twice")
        self.joined[other.root] = other

    def on_carried(self, event):
        other = self.joined.get(event["ledger"])
        need(other, "history", "carried over from a ledger that was not joined")
        need(other.next <= event["index"] < other.end, "history", "carried over out of turn")
        other.next = event["index"] + 1
        name, inner = event["entry"]["event"]
        other.carried.append((event["index"], event["entry"]["time"], name, inner))
        if name in ("opened", "drilled"):
            getattr(self, "on_" + name)(inner, other)
            return
        if name == "opening-intended" and inner["incident"] in self.incidents:
            self.incidents[inner["incident"]].open_again()
        getattr(self, "on_" + name.replace("-", "_"))(inner)
