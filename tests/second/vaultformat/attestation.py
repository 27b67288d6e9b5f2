"""What YubiKeys prove of their keys (section 4, attestation)."""

import base64
import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from . import yubico
from .fault import need
from .keys import point_of

LONGEST, MOST = 8192, 6
ARC = "1.3.6.1.4.1.41482.3."
FIRMWARE, SERIAL, POLICIES, FORM_FACTOR = (ARC + last for last in "3789")
CONSTRAINTS, USAGE, COMMON_NAME = "2.5.29.19", "2.5.29.15", "2.5.4.3"
HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
RSA_WITH = {"1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13"}
ECDSA_WITH = {"1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"}

# As the format lists them: SHA-256 -> how the name of what issued a device's certificate begins.
YUBICO_ROOTS = {
    "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546": "",
    "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8": "Yubico PIV Attestation ",
}
YUBICO_BETWEEN = {
    "4698a1d3389c3ec60016c216250f1d0439922832d65142327436376dc2942b55",
    "d4cc3f456fdaf4e7812a21aab1dfe9d8e27d24e2fd2d6f21c9940109f0daa754",
    "6de693f05376f5d8ca29069261e1c8626c75d503bd2edbfd75354cad1f722870",
    "2d55b7998f4e42569d6d8fa382b6dc77d1dacf07358b19701163892922b17052",
    "0c90b7d184a36edf50a35f9be935f0c5689bfdcfe5bdd073366cafb49061a440",
}


class Certificate:
    def __init__(self, der, facts=()):
        need(len(der) <= LONGEST, "unsound", "a certificate is too long")
        try:
            self.read = x509.load_der_x509_certificate(der)
            self.key, self.extensions = self.read.public_key(), list(self.read.extensions)
            version, self.hash = self.read.version, self.read.signature_hash_algorithm
            begins, ends = _dates(self.read)
        except Exception as error:  # the library raises several kinds, all of which mean: none
            need(False, "unsound", f"no certificate: {error}")
        self.der = der
        need(version is x509.Version.v3, "unsound", "a certificate is of version 3")
        need(self.read.public_bytes(serialization.Encoding.DER) == der, "unsound", "it is not DER")
        need(isinstance(self.hash, HASHES), "unsound", "a signature's hash")
        need(begins <= ends, "unsound", "it ends before it begins")
        known = {CONSTRAINTS, USAGE, *facts}
        for one in self.extensions:
            need(not one.critical or one.oid.dotted_string in known, "unsound", "a critical extension")

    def extension(self, oid):
        found = [one.value for one in self.extensions if one.oid.dotted_string == oid]
        return found[0] if found else None

    def raw(self, oid):
        found = self.extension(oid)
        return None if found is None else found.value

    @property
    def is_authority(self):
        limits = self.extension(CONSTRAINTS)
        return limits is not None and limits.ca

    def common_name(self, name):
        found = [one.value for one in name if one.oid.dotted_string == COMMON_NAME]
        return found[0] if found else ""

    def need_authority(self, below):
        limits, usage = self.extension(CONSTRAINTS), self.extension(USAGE)
        need(self.is_authority, "unsound", "no authority")
        need(usage is None or usage.key_cert_sign, "unsound", "its key is for other uses")
        need(limits.path_length is None or below <= limits.path_length, "unsound", "path length")

    def is_named_by(self, other):
        """Whether the other's subject is this one's issuer."""
        one, two = ([(part.oid, part.value) for part in name] for name in (self.read.issuer, other.read.subject))
        return bool(one) and one == two

    def is_signed_by(self, other):
        key, oid = other.key, self.read.signature_algorithm_oid.dotted_string
        signature, signed = self.read.signature, self.read.tbs_certificate_bytes
        try:
            if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096 and oid in RSA_WITH:
                key.verify(signature, signed, padding.PKCS1v15(), self.hash)
            elif _is_curve(key, ec.SECP256R1, ec.SECP384R1) and oid in ECDSA_WITH:
                key.verify(signature, signed, ec.ECDSA(self.hash))
            else:
                return False
        except InvalidSignature:
            return False
        return True


def _dates(read):
    if hasattr(read, "not_valid_before_utc"):
        return read.not_valid_before_utc, read.not_valid_after_utc
    return read.not_valid_before, read.not_valid_after


def _is_curve(key, *curves):
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, curves)


def _certificates(pem):
    for part in pem.split("-----BEGIN CERTIFICATE-----")[1:]:
        yield base64.b64decode(part.split("-----END")[0])


