"""JSON's strictness, and the form of each event (sections 1 and 9)."""

from vaultformat import events

from .cases import File, blob, bytes_of, changed, dumps, without

SUBJECT = "entries"
ARN = "arn:aws:iam::210987654321:role/breakglass/access/deploy"
TIME, KEY, DIGEST = "2026-11-24T03:00:00Z", "AKIAXXXXXXXXXXXXXXXX", "5a" * 32


def run(shared, case):
    events.parse(bytes_of(case["entry"]))


def _samples():
    """Every event once."""
    credential = {"credential": "deploy"}
    key = {**credential, "key": KEY}
    incident = {"incident": "inc-1"}
    head = {"size": 7, "root": DIGEST}
    envelope = {"payloadType": "x", "payload": "AA==", "signatures": [{"keyid": DIGEST, "sig": "AAAA"}]}
    definition = {"name": "deploy", "compartment": "main", "account": "123456789012", "user": "deploy"}
    declared = {**incident, "reason": "down", "credentials": ["deploy"]}
    return {
        "vault-founded": {"vault": DIGEST},
        "manifest-intended": {"version": 2, "manifest": DIGEST, "change": "a spare for alice"},
        "manifest-adopted": {"version": 2, "manifest": DIGEST},
        "credential-added": {"credential": definition},
        "roles-set": {
            **credential,
            "roles": [{"profile": "prod", "arn": ARN, "external_id": "northwind:breakglass"}],
        },
        "credential-retired": {**credential, "reason": "the account is closed", "left": [KEY]},
        "rotation-begun": {
            "compartment": "main",
            "generation": 1,
            "header": DIGEST,
            "manifest": DIGEST,
            "endpoint": None,
        },
        "key-intended": {**credential, "generation": 1, "existing": [KEY]},
        "key-sealed": {**key, "generation": 1, "record": DIGEST, "witness": "AAAA"},
        "key-proved": {**key, "arn": "arn:aws:iam::123456789012:user/deploy", "answers": 3},
        "generation-committed": {"compartment": "main", "generation": 1, "credentials": ["deploy"]},
        "key-retiring": {**key, "act": "deactivate", "cause": "superseded"},
        "key-deactivated": key,
        "key-deleted": key,
        "key-missing": key,
        "key-abandoned": {**credential, "generation": 1},
        "key-unanswered": {**credential, "generation": 1},
        "rotation-failed": {**credential, "code": "aws-throttled"},
        "incident-declared": {**declared, "expires": TIME},
        "opening-intended": declared,
        "refused": {"incident": None, "code": "declined", "what": "declined at the terminal"},
        "opened": {"statement": envelope},
        "drill-intended": {"credentials": ["deploy"]},
        "drilled": {"statement": envelope},
        "sessions-intended": {**incident, **credential, "roles": [ARN], "endpoint": None},
        "delivered": {**incident, "credentials": ["deploy"], "how": {"child": {"program": "aws"}}},
        "released": {**incident, "exit": -1},
        "closing-intended": {**incident, "endpoint": "http://127.0.0.1:1"},
        "lease-expired": {**incident, "endpoint": None},
        "unexplained-use": {**key, "used": TIME, "service": "sts"},
        "sessions-denied": {**credential, "before": TIME},
        "key-refused": {**key, "answers": 3},
        "closing-failed": {**incident, "code": "aws-refused"},
        "incident-closed": incident,
        "ledger-joined": {"parted": head, "main": head, "heads": [head]},
        "carried": {
            "ledger": DIGEST,
            "index": 7,
            "entry": {"time": TIME, "event": {"released": {**incident, "exit": 0}}},
        },
    }


def make():
    file = File(SUBJECT, "One entry of the ledger each: whether it has its form.")
    samples = _samples()
    assert samples.keys() == events.EVENTS.keys()
    for name, event in samples.items():
        entry = {"time": TIME, "event": {name: event}}
        file.good(name, entry=blob(dumps(entry)))
        file.bad(
            f"{name}: a field is missing",
            "form",
            entry=blob(dumps(without(entry, f"event.{name}.{list(event)[-1]}"))),
        )
    _other_goods(file, samples)
    _json(file)
    _values(file, samples)
    return file


