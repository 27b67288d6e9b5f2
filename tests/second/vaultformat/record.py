"""One sealed access key (section 6), and opening it (section 7)."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import envelope, header, keys, sealing, shape, text
from .fault import Fault, need
from .fields import fields, lp

ABOUT = {
    "vault": text.digest,
    "manifest": text.digest,
    "header": text.digest,
    "compartment": text.name,
    "generation": shape.number,
    "credential": text.name,
    "account": text.account,
    "user": text.user,
    "access_key": text.access_key,
    "created": text.time,
}
SHAPE = shape.record(
    about=shape.record(**ABOUT),
    commitment=text.from_base64,
    witness=text.from_base64,
    ciphertext=text.from_base64,
)


class Record:
    """A record that has its form: `body`, `about`, `digest`, `envelope`."""

    def __init__(self, signed):
        self.envelope, self.digest = signed, signed.digest
        self.body = shape.parse(signed.payload, SHAPE)
        self.about = self.body["about"]
        for field, length in (("commitment", 32), ("witness", 32), ("ciphertext", 144)):
            need(len(self.body[field]) == length, "form", f"{field} has {length} bytes")


def parse(data):
    return Record(envelope.parse(data, envelope.RECORD))


def about_bytes(about):
    return fields("breakglass/v1/record", *(about[name] for name in ABOUT))


def derived(secrets, about):
    """key, commitment, and the witness's private key, from the role secrets by role."""
    label = fields("breakglass/v1/credential-secret", about["credential"])
    both = b"".join(sealing.expand(secrets[role], label, 32) for role in ("ic", "bgo"))
    okm = sealing.expand(sealing.extract(b"", both), about_bytes(about), 96)
    return okm[:32], okm[32:64], ed25519.Ed25519PrivateKey.from_private_bytes(okm[64:])


def _aad(about, commitment, witness):
    return about_bytes(about) + lp(commitment) + lp(witness)


def check(record, found_header, manifest):
    """Signed by a rotator, and of this header."""
    header.check_rotator(record.envelope, manifest)
    need(record.about["header"] == found_header.digest, "place", "of another header")
    for name in ("vault", "manifest", "compartment", "generation"):
        need(record.about[name] == found_header.body[name], "place", f"of another {name}")


def make(secrets, about, secret):
    """A record's payload (JSON's values) and its witness's public key; `about` as it is parsed."""
    need(16 <= len(secret) <= 126, "form", "a secret has 16 to 126 characters")
    need(all(33 <= byte <= 126 for byte in secret), "form", "a secret is printable ASCII")
    key, commitment, private = derived(secrets, about)
    witness = keys.raw(private.public_key())
    padded = (len(secret).to_bytes(2, "big") + secret).ljust(128, b"\0")
    ciphertext = AESGCM(key).encrypt(bytes(12), padded, _aad(about, commitment, witness))
    plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in about.items()}
    sealed = {"commitment": commitment, "witness": witness, "ciphertext": ciphertext}
    return {"about": plain, **{name: text.to_base64(data) for name, data in sealed.items()}}, witness


def unlock(record, secrets):
    """The key and the witness's private key, once both are the ones that the record announced."""
    key, commitment, private = derived(secrets, record.about)
    same = hmac.compare_digest(commitment, record.body["commitment"])
    same &= hmac.compare_digest(keys.raw(private.public_key()), record.body["witness"])
    need(same, "mismatch", "these role secrets are not those of this record")
    return key, private


def release(record, key):
    """The secret access key."""
    aad = _aad(record.about, record.body["commitment"], record.body["witness"])
    try:
        plain = AESGCM(key).decrypt(bytes(12), record.body["ciphertext"], aad)
    except InvalidTag as error:
        raise Fault("sealing", "the record does not open") from error
    length = int.from_bytes(plain[:2], "big")
    secret = plain[2 : 2 + length]
    need(16 <= length <= 126 and not any(plain[2 + length :]), "form", "the padding is wrong")
    need(all(33 <= byte <= 126 for byte in secret), "form", "a secret is printable ASCII")
    return secret
