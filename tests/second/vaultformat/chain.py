"""Manifests that follow each other (section 4)."""

from . import keys, manifest
from .fault import need


class Chain:
    """Manifests that are all valid, from the first; `fingerprint` is that of the vault."""

    def __init__(self):
        self.versions = []

    @property
    def fingerprint(self):
        return self.versions[0].digest

    @property
    def newest(self):
        return self.versions[-1]

    def by_digest(self, digest):
        found = [one for one in self.versions if one.digest == digest]
        return found[0] if found else None

    def extend(self, data):
        """Takes the bytes of the next version's file, if they hold a valid one."""
        new = manifest.parse(data)
        before = self.versions[-1] if self.versions else None
        manifest.check_sound(new)
        _follows(new, before, len(self.versions) + 1)
        _signed(new, before)
        self.versions.append(new)


def verify(files):
    """The chain of the bytes of all versions' files, in their order."""
    chain = Chain()
    for data in files:
        chain.extend(data)
    need(chain.versions, "chain", "no manifest")
    return chain


def _follows(new, before, version):
    body = new.body
    need(body["version"] == version, "chain", f"version {body['version']} in the place of {version}")
    need(body["previous"] == (before.digest if before else None), "chain", "previous")
    if not before:
        return
    for field in ("vault", "nonce"):
        need(body[field] == before.body[field], "chain", f"{field} has changed")
    need(set(before.body["retired"]) <= set(body["retired"]), "chain", "a retired token is forgotten")
    for token, (owner, what) in before.tokens.items():
        if token not in new.tokens:
            need(token in body["retired"], "chain", "a token is gone and not retired")
            continue
        now, there = new.tokens[token]
        need((now["name"], now["role"]) == (owner["name"], owner["role"]), "chain", "a token changed hands")
        need(there["keys"] == what["keys"], "chain", "a token's presence has changed")


def _signed(new, before):
    old = before.tokens if before else {}
    signers = [keyid for keyid, _ in new.envelope.signatures]
    need(len(set(signers)) == len(signers), "signature", "a token signed twice")
    for keyid, signature in new.envelope.signatures:
        _, token = old.get(keyid) or new.tokens.get(keyid) or (None, None)
        need(token, "signature", "signed by a stranger")
        sign = token["keys"]["sign"]
        keys.verify(sign["algorithm"], sign["public"], new.envelope.signed, signature)
    missing = [token for token in new.tokens if token not in old and token not in signers]
    need(not missing, "signature", "a new token has not signed")
    if before:
        for role, threshold in before.body["thresholds"].items():
            names = {old[one][0]["name"] for one in signers if one in old and old[one][0]["role"] == role}
            need(len(names) >= threshold, "quorum", f"{len(names)} of {threshold} of {role} signed")
