"""Sealing 32 bytes to a token's key, in both suites (section 5)."""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from . import keys, oaep
from .fault import Fault, need

KEM = b"KEM" + bytes([0x00, 0x10])
HPKE = b"HPKE" + bytes([0x00, 0x10, 0x00, 0x01, 0x00, 0x02])
RSA = b"breakglass/v1 rsa-oaep-sha256"


def extract(salt, ikm):
    """HKDF-Extract with SHA-256; an empty salt is 32 zeros."""
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk, info, length):
    return HKDFExpand(hashes.SHA256(), length, info).derive(prk)


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def shared_secret(suite, dh, encapsulated, public):
    """`dh` is the x-coordinate of the agreement for p256, the seed for rsa-oaep-sha256."""
    kem = KEM if suite == "p256" else RSA
    prk = labeled_extract(kem, b"", b"eae_prk", dh)
    return labeled_expand(kem, prk, b"shared_secret", encapsulated + public, 32)


def cipher(suite, dh, encapsulated, public, info):
    """The AES-256-GCM of a message, and its nonce."""
    hpke = HPKE if suite == "p256" else RSA
    hashed = [
        labeled_extract(hpke, b"", label, data)
        for label, data in ((b"psk_id_hash", b""), (b"info_hash", info))
    ]
    context = b"\0" + b"".join(hashed)
    secret = labeled_extract(hpke, shared_secret(suite, dh, encapsulated, public), b"secret", b"")
    key = labeled_expand(hpke, secret, b"key", context, 32)
    return AESGCM(key), labeled_expand(hpke, secret, b"base_nonce", context, 12)


def seal(suite, public, info, aad, message, draw):
    """Returns (encapsulated, ciphertext). `draw(n)` gives n random bytes."""
    if suite == "p256":
        ours = ec.derive_private_key(
            1 + int.from_bytes(draw(40), "big") % (keys.P256_ORDER - 1), ec.SECP256R1()
        )
        encapsulated = keys.point_of(ours.public_key())
        dh = ours.exchange(ec.ECDH(), keys.p256(public))
    else:
        dh = draw(32)
        encapsulated = oaep.encrypt(keys.rsa_key(public), dh, draw(32))
    aes, nonce = cipher(suite, dh, encapsulated, public, info)
    return encapsulated, aes.encrypt(nonce, message, aad)


def check_encapsulated(suite, public, encapsulated):
    """What is no encapsulation for this key never reaches a token."""
    try:
        if suite == "p256":
            keys.p256(encapsulated)
        else:
            modulus = keys.rsa_key(public).public_numbers().n
            fits = len(encapsulated) == (modulus.bit_length() + 7) // 8
            need(fits and int.from_bytes(encapsulated, "big") < modulus, "form", "not below the modulus")
    except Fault as fault:
        raise Fault("form", f"encapsulated: {fault}") from fault


def open_sealed(suite, public, info, aad, encapsulated, ciphertext, private):
    """`private(encapsulated)` gives what the token computes: the agreement or the seed."""
    check_encapsulated(suite, public, encapsulated)
    need(len(ciphertext) == 48, "form", "a sealed message has 48 bytes")
    dh = private(encapsulated)
    need(len(dh) == 32, "sealing", "the token's answer has 32 bytes")
    aes, nonce = cipher(suite, dh, encapsulated, public, info)
    try:
        return aes.decrypt(nonce, ciphertext, aad)
    except InvalidTag as error:
        raise Fault("sealing", "a sealed message does not open") from error
