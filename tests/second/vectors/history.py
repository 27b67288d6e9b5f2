"""What may stand in the ledger, where, and written by whom (section 9)."""

from vaultformat import chain, envelope, founding, keys, ledger, soft, text, world

from . import giving_up, joining
from .cases import File, blob, bytes_of, changed

SUBJECT = "history"
ALICE, BOB = soft.Token("alice"), soft.Token("bob")
SIGNERS = {name: soft.Signer(name) for name in ("rotator", "station", "later")}
WITNESSES = {name: soft.Signer(f"witness {name}") for name in ("one", "two", "audit")}
KEYS = {name: f"AKIA{name.upper():X<16}" for name in ("one", "two", "audit", "orphan")}
EXPIRES = "2026-11-24T05:00:00Z"


def run(shared, case):
    found = chain.verify([bytes_of(one) for one in shared["manifests"]])
    book = ledger.Ledger(found)
    for step in [*shared["story"][: case["after"]], *case["then"]]:
        signer = SIGNERS[step["by"]]
        assert keys.raw(signer.private.public_key()).hex() == shared["writers"][step["by"]]["public"]
        book.append([one.encode() for one in step["entries"]], signer.name, signer.private)
    return {"size": book.tree.size, "root": book.tree.roots[-1].hex()}


class Story:
    """Writes entries, and remembers the heads that statements stand on."""

    def __init__(self, manifests):
        self.book = ledger.Ledger(chain.verify([one.bytes() for one in manifests]))
        self.clock, self.steps, self.marks = world.Clock(), [], {}

    def add(self, by, *events, mark=None):
        step = self.step(by, *events)
        self.book.append([one.encode() for one in step["entries"]], by, SIGNERS[by].private)
        self.steps.append(step)
        if mark:
            self.marks[mark] = len(self.steps)

    def step(self, by, *events):
        return {
            "by": by,
            "entries": [ledger.entry(self.clock(), name, **fields).decode() for name, fields in events],
        }


def manifests():
    plain = founding.first(
        [("alice", "ic", [ALICE]), ("bob", "bgo", [BOB])],
        (1, 1, 0),
        [SIGNERS["rotator"]],
        world.NONCE,
        world.NOON,
    )
    one = founding.signed(plain, [ALICE, BOB])
    next_one = {**plain, "version": 2, "previous": one.digest.hex()}
    next_one["rotators"] = [SIGNERS["rotator"].plain(), SIGNERS["later"].plain()]
    next_one["compartments"] = ["main", "prod"]
    return [one, founding.signed(next_one, [ALICE, BOB])]


def credential(name, compartment="main"):
    return "credential-added", {
        "credential": {"name": name, "compartment": compartment, "account": "123456789012", "user": name}
    }


def begun(generation, manifest, compartment="main", header="5a" * 32):
    fields = {
        "compartment": compartment,
        "generation": generation,
        "header": header,
        "manifest": manifest.digest.hex(),
        "endpoint": None,
    }
    return "rotation-begun", fields


def intended(name, generation):
    return "key-intended", {"credential": name, "generation": generation, "existing": []}


def sealed(name, generation, key):
    witness = WITNESSES[key].plain()["public"]
    return "key-sealed", {
        "credential": name,
        "generation": generation,
        "key": KEYS[key],
        "record": "5b" * 32,
        "witness": witness,
    }


def proved(name, key):
    return "key-proved", {
        "credential": name,
        "key": KEYS[key],
        "arn": f"arn:aws:iam::123456789012:user/{name}",
        "answers": 3,
    }


def committed(generation, *names, compartment="main"):
    return "generation-committed", {
        "compartment": compartment,
        "generation": generation,
        "credentials": list(names),
    }


def of_key(event, name, key, **more):
    return event, {"credential": name, "key": KEYS[key], **more}


def unexplained(name, key):
    return of_key("unexplained-use", name, key, used=EXPIRES, service="sts")


def retiring(name, key, act="deactivate", cause="superseded"):
    return of_key("key-retiring", name, key, act=act, cause=cause)


