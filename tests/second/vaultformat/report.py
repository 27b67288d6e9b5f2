"""What a vault says, as JSON, for `verify` and `scripts/recover check`."""

from . import derived


def grouped(digest):
    """A fingerprint as it stands on the card in the safe."""
    text = digest.hex()
    return " ".join(text[at : at + 4] for at in range(0, 64, 4))


def summary(found):
    """All of a vault (vault.Vault) that people may want to know before they open it."""
    state, newest = found.state, found.chain.newest
    return {
        "vault": newest.body["vault"],
        "fingerprint": found.chain.fingerprint.hex(),
        "manifest-version": newest.body["version"],
        "commits": found.ledger.commits,
        "entries": found.ledger.tree.size,
        "root": found.ledger.tree.roots[-1].hex(),
        "custodians": [_custodian(one) for one in newest.body["custodians"]],
        "thresholds": newest.body["thresholds"],
        "records": found.check_sealed(),
        "derived": derived.compare(found.folder, found.ledger.entries, found.ledger.note),
        "credentials": {name: _credential(one) for name, one in state.credentials.items()},
        "open-incidents": [name for name, one in state.incidents.items() if not one.closed],
    }


def _custodian(one):
    tokens = [
        {key: token["identity"][key] for key in ("label", "serial", "model")} for token in one["tokens"]
    ]
    return {"name": one["name"], "role": one["role"], "tokens": tokens}


def _credential(one):
    key = one.newest()
    generation = one.keys[key].generation if key else None
    return {**one.about, "access-key": key, "generation": generation}
