"""Manifests: their form, what makes them sound, and how they follow each other (section 4)."""

from vaultformat import chain, founding, soft, text, world, yubikey

from . import attested
from .cases import File, blob, bytes_of, changed, dumps, without

SUBJECT = "manifests"
ALICE, CAROL, BOB, EVE, MALLORY = (soft.Token(name) for name in ("alice", "carol", "bob", "eve", "mallory"))
SPARE = soft.Token("alice-spare")
ROTATOR = soft.Signer("rotator")


def run(shared, case):
    found = chain.verify([bytes_of(one) for one in case["manifests"]])
    return {"fingerprint": found.fingerprint.hex(), "newest": found.newest.digest.hex()}


def first(custodians=(("alice", "ic", [ALICE]), ("bob", "bgo", [BOB])), thresholds=(1, 1, 0)):
    return founding.first(custodians, thresholds, [ROTATOR], world.NONCE, world.NOON)


def signed(plain, *tokens):
    return founding.signed(plain, tokens)


def make():
    file = File(SUBJECT, "All manifests of a vault, in their order. The last one may be at fault.")
    _form(file)
    _sound(file)
    _founding(file)
    _following(file)
    _signatures(file)
    attested.add(file)
    return file


def good(file, name, *manifests):
    given = {"manifests": [blob(one.bytes()) for one in manifests]}
    file.good(name, run(None, given), **given)


def bad(file, name, kind, *manifests):
    file.bad(name, kind, manifests=[blob(one.bytes()) for one in manifests])


def _form(file):
    plain = first()
    for path, value, name in (
        ("version", -1, "a negative version"),
        ("version", "1", "its version a text"),
        ("vault", "Acme", "its name in upper case"),
        ("previous", "", "previous empty"),
        ("created", "2026-11-24", "created without a time"),
        ("nonce", "AAAA=", "the nonce no base64"),
        ("policy.allow_no_touch", 1, "allow_no_touch a number"),
        ("policy.rotate_days", 2**32, "rotate_days above 32 bits"),
        ("policy.more", 1, "an unknown field of the policy"),
        ("policy.keep_proved_days", None, "keep_proved_days null"),
        ("thresholds.ic", 256, "a threshold above 8 bits"),
        ("thresholds.ceo", 1, "a threshold of an unknown role"),
        ("custodians.0.role", "ceo", "an unknown role"),
        ("custodians.0.name", "alice b", "a custodian's name with a blank"),
        ("custodians.0.more", 1, "an unknown field of a custodian"),
        ("custodians.0.tokens.0.identity.kind", "tpm", "an unknown kind of token"),
        ("custodians.0.tokens.0.keys.presence", "maybe", "an unknown presence"),
        ("custodians.0.tokens.0.keys.seal.suite", "p384", "an unknown suite"),
        ("custodians.0.tokens.0.keys.sign.algorithm", "ecdsa", "an unknown algorithm"),
        ("rotators.0.more", 1, "an unknown field of a rotator"),
        ("compartments", "main", "compartments a text"),
        ("retired", ["00"], "a retired token that is no digest"),
        ("more", 1, "an unknown field"),
    ):
        bad(file, f"form: {name}", "form", signed(changed(plain, path, value), ALICE, BOB))
    for path in (
        "previous",
        "retired",
        "policy.grace_minutes",
        "thresholds.so",
        "custodians.0.tokens.0.identity.model",
    ):
        bad(file, f"form: without {path}", "form", signed(without(plain, path), ALICE, BOB))
    listed = changed(plain, "thresholds", [1, 1, 0])
    bad(file, "form: a list in the place of the thresholds", "form", signed(listed, ALICE, BOB))


