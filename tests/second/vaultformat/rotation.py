"""Sealing as a rotator: a generation and its records, stored and told in the ledger in the order in which
a rotation does (sections 6, 8 and 9). It asks no AWS: the access keys are given."""

import os
import time as clock

from . import envelope, header, ledger, record, text
from .vault import numbered, write


class Rotator:
    """Writes to the vault `found` (vault.Vault) as a signer (soft.Signer, or anything with its fields)."""

    def __init__(self, found, signer, draw=os.urandom, now=None):
        self.vault, self.signer, self.draw = found, signer, draw
        self.now = now or (lambda: text.time_of(int(clock.time())))

    def tell(self, *entries):
        """One commit of entries (name, fields)."""
        book = self.vault.ledger
        data = [ledger.entry(self.now(), name, **fields) for name, fields in entries]
        path = f"ledger/commit/{numbered('ledger/commit', book.commits + 1)}"
        write(self.vault.folder, path, book.append(data, self.signer.name, self.signer.private))

    def signed(self, kind, plain):
        return self.signer.sign_into(envelope.Envelope(kind, envelope.document(plain)))

    def store(self, compartment, generation, file, signed):
        write(self.vault.folder, self.vault.generation_path(compartment, generation, file), signed.bytes())

    def seal(self, compartment, access_keys):
        """A generation with these access keys: credential -> (key id, secret). Its number and the role
        secrets by role."""
        state, fingerprint = self.vault.state, self.vault.chain.fingerprint
        generation = max(state.generations.get(compartment, {}), default=0) + 1
        plain, secrets = header.make(
            state.manifest, fingerprint, compartment, generation, self.now(), self.draw
        )
        signed = self.signed(envelope.GENERATION, plain)
        begun = {"compartment": compartment, "generation": generation, "header": signed.digest.hex()}
        self.tell(("rotation-begun", {**begun, "manifest": plain["manifest"], "endpoint": None}))
        self.store(compartment, generation, "header.json", signed)
        for name, (access_key, secret) in access_keys.items():
            self._seal_key(header.Header(signed), secrets, name, access_key, secret)
        proofs = [("key-proved", self._proof(name, key)) for name, (key, _) in access_keys.items()]
        committed = {"compartment": compartment, "generation": generation, "credentials": list(access_keys)}
        self.tell(*proofs, ("generation-committed", committed))
        return generation, secrets

    def _proof(self, name, access_key):
        about = self.vault.state.credential(name).about
        arn = f"arn:aws:iam::{about['account']}:user/{about['user']}"
        return {"credential": name, "key": access_key, "arn": arn, "answers": 3}

    def _seal_key(self, head, secrets, name, access_key, secret):
        of_generation = {"credential": name, "generation": head.body["generation"]}
        self.tell(("key-intended", {**of_generation, "existing": []}))
        known = self.vault.state.credential(name).about
        about = {key: head.body[key] for key in ("vault", "manifest", "compartment", "generation")}
        about |= {"header": head.digest, "credential": name, "access_key": access_key, "created": self.now()}
        about |= {key: known[key] for key in ("account", "user")}
        plain, witness = record.make(secrets, about, secret)
        signed = self.signed(envelope.RECORD, plain)
        self.store(about["compartment"], about["generation"], f"record/{name}.json", signed)
        sealed = {"key": access_key, "record": signed.digest.hex(), "witness": text.to_base64(witness)}
        self.tell(("key-sealed", {**of_generation, **sealed}))
