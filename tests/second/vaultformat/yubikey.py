"""YubiKeys in software, for tests and vectors, with certificates that come out the same each time."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from . import attestation, soft, text

BEGINS, ENDS = datetime.datetime(2016, 3, 14), datetime.datetime(2052, 4, 17)
KEY_USES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
KEY_USES = (*KEY_USES.split(), "crl_sign", "encipher_only", "decipher_only")


def named(common):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def der_of(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def integer(number):
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(data)]) + data


def certificate(subject, issuer, public, signer, extensions):
    """DER; `extensions` are (extension, whether it is critical)."""
    made = x509.CertificateBuilder(named(issuer), named(subject), public, 7, BEGINS, ENDS)
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return der_of(made.sign(signer, hashes.SHA256(), ecdsa_deterministic=True))


def fact(oid, content):
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), content), False


def limits(below, ca=True):
    return x509.BasicConstraints(ca, below), True


def uses(*which):
    return x509.KeyUsage(**{use: use in which for use in KEY_USES}), True


class Authority:
    """Signs certificates. Its own is `der`; without a superior it is a root."""

    def __init__(self, name, below, superior=None, key=None, limit=None, use="key_cert_sign"):
        self.name, self.private = name, soft.p256_of("authority " + (key or name))
        superior = superior or self
        own = [limit or limits(below), uses(use)]
        public = self.private.public_key()
        self.der = certificate(name, superior.name, public, superior.private, own)


ROOT = Authority("Test PIV Root CA", 1)


class YubiKey(soft.Token):
    """A token that says of its keys what it is told to: `more` are the differences from what is right."""

    def __init__(self, label, serial, issuer=ROOT, **more):
        super().__init__(label)
        self.serial, self.issuer, self.more = serial, issuer, more
        self.device_key = soft.p256_of("device " + label)

    def device(self):
        """The certificate of slot F9."""
        own = [self.more.get("device_limits", limits(0))]
        if "device_firmware" in self.more:
            own.append(fact(attestation.FIRMWARE, bytes(self.more["device_firmware"])))
        public = self.device_key.public_key()
        return certificate("Yubico PIV Attestation", self.issuer.name, public, self.issuer.private, own)

    def leaf(self, use):
        """The attestation of one of its keys."""
        told = {
            attestation.FIRMWARE: bytes((5, 7, 4)),
            attestation.SERIAL: integer(self.serial),
            attestation.POLICIES: bytes((3, 2)),
            attestation.FORM_FACTOR: b"\3",
            **self.more.get("facts", {}),
            **self.more.get(use, {}),
        }
        own = [fact(oid, content) for oid, content in told.items() if content is not None]
        own.extend(self.more.get("extensions", ()))
        key = self.more.get(f"{use}_key", self.seal_key if use == "seal" else self.sign_key)
        slot = "9d" if use == "seal" else "9c"
        signer = self.more.get("signer", self.device_key)
        issuer = self.more.get("issued_by", "Yubico PIV Attestation")
        return certificate(f"YubiKey PIV Attestation {slot}", issuer, key.public_key(), signer, own)

    def plain(self):
        made = super().plain()
        identity = {"kind": "piv", "locator": f"piv:{self.serial}", "serial": str(self.serial)}
        made["identity"].update(identity, manufacturer="Yubico", model="YubiKey")
        made["keys"]["presence"] = "touch"
        shown = {"seal": self.leaf("seal"), "sign": self.leaf("sign"), "device": self.device()}
        made["attestation"] = {part: text.to_base64(der) for part, der in shown.items()}
        return made
