"""The command line of the second implementation.

usage: python tests/second verify VAULT
       python tests/second found FOLDER                   a whole vault of software keys
       python tests/second open VAULT CREDENTIAL KEYS     KEYS: JSON with "secrets" (role: hex) or "tokens"
                                                          (token id: its private seal key)
       python tests/second seal VAULT KEY NAME COMPARTMENT CREDENTIAL=KEY-ID=SECRET…
                                                          as the rotator whose station.key KEY is
       python tests/second generate FOLDER                the vectors
       python tests/second check FOLDER                   the same, verified
"""

import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric import ed25519

from vaultformat import keys, report, soft, world
from vaultformat.fault import Fault
from vaultformat.opening import Opening
from vaultformat.rotation import Rotator
from vaultformat.vault import Vault


def verify(folder):
    print(json.dumps(report.summary(Vault(folder)), indent=1))


def found(folder):
    world.write(folder)


def open_credential(folder, credential, kept):
    kept = json.loads(pathlib.Path(kept).read_text())
    opening = Opening(Vault(folder), credential)
    if "secrets" in kept:
        secrets = {role: bytes.fromhex(secret) for role, secret in kept["secrets"].items()}
    else:
        secrets = _with_tokens(opening, kept["tokens"])
    print(opening.release(secrets).decode())


def _with_tokens(opening, halves):
    for role in opening.shares:
        for share, sealed, _ in opening.places(role):
            half = halves.get(sealed["token"].hex())
            if half and share["index"] not in opening.shares[role]:
                opening.contribute(role, share, sealed, soft.Token.of_seal_half(half).private)
    return opening.secrets()


class Station:
    """Who signs with a station's key."""

    def __init__(self, name, seed):
        self.name, self.private = name, ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        self.public = keys.raw(self.private.public_key())

    def sign_into(self, signed):
        return signed.sign(self.private)


def seal(folder, key, name, compartment, *access_keys):
    rotator = Rotator(Vault(folder), Station(name, pathlib.Path(key).read_bytes()))
    parts = [one.split("=", 2) for one in access_keys]
    generation, _ = rotator.seal(compartment, {one[0]: (one[1], one[2].encode()) for one in parts})
    print(generation)


def generate(folder):
    from vectors import write_all

    write_all(pathlib.Path(folder))


def check(folder):
    from vectors import check_all

    return check_all(pathlib.Path(folder))


COMMANDS = {
    "verify": verify,
    "found": found,
    "open": open_credential,
    "seal": seal,
    "generate": generate,
    "check": check,
}


def main():
    command, *arguments = sys.argv[1:] or ["--help"]
    if command not in COMMANDS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        return COMMANDS[command](*arguments) or 0
    except Fault as fault:
        print(f"refused ({fault.kind}): {fault}", file=sys.stderr)
        return 7


if __name__ == "__main__":
    sys.exit(main())
