"""The signed head of the ledger: a C2SP signed-note of one spelling (section 8)."""

import hashlib
import re

from . import keys, text
from .fault import need

FORM = re.compile(
    r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]*)\n(?P<root>[A-Za-z0-9+/=]+)\n"
    r"signer (?P<name>[^ \n]+) (?P<public>[A-Za-z0-9+/=]+)\n\n"
    r"\u2014 (?P<key>[^ \n]+) (?P<signature>[A-Za-z0-9+/=]+)\n"
)


def key_id(key_name, public):
    return hashlib.sha256(key_name.encode() + b"\n\x01" + public).digest()[:4]


class Note:
    """A note of the right form; `check` verifies its signature."""

    def __init__(self, data):
        self.data = data
        try:
            found = FORM.fullmatch(data.decode())
        except UnicodeDecodeError:
            found = None
        need(found, "form", "no note of this format")
        self.origin = found["origin"]
        self.size = int(found["size"])
        need(self.size < 2**64, "form", "the size")
        self.root = text.from_base64(found["root"])
        self.name = text.name(found["name"])
        self.public = text.from_base64(found["public"])
        need(len(self.root) == 32 and len(self.public) == 32, "form", "root and key have 32 bytes")
        self.key_name = found["key"]
        signature = text.from_base64(found["signature"])
        need(len(signature) == 68, "form", "key id and signature have 68 bytes")
        self.key_id, self.signature = signature[:4], signature[4:]
        self.signed = data.decode().split("\n\n")[0].encode() + b"\n"

    def check(self, vault):
        need(self.origin == f"breakglass/{vault.hex()}", "place", "the note of another vault")
        need(self.key_name == f"{self.origin}/{self.name}", "signature", "the key's name is another")
        need(self.key_id == key_id(self.key_name, self.public), "signature", "the key id is another")
        keys.verify("ed25519", self.public, self.signed, self.signature)


def make(vault, size, root, name, private):
    """The bytes of a note, signed by an Ed25519 key."""
    public, key_name = keys.raw(private.public_key()), f"breakglass/{vault.hex()}/{name}"
    signed = (
        f"breakglass/{vault.hex()}\n{size}\n{text.to_base64(root)}\nsigner {name} {text.to_base64(public)}\n"
    )
    signature = text.to_base64(key_id(key_name, public) + private.sign(signed.encode()))
    return f"{signed}\n\u2014 {key_name} {signature}\n".encode()