def incident(event, name="inc-1", **more):
    return event, {"incident": name, **more}


def declared(*names, name="inc-1", expires=EXPIRES):
    return incident(
        "incident-declared", name, reason="single sign-on is down", credentials=list(names), expires=expires
    )


def opening(*names, name="inc-1"):
    return incident("opening-intended", name, reason="single sign-on is down", credentials=list(names))


def delivered(*names, name="inc-1"):
    return incident("delivered", name, credentials=list(names), how={"child": {"program": "aws"}})


ROLE = {"profile": "prod", "arn": "arn:aws:iam::210987654321:role/deploy", "external_id": None}


def roles(*roles, name="deploy"):
    return "roles-set", {"credential": name, "roles": list(roles)}


def sessions(credential="deploy", of="inc-1"):
    return incident("sessions-intended", of, credential=credential, roles=[ROLE["arn"]], endpoint=None)


def session_of(*names):
    return [
        {"credential": name, "role": ROLE["arn"], "key": KEYS["orphan"], "expires": EXPIRES} for name in names
    ]


def statement(story, key="one", name="deploy", generation=1):
    """A right statement of an opening on the newest head, as JSON's values."""
    tree = story.book.tree
    return {
        "vault": story.book.vault.hex(),
        "incident": "inc-1",
        "reason": "single sign-on is down",
        "credential": name,
        "compartment": "main",
        "generation": generation,
        "access_key": KEYS[key],
        "participants": [
            {"role": role, "custodian": who.label, "token": who.id.hex(), "presence": "none"}
            for role, who in (("ic", ALICE), ("bgo", BOB))
        ],
        "ledger_size": tree.size,
        "ledger_root": tree.roots[-1].hex(),
        "opened": "2026-11-24T04:00:00Z",
        "expires": EXPIRES,
    }


def opened(plain, *witnesses):
    return "opened", {"statement": _witnessed(envelope.OPENED, plain, witnesses)}


def drilled(plain, *witnesses):
    return "drilled", {"statement": _witnessed(envelope.DRILLED, plain, witnesses)}


def _witnessed(kind, plain, witnesses):
    signed = envelope.Envelope(kind, envelope.document(plain))
    for witness in witnesses:
        WITNESSES[witness].sign_into(signed)
    return signed.plain()


def of_drill(plain):
    """What a drill states, from what an opening does."""
    kept = {key: value for key, value in plain.items() if key not in ("incident", "reason", "expires")}
    return {("drilled" if key == "opened" else key): value for key, value in kept.items()}


def told(made):
    """The whole right story: two manifests, two generations, an opening and its end."""
    one, two = made
    story = Story(made)
    vault = one.digest.hex()
    story.add("station", ("vault-founded", {"vault": vault}), mark="founded")
    story.add("rotator", credential("deploy"), credential("audit"), mark="added")
    story.add("rotator", begun(1, one), mark="begun")
    story.add("rotator", intended("deploy", 1), mark="intended")
    story.add("rotator", sealed("deploy", 1, "one"), mark="sealed")
    story.add("rotator", intended("audit", 1), sealed("audit", 1, "audit"))
    story.add("rotator", proved("deploy", "one"), proved("audit", "audit"), mark="proved")
    story.add("rotator", committed(1, "deploy", "audit"), mark="committed")
    story.add("station", declared("deploy"), mark="declared")
    story.add("station", opening("deploy"), mark="wanted")
    story.marks["statement"] = statement(story)
    story.add("station", opened(story.marks["statement"], "one"), mark="opened")
    story.add("station", delivered("deploy"), incident("released", exit=0))
    story.add(
        "station",
        ("manifest-intended", {"version": 2, "manifest": two.digest.hex(), "change": "another rotator"}),
        mark="changing",
    )
    story.add("station", ("manifest-adopted", {"version": 2, "manifest": two.digest.hex()}), mark="adopted")
    story.add("station", incident("closing-intended", endpoint=None), mark="closing")
    story.add(
        "rotator",
        retiring("deploy", "one", cause="exposed"),
        of_key("key-deactivated", "deploy", "one"),
        mark="deactivated",
    )
    story.add("rotator", of_key("key-refused", "deploy", "one", answers=3), mark="refused")
    story.add(
        "rotator",
        ("sessions-denied", {"credential": "deploy", "before": "2026-11-24T04:30:00Z"}),
        mark="denied",
    )
    story.add(
        "later", begun(2, two), intended("deploy", 2), sealed("deploy", 2, "two"), proved("deploy", "two")
    )
    story.add("later", committed(2, "deploy"), mark="replaced")
    story.add("rotator", retiring("deploy", "one", act="delete"), of_key("key-deleted", "deploy", "one"))
    story.add("rotator", incident("incident-closed"), mark="closed")
    return story


