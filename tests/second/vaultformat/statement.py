"""What a record's witness states: an opening (section 7), a drill (section 8)."""

from . import envelope, keys, shape, text
from .fault import need

PARTICIPANTS = shape.several(
    shape.record(
        role=shape.one_of("ic", "bgo", "so"),
        custodian=text.name,
        token=text.digest,
        presence=shape.one_of("none", "touch"),
    )
)
BOTH = {
    "vault": text.digest,
    "credential": text.name,
    "compartment": text.name,
    "generation": shape.number,
    "access_key": text.access_key,
    "participants": PARTICIPANTS,
    "ledger_size": shape.number,
    "ledger_root": text.digest,
}
OPENED = shape.record(**BOTH, incident=text.name, reason=text.reason, opened=text.time, expires=text.time)
DRILLED = shape.record(**BOTH, drilled=text.time)


class Statement:
    def __init__(self, signed, kind):
        self.envelope = signed
        self.body = shape.parse(signed.payload, kind)

    def check_signed(self, witness):
        """One signature, by the witness of the record."""
        need(len(self.envelope.signatures) == 1, "signature", "exactly one signature")
        keyid, signature = self.envelope.signatures[0]
        need(keyid == keys.software_id(witness), "signature", "not signed by the record's witness")
        keys.verify("ed25519", witness, self.envelope.signed, signature)


def of(plain):
    """The statement of an opening, from JSON's values of an envelope, already of its shape."""
    return Statement(envelope.of(plain, envelope.OPENED), OPENED)


def of_drill(plain):
    """The same of a drill."""
    return Statement(envelope.of(plain, envelope.DRILLED), DRILLED)
