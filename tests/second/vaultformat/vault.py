"""A vault's folder (section 2): reading and verifying all of it, and writing."""

import os
import pathlib
import re

from . import chain, files, header, kept, record
from .fault import need
from .ledger import Ledger

# The most bytes of any file: what each kind may have is asked where it is parsed.
MOST = 4 << 20
NUMBERS = {"manifest": (8, ".json"), "generation": (8, ""), "ledger/commit": (12, "")}


def numbered(folder, number):
    digits, suffix = NUMBERS[folder]
    return f"{number:0{digits}}{suffix}"


class Vault:
    """A vault that holds as a whole: `chain`, `ledger`, and what the ledger names."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.chain = chain.verify(self._series("manifest"))
        self.ledger = Ledger(self.chain)
        commits = self._series("ledger/commit")
        for data in commits:
            self.ledger.take(data)
        need(self.ledger.commits, "tree", "there is no ledger")
        kept.check(self.folder, self.chain, commits, self.state)

    @property
    def state(self):
        return self.ledger.state

    def _series(self, folder):
        """The bytes of the files numbered from 1, without a gap."""
        digits, suffix = NUMBERS[folder]
        form = re.compile(rf"[0-9]{{{digits},}}{re.escape(suffix)}")
        found = files.names(self.folder, folder)
        wanted = [numbered(folder, number) for number in range(1, len(found) + 1)]
        need(
            all(form.fullmatch(name) for name in found),
            "form",
            f"{folder}: a file that does not belong there",
        )
        need(found == set(wanted), "chain" if folder == "manifest" else "tree", f"{folder}: a gap")
        return [files.read(self.folder, f"{folder}/{name}", MOST) for name in wanted]

    def generation_path(self, compartment, generation, file):
        return f"generation/{compartment}/{numbered('generation', generation)}/{file}"

    def _document(self, compartment, generation, file):
        return files.read(self.folder, self.generation_path(compartment, generation, file), MOST)

    def header(self, compartment, generation):
        """A header that the ledger names, fits its manifest and is signed."""
        begun = self.state.generations.get(compartment, {})
        need(generation in begun, "history", f"{compartment} {generation} was never begun")
        found = header.parse(self._document(compartment, generation, "header.json"))
        need(found.digest == begun[generation], "place", "not the header that the ledger names")
        manifest = self.chain.by_digest(found.body["manifest"])
        need(manifest, "place", "of a manifest that is not there")
        header.check(found, manifest, self.chain.fingerprint, compartment, generation)
        return found, manifest

    def record(self, name, access_key=None):
        """The record of a credential's key (the newest in force), with its header and manifest."""
        credential = self.state.credential(name)
        access_key = access_key or credential.newest()
        need(access_key in credential.keys, "history", f"{name} has no such key, or none in force")
        key, about = credential.keys[access_key], credential.about
        found_header, manifest = self.header(about["compartment"], key.generation)
        found = record.parse(self._document(about["compartment"], key.generation, f"record/{name}.json"))
        need(found.digest == key.record, "place", "not the record that the ledger names")
        record.check(found, found_header, manifest)
        wanted = {
            "credential": name,
            "access_key": access_key,
            "account": about["account"],
            "user": about["user"],
        }
        need({field: found.about[field] for field in wanted} == wanted, "place", "of something else")
        need(found.body["witness"] == key.witness, "place", "another witness than the ledger's")
        return found, found_header, manifest

    def check_sealed(self):
        """Every header and record that the ledger names and that should be there; how many records."""
        count = 0
        for name, credential in self.state.credentials.items():
            for access_key, key in credential.keys.items():
                self.record(name, access_key)
                count += 1
        return count


def write(folder, path, data):
    """A new file of a vault, mode 0600 in folders of 0700."""
    place = pathlib.Path(folder) / path
    for parent in reversed([place.parent, *place.parent.parents]):
        if not parent.exists():
            parent.mkdir(mode=0o700)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