class Roots:
    """Yubico's, and a policy's own. `roots` are (certificate, how its authorities' names begin)."""

    def __init__(self, own):
        need(len(own) <= 8, "unsound", "at most 8 roots")
        need(len(set(own)) == len(own), "unsound", "a root twice")
        self.roots, self.between = [], []
        for der in _certificates(yubico.PEM):
            digest = hashlib.sha256(der).hexdigest()
            if digest in YUBICO_ROOTS:
                self.roots.append((Certificate(der), YUBICO_ROOTS[digest]))
            elif digest in YUBICO_BETWEEN:
                self.between.append(Certificate(der))
        before = len(self.roots)
        for der in own:
            one = Certificate(der)
            one.need_authority(0)
            if one.is_named_by(one) and one.is_signed_by(one):
                self.roots.append((one, ""))
            else:
                self.between.append(one)
        need(not own or len(self.roots) > before, "unsound", "no root among the roots")

    def need_path(self, path):
        """The way from the last of the path, the device's certificate first, up to a root."""
        need(self._leads(path), "unsound", "no way to a root")

    def _leads(self, path):
        last = path[-1]
        last.need_authority(len(path) - 1)
        for root, begins in self.roots:
            if last.is_named_by(root) and last.is_signed_by(root):
                root.need_authority(len(path))
                issuer = path[0].common_name(path[0].read.issuer)
                return issuer.startswith(begins)
        known = [one.der for one in path]
        for one in self.between:
            fits = one.der not in known and len(path) + 3 <= MOST
            if fits and last.is_named_by(one) and last.is_signed_by(one) and self._leads([*path, one]):
                return True
        return False


def number(data):
    """A DER INTEGER from 0 to 2^32 - 1, in its one spelling."""
    need(data is not None and 3 <= len(data) <= 7, "unsound", "no serial number")
    need(data[0] == 2 and data[1] == len(data) - 2, "unsound", "no serial number")
    value, body = int.from_bytes(data[2:], "big"), data[2:]
    need(body[0] < 128 and value < 2**32, "unsound", "no serial number of its range")
    need(len(body) == 1 or body[0] or body[1] >= 128, "unsound", "another spelling of the serial number")
    return value


def firmware(text):
    """X.Y.Z as three numbers."""
    parts = text.split(".")
    need(len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts), "form", "firmware")
    numbers = tuple(map(int, parts))
    need(max(numbers) < 256 and ".".join(map(str, numbers)) == text, "form", "firmware")
    return numbers


def check(token, policy, roots):
    """Refuses a token whose attestation does not show what the policy wants."""
    shown, keys = token["attestation"], token["keys"]
    suites = (keys["seal"]["suite"], keys["sign"]["algorithm"])
    need(suites == ("p256", "ecdsa-p256-sha256"), "unsound", "a key of a kind that is not attested")
    device = Certificate(shown["device"])
    built = tuple(device.raw(FIRMWARE) or b"")
    for use in ("seal", "sign"):
        leaf = Certificate(shown[use], (FIRMWARE, SERIAL, POLICIES, FORM_FACTOR))
        need(not leaf.is_authority, "unsound", "an attestation of an authority")
        need(leaf.is_named_by(device) and leaf.is_signed_by(device), "unsound", "not of this device")
        roots.need_path([device])
        need(_is_curve(leaf.key, ec.SECP256R1), "unsound", "no key on P-256")
        need(point_of(leaf.key) == keys[use]["public"], "unsound", "the attestation of another key")
        serial = str(number(leaf.raw(SERIAL)))
        need(serial == token["identity"]["serial"], "unsound", "the attestation of another device")
        version, policies = tuple(leaf.raw(FIRMWARE) or b""), leaf.raw(POLICIES)
        need(len(version) == 3, "unsound", "no firmware")
        for one in (version, built) if len(built) == 3 else (version,):
            need(not (4, 2, 6) <= one <= (4, 3, 4), "unsound", "weak RSA keys")
            need(one >= policy["min_firmware"], "unsound", "old firmware")
        need(len(leaf.raw(FORM_FACTOR) or b"") == 1 or version < (5, 0, 0), "unsound", "no form factor")
        pins = (2, 3) if policy["allow_pin_once"] else (3,)
        need(policies is not None and len(policies) == 2, "unsound", "no policies")
        need(policies[0] in pins, "unsound", "the PIN policy")
        need(policies[1] == 2, "unsound", "the touch policy")