def _other_goods(file, samples):
    delivered = {"time": TIME, "event": {"delivered": {**samples["delivered"], "how": "credential-process"}}}
    file.good("delivered: by credential-process", entry=blob(dumps(delivered)))
    session = {"credential": "deploy", "role": ARN, "key": KEY, "expires": TIME}
    sessions = {"time": TIME, "event": {"delivered": {**samples["delivered"], "sessions": [session] * 2}}}
    file.good("delivered: sessions", entry=blob(dumps(sessions)))
    for name, value in (
        ("a list of no sessions", []),
        ("null in the place of sessions", None),
        ("a session that is no object", [KEY]),
        ("an unknown field of a session", [{**session, "secret": "x"}]),
        ("a session without its end", [without(session, "expires")]),
        ("a session of a user", [{**session, "role": ARN.replace("role", "user")}]),
    ):
        bad = changed(sessions, "event.delivered.sessions", value)
        file.bad(f"delivered: {name}", "form", entry=blob(dumps(bad)))
    _roles(file, samples)
    retired = {"time": TIME, "event": {"credential-retired": {**samples["credential-retired"], "left": []}}}
    file.good("credential-retired: no key left", entry=blob(dumps(retired)))
    withdrawn = {**samples["key-retiring"], "act": "delete", "cause": "withdrawn"}
    file.good("key-retiring: withdrawn", entry=blob(dumps({"time": TIME, "event": {"key-retiring": withdrawn}})))
    released = {"time": TIME, "event": {"released": {"incident": "inc-1", "exit": None}}}
    file.good("released: without an exit code", entry=blob(dumps(released)))
    file.good(
        "blanks and another order",
        entry=blob(
            b'{ "event" : { "incident-closed" : { "incident" : "inc-1" } } ,\n\t"time" : "%s" }\r\n'
            % TIME.encode()
        ),
    )
    file.good(
        "an escaped letter",
        entry=blob(b'{"t\\u0069me":"%s","event":{"incident-closed":{"incident":"inc-1"}}}' % TIME.encode()),
    )


def _roles(file, samples):
    whole = {"time": TIME, "event": {"roles-set": samples["roles-set"]}}

    def case(add, name, field, value):
        add(f"roles-set: {name}", entry=blob(dumps(changed(whole, f"event.roles-set.{field}", value))))

    def bad(name, **more):
        file.bad(name, "form", **more)

    case(file.good, "none", "roles", [])
    case(file.good, "without an external id", "roles.0.external_id", None)
    case(file.good, "another partition, and no path", "roles.0.arn", "arn:aws-us-gov:iam::210987654321:role/x")
    case(file.good, "the longest name", "roles.0.arn", "arn:aws:iam::210987654321:role/" + "x" * 64)
    role = samples["roles-set"]["roles"][0]
    case(bad, "null in the place of the list", "roles", None)
    case(bad, "an unknown field", "roles.0.more", 1)
    case(bad, "an external id that is left out", "roles", [without(role, "external_id")])
    case(bad, "an external id that is too short", "roles.0.external_id", "x")
    case(bad, "an external id with a blank", "roles.0.external_id", "x y")
    case(bad, "a profile with a blank", "roles.0.profile", "x y")
    for name, arn in (
        ("a name alone", "deploy"),
        ("a user", "arn:aws:iam::210987654321:user/deploy"),
        ("an account that is too short", "arn:aws:iam::21098765432:role/deploy"),
        ("a region", "arn:aws:iam:us-east-1:210987654321:role/deploy"),
        ("no name", "arn:aws:iam::210987654321:role/"),
        ("a path alone", "arn:aws:iam::210987654321:role/access/"),
        ("a partition of another kind", "arn:other:iam::210987654321:role/deploy"),
        ("a quote", "arn:aws:iam::210987654321:role/de'ploy"),
        ("a colon", "arn:aws:iam::210987654321:role/a:b"),
        ("a name that is too long", "arn:aws:iam::210987654321:role/" + "x" * 65),
        ("601 characters", "arn:aws:iam::210987654321:role/" + "a/" * 284 + "xx"),
    ):
        case(bad, f"an ARN: {name}", "roles.0.arn", arn)


