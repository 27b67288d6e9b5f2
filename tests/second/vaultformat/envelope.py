"""DSSE envelopes (section 3)."""

import hashlib
import json

from . import keys, shape, text
from .fault import need

MANIFEST = "application/vnd.breakglass.manifest.v1+json"
GENERATION = "application/vnd.breakglass.generation.v1+json"
RECORD = "application/vnd.breakglass.record.v1+json"
OPENED = "application/vnd.breakglass.opened.v1+json"
DRILLED = "application/vnd.breakglass.drilled.v1+json"

SHAPE = shape.record(
    payloadType=shape.string,
    payload=text.from_base64,
    signatures=shape.several(shape.record(keyid=text.digest, sig=text.from_base64)),
)


class Envelope:
    """A signed document: `kind`, `payload` (bytes), `signatures` (pairs of keyid and bytes)."""

    def __init__(self, kind, payload, signatures=()):
        self.kind, self.payload = kind, payload
        self.signatures = list(signatures)

    @property
    def digest(self):
        """The digest of the document."""
        return hashlib.sha256(self.payload).digest()

    @property
    def signed(self):
        """The bytes that are signed (PAE)."""
        kind = self.kind.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)

    def sign(self, private):
        """Adds the signature of an Ed25519 key."""
        keyid = hashlib.sha256(keys.raw(private.public_key())).digest()
        self.signatures.append((keyid, private.sign(self.signed)))
        return self

    def plain(self):
        """As JSON's values."""
        signatures = [{"keyid": key.hex(), "sig": text.to_base64(sig)} for key, sig in self.signatures]
        return {"payloadType": self.kind, "payload": text.to_base64(self.payload), "signatures": signatures}

    def bytes(self):
        return json.dumps(self.plain(), separators=(",", ":")).encode() + b"\n"


def of(found, kind):
    """From JSON's values, already of SHAPE."""
    need(found["payloadType"] == kind, "form", f"not a {kind} but a {found['payloadType']!r:.60}")
    return Envelope(kind, found["payload"], [(one["keyid"], one["sig"]) for one in found["signatures"]])


# The most bytes of a file.
MOST = {MANIFEST: 1 << 20, GENERATION: 1 << 20, RECORD: 1 << 14, OPENED: 1 << 16}


def parse(data, kind):
    need(len(data) <= MOST[kind], "form", "larger than such a file may be")
    envelope = of(shape.parse(data, SHAPE), kind)
    need(envelope.bytes() == data, "form", "an envelope in another spelling")
    return envelope


def document(value):
    """A payload: JSON's values as bytes. The order and the blanks are free."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
