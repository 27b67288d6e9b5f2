"""Envelopes and signatures (section 3)."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from vaultformat import curve25519, envelope, keys, soft, text, world

from .cases import File, blob, bytes_of, changed, dumps, without

SUBJECT = "envelopes"
MESSAGE = b"DSSEv1 1 t 2 hi"


def run(shared, case):
    if "envelope" in case:
        found = envelope.parse(bytes_of(case["envelope"]), case["type"])
        return {"digest": found.digest.hex(), "signed": hashlib.sha256(found.signed).hexdigest()}
    given = [text.from_base64(case[field]) for field in ("public", "message", "signature")]
    keys.verify(case["algorithm"], *given)
    return None


def make():
    file = File(SUBJECT, "Envelopes (their digest, the SHA-256 of what is signed), and single signatures.")
    _envelopes(file)
    _ecdsa(file)
    _rsa(file)
    _ed25519(file)
    return file


def _envelopes(file):
    signature = {"keyid": "5a" * 32, "sig": text.to_base64(bytes(64))}
    plain = {"payloadType": envelope.RECORD, "payload": text.to_base64(b'{"a":1}'), "signatures": [signature]}

    def good(name, data):
        given = {"type": envelope.RECORD, "envelope": blob(data)}
        file.good(f"envelope: {name}", run(None, given), **given)

    def bad(name, data):
        file.bad(f"envelope: {name}", "form", type=envelope.RECORD, envelope=blob(data))

    good("as it is written", _line(plain))
    good("an empty payload", _line(changed(plain, "payload", "")))
    good("no signature", _line(changed(plain, "signatures", [])))
    good("the largest record", _of_length(plain, 1 << 14))
    bad("larger than a record may be", _of_length(plain, (1 << 14) + 4))
    bad("without the line end", dumps(plain))
    bad("with two line ends", _line(plain) + b"\n")
    bad("with a carriage return", dumps(plain) + b"\r\n")
    bad("a blank for the line end", dumps(plain) + b" ")
    bad("a blank in front", b" " + _line(plain))
    bad("a blank behind a colon", _line(plain).replace(b'":', b'": ', 1))
    bad("in another order", _line(dict(reversed(plain.items()))))
    bad("a signature in another order", _line(changed(plain, "signatures.0", dict(reversed(signature.items())))))
    bad("an escape in the type", _line(plain).replace(b"application/", b"application\\/", 1))
    bad("an escape in a name", _line(plain).replace(b'"payload"', b'"p\\u0061yload"', 1))
    bad("of another type", _line(changed(plain, "payloadType", envelope.GENERATION)))
    bad("of the next version", _line(changed(plain, "payloadType", envelope.RECORD.replace("v1", "v2"))))
    bad("an unknown field", _line({**plain, "more": 1}))
    bad("an unknown field of a signature", _line(changed(plain, "signatures.0.more", 1)))
    for field in plain:
        bad(f"without {field}", _line(without(plain, field)))
    bad("a signature without keyid", _line(without(plain, "signatures.0.keyid")))
    bad("a list in its place", _line(list(plain.values())))
    bad("a list in the place of a signature", _line(changed(plain, "signatures.0", list(signature.values()))))
    bad("keyid in upper case", _line(changed(plain, "signatures.0.keyid", "5A" * 32)))
    bad("a payload of stray bits", _line(changed(plain, "payload", "AB==")))
    bad("the payload in the URL alphabet", _line(changed(plain, "payload", "-_-_")))
    bad("the payload as JSON itself", _line(changed(plain, "payload", {"a": 1})))
    bad("signatures null", _line(changed(plain, "signatures", None)))
    bad("payloadType twice", dumps(plain)[:-1] + b',"payloadType":"x"}\n')
    bad("a second line", _line(plain) + _line(plain))


def _line(value):
    """A file as it is written."""
    return dumps(value) + b"\n"


def _of_length(plain, length):
    """The file with so many bytes: base64 grows by four, and each more signature moves the rest."""
    for count in range(1, 5):
        signed = changed(plain, "signatures", plain["signatures"] * count)
        room = length - len(_line(changed(signed, "payload", "")))
        if room % 4 == 0:
            return _line(changed(signed, "payload", "A" * room))
    raise ValueError(length)


def _signatures(file, algorithm, public, right, bads, keys_bad=()):
    given = {"algorithm": algorithm, "public": text.to_base64(public), "message": text.to_base64(MESSAGE)}
    file.good(algorithm, **given, signature=text.to_base64(right))
    for name, signature in bads:
        file.bad(f"{algorithm}: {name}", "signature", **given, signature=text.to_base64(signature))
    for name, other in keys_bad:
        more = {**given, "public": text.to_base64(other), "signature": text.to_base64(right)}
        file.bad(f"{algorithm}: {name}", "signature", **more)
    other = {**given, "message": text.to_base64(MESSAGE + b"!"), "signature": text.to_base64(right)}
    file.bad(f"{algorithm}: another message", "signature", **other)


def _ecdsa(file):
    token = soft.Token("alice")
    right, public = token.sign(MESSAGE), keys.point_of(token.sign_key.public_key())
    r, s = right[:32], right[32:]
    order = keys.P256_ORDER.to_bytes(32, "big")
    high = (keys.P256_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    der = b"\x30\x44\x02\x20" + r + b"\x02\x20" + s
    _signatures(
        file,
        "ecdsa-p256-sha256",
        public,
        right,
        [
            ("r is zero", bytes(32) + s),
            ("s is zero", r + bytes(32)),
            ("r is the order", order + s),
            ("s is the order", r + order),
            ("63 bytes", right[:-1]),
            ("65 bytes", right + b"\0"),
            ("DER", der),
            ("r and s exchanged", s + r),
            ("nothing", b""),
            ("a bit of s turned", right[:-1] + bytes([right[-1] ^ 1])),
        ],
        [("another key", keys.point_of(soft.Token("carol").sign_key.public_key()))],
    )
    given = {
        "algorithm": "ecdsa-p256-sha256",
        "public": text.to_base64(public),
        "message": text.to_base64(MESSAGE),
    }
    file.good("ecdsa-p256-sha256: the other s", **given, signature=text.to_base64(r + high))


def _rsa(file):
    seal, sign = world.rsa_keys()
    right = sign.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    numbers = sign.public_key().public_numbers()
    above = (int.from_bytes(right, "big") + numbers.n).to_bytes(257, "big")
    _signatures(
        file,
        "rsa-pkcs1-sha256",
        keys.spki(sign.public_key()),
        right,
        [
            ("SHA-1", sign.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1())),
            ("SHA-512", sign.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA512())),
            ("a byte less", right[:-1]),
            ("a zero before", b"\0" + right),
            ("the modulus added", above),
            ("zeros", bytes(256)),
            ("one", bytes(255) + b"\1"),
            ("nothing", b""),
            ("the padding of the digest without its name", _bare(sign)),
        ],
        [("another key", keys.spki(seal.public_key()))],
    )


def _bare(sign):
    """PKCS#1 v1.5 of the digest without DigestInfo, which some take."""
    digest = hashlib.sha256(MESSAGE).digest()
    encoded = b"\0\1" + b"\xff" * (256 - 35) + b"\0" + digest
    private = sign.private_numbers()
    return pow(int.from_bytes(encoded, "big"), private.d, private.public_numbers.n).to_bytes(256, "big")


def _ed25519(file):
    signer = soft.Signer("rotator")
    right = signer.private.sign(MESSAGE)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(right[32:], "little")
    _signatures(
        file,
        "ed25519",
        signer.public,
        right,
        [
            ("s not below the order", right[:32] + (s + order).to_bytes(32, "little")),
            ("s is zero", right[:32] + bytes(32)),
            ("R is the neutral point", b"\1" + bytes(31) + right[32:]),
            ("R is no point", b"\2" + bytes(31) + right[32:]),
            ("R's y is not below p", curve25519.P.to_bytes(32, "little") + right[32:]),
            ("63 bytes", right[:-1]),
            ("65 bytes", right + b"\0"),
            ("nothing", b""),
            ("a bit of R turned", bytes([right[0] ^ 1]) + right[1:]),
        ],
        [("another key", soft.Signer("station").public)],
    )
