"""Records: whether they fit, and what they open to (sections 6 and 7)."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vaultformat import chain, envelope, header, keys, record, text, world
from vaultformat.fault import need

from . import headers
from .cases import File, blob, bytes_of, changed, without

SUBJECT = "records"
KEY, SECRET = "AKIADEPLOYXXXXXXXXXX", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def run(shared, case):
    found = chain.verify([bytes_of(one) for one in shared["manifests"]])
    head = header.parse(bytes_of(shared["header"]))
    one = record.parse(bytes_of(case.get("record") or shared["record"]))
    record.check(one, head, found.newest)
    for field, value in shared["definition"].items():
        field = "credential" if field == "name" else field
        need(one.about[field] == value, "place", f"of another {field}")
    if "secrets" not in case:
        return one.digest.hex()
    secrets = {role: bytes.fromhex(secret) for role, secret in case["secrets"].items()}
    key, _ = record.unlock(one, secrets)
    return record.release(one, key).decode()


def make():
    both, plain, secrets = headers.made()
    head = headers.signed(plain, headers.PEOPLE.rotator)
    about = {key: header.Header(head).body[key] for key in ("vault", "manifest", "compartment", "generation")}
    about |= {
        "header": head.digest,
        "credential": "deploy",
        "account": "123456789012",
        "user": "deploy-emergency",
    }
    about |= {"access_key": KEY, "created": world.NOON}
    right, _ = record.make(secrets, about, SECRET)
    definition = {
        "name": "deploy",
        "compartment": "main",
        "account": "123456789012",
        "user": "deploy-emergency",
    }
    file = File(
        SUBJECT,
        "The record of `deploy` in the generation of the header; with `secrets`: the secret access key that the role "
        "secrets open.",
        manifests=[blob(one.bytes()) for one in both],
        header=blob(head.bytes()),
        definition=definition,
        record=blob(signed(right).bytes()),
    )
    file.good("the record", signed(right).digest.hex())
    _form(file, right)
    _place(file, right)
    _signatures(file, right)
    _opening(file, right, about, secrets)
    return file


def signed(plain, *signers):
    found = envelope.Envelope(envelope.RECORD, envelope.document(plain))
    for signer in signers or (headers.PEOPLE.rotator,):
        signer.sign_into(found)
    return found


def bad(file, name, kind, plain, *signers, **more):
    file.bad(name, kind, record=blob(signed(plain, *signers).bytes()), **more)


def _resized(plain, field, by):
    data = text.from_base64(plain[field])
    return changed(plain, field, text.to_base64(data[:by] if by < 0 else data + bytes(by)))


def _form(file, plain):
    for field in ("commitment", "witness", "ciphertext"):
        bad(file, f"form: {field} a byte too short", "form", _resized(plain, field, -1))
        bad(file, f"form: {field} a byte too long", "form", _resized(plain, field, 1))
        bad(file, f"form: {field} empty", "form", changed(plain, field, ""))
        bad(file, f"form: without {field}", "form", without(plain, field))
    bad(file, "form: an unknown field", "form", {**plain, "more": 1})
    bad(file, "form: an unknown field of about", "form", changed(plain, "about.more", 1))
    bad(file, "form: about a list", "form", changed(plain, "about", list(plain["about"].values())))
    bad(file, "form: an account of 11 digits", "form", changed(plain, "about.account", "12345678901"))
    bad(file, "form: without access_key", "form", without(plain, "about.access_key"))


def _place(file, plain):
    for field, value in (
        ("vault", "5a" * 32),
        ("manifest", "5a" * 32),
        ("header", "5a" * 32),
        ("compartment", "prod"),
        ("generation", 8),
        ("credential", "audit"),
        ("account", "210987654321"),
        ("user", "audit-emergency"),
    ):
        bad(file, f"place: another {field}", "place", changed(plain, f"about.{field}", value))
    before = headers.manifests()[0].digest.hex()
    bad(file, "place: the manifest before", "place", changed(plain, "about.manifest", before))


def _signatures(file, plain):
    bad(file, "signature: of a station", "signature", plain, headers.PEOPLE.station)
    bad(file, "signature: two", "signature", plain, headers.PEOPLE.rotator, headers.PEOPLE.rotator)
    none = envelope.Envelope(envelope.RECORD, envelope.document(plain))
    file.bad("signature: none", "signature", record=blob(none.bytes()))
    none.signatures = signed(changed(plain, "about.created", "2026-11-24T03:00:01Z")).signatures
    file.bad("signature: of another record", "signature", record=blob(none.bytes()))
    _, head, _ = headers.made()
    none.signatures = headers.signed(head, headers.PEOPLE.rotator).signatures
    file.bad("signature: of the header", "signature", record=blob(none.bytes()))


def _opening(file, plain, about, secrets):
    opens = {"secrets": {role: secret.hex() for role, secret in secrets.items()}}
    file.good("opening: the secret", SECRET.decode(), **opens)
    for name, secret in (("the shortest secret", b"x" * 16), ("the longest secret", b"~" * 126)):
        made, _ = record.make(secrets, about, secret)
        file.good(f"opening: {name}", secret.decode(), record=blob(signed(made).bytes()), **opens)

    def other(role, secret):
        return {"secrets": {**opens["secrets"], role: secret.hex()}}

    file.bad("opening: another secret of ic", "mismatch", **other("ic", bytes(32)))
    file.bad("opening: another secret of bgo", "mismatch", **other("bgo", bytes(32)))
    exchanged = {"secrets": {"ic": opens["secrets"]["bgo"], "bgo": opens["secrets"]["ic"]}}
    file.bad("opening: the roles' secrets exchanged", "mismatch", **exchanged)
    file.bad("opening: one secret for both roles", "mismatch", **other("bgo", secrets["ic"]))

    def opening(name, kind, made):
        bad(file, f"opening: {name}", kind, made, **opens)

    for field in ("access_key", "created"):
        value = {"access_key": "AKIAXXXXXXXXXXXXXXXX", "created": "2026-11-24T03:00:01Z"}[field]
        opening(f"another {field}", "mismatch", changed(plain, f"about.{field}", value))
    audit, _ = record.make(secrets, {**about, "credential": "audit"}, SECRET)
    opening("sealed for another credential", "mismatch", {**audit, "about": plain["about"]})
    opening("another commitment", "mismatch", changed(plain, "commitment", text.to_base64(bytes(32))))
    opening(
        "another witness", "mismatch", changed(plain, "witness", headers.PEOPLE.station.plain()["public"])
    )
    ciphertext = bytearray(text.from_base64(plain["ciphertext"]))
    for name, at in (
        ("the first bit of the ciphertext turned", 0),
        ("a bit of the padding turned", 127),
        ("a bit of the tag turned", 143),
    ):
        turned = bytearray(ciphertext)
        turned[at] ^= 1
        opening(name, "sealing", changed(plain, "ciphertext", text.to_base64(bytes(turned))))
    _sealed_wrong(opening, plain, about, secrets)


def _sealed_wrong(opening, plain, about, secrets):
    """Sealed with the right key, and not as it must be."""
    key, commitment, private = record.derived(secrets, about)
    aad = record._aad(about, commitment, keys.raw(private.public_key()))

    def seal(padded, nonce=bytes(12), aad=aad):
        return changed(plain, "ciphertext", text.to_base64(AESGCM(key).encrypt(nonce, padded, aad)))

    def padded(secret, length=None):
        return ((len(secret) if length is None else length).to_bytes(2, "big") + secret).ljust(128, b"\0")

    opening("without about in the aad", "sealing", seal(padded(SECRET), aad=b""))
    opening("without the witness in the aad", "sealing", seal(padded(SECRET), aad=record.about_bytes(about)))
    opening("another nonce", "sealing", seal(padded(SECRET), nonce=bytes(11) + b"\1"))
    opening("a secret of 15 characters", "form", seal(padded(b"x" * 15)))
    opening("an empty secret", "form", seal(padded(b"")))
    opening("a length of 127", "form", seal(padded(b"x" * 126, 127)))
    opening("a length of 65535", "form", seal(padded(SECRET, 65535)))
    opening("the padding is not zeros", "form", seal(padded(SECRET)[:-1] + b"\1"))
    opening("a length that ends within the secret", "form", seal(padded(SECRET, 39)))
    opening("a blank in the secret", "form", seal(padded(b"x" * 20 + b" " + b"x" * 19)))
    opening("a letter that is no ASCII", "form", seal(padded(b"x" * 20 + b"\xc3\xbc" + b"x" * 18)))
