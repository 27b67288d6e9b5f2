"""Keys in software, for tests and vectors: tokens of both suites, rotators, stations. Made from a seed, so
that they come out the same each time; RSA keys are too slow for that and are given."""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils

from . import keys, text


class Draw:
    """Bytes that look random and are the same for the same seed. NOT for vaults."""

    def __init__(self, seed):
        self.seed, self.count = seed.encode(), 0

    def __call__(self, length):
        data = b""
        while len(data) < length:
            self.count += 1
            data += hashlib.sha256(self.seed + b"\0%d" % self.count).digest()
        return data[:length]


def ed25519_of(seed):
    return ed25519.Ed25519PrivateKey.from_private_bytes(Draw("ed25519 " + seed)(32))


def p256_of(seed):
    number = int.from_bytes(Draw("p256 " + seed)(40), "big") % (keys.P256_ORDER - 1)
    return ec.derive_private_key(1 + number, ec.SECP256R1())


def point_of(private):
    return keys.point_of(private.public_key())


class Token:
    """A token with both keys in software. `rsa` are two private RSA keys, for the OAEP suite."""

    def __init__(self, label, rsa=None):
        self.label = label
        self.seal_key, self.sign_key = rsa or (p256_of("seal " + label), p256_of("sign " + label))
        self.is_rsa = rsa is not None

    def seal_half(self):
        """The private seal key as JSON's values."""
        if not self.is_rsa:
            return {"p256": self.seal_key.private_numbers().private_value.to_bytes(32, "big").hex()}
        form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return {"rsa": text.to_base64(self.seal_key.private_bytes(*form))}

    @classmethod
    def of_seal_half(cls, half):
        """What opens with this private key, and does nothing else."""
        token = cls.__new__(cls)
        token.is_rsa = "rsa" in half
        if token.is_rsa:
            token.seal_key = serialization.load_der_private_key(text.from_base64(half["rsa"]), None)
        else:
            token.seal_key = ec.derive_private_key(int(half["p256"], 16), ec.SECP256R1())
        return token

    def plain(self):
        """As the manifest lists it."""
        serial = hashlib.sha256(self.label.encode()).hexdigest()[:16]
        suite, algorithm = (
            ("rsa-oaep-sha256", "rsa-pkcs1-sha256") if self.is_rsa else ("p256", "ecdsa-p256-sha256")
        )
        identity = {
            "kind": "pkcs11",
            "locator": f"pkcs11:token={self.label};serial={serial}",
            "label": self.label,
            "serial": serial,
            "manufacturer": "Software",
            "model": "Second",
        }
        pair = {
            "seal": {"suite": suite, "public": text.to_base64(self._public(self.seal_key))},
            "sign": {"algorithm": algorithm, "public": text.to_base64(self._public(self.sign_key))},
            "presence": "none",
        }
        return {"identity": identity, "keys": pair, "attestation": None}

    @property
    def id(self):
        plain = self.plain()["keys"]
        seal, sign = (
            {**plain[use], "public": text.from_base64(plain[use]["public"])} for use in ("seal", "sign")
        )
        return keys.token_id({"seal": seal, "sign": sign})

    def public(self, use):
        return self._public(self.seal_key if use == "seal" else self.sign_key)

    def _public(self, private):
        return keys.spki(private.public_key()) if self.is_rsa else point_of(private)

    def sign(self, message):
        """As the format wants it: r || s, or as long as the modulus."""
        if self.is_rsa:
            return self.sign_key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        der = self.sign_key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def private(self, encapsulated):
        """What a token computes when a share is opened."""
        if self.is_rsa:
            mgf = padding.MGF1(hashes.SHA256())
            try:
                return self.seal_key.decrypt(encapsulated, padding.OAEP(mgf, hashes.SHA256(), None))
            except ValueError:
                return b""
        return self.seal_key.exchange(ec.ECDH(), keys.p256(encapsulated))

    def sign_into(self, signed):
        """Adds its signature to an envelope."""
        signed.signatures.append((self.id, self.sign(signed.signed)))


class Signer:
    """A software key with a name: a rotator or a station."""

    def __init__(self, name):
        self.name, self.private = name, ed25519_of("signer " + name)
        self.public = keys.raw(self.private.public_key())
        self.id = keys.software_id(self.public)

    def plain(self):
        return {"name": self.name, "public": text.to_base64(self.public)}

    def sign_into(self, signed):
        return signed.sign(self.private)
