"""A generation's header, and the shares in it (section 6)."""

from vaultformat import chain, envelope, founding, header, soft, text, world
from vaultformat.fault import need

from .cases import File, blob, bytes_of, changed, without

SUBJECT = "headers"
PEOPLE = world.People()


OLD = soft.Signer("old")


def manifests():
    """Two manifests: the second has retired a rotator."""
    plain = PEOPLE.manifest()
    one = founding.signed({**plain, "rotators": [OLD.plain(), *plain["rotators"]]}, PEOPLE.all())
    two = {**plain, "version": 2, "previous": one.digest.hex()}
    return [one, founding.signed(two, [PEOPLE.tokens[name] for name in ("alice", "carol", "bob", "eve")])]


def made(version=2):
    """The manifests, a header of one of them as JSON's values, and the role secrets."""
    both = manifests()
    found = chain.verify([one.bytes() for one in both])
    manifest, draw = found.versions[version - 1], soft.Draw("headers")
    plain, secrets = header.make(manifest, found.fingerprint, "main", 7, world.NOON, draw)
    return both, plain, secrets


def run(shared, case):
    found = chain.verify([bytes_of(one) for one in shared["manifests"]])
    head = header.parse(bytes_of(case.get("header") or shared["header"]))
    header.check(head, found.newest, found.fingerprint, shared["compartment"], shared["generation"])
    if "token" not in case:
        return head.digest.hex()
    token, answer = bytes.fromhex(case["token"]), text.from_base64(case["answer"])
    for role in head.body["roles"]:
        for share in role["shares"]:
            for sealed in share["tokens"]:
                if sealed["token"] == token:
                    _, opened = header.open_share(
                        head, found.newest, role["role"], share, sealed, lambda _: answer
                    )
                    return opened.hex()
    need(False, "place", "not sealed to this token")


def signed(plain, *signers):
    found = envelope.Envelope(envelope.GENERATION, envelope.document(plain))
    for signer in signers:
        signer.sign_into(found)
    return found


def make():
    both, plain, _ = made()
    right = signed(plain, PEOPLE.rotator)
    file = File(
        SUBJECT,
        "The header of generation 7 of `main` under the last manifest; with `token` and `answer`: the share of that token, "
        "which answered so (the ledger is taken to name the very header that is there).",
        manifests=[blob(one.bytes()) for one in both],
        compartment="main",
        generation=7,
        header=blob(right.bytes()),
    )
    file.good("the header", right.digest.hex())
    other_order = {key: plain[key] for key in reversed(plain)}
    other = signed(other_order, PEOPLE.rotator)
    file.good("its fields in another order", other.digest.hex(), header=blob(other.bytes()))
    _form(file, plain)
    _place(file, plain)
    _before(file)
    _signatures(file, plain, right)
    _shares(file, plain)
    return file


def bad(file, name, kind, plain, *signers):
    file.bad(name, kind, header=blob(signed(plain, *(signers or (PEOPLE.rotator,))).bytes()))


def _form(file, plain):
    for path, value, name in (
        ("generation", "7", "the generation a text"),
        ("manifest_version", -1, "a negative version"),
        ("roles.0.threshold", 256, "a threshold above 8 bits"),
        ("roles.0.shares.0.index", 256, "an index above 8 bits"),
        ("roles.0.role", "ceo", "an unknown role"),
        ("roles.0.shares.0.digest", "5A" * 32, "a digest in upper case"),
        ("roles.0.shares.0.tokens.0.ciphertext", "A", "a ciphertext that is no base64"),
        ("created", "now", "no time"),
        ("more", 1, "an unknown field"),
        ("roles.0.shares.0.more", 1, "an unknown field of a share"),
    ):
        bad(file, f"form: {name}", "form", changed(plain, path, value))
    for path in ("vault", "roles.0.shares.0.tokens.0.encapsulated"):
        bad(file, f"form: without {path}", "form", without(plain, path))


