"""What the ledger adds up to, and what cannot stand where it does (section 9): the vault, its
credentials and their keys. Incidents are in incidents.py."""

from . import events
from .fault import need
from .incidents import Incidents
from .joined import Joined


class Key:
    """A sealed access key."""

    def __init__(self, generation, record, witness):
        self.generation, self.record, self.witness = generation, record, witness
        self.proved = self.committed = self.retiring = False
        self.deactivated = self.gone = self.refused = False

    @property
    def active(self):
        return not (self.deactivated or self.gone)

    @property
    def in_force(self):
        return self.committed and self.active and not self.retiring


class Credential:
    def __init__(self, about):
        self.about = about
        self.keys = {}
        self.retired = False
        self.intended = set()  # generations of intents that came to nothing so far

    def newest(self):
        """The id of the key in force of the highest generation, of several that sealed last, or None."""
        known = [name for name, key in self.keys.items() if key.in_force]
        return max(reversed(known), key=lambda name: self.keys[name].generation, default=None)


class State(Joined, Incidents):
    """Replays entries. `chain` holds the manifests that lie in the vault."""

    def __init__(self, chain):
        super().__init__()
        self.chain = chain
        self.manifest = None  # the one in force
        self.credentials = {}
        self.generations = {}  # compartment -> {generation: digest of the header}
        self.unfinished = {}  # compartment -> the generation begun last, if it is not committed

    def apply(self, data, writer, heads):
        """One entry, by a public key; `heads` are those of all commits before, size to root."""
        _, name, event = events.parse(data)
        self.heads = heads
        need(self.manifest or name == "vault-founded", "history", "before the vault is founded")
        if name not in events.STATIONS:
            need(writer in self.manifest.rotator_keys(), "writer", f"{name} is for rotators")
        getattr(self, "on_" + name.replace("-", "_"))(event)

    def on_vault_founded(self, event):
        need(not self.manifest, "history", "founded twice")
        need(event["vault"] == self.chain.fingerprint, "history", "another vault's founding")
        self.manifest = self.chain.versions[0]

    def on_manifest_intended(self, event):
        pass

    def on_manifest_adopted(self, event):
        version = event["version"]
        again = (version, event["manifest"]) == (self.manifest.body["version"], self.manifest.digest)
        if again:
            return
        need(version == self.manifest.body["version"] + 1, "history", "a manifest out of turn")
        need(version <= len(self.chain.versions), "history", "a manifest that the vault does not have")
        new = self.chain.versions[version - 1]
        need(event["manifest"] == new.digest, "history", "another manifest than lies in the vault")
        self.manifest = new

    def on_credential_added(self, event):
        about = event["credential"]
        need(about["name"] not in self.credentials, "history", "a credential twice")
        self.credentials[about["name"]] = Credential(about)

    def on_roles_set(self, event):
        self.credential(event["credential"])
        profiles = [role["profile"] for role in event["roles"]]
        need(len(set(profiles)) == len(profiles), "history", "a profile twice")

    def on_credential_retired(self, event):
        credential = self.credential(event["credential"])
        need(not credential.retired, "history", "given up twice")
        for name, key in credential.keys.items():
            need(key.gone or name in event["left"], "history", f"given up with {name}")
            key.retiring = key.retiring or not key.gone
        live = [one for one in self.incidents.values() if event["credential"] in one.credentials and not one.closed]
        need(not (event["left"] and live), "history", "given up while it is open, with keys")
        credential.retired = True

    def credential(self, name):
        need(name in self.credentials, "history", f"no credential {name}")
        return self.credentials[name]

    def key(self, event):
        keys = self.credential(event["credential"]).keys
        need(event["key"] in keys, "history", f"no sealed key {event['key']}")
        return keys[event["key"]]

    def on_rotation_begun(self, event):
        before = self.generations.setdefault(event["compartment"], {})
        need(event["generation"] > max(before, default=0), "history", "a generation out of turn")
        need(event["manifest"] == self.manifest.digest, "history", "not under the manifest in force")
        before[event["generation"]] = event["header"]
        self.unfinished[event["compartment"]] = event["generation"]

    def on_key_intended(self, event):
        credential = self.credential(event["credential"])
        need(not credential.retired, "history", "a key of what was given up")
        unfinished = self.unfinished.get(credential.about["compartment"])
        need(event["generation"] == unfinished, "history", "intended in another generation")
        credential.intended.add(event["generation"])

    def on_key_sealed(self, event):
        credential = self.credential(event["credential"])
        need(event["key"] not in credential.keys, "history", "a key sealed twice")
        need(event["generation"] in credential.intended, "history", "sealed without an intent")
        credential.intended.discard(event["generation"])
        credential.keys[event["key"]] = Key(event["generation"], event["record"], event["witness"])

    def on_key_proved(self, event):
        self.key(event).proved = True

    def on_generation_committed(self, event):
        begun = self.generations.get(event["compartment"], {})
        need(event["generation"] in begun, "history", "a generation that was never begun")
        for name in event["credentials"]:
            credential = self.credential(name)
            need(credential.about["compartment"] == event["compartment"], "history", "another compartment")
            of_it = [key for key in credential.keys.values() if key.generation == event["generation"]]
            need(of_it and of_it[-1].proved, "history", f"{name} was not proved")
            of_it[-1].committed = True
        if self.unfinished.get(event["compartment"], 0) <= event["generation"]:
            self.unfinished.pop(event["compartment"], None)

    def on_key_retiring(self, event):
        found = self.credential(event["credential"]).keys.get(event["key"])
        if found:
            found.retiring = True

    def on_key_deactivated(self, event):
        self.key(event).deactivated = True

    def on_key_deleted(self, event):
        found = self.credential(event["credential"]).keys.get(event["key"])
        if found:
            found.gone = True

    def on_key_missing(self, event):
        self.key(event).gone = True

    def on_key_unanswered(self, event):
        intended = self.credential(event["credential"]).intended
        need(event["generation"] in intended, "history", "gives up what was not intended")

    def on_key_abandoned(self, event):
        self.on_key_unanswered(event)
        self.credential(event["credential"]).intended.discard(event["generation"])

    def on_unexplained_use(self, event):
        self.key(event)

    def on_rotation_failed(self, event):
        self.credential(event["credential"])

    def on_key_refused(self, event):
        key = self.key(event)
        need(not key.active, "history", "refused while it is active")
        key.refused = True
