"""Credentials that are given up: cases of `history`."""

from . import history


def retired(name="deploy", left=()):
    keys = [history.KEYS[key] for key in left]
    return "credential-retired", {"credential": name, "reason": "the account is closed", "left": keys}


def gone(key):
    return history.of_key("key-deleted", "deploy", key)


def cases(self):
    self.good("given up: without a key", "added", retired())
    self.bad("given up: by a station", "added", retired(), by="station", kind="writer")
    self.bad("given up: what there is not", "added", retired("other"))
    self.bad("given up: twice", "added", retired(), retired())
    self.bad("given up: added again", "added", retired(), history.credential("deploy"))
    self.bad("given up: and a key intended", "begun", retired(), history.intended("deploy", 1))
    self.bad("given up: with a key", "committed", retired())
    self.good("given up: with a key that is gone", "committed", gone("one"), retired())
    self.good("given up: with a key that is left", "committed", retired(left=["one"]))
    self.bad("given up: with another key left", "committed", retired(left=["two"]))
    self.bad("given up: in an incident, with a key left", "opened", retired(left=["one"]))
    self.good("given up: in an incident, with no key left", "opened", gone("one"), retired())
    self.good("given up: what was open before", "closed", gone("two"), retired())
    self.good(
        "given up: in the place of a newer key", "denied", gone("one"), retired(), history.incident("incident-closed")
    )
    self.bad(
        "given up: and closed with a key that may live",
        "deactivated",
        gone("one"),
        retired(),
        history.incident("incident-closed"),
    )
