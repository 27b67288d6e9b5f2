"""A generation's header: its form, whether it fits its manifest, sealing, opening a share (section 6)."""

import hashlib
import hmac

from . import envelope, keys, sealing, shamir, shape, text
from .fault import need
from .fields import fields
from .manifest import BYTE, OPENING

SHARE = "breakglass/v1/share"
SHAPE = shape.record(
    vault=text.digest,
    manifest=text.digest,
    manifest_version=shape.number,
    compartment=text.name,
    generation=shape.number,
    created=text.time,
    roles=shape.several(
        shape.record(
            role=shape.one_of("ic", "bgo", "so"),
            threshold=BYTE,
            shares=shape.several(
                shape.record(
                    index=BYTE,
                    custodian=text.name,
                    digest=text.digest,
                    tokens=shape.several(
                        shape.record(
                            token=text.digest, encapsulated=text.from_base64, ciphertext=text.from_base64
                        )
                    ),
                )
            ),
        )
    ),
)


def place(header, role, custodian, index):
    """What a share is bound to, as values for FIELDS."""
    return [header[key] for key in ("vault", "manifest", "compartment", "generation")] + [
        role,
        custodian,
        index,
    ]


def share_aad(header, role, custodian, index, token):
    return fields(SHARE, *place(header, role, custodian, index), token)


def share_digest(header, role, custodian, index, share):
    data = fields("breakglass/v1/share-digest", *place(header, role, custodian, index), share)
    return hashlib.sha256(data).digest()


class Header:
    """A header that has its form: `body`, `digest`, `envelope`."""

    def __init__(self, signed):
        self.envelope, self.digest = signed, signed.digest
        self.body = shape.parse(signed.payload, SHAPE)


def parse(data):
    return Header(envelope.parse(data, envelope.GENERATION))


def check_rotator(signed, manifest):
    """One signature, of a rotator that the manifest has."""
    need(len(signed.signatures) == 1, "signature", "exactly one signature")
    keyid, signature = signed.signatures[0]
    known = [public for public in manifest.rotator_keys() if keys.software_id(public) == keyid]
    need(known, "signature", "not by a rotator of its manifest")
    keys.verify("ed25519", known[0], signed.signed, signature)


def check(header, manifest, vault, compartment=None, generation=None):
    """Signed by a rotator of this manifest, and fitting it and the place where it lies."""
    body = header.body
    check_rotator(header.envelope, manifest)
    need(body["vault"] == vault, "place", "of another vault")
    need(body["manifest"] == manifest.digest, "place", "of another manifest")
    need(body["manifest_version"] == manifest.body["version"], "place", "another version of the manifest")
    need(body["compartment"] in manifest.body["compartments"], "place", "no compartment of the manifest")
    need(compartment in (None, body["compartment"]), "place", "of another compartment")
    need(generation in (None, body["generation"]), "place", "of another generation")
    need([role["role"] for role in body["roles"]] == list(OPENING), "place", "the roles are ic and bgo")
    for role in body["roles"]:
        _check_role(role, manifest)


def _check_role(role, manifest):
    custodians = manifest.of_role(role["role"])
    need(role["threshold"] == manifest.body["thresholds"][role["role"]], "place", "another threshold")
    need(len(role["shares"]) == len(custodians), "place", "one share for each custodian")
    for index, (share, custodian) in enumerate(zip(role["shares"], custodians), 1):
        there = (share["index"], share["custodian"])
        need(there == (index, custodian["name"]), "place", f"share {there}, not of {index}")
        tokens = [keys.token_id(token["keys"]) for token in custodian["tokens"]]
        need([sealed["token"] for sealed in share["tokens"]] == tokens, "place", "not sealed to these tokens")


def make(manifest, vault, compartment, generation, created, draw):
    """A new generation's payload (JSON's values), and the role secrets by role."""
    bound = {
        "vault": vault,
        "manifest": manifest.digest,
        "compartment": compartment,
        "generation": generation,
    }
    secrets = {role: draw(32) for role in OPENING}
    plain = {
        **bound,
        "vault": vault.hex(),
        "manifest": manifest.digest.hex(),
        "manifest_version": manifest.body["version"],
        "created": created,
        "roles": [_role(manifest, bound, role, secrets[role], draw) for role in OPENING],
    }
    return plain, secrets


def _role(manifest, bound, role, secret, draw):
    custodians, threshold = manifest.of_role(role), manifest.body["thresholds"][role]
    parts = shamir.split(secret, threshold, len(custodians), draw)
    shares = []
    for index, (custodian, share) in enumerate(zip(custodians, parts), 1):
        name = custodian["name"]
        tokens = [
            _sealed(bound, role, name, index, token["keys"], share, draw) for token in custodian["tokens"]
        ]
        digest = share_digest(bound, role, name, index, share).hex()
        shares.append({"index": index, "custodian": name, "digest": digest, "tokens": tokens})
    return {"role": role, "threshold": threshold, "shares": shares}


def _sealed(bound, role, custodian, index, token, share, draw):
    token_id, seal = keys.token_id(token), token["seal"]
    aad = share_aad(bound, role, custodian, index, token_id)
    encapsulated, ciphertext = sealing.seal(seal["suite"], seal["public"], SHARE.encode(), aad, share, draw)
    return {
        "token": token_id.hex(),
        "encapsulated": text.to_base64(encapsulated),
        "ciphertext": text.to_base64(ciphertext),
    }


def open_share(header, manifest, role, share, sealed, private):
    """One custodian's share through one of their tokens. `share` and `sealed` are parts of the header."""
    _, token = manifest.tokens[sealed["token"]]
    seal = token["keys"]["seal"]
    where = (role, share["custodian"], share["index"])
    opened = sealing.open_sealed(
        seal["suite"],
        seal["public"],
        SHARE.encode(),
        share_aad(header.body, *where, sealed["token"]),
        sealed["encapsulated"],
        sealed["ciphertext"],
        private,
    )
    check_share(header, where, share, opened)
    return share["index"], opened


def check_share(header, where, share, opened):
    """Compares a share with the digest that the header announced."""
    same = hmac.compare_digest(share_digest(header.body, *where, opened), share["digest"])
    need(same, "mismatch", f"the share of {share['custodian']} is another than the header's")


def role_secret(header, role, shares):
    """The role secret from pairs (index, share), of which as many are needed as the threshold says."""
    (wanted,) = [one for one in header.body["roles"] if one["role"] == role]
    need(len(shares) >= wanted["threshold"], "quorum", f"{len(shares)} of {wanted['threshold']} of {role}")
    return shamir.combine(shares[: wanted["threshold"]])
