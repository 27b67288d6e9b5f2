"""How a file of vectors is put together."""

import copy
import json

from vaultformat import text


class File:
    """`shared` is what all its cases need."""

    def __init__(self, subject, about, **shared):
        self.subject, self.about, self.shared, self.cases = subject, about, shared, []

    def good(self, name, gives=None, /, **given):
        more = {} if gives is None else {"gives": gives}
        self._add({"name": name, **given, "expect": "ok", **more})

    def bad(self, name, fault, /, **given):
        self._add({"name": name, **given, "expect": fault})

    def _add(self, case):
        assert case["name"] not in {one["name"] for one in self.cases}, case["name"]
        self.cases.append(case)

    def plain(self):
        return {"subject": self.subject, "about": self.about, "shared": self.shared, "cases": self.cases}


def blob(data):
    """Bytes in a vector: as text where they are."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": text.to_base64(data)}


def bytes_of(plain):
    return plain["text"].encode() if "text" in plain else text.from_base64(plain["base64"])


def dumps(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def changed(document, path, value):
    """A copy with another value at a path such as `policy.rotate_days` or `custodians.0.name`."""
    made = copy.deepcopy(document)
    where, last = _parent(made, path)
    where[last] = value
    return made


def without(document, path):
    made = copy.deepcopy(document)
    where, last = _parent(made, path)
    del where[last]
    return made


def _parent(document, path):
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        document = document[step]
    return document, last
