"""Tokens through pkcs11-tool (OpenSC). The PIN is asked for by pkcs11-tool itself, at the terminal; it
stands in no argument and no variable, and this program never sees it."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from . import keys
from .fault import need

TOOL = "pkcs11-tool"


class Unreachable(Exception):
    """pkcs11-tool could not do what it was asked for."""


def _run(module, *args, terminal=False):
    """What it wrote. With `terminal`, it may ask for a PIN there."""
    command = [TOOL, "--module", module, *args]
    try:
        done = subprocess.run(
            command,
            stdout=sys.stderr if terminal else subprocess.PIPE,
            stderr=None if terminal else subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise Unreachable(f"{TOOL} is not installed (Debian: apt-get install opensc)") from error
    if done.returncode != 0:
        said = (done.stderr or b"").decode(errors="replace").strip()
        raise Unreachable(f"{' '.join(command)}: exit {done.returncode} {said}")
    return (done.stdout or b"").decode(errors="replace")


class Slot:
    """A token that is there: `module`, slot `number`, `label`, `serial`."""

    def __init__(self, module, number, text):
        self.module, self.number = module, number
        field = dict(re.findall(r"^\s*([a-z ]+?)\s*: (.*)$", text, re.M))
        self.label, self.serial = field.get("token label", "").strip(), field.get("serial num", "").strip()

    def run(self, *args, terminal=False):
        return _run(self.module, "--slot", self.number, *args, terminal=terminal)

    def key_of(self, suite, public):
        """The id (hexadecimal) of this very seal key on the token, or None: its public half is looked for."""
        listed = self.run("--list-objects", "--type", "pubkey")
        for block in listed.split("Public Key Object;")[1:]:
            field = dict(re.findall(r"^\s*([A-Z_]+):\s*([0-9a-fA-F]+)$", block, re.M))
            key_id = field.get("ID")
            # The point comes raw or as a DER string: its 65 bytes are the last ones in either form.
            is_it = field.get("EC_POINT", "").lower().endswith(public.hex())
            if key_id and (is_it if suite == "p256" else self._rsa_key(key_id) == public):
                return key_id
        return None

    def _rsa_key(self, key_id):
        """The SubjectPublicKeyInfo of an RSA key on the token, in its one spelling, or None."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "public"
            try:
                self.run("--read-object", "--type", "pubkey", "--id", key_id, "--output-file", str(out))
                return keys.spki(serialization.load_der_public_key(out.read_bytes()))
            except (Unreachable, ValueError, UnsupportedAlgorithm):
                return None


def slots(modules):
    """All tokens that are there."""
    found = []
    for module in modules:
        listed = _run(module, "--list-token-slots")
        parts = re.split(r"^Slot \d+ \((0x[0-9a-f]+)\)", listed, flags=re.M)[1:]
        for number, text in zip(parts[::2], parts[1::2]):
            slot = Slot(module, number, text)
            if slot.label or slot.serial:
                found.append(slot)
    return found


def agree(slot, key_id, suite, encapsulated):
    """What the token computes from an encapsulated key: 32 bytes. Asks for the PIN."""
    # In memory where that is there: the answer is a secret.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        given, out = pathlib.Path(folder) / "in", pathlib.Path(folder) / "out"
        given.write_bytes(handed_in(suite, encapsulated))
        out.touch(mode=0o600)
        what = ["--derive", "--mechanism", "ECDH1-DERIVE"]
        if suite != "p256":
            oaep = ["--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"]
            what = ["--decrypt", "--mechanism", "RSA-PKCS-OAEP", *oaep]
        files = ["--input-file", str(given), "--output-file", str(out)]
        slot.run("--login", *what, "--id", key_id, *files, terminal=True)
        answer = out.read_bytes()
        out.write_bytes(bytes(len(answer)))
    need(len(answer) == 32, "sealing", f"the token answered {len(answer)} bytes, not 32")
    return answer


def handed_in(suite, encapsulated):
    """What pkcs11-tool wants: for an agreement the peer's key as SubjectPublicKeyInfo."""
    if suite != "p256":
        return encapsulated
    return keys.spki(keys.p256(encapsulated))
