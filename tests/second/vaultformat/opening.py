"""Opening credentials of a vault (section 7), wherever the tokens' answers come from."""

from . import envelope, header, record
from .fault import need


class Opening:
    """Collects shares for one credential until both roles have their quorum. `found` is a vault.Vault."""

    def __init__(self, found, credential, access_key=None):
        self.vault, self.credential = found, credential
        self.record, self.header, self.manifest = found.record(credential, access_key)
        self.shares = {role["role"]: {} for role in self.header.body["roles"]}
        self.people = []

    def missing(self, role):
        """How many more custodians of a role it takes."""
        (wanted,) = [one for one in self.header.body["roles"] if one["role"] == role]
        return max(0, wanted["threshold"] - len(self.shares[role]))

    def places(self, role):
        """(share, sealed, custodian's token as the manifest has it) for all tokens of a role that can help."""
        (wanted,) = [one for one in self.header.body["roles"] if one["role"] == role]
        return [
            (share, sealed, self.manifest.tokens[sealed["token"]][1])
            for share in wanted["shares"]
            for sealed in share["tokens"]
            if share["index"] not in self.shares[role]
        ]

    def contribute(self, role, share, sealed, private):
        """Opens one share; `private(encapsulated)` gives what the token computes."""
        index, opened = header.open_share(self.header, self.manifest, role, share, sealed, private)
        self.shares[role][index] = opened
        token = self.manifest.tokens[sealed["token"]][1]
        self.people.append(
            {
                "role": role,
                "custodian": share["custodian"],
                "token": sealed["token"].hex(),
                "presence": token["keys"]["presence"],
            }
        )

    def secrets(self):
        """The role secrets by role, once both quorums are there."""
        return {
            role: header.role_secret(self.header, role, list(shares.items()))
            for role, shares in self.shares.items()
        }

    def statement(self, secrets, incident, reason, opened, expires):
        """The statement of this opening, signed by the record's witness, on the ledger's newest head."""
        _, witness = record.unlock(self.record, secrets)
        about, tree = self.record.about, self.vault.ledger.tree
        plain = {
            "vault": about["vault"].hex(),
            "incident": incident,
            "reason": reason,
            "credential": self.credential,
            "compartment": about["compartment"],
            "generation": about["generation"],
            "access_key": about["access_key"],
            "participants": self.people,
            "ledger_size": tree.size,
            "ledger_root": tree.roots[-1].hex(),
            "opened": opened,
            "expires": expires,
        }
        signed = envelope.Envelope(envelope.OPENED, envelope.document(plain))
        signed.sign(witness)
        return signed

    def release(self, secrets):
        """The secret access key."""
        for role in self.shares:
            need(role in secrets, "quorum", f"no secret of {role}")
        key, _ = record.unlock(self.record, secrets)
        return record.release(self.record, key)