def _sound(file):
    plain = first()
    third = {"name": "carol", "role": "ic", "tokens": [CAROL.plain()]}

    def unsound(name, made, *tokens):
        bad(file, f"sound: {name}", "unsound", signed(made, *(tokens or (ALICE, BOB))))

    def with_token(path, token):
        return changed(plain, f"custodians.{path}", token)

    def token(base, more):
        made = base.plain()
        for part, value in more.items():
            made = changed(made, part, value)
        return made

    unsound(
        "a custodian twice",
        changed(plain, "custodians", [*plain["custodians"], {**third, "name": "alice"}]),
        ALICE,
        BOB,
        CAROL,
    )
    unsound("a custodian in two roles", changed(plain, "custodians.1.name", "alice"))
    unsound("a custodian without a token", changed(plain, "custodians.0.tokens", []), BOB)
    same = {"identity.manufacturer": "Software", "identity.serial": ALICE.plain()["identity"]["serial"]}
    unsound(
        "a device twice",
        changed(plain, "custodians", [*plain["custodians"], {**third, "tokens": [token(CAROL, same)]}]),
        ALICE,
        BOB,
        CAROL,
    )
    seal = {"keys.seal.public": ALICE.plain()["keys"]["seal"]["public"]}
    sign = {"keys.sign.public": ALICE.plain()["keys"]["sign"]["public"]}
    both = {"keys.seal.public": BOB.plain()["keys"]["sign"]["public"]}
    unsound("a seal key twice", with_token("1.tokens.0", token(BOB, seal)))
    unsound("a sign key twice", with_token("1.tokens.0", token(BOB, sign)))
    unsound("one key to seal and to sign", with_token("1.tokens.0", token(BOB, both)))
    unsound("a retired token", changed(plain, "retired", [ALICE.id.hex()]))
    off = text.to_base64(b"\4" + bytes(64))
    unsound("a seal key off the curve", with_token("0.tokens.0.keys.seal.public", off))
    unsound("a sign key off the curve", with_token("0.tokens.0.keys.sign.public", off))
    unsound("a seal key of another suite", with_token("0.tokens.0.keys.seal.suite", "rsa-oaep-sha256"))
    unsound(
        "a token that signs with ed25519",
        with_token("0.tokens.0.keys.sign", {"algorithm": "ed25519", "public": ROTATOR.plain()["public"]}),
    )
    unsound("a threshold of none", changed(plain, "thresholds.ic", 0))
    unsound("a threshold above the custodians", changed(plain, "thresholds.bgo", 2))
    unsound("a threshold of a role that nobody has", changed(plain, "thresholds.so", 1))
    officer = changed(
        plain, "custodians", [*plain["custodians"], {"name": "eve", "role": "so", "tokens": [EVE.plain()]}]
    )
    unsound("no threshold of a role that somebody has", officer, ALICE, BOB, EVE)
    unsound("nobody of an opening role", changed(plain, "custodians", plain["custodians"][:1]), ALICE)
    unsound("a quorum without any touch", changed(plain, "policy.allow_no_touch", False))
    unsound("no rotator", changed(plain, "rotators", []))
    unsound(
        "a rotator's key of small order",
        changed(plain, "rotators.0.public", text.to_base64(b"\1" + bytes(31))),
    )
    unsound(
        "a rotator's key of 31 bytes", changed(plain, "rotators.0.public", text.to_base64(bytes([9] * 31)))
    )
    twice = [ROTATOR.plain(), {**ROTATOR.plain(), "name": "other"}]
    unsound("a rotator's key twice", changed(plain, "rotators", twice))
    twice = [ROTATOR.plain(), {**soft.Signer("other").plain(), "name": "rotator"}]
    unsound("a rotator's name twice", changed(plain, "rotators", twice))
    unsound("no compartment", changed(plain, "compartments", []))
    unsound("a compartment twice", changed(plain, "compartments", ["main", "main"]))
    for field, value in (
        ("rotate_days", 0),
        ("rotate_days", 366),
        ("max_lease_minutes", 0),
        ("max_lease_minutes", 10081),
        ("grace_minutes", 43201),
        ("keep_proved_days", 366),
    ):
        unsound(f"{field} {value}", changed(plain, f"policy.{field}", value))
    unsound("a nonce of 15 bytes", changed(plain, "nonce", text.to_base64(bytes(15))))
    unsound("a nonce of 17 bytes", changed(plain, "nonce", text.to_base64(bytes(17))))


def _founding(file):
    plain = first()
    good(file, "founding: two people", signed(plain, ALICE, BOB))
    kept = changed(plain, "policy.keep_proved_days", 365)
    good(file, "founding: it is said how long a proved key is kept", signed(kept, ALICE, BOB))
    good(file, "founding: signed in another order", signed(plain, BOB, ALICE))
    many = world.People()
    good(
        file,
        "founding: thresholds, a spare, RSA and a security officer",
        founding.signed(many.manifest(), many.all()),
    )
    touched = yubikey.YubiKey("alice", 31_234_567)

    def of(tokens):
        made = first([("alice", "ic", tokens), ("bob", "bgo", [BOB])])
        made = changed(made, "policy.attestation_roots", [text.to_base64(yubikey.ROOT.der)])
        return signed(changed(made, "policy.allow_no_touch", False), *tokens, BOB)

    good(file, "founding: a touch in one role is enough", of([touched]))
    bad(file, "founding: a spare without touch", "unsound", of([touched, SPARE]))
    bad(file, "founding: version 2 as the first", "chain", signed(changed(plain, "version", 2), ALICE, BOB))
    bad(
        file,
        "founding: the first with one before",
        "chain",
        signed(changed(plain, "previous", "5a" * 32), ALICE, BOB),
    )
    bad(file, "founding: one founder has not signed", "signature", signed(plain, ALICE))
    bad(file, "founding: unsigned", "signature", signed(plain))
    bad(file, "founding: signed by a stranger too", "signature", signed(plain, ALICE, BOB, MALLORY))
    bad(file, "founding: signed twice by one", "signature", signed(plain, ALICE, BOB, BOB))
    broken = signed(plain, ALICE, BOB)
    keyid, sig = broken.signatures[1]
    broken.signatures[1] = (keyid, sig[:-1] + bytes([sig[-1] ^ 1]))
    bad(file, "founding: a signature that does not verify", "signature", broken)
    exchanged = signed(plain, ALICE, BOB)
    (one, first_sig), (other, second_sig) = exchanged.signatures
    exchanged.signatures = [(one, second_sig), (other, first_sig)]
    bad(file, "founding: two signatures exchanged", "signature", exchanged)


