"""Public keys and signatures (section 3)."""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from . import curve25519
from .fault import Fault, need
from .fields import fields

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def p256(data):
    """An uncompressed point of P-256, 65 bytes."""
    need(len(data) == 65 and data[0] == 4, "key", "no uncompressed point of P-256")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError as error:
        raise Fault("key", "not on P-256") from error


def point_of(key):
    """The uncompressed point of a public key of P-256, 65 bytes."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def raw(key):
    """The 32 bytes of an Ed25519 public key."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def spki(key):
    """SubjectPublicKeyInfo, DER, of a public key."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def rsa_key(data):
    """An RSA key of 2048 to 4096 bits, in its one spelling."""
    try:
        key = serialization.load_der_public_key(data)
    except Exception as error:  # the library raises several kinds, all of which mean: none
        raise Fault("key", "no SubjectPublicKeyInfo") from error
    need(isinstance(key, rsa.RSAPublicKey), "key", "no RSA key")
    need(2048 <= key.key_size <= 4096, "key", f"RSA of {key.key_size} bits")
    exponent = key.public_numbers().e
    need(3 <= exponent < 2**33 and exponent % 2, "key", "the exponent is odd, from 3 to 2^33 - 1")
    need(key.public_numbers().n % 2, "key", "a modulus is odd")
    need(spki(key) == data, "key", "another spelling of the RSA key")
    return key


def ed25519_key(data):
    """An Ed25519 key that is a point, and not of small order."""
    need(len(data) == 32, "key", "no Ed25519 key: its length")
    point = curve25519.decode(data)
    need(point is not None and not curve25519.is_small(point), "key", "no sound Ed25519 key")
    return ed25519.Ed25519PublicKey.from_public_bytes(data)


SEAL_KEYS = {"p256": p256, "rsa-oaep-sha256": rsa_key}
SIGN_KEYS = {"ecdsa-p256-sha256": p256, "rsa-pkcs1-sha256": rsa_key}


def token_id(keys):
    """The id of a token, from the "keys" of the manifest."""
    seal, sign = keys["seal"], keys["sign"]
    return hashlib.sha256(
        fields("breakglass/v1/token", seal["suite"], seal["public"], sign["algorithm"], sign["public"])
    ).digest()


def software_id(public):
    """The keyid of an Ed25519 key."""
    return hashlib.sha256(public).digest()


def verify(algorithm, public, message, signature):
    """Refuses a signature that is not by this key over this message."""
    check = {"ecdsa-p256-sha256": _ecdsa, "rsa-pkcs1-sha256": _rsa, "ed25519": _ed25519}[algorithm]
    try:
        check(public, message, signature)
    except (InvalidSignature, Fault) as error:
        raise Fault("signature", f"a signature does not verify: {error}") from error


def _ecdsa(public, message, signature):
    need(len(signature) == 64, "signature", "an ECDSA signature has 64 bytes")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    need(0 < r < P256_ORDER and 0 < s < P256_ORDER, "signature", "r or s is out of range")
    p256(public).verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def _rsa(public, message, signature):
    key = rsa_key(public)
    need(len(signature) == (key.key_size + 7) // 8, "signature", "not as long as the modulus")
    key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


def _ed25519(public, message, signature):
    key = ed25519_key(public)
    need(len(signature) == 64, "signature", "an Ed25519 signature has 64 bytes")
    first = curve25519.decode(signature[:32])
    need(first is not None and not curve25519.is_small(first), "signature", "R is of small order")
    key.verify(signature, message)
