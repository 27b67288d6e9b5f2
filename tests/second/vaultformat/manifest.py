"""The manifest: its form, and what makes it sound (section 4)."""

from . import attestation, envelope, keys, shape, text
from .fault import Fault, need

BYTE, WORD = shape.ranged(0, 2**8 - 1), shape.ranged(0, 2**32 - 1)
ROLES = ("ic", "bgo", "so")
OPENING = ("ic", "bgo")

TOKEN = shape.record(
    identity=shape.record(
        kind=shape.one_of("pkcs11", "piv"),
        locator=shape.string,
        label=shape.string,
        serial=shape.string,
        manufacturer=shape.string,
        model=shape.string,
    ),
    keys=shape.record(
        seal=shape.record(suite=shape.one_of(*keys.SEAL_KEYS), public=text.from_base64),
        sign=shape.record(algorithm=shape.one_of(*keys.SIGN_KEYS, "ed25519"), public=text.from_base64),
        presence=shape.one_of("none", "touch"),
    ),
    attestation=shape.maybe(
        shape.record(seal=text.from_base64, sign=text.from_base64, device=text.from_base64)
    ),
)
SHAPE = shape.record(
    vault=text.name,
    version=shape.number,
    previous=shape.maybe(text.digest),
    created=text.time,
    nonce=text.from_base64,
    policy=shape.record_with(
        {"keep_proved_days": WORD},
        allow_no_touch=shape.boolean,
        rotate_days=WORD,
        max_lease_minutes=WORD,
        grace_minutes=WORD,
        min_firmware=lambda value: attestation.firmware(shape.string(value)),
        allow_pin_once=shape.boolean,
        attestation_roots=shape.several(text.from_base64),
    ),
    thresholds=shape.record(ic=BYTE, bgo=BYTE, so=BYTE),
    custodians=shape.several(
        shape.record(name=text.name, role=shape.one_of(*ROLES), tokens=shape.several(TOKEN))
    ),
    rotators=shape.several(shape.record(name=text.name, public=text.from_base64)),
    compartments=shape.several(text.name),
    retired=shape.several(text.digest),
)


class Manifest:
    """A manifest that has its form: `body`, the envelope it came in, its tokens by id."""

    def __init__(self, signed):
        self.envelope = signed
        self.digest = signed.digest
        self.body = shape.parse(signed.payload, SHAPE)
        # Token id -> (custodian, token)
        self.tokens = {
            keys.token_id(token["keys"]): (custodian, token)
            for custodian in self.body["custodians"]
            for token in custodian["tokens"]
        }

    def of_role(self, role):
        """The custodians of a role, in the order in which they are numbered from 1."""
        return [custodian for custodian in self.body["custodians"] if custodian["role"] == role]

    def rotator_keys(self):
        return [rotator["public"] for rotator in self.body["rotators"]]


def parse(data):
    return Manifest(envelope.parse(data, envelope.MANIFEST))


def check_sound(manifest):
    body = manifest.body
    _custodians(body)
    _thresholds(manifest)
    _evidence(body)
    _presence(manifest)
    _rotators(body)
    policy = body["policy"]
    need(1 <= policy["rotate_days"] <= 365, "unsound", "rotate_days")
    need(1 <= policy["max_lease_minutes"] <= 10080, "unsound", "max_lease_minutes")
    need(policy["grace_minutes"] <= 43200, "unsound", "grace_minutes")
    need(policy.get("keep_proved_days", 0) <= 365, "unsound", "keep_proved_days")
    need(len(body["nonce"]) == 16, "unsound", "the nonce has 16 bytes")


def _once(values, what):
    values = list(values)
    need(len(set(values)) == len(values), "unsound", f"{what} appears twice")


def _key_of(kinds, name, public):
    """A key that is none of its kind makes the manifest unsound, whatever is wrong with it."""
    need(name in kinds, "unsound", f"no key of a token is {name}")
    try:
        kinds[name](public)
    except Fault as fault:
        raise Fault("unsound", str(fault)) from fault


def _custodians(body):
    _once((custodian["name"] for custodian in body["custodians"]), "a custodian")
    need(all(custodian["tokens"] for custodian in body["custodians"]), "unsound", "nobody without a token")
    tokens = [token for custodian in body["custodians"] for token in custodian["tokens"]]
    identities = [token["identity"] for token in tokens]
    _once(map(_device, identities), "a device")
    _once((token["keys"][use]["public"] for token in tokens for use in ("seal", "sign")), "a key")
    for token in tokens:
        need(keys.token_id(token["keys"]) not in body["retired"], "unsound", "a token is retired")
        seal, sign = token["keys"]["seal"], token["keys"]["sign"]
        _key_of(keys.SEAL_KEYS, seal["suite"], seal["public"])
        _key_of(keys.SIGN_KEYS, sign["algorithm"], sign["public"])


def _device(identity):
    """A YubiKey's serial number is attested; who made it is a word."""
    kind = identity["kind"]
    return (kind, None if kind == "piv" else identity["manufacturer"], identity["serial"])


def _evidence(body):
    """YubiKeys, and they alone, have an attestation, and therefore a touch."""
    roots = attestation.Roots(body["policy"]["attestation_roots"])
    for token in (token for custodian in body["custodians"] for token in custodian["tokens"]):
        is_yubikey = token["identity"]["kind"] == "piv"
        need((token["attestation"] is not None) == is_yubikey, "unsound", "an attestation")
        need((token["keys"]["presence"] == "touch") == is_yubikey, "unsound", "presence without evidence")
        if is_yubikey:
            attestation.check(token, body["policy"], roots)


def _thresholds(manifest):
    for role in ROLES:
        holders, threshold = len(manifest.of_role(role)), manifest.body["thresholds"][role]
        least = 0 if role == "so" and holders == 0 else 1
        need(holders <= 255, "unsound", f"more than 255 of {role}")
        need(least <= threshold <= holders, "unsound", f"threshold of {role}")


def _presence(manifest):
    if manifest.body["policy"]["allow_no_touch"]:
        return

    def touchless(custodian):
        return any(token["keys"]["presence"] == "none" for token in custodian["tokens"])

    enough = [
        sum(map(touchless, manifest.of_role(role))) < manifest.body["thresholds"][role] for role in OPENING
    ]
    need(any(enough), "unsound", "a quorum could open without any touch")


def _rotators(body):
    need(body["rotators"], "unsound", "no rotator")
    for rotator in body["rotators"]:
        _key_of({"ed25519": keys.ed25519_key}, "ed25519", rotator["public"])
    _once((rotator["name"] for rotator in body["rotators"]), "a rotator's name")
    _once((rotator["public"] for rotator in body["rotators"]), "a rotator's key")
    need(body["compartments"], "unsound", "no compartment")
    _once(body["compartments"], "a compartment")
