"""Incidents, openings and closings in the ledger (section 9)."""

from . import statement
from .fault import need


class Incident:
    def __init__(self, event):
        self.credentials, self.expires = event["credentials"], event["expires"]
        self.opened = []  # (credential, key)
        self.denied = set()  # credentials whose sessions were denied after an opening
        self.closing = self.closed = False

    def open_again(self):
        self.closing = self.closed = False


class Incidents:
    """The part of the state that incidents make up."""

    def __init__(self):
        self.incidents = {}
        self.statements = set()

    def incident(self, name):
        need(name in self.incidents, "history", f"no incident {name}")
        return self.incidents[name]

    def on_incident_declared(self, event):
        need(event["incident"] not in self.incidents, "history", "an incident twice")
        for name in event["credentials"]:
            self.credential(name)
        self.incidents[event["incident"]] = Incident(event)

    def on_opening_intended(self, event):
        incident = self.incident(event["incident"])
        need(not (incident.closing or incident.closed), "history", "an opening in a closed incident")
        need(set(event["credentials"]) <= set(incident.credentials), "history", "not declared for it")

    def on_refused(self, event):
        pass

    def on_opened(self, event, joined=None):
        """`joined` is the ledger that it is carried over from."""
        said = statement.of(event["statement"])
        body = said.body
        need(body["vault"] == self.chain.fingerprint, "history", "a statement of another vault")
        incident = self.incident(body["incident"])
        if joined:
            incident.open_again()
            incident.denied.discard(body["credential"])
        need(not (incident.closing or incident.closed), "history", "opened in a closed incident")
        need(body["credential"] in incident.credentials, "history", "not declared for it")
        need(body["expires"] == incident.expires, "history", "another lease than the incident's")
        self.witnessed(said, joined)
        need(said.envelope.payload not in self.statements, "history", "it stands there already")
        self.statements.add(said.envelope.payload)
        incident.opened.append((body["credential"], body["access_key"]))

    def witnessed(self, said, joined):
        """The key that a statement is about."""
        body = said.body
        credential = self.credential(body["credential"])
        key = credential.keys.get(body["access_key"])
        usable = key and (key.in_force or (joined and key.committed))
        need(usable, "history", "a key that is not in force")
        there = (credential.about["compartment"], key.generation)
        need((body["compartment"], body["generation"]) == there, "history", "another generation")
        heads = joined.heads if joined else self.heads
        known = heads.get(body["ledger_size"]) == body["ledger_root"]
        need(known, "history", "on a head that this ledger never had")
        _participants(body["participants"])
        said.check_signed(key.witness)
        return key

    def on_drill_intended(self, event):
        for name in event["credentials"]:
            self.credential(name)

    def on_drilled(self, event, joined=None):
        """`joined` is the ledger that it is carried over from."""
        said = statement.of_drill(event["statement"])
        need(said.body["vault"] == self.chain.fingerprint, "history", "a statement of another vault")
        self.witnessed(said, joined)

    def on_sessions_intended(self, event):
        self._open_in(event["incident"], {event["credential"]})

    def on_delivered(self, event):
        self._open_in(event["incident"], set(event["credentials"]))
        made_with = {session["credential"] for session in event.get("sessions", ())}
        need(made_with <= set(event["credentials"]), "history", "a session of another credential")

    def _open_in(self, name, credentials):
        incident = self.incident(name)
        need(not incident.closed, "history", "a delivery in a closed incident")
        need(credentials <= {opened for opened, _ in incident.opened}, "history", "not open in it")

    def on_released(self, event):
        self.incident(event["incident"])

    def on_closing_intended(self, event):
        self.incident(event["incident"]).closing = True

    def on_lease_expired(self, event):
        self.on_closing_intended(event)

    def on_closing_failed(self, event):
        self.incident(event["incident"])

    def on_sessions_denied(self, event):
        self.credential(event["credential"])
        for incident in self.incidents.values():
            if not incident.closed and event["credential"] in {name for name, _ in incident.opened}:
                incident.denied.add(event["credential"])

    def on_incident_closed(self, event):
        incident = self.incident(event["incident"])
        for name, opened in incident.opened:
            credential = self.credentials[name]
            key = credential.keys[opened]
            need(key.refused, "history", f"AWS was not seen to refuse {opened}")
            need(name in incident.denied, "history", f"the sessions of {name} are not denied")
            newer = [
                one for one in credential.keys.values() if one.committed and one.generation > key.generation
            ]
            need(newer or credential.retired, "history", f"no newer key of {name}")
        incident.closed = True


def _participants(participants):
    people = {one["custodian"] for one in participants}
    need(len(people) == len(participants), "history", "a participant twice")
    need({"ic", "bgo"} <= {one["role"] for one in participants}, "history", "an opening role is missing")
