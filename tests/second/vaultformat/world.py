"""Vaults of software keys that come out the same each time: for the vectors, and for the tests that let
the breakglass program open what this one sealed."""

import functools
import json
import pathlib

from cryptography.hazmat.primitives import serialization

from . import founding, soft
from .rotation import Rotator
from .text import moment, time_of

NOON = "2026-11-24T03:00:00Z"
NONCE = bytes(range(16))


@functools.cache
def rsa_keys():
    """Two RSA keys for a token of the second suite: made once, and kept, because making them takes long."""
    kept = pathlib.Path(__file__).parent.parent / "rsa-test-keys.pem"
    parts = kept.read_bytes().split(b"-----BEGIN ")[1:]
    return [serialization.load_pem_private_key(b"-----BEGIN " + part, None) for part in parts]


class People:
    """Two of three ICs, of whom one has a spare token; a BGO with a token of each suite; an SO."""

    def __init__(self):
        self.tokens = {
            name: soft.Token(name) for name in ("alice", "alice-spare", "carol", "dave", "bob", "eve")
        }
        self.tokens["bob-rsa"] = soft.Token("bob-rsa", rsa=rsa_keys())
        self.rotator, self.station = soft.Signer("rotator"), soft.Signer("station")

    def custodians(self):
        of = {
            "alice": ["alice", "alice-spare"],
            "carol": ["carol"],
            "dave": ["dave"],
            "bob": ["bob", "bob-rsa"],
        }
        rows = [
            (name, "bgo" if name == "bob" else "ic", [self.tokens[label] for label in labels])
            for name, labels in of.items()
        ]
        return [*rows, ("eve", "so", [self.tokens["eve"]])]

    def manifest(self):
        """The first manifest, as JSON's values."""
        return founding.first(self.custodians(), (2, 1, 1), [self.rotator], NONCE, NOON)

    def all(self):
        return list(self.tokens.values())


class Clock:
    """A second later with each look."""

    def __init__(self, start=NOON):
        self.seconds = moment(start)

    def __call__(self):
        self.seconds += 1
        return time_of(self.seconds)


def secret_of(name, generation):
    return f"secret/of/{name}/in/generation/{generation:08}".encode()


def definition(name):
    about = {"name": name, "compartment": "main", "account": "123456789012", "user": f"{name}-emergency"}
    return "credential-added", {"credential": about}


def found(folder, people, credentials=("deploy", "audit")):
    """A vault with one generation of these credentials; its rotator's hands, and the role secrets."""
    book = founding.found(folder, founding.signed(people.manifest(), people.all()), people.rotator, NOON)
    rotator = Rotator(book, people.rotator, soft.Draw("generation"), Clock())
    rotator.tell(*(definition(name) for name in credentials))
    keys = {name: (f"AKIA{name.upper():X<12}", secret_of(name, 1)) for name in credentials}
    _, secrets = rotator.seal("main", keys)
    return rotator, secrets


def private_keys(people):
    """The seal keys of the tokens, for who plays the tokens elsewhere: token id -> the scalar, or PKCS#8."""
    return {token.id.hex(): token.seal_half() for token in people.all()}


def write(folder):
    """A whole vault at `folder`, and beside it `keys.json`: the tokens' keys and the role secrets."""
    people, folder = People(), pathlib.Path(folder)
    _, secrets = found(folder, people)
    kept = {
        "tokens": private_keys(people),
        "secrets": {role: secret.hex() for role, secret in secrets.items()},
    }
    folder.with_name(folder.name + "-keys.json").write_text(json.dumps(kept, indent=1))