BASE = [("alice", "ic", [ALICE, SPARE]), ("carol", "ic", [CAROL]), ("bob", "bgo", [BOB])]


def _following(file):
    one = signed(first(BASE, (2, 1, 0)), ALICE, SPARE, CAROL, BOB)
    plain = {**first(BASE, (2, 1, 0)), "version": 2, "previous": one.digest.hex()}
    quorum = (ALICE, CAROL, BOB)

    def follows(name, made, *tokens):
        good(file, f"following: {name}", one, signed(made, *tokens))

    def broken(name, made, *tokens):
        bad(file, f"following: {name}", "chain", one, signed(made, *(tokens or quorum)))

    retired = changed(without(plain, "custodians.0.tokens.1"), "retired", [SPARE.id.hex()])
    follows("nothing changed", plain, *quorum)
    follows("signed by the spare in the place of the first", plain, SPARE, CAROL, BOB)
    follows("a token is retired", retired, *quorum)
    follows("the retired token signs its own end", retired, SPARE, CAROL, BOB)
    added = changed(
        plain, "custodians", [*plain["custodians"], {"name": "eve", "role": "so", "tokens": [EVE.plain()]}]
    )
    added["thresholds"] = {"ic": 2, "bgo": 1, "so": 1}
    follows("a security officer comes", added, *quorum, EVE)
    follows("another rotator", changed(plain, "rotators", [soft.Signer("other").plain()]), *quorum)
    two = signed(plain, *quorum)
    three = {**plain, "version": 3, "previous": two.digest.hex()}
    good(file, "following: a third", one, two, signed(three, *quorum))
    bad(
        file,
        "following: a version is left out",
        "chain",
        one,
        signed({**three, "previous": two.digest.hex()}, *quorum),
    )
    bad(file, "following: a version twice", "chain", one, two, two)
    broken("another previous", changed(plain, "previous", "5a" * 32))
    broken("previous null", changed(plain, "previous", None))
    broken("another name of the vault", changed(plain, "vault", "other"))
    broken("another nonce", changed(plain, "nonce", text.to_base64(bytes(16))))
    broken("a token is gone and not retired", without(plain, "custodians.0.tokens.1"))
    moved = changed(
        plain,
        "custodians",
        [
            {"name": "alice", "role": "ic", "tokens": [ALICE.plain()]},
            {"name": "carol", "role": "ic", "tokens": [CAROL.plain(), SPARE.plain()]},
            plain["custodians"][2],
        ],
    )
    broken("a token changes hands", moved)
    other_role = changed(plain, "custodians.1.role", "bgo")
    broken("a custodian changes the role", changed(other_role, "thresholds.ic", 1))
    touched = changed(plain, "policy.attestation_roots", [text.to_base64(yubikey.ROOT.der)])
    touched = changed(touched, "custodians.0.tokens.0", yubikey.YubiKey("alice", 31_234_567).plain())
    broken("a token's presence changes", touched)
    gone = signed(retired, *quorum)
    back = {**plain, "version": 3, "previous": gone.digest.hex()}
    bad(file, "following: a retired token comes back", "chain", one, gone, signed(back, *quorum, SPARE))


def _signatures(file):
    one = signed(first(BASE, (2, 1, 0)), ALICE, SPARE, CAROL, BOB)
    plain = {**first(BASE, (2, 1, 0)), "version": 2, "previous": one.digest.hex()}

    def short(name, *tokens):
        bad(file, f"quorum: {name}", "quorum", one, signed(plain, *tokens))

    short("one of two ICs", ALICE, BOB)
    short("two tokens of one IC", ALICE, SPARE, BOB)
    short("no BGO", ALICE, CAROL)
    short("nobody")
    mallory = {"name": "mallory", "role": "ic", "tokens": [MALLORY.plain()]}
    more = changed(plain, "custodians", [*plain["custodians"], mallory])
    bad(file, "quorum: the new one counts for nothing yet", "quorum", one, signed(more, ALICE, BOB, MALLORY))
    bad(file, "quorum: the new one has not signed", "signature", one, signed(more, ALICE, CAROL, BOB))
    bad(file, "quorum: a stranger signs too", "signature", one, signed(plain, ALICE, CAROL, BOB, MALLORY))
    lower = changed(plain, "thresholds.ic", 1)
    bad(file, "quorum: the new threshold does not count yet", "quorum", one, signed(lower, ALICE, BOB))
    retired = changed(without(plain, "custodians.0.tokens.1"), "retired", [SPARE.id.hex()])
    gone = signed(retired, ALICE, CAROL, BOB)
    third = {**retired, "version": 3, "previous": gone.digest.hex()}
    bad(file, "quorum: a retired token signs", "signature", one, gone, signed(third, SPARE, CAROL, BOB))
    again = signed(plain, ALICE, CAROL, BOB)
    again.signatures = one.signatures
    bad(file, "quorum: the signatures of the version before", "signature", one, again)