def make():
    made = manifests()
    story = told(made)
    writers = {
        name: {"seed": soft.Draw("ed25519 signer " + name)(32).hex(), "public": signer.public.hex()}
        for name, signer in SIGNERS.items()
    }
    file = File(
        SUBJECT,
        "The first `after` commits of the story, then those of `then`; the last entry may be at fault. Each commit is "
        "signed by the key of its writer (its Ed25519 seed is given), under the writer's name.",
        manifests=[blob(one.bytes()) for one in made],
        writers=writers,
        story=story.steps,
    )
    shared = file.plain()["shared"]
    for name, after in (
        ("the whole story", len(story.steps)),
        ("as far as the opening", story.marks["opened"]),
        ("the founding alone", 1),
    ):
        file.good(name, run(shared, {"after": after, "then": []}), after=after, then=[])
    _Cases(file, story, made).all()
    return file


class _Cases:
    def __init__(self, file, story, made):
        self.file, self.story, (self.one, self.two) = file, story, made
        self.shared = file.plain()["shared"]

    def good(self, name, mark, *events, by="rotator"):
        given = {"after": self.story.marks.get(mark, 0), "then": [self.story.step(by, *events)]}
        self.file.good(name, run(self.shared, given), **given)

    def bad(self, name, mark, *events, by="rotator", kind="history"):
        self.file.bad(name, kind, after=self.story.marks.get(mark, 0), then=[self.story.step(by, *events)])

    def all(self):
        self.founding()
        self.writers()
        self.rotation()
        self.keys()
        self.incidents()
        self.statements()
        self.drills()
        self.closing()
        joining.cases(self)
        giving_up.cases(self)

    def founding(self):
        vault = self.one.digest.hex()
        self.bad("founding: anything before it", None, credential("deploy"))
        self.bad(
            "founding: a refusal before it", None, ("refused", {"incident": None, "code": "x", "what": "x"})
        )
        self.bad("founding: twice", "founded", ("vault-founded", {"vault": vault}))
        self.bad("founding: of another vault", None, ("vault-founded", {"vault": "5a" * 32}))
        self.bad(
            "founding: by the second manifest", None, ("vault-founded", {"vault": self.two.digest.hex()})
        )
        adopted = {"version": 2, "manifest": self.two.digest.hex()}
        self.good("adopting: the one in force again", "adopted", ("manifest-adopted", adopted))
        self.bad(
            "adopting: one that is not there",
            "adopted",
            ("manifest-adopted", {"version": 3, "manifest": "5a" * 32}),
        )
        self.bad(
            "adopting: another than lies there",
            "founded",
            ("manifest-adopted", {**adopted, "manifest": "5a" * 32}),
        )
        self.bad(
            "adopting: the first again", "adopted", ("manifest-adopted", {"version": 1, "manifest": vault})
        )
        self.bad("adopting: under another number", "founded", ("manifest-adopted", {**adopted, "version": 1}))

    def writers(self):
        self.bad(
            "writer: a rotator that is not one yet",
            "founded",
            credential("deploy"),
            by="later",
            kind="writer",
        )
        self.good("writer: a rotator that is one by now", "adopted", credential("more", "prod"), by="later")
        for mark, event in (
            ("founded", credential("deploy")),
            ("added", begun(1, self.one)),
            ("begun", intended("deploy", 1)),
            ("intended", sealed("deploy", 1, "one")),
            ("sealed", proved("deploy", "one")),
            ("proved", committed(1, "deploy")),
            ("committed", retiring("deploy", "one")),
            ("committed", of_key("key-deactivated", "deploy", "one")),
            ("committed", of_key("key-deleted", "deploy", "one")),
            ("committed", of_key("key-missing", "deploy", "one")),
            ("intended", ("key-abandoned", {"credential": "deploy", "generation": 1})),
            ("intended", ("key-unanswered", {"credential": "deploy", "generation": 1})),
            ("added", ("rotation-failed", {"credential": "deploy", "code": "x"})),
            ("deactivated", of_key("key-refused", "deploy", "one", answers=3)),
            ("opened", ("sessions-denied", {"credential": "deploy", "before": EXPIRES})),
            ("opened", incident("lease-expired", endpoint=None)),
            ("committed", unexplained("deploy", "one")),
            ("replaced", incident("incident-closed")),
        ):
            self.bad(f"writer: a station writes {event[0]}", mark, event, by="station", kind="writer")

    def rotation(self):
        self.bad("rotation: a credential twice", "added", credential("deploy"))
        self.bad("rotation: a generation twice", "begun", begun(1, self.one))
        self.bad("rotation: the generation zero", "added", begun(0, self.one))
        self.bad("rotation: a smaller generation", "replaced", begun(1, self.two))
        self.good("rotation: numbers may be left out", "added", begun(9, self.one))
        self.good(
            "rotation: another compartment counts by itself",
            "adopted",
            begun(1, self.two, compartment="prod"),
        )
        self.bad("rotation: under a manifest that is not in force yet", "added", begun(1, self.two))
        self.bad("rotation: under a manifest that is not in force any more", "adopted", begun(2, self.one))
        self.bad("rotation: a key intended before it is begun", "added", intended("deploy", 1))
        self.bad("rotation: a key intended in another generation", "begun", intended("deploy", 2))
        self.bad("rotation: a key intended in a committed generation", "committed", intended("deploy", 1))
        self.bad("rotation: a key intended of nobody", "begun", intended("nobody", 1))
        self.bad("rotation: sealed without an intent", "begun", sealed("deploy", 1, "one"))
        self.bad("rotation: sealed in another generation", "intended", sealed("deploy", 2, "one"))
        self.bad("rotation: sealed twice", "sealed", sealed("deploy", 1, "one"))
        self.bad("rotation: a second key for one intent", "sealed", sealed("deploy", 1, "two"))
        self.good(
            "rotation: a second intent, a second key",
            "sealed",
            intended("deploy", 1),
            sealed("deploy", 1, "two"),
        )
        abandoned = ("key-abandoned", {"credential": "deploy", "generation": 1})
        unanswered = ("key-unanswered", {"credential": "deploy", "generation": 1})
        self.bad(
            "rotation: sealed after the intent was abandoned",
            "intended",
            abandoned,
            sealed("deploy", 1, "one"),
        )
        self.good("rotation: sealed although unanswered", "intended", unanswered, sealed("deploy", 1, "one"))
        self.bad("rotation: abandoned without an intent", "begun", abandoned)
        self.bad("rotation: unanswered without an intent", "begun", unanswered)
        self.bad("rotation: committed without proof", "sealed", committed(1, "deploy"))
        self.bad(
            "rotation: committed, one of two without proof",
            "sealed",
            proved("deploy", "one"),
            committed(1, "deploy", "audit"),
        )
        self.bad("rotation: a generation committed that was never begun", "proved", committed(2, "deploy"))
        self.bad(
            "rotation: committed in another compartment",
            "proved",
            begun(1, self.one, "prod"),
            committed(1, "deploy", compartment="prod"),
        )
        self.bad("rotation: a credential committed that is none", "proved", committed(1, "nobody"))
        self.bad(
            "rotation: a proof of a newer key counts for it alone",
            "sealed",
            proved("deploy", "one"),
            intended("deploy", 1),
            sealed("deploy", 1, "two"),
            committed(1, "deploy"),
        )

    def sessions(self):
        station = {"by": "station"}
        self.good("roles: set, and taken away again", "added", roles(ROLE), roles())
        self.bad("roles: of nobody", "added", roles(ROLE, name="nobody"))
        self.bad("roles: one profile twice", "added", roles(ROLE, ROLE))
        self.bad("roles: by a station", "added", roles(ROLE), **station, kind="writer")

        def handed(event, *names):
            return event[0], {**event[1], "sessions": session_of(*names)}

        both = handed(delivered("deploy"), "deploy", "deploy")
        self.good("sessions: of what is open", "opened", sessions(), both, **station)
        self.bad("sessions: of what is not open", "wanted", sessions(), **station)
        self.bad("sessions: of another credential", "opened", sessions("audit"), **station)
        self.bad("sessions: in no incident", "opened", sessions(of="inc-9"), **station)
        self.good("sessions: while it is being closed", "closing", sessions(), both, **station)
        self.bad("sessions: in a closed one", "closed", sessions(), **station)
        stray = handed(delivered("deploy"), "deploy", "audit")
        self.bad("sessions: a delivery whose credential is not handed over", "opened", stray, **station)

    def keys(self):
        for event in ("key-deactivated", "key-missing"):
            self.bad(
                f"keys: {event} of a key that was never sealed",
                "committed",
                of_key(event, "deploy", "orphan"),
            )
        self.bad("keys: proved, and never sealed", "committed", proved("deploy", "orphan"))
        self.bad(
            "keys: refused, and never sealed",
            "committed",
            of_key("key-refused", "deploy", "orphan", answers=3),
        )
        self.bad(
            "keys: refused while it is active", "committed", of_key("key-refused", "deploy", "one", answers=3)
        )
        self.bad(
            "keys: the key of another credential", "committed", of_key("key-deactivated", "audit", "one")
        )
        self.good(
            "keys: an orphan is retired and deleted",
            "committed",
            retiring("deploy", "orphan", "delete", "orphaned"),
            of_key("key-deleted", "deploy", "orphan"),
        )
        self.bad("keys: an orphan of nobody", "committed", of_key("key-deleted", "nobody", "orphan"))
        self.good(
            "keys: refused once it is missing",
            "committed",
            of_key("key-missing", "deploy", "one"),
            of_key("key-refused", "deploy", "one", answers=3),
        )
        self.good("keys: used, and nobody knows why", "committed", unexplained("deploy", "one"))
        self.bad("keys: used, and never sealed", "intended", unexplained("deploy", "one"))
        self.bad("keys: used by another credential", "committed", unexplained("audit", "one"))
        self.bad(
            "keys: a failure of nobody",
            "committed",
            ("rotation-failed", {"credential": "nobody", "code": "x"}),
        )
        self.bad(
            "keys: sessions of nobody",
            "committed",
            ("sessions-denied", {"credential": "nobody", "before": EXPIRES}),
        )

    def incidents(self):
        station = {"by": "station"}
        self.bad("incident: declared twice", "declared", declared("deploy"), **station)
        self.bad("incident: declared for nobody's key", "committed", declared("nobody"), **station)
        self.bad("incident: an opening in none", "committed", opening("deploy"), **station)
        self.bad(
            "incident: an opening that it was not declared for",
            "declared",
            opening("deploy", "audit"),
            **station,
        )
        self.bad("incident: an opening while it is being closed", "closing", opening("deploy"), **station)
        expired = incident("lease-expired", endpoint=None)
        self.good("incident: its lease ran out", "opened", expired)
        self.bad("incident: an opening after its lease ran out", "declared", expired, opening("deploy"))
        self.bad("incident: the lease of none", "committed", incident("lease-expired", "inc-9", endpoint=None))
        self.bad("incident: an opening in a closed one", "closed", opening("deploy"), **station)
        self.bad("incident: a delivery of what is not open", "wanted", delivered("deploy"), **station)
        self.bad("incident: a delivery of another credential", "opened", delivered("audit"), **station)
        self.good("incident: a delivery while it is being closed", "closing", delivered("deploy"), **station)
        self.bad("incident: a delivery in a closed one", "closed", delivered("deploy"), **station)
        self.sessions()
        for event, more in (
            ("released", {"exit": None}),
            ("closing-intended", {"endpoint": None}),
            ("closing-failed", {"code": "x"}),
        ):
            self.bad(f"incident: {event} of none", "committed", incident(event, "inc-9", **more), **station)
        self.good("incident: a child that outlives it", "closed", incident("released", exit=0), **station)
        self.good(
            "incident: a refusal may name none that is known",
            "committed",
            ("refused", {"incident": "inc-9", "code": "x", "what": "x"}),
            **station,
        )
        self.bad("incident: closed, and none", "committed", incident("incident-closed", "inc-9"))

    def statement(self, name, path=None, value=None, *, witnesses=("one",), mark="wanted", kind="history"):
        plain = self.story.marks["statement"]
        plain = changed(plain, path, value) if path else plain
        self.bad(f"statement: {name}", mark, opened(plain, *witnesses), by="station", kind=kind)

    def statements(self):
        one, other = self.story.marks["statement"]["participants"]
        for name, path, value in (
            ("of another vault", "vault", "5a" * 32),
            ("in another incident", "incident", "inc-9"),
            ("of a credential that is none", "credential", "nobody"),
            ("of another compartment", "compartment", "prod"),
            ("of another generation", "generation", 2),
            ("on a key that was never sealed", "access_key", KEYS["orphan"]),
            ("with another lease", "expires", "2026-11-24T05:00:01Z"),
            ("on a head of another size", "ledger_size", 1000),
            ("on another root", "ledger_root", "5a" * 32),
            ("on a size within a commit", "ledger_size", 2),
            ("without a BGO", "participants", [one]),
            ("without an IC", "participants", [other]),
            ("with nobody", "participants", []),
            ("with one person twice", "participants", [one, {**other, "custodian": "alice"}]),
        ):
            self.statement(name, path, value)
        for name, path, value in (
            ("an unknown field", "more", 1),
            ("an unknown field of a participant", "participants.0.more", 1),
            ("an unknown role", "participants.0.role", "ceo"),
            ("a reason of two lines", "reason", "a\nb"),
            ("no time", "opened", "now"),
        ):
            self.statement(f"form: {name}", path, value, kind="form")
        self.statement("unsigned", witnesses=(), kind="signature")
        self.statement("signed by another's witness", witnesses=("audit",), kind="signature")
        self.statement("signed twice", witnesses=("one", "one"), kind="signature")
        self.statement("signed by another witness too", witnesses=("one", "two"), kind="signature")
        self.statement("twice", mark="opened")
        self.statement("while the incident is being closed", mark="closing")
        signed = opened(self.story.marks["statement"], "one")
        broken = changed(
            signed[1],
            "statement.payload",
            text.to_base64(envelope.document({**self.story.marks["statement"], "opened": EXPIRES})),
        )
        self.bad(
            "statement: its signature is over another one",
            "wanted",
            (signed[0], broken),
            by="station",
            kind="signature",
        )
        claimed = changed(signed[1], "statement.signatures.0.keyid", WITNESSES["two"].id.hex())
        self.bad(
            "statement: under another keyid", "wanted", (signed[0], claimed), by="station", kind="signature"
        )
        other_type = changed(signed[1], "statement.payloadType", envelope.RECORD)
        self.bad("statement: of another type", "wanted", (signed[0], other_type), by="station", kind="form")
        self.bad("statement: of a key about to be retired", "wanted", retiring("deploy", "one"), signed)
        self.bad(
            "statement: of a deactivated key", "wanted", of_key("key-deactivated", "deploy", "one"), signed
        )
        self.bad("statement: of a key that is gone", "wanted", of_key("key-missing", "deploy", "one"), signed)
        audit = {**self.story.marks["statement"], "credential": "audit", "access_key": KEYS["audit"]}
        self.bad(
            "statement: that the incident was not declared for",
            "wanted",
            opened(audit, "audit"),
            by="station",
        )
        empty = {
            **self.story.marks["statement"],
            "ledger_size": 0,
            "ledger_root": ledger.Tree().roots[0].hex(),
        }
        self.good("statement: on the head of an empty ledger", "wanted", opened(empty, "one"), by="station")
        officer = [*empty["participants"], {**empty["participants"][0], "role": "so", "custodian": "eve"}]
        self.good(
            "statement: with a third person",
            "wanted",
            opened({**self.story.marks["statement"], "participants": officer}, "one"),
            by="station",
        )

    def drills(self):
        right = of_drill(self.story.marks["statement"])
        # A commit of no drill in it: an incident is no part of one.
        self.good("drill: intended", "committed", ("drill-intended", {"credentials": ["deploy"]}), by="station")
        self.good("drill: one opens", "opened", drilled(right, "one"), by="station")
        self.good("drill: stated twice", "opened", drilled(right, "one"), drilled(right, "one"), by="station")
        self.bad("drill: of nobody", "committed", ("drill-intended", {"credentials": ["nobody"]}), by="station")
        self.bad("drill: by another witness", "opened", drilled(right, "audit"), kind="signature")
        self.bad("drill: by two witnesses", "opened", drilled(right, "one", "audit"), kind="signature")
        self.bad("drill: by none", "opened", drilled(right), kind="signature")
        self.bad("drill: of a key that is dead", "deactivated", drilled(right, "one"))
        for field, value, what in (
            ("vault", "5a" * 32, "another vault"),
            ("credential", "nobody", "nobody"),
            ("compartment", "prod", "another compartment"),
            ("generation", 2, "another generation"),
            ("access_key", KEYS["audit"], "another's key"),
            ("ledger_root", "5a" * 32, "a head that never was"),
            ("ledger_size", 1000, "a head that is not yet"),
            ("participants", right["participants"][:1], "one person alone"),
        ):
            self.bad(f"drill: {what}", "opened", drilled({**right, field: value}, "one"))
        self.bad("drill: an unknown field", "opened", drilled({**right, "more": 1}, "one"), kind="form")
        opening = _witnessed(envelope.OPENED, self.story.marks["statement"], ["one"])
        self.bad("drill: the statement of an opening", "opened", ("drilled", {"statement": opening}), kind="form")

    def closing(self):
        closed = incident("incident-closed")
        self.good("closing: what was never opened", "declared", closed)
        self.bad("closing: AWS was not seen to refuse the key", "deactivated", closed)
        self.bad("closing: the sessions are not denied", "refused", closed)
        self.bad("closing: the key is not replaced", "denied", closed)
        denied = ("sessions-denied", {"credential": "deploy", "before": EXPIRES})
        refused = [
            retiring("deploy", "one"),
            of_key("key-deactivated", "deploy", "one"),
            of_key("key-refused", "deploy", "one", answers=3),
        ]
        newer = [
            begun(2, self.two),
            intended("deploy", 2),
            sealed("deploy", 2, "two"),
            proved("deploy", "two"),
            committed(2, "deploy"),
        ]
        self.bad(
            "closing: gone is not refused",
            "adopted",
            of_key("key-missing", "deploy", "one"),
            denied,
            *newer,
            closed,
        )
        self.good("closing: in another order", "adopted", denied, *newer, *refused, closed)
        self.bad(
            "closing: sessions of another credential are denied",
            "adopted",
            *refused,
            *newer,
            ("sessions-denied", {"credential": "audit", "before": EXPIRES}),
            closed,
        )
        self.bad("closing: the newer key is not committed", "adopted", *refused, denied, *newer[:-1], closed)
