"""The entries of the ledger: their form (section 9)."""

from . import envelope, shape, text

WORD = shape.ranged(0, 2**32 - 1)
NUMBER, STRING, NAME, DIGEST = shape.number, shape.string, text.name, text.digest
KEY = text.access_key


HEAD = shape.record(size=NUMBER, root=DIGEST)


def _key(**more):
    return shape.record(credential=NAME, **more)


DELIVERY = shape.tagged({"child": shape.record(program=STRING)})


def _how(value):
    return value if value == "credential-process" else DELIVERY(value)


ROLE = shape.record(profile=NAME, arn=text.role_arn, external_id=shape.maybe(text.external_id))
SESSION = shape.record(credential=NAME, role=text.role_arn, key=KEY, expires=text.time)

EVENTS = {
    "vault-founded": shape.record(vault=DIGEST),
    "manifest-intended": shape.record(version=NUMBER, manifest=DIGEST, change=STRING),
    "manifest-adopted": shape.record(version=NUMBER, manifest=DIGEST),
    "credential-added": shape.record(
        credential=shape.record(name=NAME, compartment=NAME, account=text.account, user=text.user)
    ),
    "roles-set": shape.record(credential=NAME, roles=shape.several(ROLE)),
    "credential-retired": shape.record(credential=NAME, reason=text.reason, left=shape.several(KEY)),
    "rotation-begun": shape.record(
        compartment=NAME, generation=NUMBER, header=DIGEST, manifest=DIGEST, endpoint=shape.maybe(STRING)
    ),
    "key-intended": _key(generation=NUMBER, existing=shape.several(KEY)),
    "key-sealed": _key(generation=NUMBER, key=KEY, record=DIGEST, witness=text.from_base64),
    "key-proved": _key(key=KEY, arn=STRING, answers=WORD),
    "generation-committed": shape.record(
        compartment=NAME, generation=NUMBER, credentials=shape.several(NAME)
    ),
    "key-retiring": _key(
        key=KEY,
        act=shape.one_of("deactivate", "delete"),
        cause=shape.one_of("superseded", "orphaned", "unproved", "exposed", "withdrawn"),
    ),
    "key-deactivated": _key(key=KEY),
    "key-deleted": _key(key=KEY),
    "key-missing": _key(key=KEY),
    "key-abandoned": _key(generation=NUMBER),
    "key-unanswered": _key(generation=NUMBER),
    "rotation-failed": _key(code=STRING),
    "incident-declared": shape.record(
        incident=NAME, reason=text.reason, credentials=shape.several(NAME), expires=text.time
    ),
    "opening-intended": shape.record(incident=NAME, reason=text.reason, credentials=shape.several(NAME)),
    "refused": shape.record(incident=shape.maybe(NAME), code=STRING, what=STRING),
    "opened": shape.record(statement=envelope.SHAPE),
    "drill-intended": shape.record(credentials=shape.several(NAME)),
    "drilled": shape.record(statement=envelope.SHAPE),
    "sessions-intended": shape.record(
        incident=NAME, credential=NAME, roles=shape.several(text.role_arn), endpoint=shape.maybe(STRING)
    ),
    "delivered": shape.record_with(
        {"sessions": shape.some(SESSION)}, incident=NAME, credentials=shape.several(NAME), how=_how
    ),
    "released": shape.record(incident=NAME, exit=shape.maybe(shape.ranged(-(2**31), 2**31 - 1))),
    "closing-intended": shape.record(incident=NAME, endpoint=shape.maybe(STRING)),
    "lease-expired": shape.record(incident=NAME, endpoint=shape.maybe(STRING)),
    "unexplained-use": _key(key=KEY, used=text.time, service=STRING),
    "sessions-denied": _key(before=text.time),
    "key-refused": _key(key=KEY, answers=WORD),
    "closing-failed": shape.record(incident=NAME, code=STRING),
    "incident-closed": shape.record(incident=NAME),
    "ledger-joined": shape.record(parted=HEAD, main=HEAD, heads=shape.several(HEAD)),
}

# What any station may write.
STATIONS = {
    "vault-founded",
    "manifest-intended",
    "manifest-adopted",
    "incident-declared",
    "opening-intended",
    "refused",
    "opened",
    "drill-intended",
    "drilled",
    "sessions-intended",
    "delivered",
    "released",
    "closing-intended",
    "closing-failed",
    "ledger-joined",
    "carried",
}

# What is carried over from a joined ledger.
CARRIED = {
    "incident-declared",
    "opening-intended",
    "refused",
    "opened",
    "drill-intended",
    "drilled",
    "sessions-intended",
    "delivered",
    "released",
}


def _entry(types):
    return shape.record(time=text.time, event=shape.tagged(types))


EVENTS["carried"] = shape.record(
    ledger=DIGEST, index=NUMBER, entry=_entry({name: EVENTS[name] for name in CARRIED})
)

ENTRY = _entry(EVENTS)


def parse(data):
    """An entry's bytes to (time, name of the event, its fields)."""
    entry = shape.parse(data, ENTRY)
    return entry["time"], *entry["event"]