def _json(file):
    head, tail = b'{"time":"%s","event":' % TIME.encode(), b"}"
    closed = b'{"incident-closed":{"incident":"inc-1"}}'

    def bad(name, entry):
        file.bad(f"json: {name}", "form", entry=blob(entry))

    good = head + closed + tail
    bad("nothing", b"")
    bad("blanks alone", b"  ")
    bad("cut off", good[:-1])
    bad("something behind", good + b"x")
    bad("a second value behind", good + good)
    bad("a byte order mark", b"\xef\xbb\xbf" + good)
    bad("no UTF-8", good.replace(b"inc-1", b"inc-\xff"))
    bad("UTF-16", good.decode().encode("utf-16-le"))
    bad("an overlong letter", good.replace(b"inc-1", b"inc-\xc0\xb1"))
    bad("a comment", head + b"/* */" + closed + tail)
    bad("a comma too many", head + closed + b",}")
    bad("quotes of another kind", good.replace(b'"', b"'"))
    bad("an unknown field", good[:-1] + b',"more":1}')
    bad("an unknown field of the event", head + b'{"incident-closed":{"incident":"inc-1","more":1}}' + tail)
    bad("a field twice", good[:-1] + b',"time":"%s"}' % TIME.encode())
    bad(
        "a field twice in the event",
        head + b'{"incident-closed":{"incident":"inc-1","incident":"inc-1"}}' + tail,
    )
    bad("a field twice, once escaped", good[:-1] + b',"t\\u0069me":"%s"}' % TIME.encode())
    bad("a list in the place of the entry", b'["%s",' % TIME.encode() + closed + b"]")
    bad("a list in the place of the event's fields", head + b'{"incident-closed":["inc-1"]}' + tail)
    bad(
        "two events",
        head
        + b'{"incident-closed":{"incident":"inc-1"},"closing-intended":{"incident":"inc-1","endpoint":null}}'
        + tail,
    )
    bad("no event", head + b"{}" + tail)
    bad("an event as a text", head + b'"incident-closed"' + tail)
    bad("an unknown event", head + b'{"incident-forgotten":{"incident":"inc-1"}}' + tail)
    bad("an event by another case", head + b'{"IncidentClosed":{"incident":"inc-1"}}' + tail)
    bad("null in the place of a text", head + b'{"incident-closed":{"incident":null}}' + tail)
    bad("a number in the place of a text", head + b'{"incident-closed":{"incident":1}}' + tail)
    bad("half a character", head + b'{"closing-failed":{"incident":"inc-1","code":"\\ud800"}}' + tail)
    bad("a line end within a text", head + b'{"closing-failed":{"incident":"inc-1","code":"a\nb"}}' + tail)
    bad("a time of another spelling", good.replace(b"00Z", b"00+00:00"))
    for name, number in (
        ("a fraction", b"1.0"),
        ("an exponent", b"1e0"),
        ("a sign", b"-1"),
        ("a plus sign", b"+1"),
        ("a zero before", b"01"),
        ("a text", b'"1"'),
        ("above 64 bits", b"18446744073709551616"),
        ("NaN", b"NaN"),
        ("true", b"true"),
        ("minus zero", b"-0"),
        ("null", b"null"),
        ("hexadecimal", b"0x1"),
    ):
        bad(
            f"a number: {name}",
            head + b'{"key-abandoned":{"credential":"deploy","generation":' + number + b"}}" + tail,
        )
    largest = head + b'{"key-abandoned":{"credential":"deploy","generation":18446744073709551615}}' + tail
    file.good("json: the largest number", entry=blob(largest))


def _values(file, samples):
    inner = "entry.event"
    for event, field, value, name in (
        ("carried", inner, {"incident-closed": {"incident": "inc-1"}}, "an event that stays at home"),
        ("carried", inner, {"carried": samples["carried"]}, "one within another"),
        ("carried", inner, {}, "no event"),
        ("carried", "entry.more", 1, "an unknown field of its entry"),
        ("ledger-joined", "main", None, "no head"),
        ("ledger-joined", "heads.0.commit", 7, "an unknown field of a head"),
        ("key-retiring", "act", "destroy", "an unknown act"),
        ("key-retiring", "cause", "bored", "an unknown cause"),
        ("key-proved", "answers", 2**32, "answers above 32 bits"),
        ("key-proved", "key", "AKIA", "a key id that is too short"),
        ("key-sealed", "witness", "AA", "base64 without its padding"),
        ("key-sealed", "record", "5A" * 32, "a digest in upper case"),
        ("released", "exit", 2**31, "an exit code above 31 bits"),
        ("released", "exit", -(2**31) - 1, "an exit code below 31 bits"),
        ("incident-declared", "reason", "a\nb", "a reason of two lines"),
        ("incident-declared", "credentials", "deploy", "a text in the place of a list"),
        ("incident-declared", "expires", "tomorrow", "no time"),
        ("delivered", "how", {"child": {"program": "aws", "pid": 1}}, "an unknown field of the delivery"),
        ("delivered", "how", {"credential-process": None}, "a delivery of another form"),
        ("delivered", "how", "child", "a delivery without its program"),
        ("delivered", "how", "mail", "an unknown delivery"),
        ("credential-added", "credential.account", "1234", "an account that is too short"),
        ("credential-added", "credential.user", "a/b", "a user with a slash"),
        ("opened", "statement.signatures.0.keyid", "", "no keyid"),
        ("opened", "statement.payload", "A", "a payload that is no base64"),
    ):
        entry = changed({"time": TIME, "event": {event: samples[event]}}, f"event.{event}.{field}", value)
        file.bad(f"{event}: {name}", "form", entry=blob(dumps(entry)))
