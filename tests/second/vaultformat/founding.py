"""A whole vault made by software keys: manifests that software tokens sign, and the first entries."""

from . import chain, envelope, ledger, text
from .fault import need
from .vault import Vault, numbered, write

POLICY = {
    "allow_no_touch": True,
    "rotate_days": 30,
    "max_lease_minutes": 240,
    "grace_minutes": 0,
    "min_firmware": "5.7.0",
    "allow_pin_once": False,
    "attestation_roots": [],
}


def first(custodians, thresholds, rotators, nonce, created):
    """A first manifest as JSON's values. `custodians` are (name, role, tokens)."""
    return {
        "vault": "second",
        "version": 1,
        "previous": None,
        "created": created,
        "nonce": text.to_base64(nonce),
        "policy": dict(POLICY),
        "thresholds": dict(zip(("ic", "bgo", "so"), thresholds)),
        "custodians": [
            {"name": name, "role": role, "tokens": [token.plain() for token in tokens]}
            for name, role, tokens in custodians
        ],
        "rotators": [rotator.plain() for rotator in rotators],
        "compartments": ["main"],
        "retired": [],
    }


def signed(plain, tokens):
    """A manifest's envelope, signed by these tokens."""
    made = envelope.Envelope(envelope.MANIFEST, envelope.document(plain))
    for token in tokens:
        token.sign_into(made)
    return made


def found(folder, manifest, signer, time):
    """Writes a vault with its first manifest (an envelope) and the entry that founds it."""
    need(not folder.exists(), "place", f"{folder} is there already")
    write(folder, f"manifest/{numbered('manifest', 1)}", manifest.bytes())
    book = ledger.Ledger(chain.verify([manifest.bytes()]))
    entry = ledger.entry(time, "vault-founded", vault=manifest.digest.hex())
    data = book.append([entry], signer.name, signer.private)
    write(folder, f"ledger/commit/{numbered('ledger/commit', 1)}", data)
    return Vault(folder)