def _place(file, plain):
    ic, bgo = plain["roles"]
    alice, carol, dave = ic["shares"]
    for name, path, value in (
        ("another vault", "vault", "5a" * 32),
        ("another manifest", "manifest", "5a" * 32),
        ("another version of the manifest", "manifest_version", 1),
        ("another compartment", "compartment", "prod"),
        ("another generation", "generation", 8),
        ("the roles exchanged", "roles", [bgo, ic]),
        ("one role", "roles", [ic]),
        ("a role twice", "roles", [ic, ic]),
        ("three roles", "roles", [ic, bgo, {**bgo, "role": "so"}]),
        ("a lower threshold", "roles.0.threshold", 1),
        ("a threshold of none", "roles.0.threshold", 0),
        ("a share is missing", "roles.0.shares", [alice, carol]),
        ("a share too many", "roles.0.shares", [alice, carol, dave, {**dave, "index": 4}]),
        ("shares in another order", "roles.0.shares", [carol, alice, dave]),
        ("another index", "roles.0.shares.0.index", 9),
        ("another custodian", "roles.0.shares.0.custodian", "mallory"),
        ("a token is missing", "roles.0.shares.0.tokens", alice["tokens"][:1]),
        ("a token too many", "roles.0.shares.0.tokens", [*alice["tokens"], carol["tokens"][0]]),
        ("a token twice", "roles.0.shares.0.tokens", [alice["tokens"][0]] * 2),
        ("tokens in another order", "roles.0.shares.0.tokens", alice["tokens"][::-1]),
        ("another token", "roles.0.shares.0.tokens.0.token", "5a" * 32),
    ):
        bad(file, f"place: {name}", "place", changed(plain, path, value))


def _before(file):
    """Right under the manifest before, which was not in force when the generation was begun."""
    _, plain, _ = made(version=1)
    bad(file, "place: right, under the manifest before", "place", plain)


def _signatures(file, plain, right):
    bad(file, "signature: of a rotator that the manifest before had", "signature", plain, OLD)
    bad(file, "signature: of a station", "signature", plain, PEOPLE.station)
    bad(file, "signature: two", "signature", plain, PEOPLE.rotator, PEOPLE.rotator)
    bad(file, "signature: a stranger's too", "signature", plain, PEOPLE.rotator, PEOPLE.station)
    bad(file, "signature: of a token", "signature", plain, PEOPLE.tokens["alice"])
    file.bad("signature: none", "signature", header=blob(signed(plain).bytes()))
    keyid, sig = right.signatures[0]
    turned = signed(plain)
    turned.signatures = [(keyid, sig[:-1] + bytes([sig[-1] ^ 1]))]
    file.bad("signature: a bit turned", "signature", header=blob(turned.bytes()))
    other = signed(changed(plain, "created", "2026-11-24T03:00:01Z"))
    other.signatures = right.signatures
    file.bad("signature: of another payload", "signature", header=blob(other.bytes()))
    claimed = signed(plain)
    claimed.signatures = [(keyid, PEOPLE.station.private.sign(claimed.signed))]
    file.bad("signature: under another's keyid", "signature", header=blob(claimed.bytes()))


def _shares(file, plain):
    tokens = {token.id.hex(): token for token in PEOPLE.all()}
    ic = plain["roles"][0]["shares"]

    def answer(sealed):
        found = tokens[sealed["token"]].private(text.from_base64(sealed["encapsulated"]))
        return {"token": sealed["token"], "answer": text.to_base64(found)}

    shared = {
        "manifests": file.shared["manifests"],
        "compartment": "main",
        "generation": 7,
        "header": file.shared["header"],
    }
    for role in plain["roles"]:
        for share in role["shares"]:
            for sealed in share["tokens"]:
                given = answer(sealed)
                label = tokens[sealed["token"]].label
                file.good(f"share: {label}", run(shared, given), **given)

    def wrong(name, kind, path, value, sealed):
        made = signed(changed(plain, path, value), PEOPLE.rotator)
        file.bad(f"share: {name}", kind, header=blob(made.bytes()), **answer(sealed))

    first, second = ic[0]["tokens"][0], ic[1]["tokens"][0]
    at = "roles.0.shares.0"
    wrong("another digest", "mismatch", f"{at}.digest", "5a" * 32, first)
    wrong("the digest of another share", "mismatch", f"{at}.digest", ic[1]["digest"], first)
    exchanged = {**second, "token": first["token"]}
    wrong("of another custodian's token", "sealing", f"{at}.tokens.0", exchanged, {**exchanged})
    spare = {**ic[0]["tokens"][1], "token": first["token"]}
    wrong("of the spare token", "sealing", f"{at}.tokens.0", spare, {**spare})
    wrong("47 bytes", "form", f"{at}.tokens.0.ciphertext", text.to_base64(bytes(47)), first)
    wrong(
        "off the curve", "form", f"{at}.tokens.0.encapsulated", text.to_base64(b"\4" + bytes(64)), {**first}
    )
    answered = answer(first)
    file.bad(
        "share: the answer of another token", "sealing", token=first["token"], answer=answer(second)["answer"]
    )
    file.bad(
        "share: of a token that it is not sealed to", "place", token="5a" * 32, answer=answered["answer"]
    )
