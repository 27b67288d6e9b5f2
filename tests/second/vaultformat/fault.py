"""The one way in which something is refused, and its class (docs/format.md, section 11)."""

CLASSES = {
    "form": "not of its form: bytes, text, JSON, a field, a length, a number's range",
    "key": "a public key that is none of its suite or algorithm",
    "signature": "a signature that is missing, does not verify, or is by a key that may not sign this",
    "unsound": "a manifest that breaks a rule for every manifest",
    "chain": "a manifest that does not follow the one before",
    "quorum": "a manifest that too few have signed",
    "place": "a document that is whole and belongs elsewhere",
    "sealing": "a sealed message that does not open",
    "mismatch": "a share, a commitment or a witness that is not the one that was announced",
    "tree": "entries that are not those of the signed head",
    "writer": "an entry by a key that may not write it",
    "history": "an entry that cannot stand where it does",
}


class Fault(Exception):
    """Refused. `kind` is one of CLASSES; the text is for people."""

    def __init__(self, kind, what):
        assert kind in CLASSES, kind
        super().__init__(what)
        self.kind = kind


def need(holds, kind, what):
    """Refuses where `holds` is false."""
    if not holds:
        raise Fault(kind, what)
