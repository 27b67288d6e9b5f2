"""The files of the ledger: commits, notes, the tree (section 8). What the entries mean does not matter here."""

import hashlib

from vaultformat import commit, note, soft, text, tree
from vaultformat.fault import need

from .cases import File, blob, bytes_of

SUBJECT = "commits"
VAULT = bytes([7]) * 32
SIGNER, OTHER = soft.Signer("rotator"), soft.Signer("station")


def run(shared, case):
    grown, vault = tree.Tree(), bytes.fromhex(shared["vault"])
    for number, data in enumerate(case["commits"], 1):
        commit.Commit(bytes_of(data)).check(vault, number, grown)
    need(grown.size, "tree", "no commit")
    return {"size": grown.size, "root": grown.roots[-1].hex()}


def grown(*batches):
    made = tree.Tree()
    for batch in batches:
        for entry in batch:
            made.add(entry)
    return made


def head(*batches, signer=SIGNER, vault=VAULT):
    made = grown(*batches)
    return note.make(vault, made.size, made.roots[-1], signer.name, signer.private)


def make():
    file = File(
        SUBJECT,
        "All commits of a ledger, in their order; the last one may be at fault. The entries mean nothing.",
        vault=VAULT.hex(),
    )
    _goods(file)
    _files(file)
    _notes(file)
    _trees(file)
    return file


ONE, TWO = [b"a", b"bc"], ["\u2014 three".encode()]


def _good(file, name, *commits):
    given = {"commits": [blob(one) for one in commits]}
    file.good(name, run({"vault": VAULT.hex()}, given), **given)


def _bad(file, name, kind, *commits):
    file.bad(name, kind, commits=[blob(one) for one in commits])


def _goods(file):
    for count in (1, 2, 3, 4, 5, 7, 8, 9, 255, 256):
        entries = [b"%d" % number for number in range(count)]
        _good(file, f"a tree of {count}", commit.make(1, head(entries), entries))
    first = commit.make(1, head(ONE), ONE)
    _good(file, "two commits", first, commit.make(2, head(ONE, TWO), TWO))
    _good(file, "two commits of two signers", first, commit.make(2, head(ONE, TWO, signer=OTHER), TWO))
    singles = [commit.make(n, head(*[[b"%d" % m] for m in range(n)]), [b"%d" % (n - 1)]) for n in range(1, 7)]
    _good(file, "six commits of one entry each", *singles)
    long = [b"x" * 65535]
    assert run({"vault": VAULT.hex()}, {"commits": [blob(commit.make(1, head(long), long))]})["size"] == 1


def _files(file):
    right = commit.make(1, head(ONE), ONE)
    length = len(head(ONE))
    numbers = b"1 %d 2\n" % length

    def bad(name, data, kind="form"):
        _bad(file, f"file: {name}", kind, data)

    bad("empty", b"")
    bad("another version", right.replace(b"commit/v1", b"commit/v2"))
    bad("another line end", right.replace(b"commit/v1\n", b"commit/v1\r\n"))
    for name, line in (
        ("a zero before the number", b"01 %d 2\n" % length),
        ("a plus sign", b"+1 %d 2\n" % length),
        ("two blanks", b"1  %d 2\n" % length),
        ("a blank behind", b"1 %d 2 \n" % length),
        ("a fourth number", b"1 %d 2 0\n" % length),
        ("the number of entries missing", b"1 %d\n" % length),
        ("no entries", b"1 %d 0\n" % length),
        ("one entry more than there is", b"1 %d 3\n" % length),
        ("one entry less than there is", b"1 %d 1\n" % length),
        ("a note a byte shorter", b"1 %d 2\n" % (length - 1)),
        ("a note a byte longer", b"1 %d 2\n" % (length + 1)),
        ("a note longer than the file", b"1 99999 2\n"),
        ("a note longer than any file", b"1 18446744073709551616 2\n"),
        ("no number", b"x %d 2\n" % length),
    ):
        bad(name, right.replace(numbers, line, 1))
    bad("the number of another", right.replace(numbers, b"2 %d 2\n" % length, 1), "place")
    bad("the number zero", right.replace(numbers, b"0 %d 2\n" % length, 1), "place")
    bad("cut off in the last entry", right[:-1])
    bad("cut off in a length", right[: -len(b"bc") - 1])
    bad("something behind", right + b"x")
    bad("an empty entry", commit.make(1, head([b"", b"a"]), [b"", b"a"]))
    bad("an entry that is no UTF-8", commit.make(1, head([b"\xff"]), [b"\xff"]))
    many = [b"%d" % number for number in range(257)]
    bad("257 entries", commit.make(1, head(many), many))


def _notes(file):
    right = head(ONE)

    def bad(name, made, kind="form"):
        assert made != right, name
        _bad(file, f"note: {name}", kind, commit.make(1, made, ONE))

    parts = right.decode().split("\n")  # origin, size, root, signer, "", signature, ""
    signature = parts[5].split(" ")

    def line(at, value):
        return "\n".join([*parts[:at], value, *parts[at + 1 :]]).encode()

    def signed(body, signer=SIGNER, public=None, key_name=None):
        """A note of this text, signed for real."""
        key_name = key_name or f"breakglass/{VAULT.hex()}/{signer.name}"
        sig = note.key_id(key_name, public or signer.public) + signer.private.sign(body.encode())
        return f"{body}\n\u2014 {key_name} {text.to_base64(sig)}\n".encode()

    body = "\n".join(parts[:4]) + "\n"
    assert signed(body) == right
    bad("of another vault", head(ONE, vault=bytes([8]) * 32), "place")
    bad("the vault in other letters", signed(body.replace("breakglass/", "Breakglass/", 1)), "place")
    bad("a zero before the size", signed(body.replace("\n2\n", "\n02\n")))
    bad("the root without padding", signed(body.replace("=\nsigner", "\nsigner")))
    bad("a root of 31 bytes", signed(body.replace(parts[2], text.to_base64(bytes(31)))))
    bad("without the signer", signed("\n".join(parts[:3]) + "\n"))
    bad("a second extension line", signed(body + "more\n"))
    bad("an extension line before", signed(body.replace("signer", "more\nsigner")))
    bad("two blanks in the signer", signed(body.replace("signer rotator", "signer  rotator")))
    bad(
        "a name in upper case",
        signed(
            body.replace("signer rotator", "signer Rotator"), key_name=f"breakglass/{VAULT.hex()}/Rotator"
        ),
    )
    bad("a line end of another kind", right.replace(b"\n", b"\r\n"))
    bad("without the dash", line(5, " ".join(["-", *signature[1:]])))
    bad(
        "the signature without padding",
        line(5, parts[5].rstrip("=")) if parts[5].endswith("=") else line(5, parts[5] + "="),
    )
    bad("a key id alone", line(5, " ".join([*signature[:2], text.to_base64(bytes(4))])))
    bad("without the last line end", right[:-1])
    bad("a blank line behind", right + b"\n")
    bad("two signatures", right + parts[5].encode() + b"\n")
    bad("no signature", (body + "\n").encode())
    other = head(ONE, signer=OTHER).decode().split("\n")[5]
    bad("another's signature too", right + other.encode() + b"\n")
    data = text.from_base64(signature[2])

    def with_signature(made):
        return line(5, " ".join([*signature[:2], text.to_base64(made)]))

    bad("another key id", with_signature(bytes([data[0] ^ 1]) + data[1:]), "signature")
    bad("a bit of the signature turned", with_signature(data[:-1] + bytes([data[-1] ^ 1])), "signature")
    bad(
        "the key of another",
        signed(body.replace(SIGNER.plain()["public"], OTHER.plain()["public"]), public=OTHER.public),
        "signature",
    )
    weak = bytes([1]) + bytes(31)
    bad(
        "a key of small order",
        signed(body.replace(SIGNER.plain()["public"], text.to_base64(weak)), public=weak),
        "signature",
    )
    bad("another size, signed before", line(1, "3"), "signature")
    bad("another root, signed before", line(2, text.to_base64(bytes(32))), "signature")
    renamed = body.replace("signer rotator", "signer mallory")
    bad(
        "another name, signed before",
        (renamed + "\n" + parts[5].replace("/rotator ", "/mallory ") + "\n").encode(),
        "signature",
    )
    bad(
        "the name of the signature line is another",
        line(5, parts[5].replace("/rotator ", "/station ")),
        "signature",
    )


def _trees(file):
    first = commit.make(1, head(ONE), ONE)
    second = commit.make(2, head(ONE, TWO), TWO)

    def bad(name, *commits, kind="tree"):
        _bad(file, f"tree: {name}", kind, *commits)

    bad("an entry changed", commit.make(1, head(ONE), [b"a", b"bd"]))
    bad("entries exchanged", commit.make(1, head(ONE), ONE[::-1]))
    bad("an entry's end moved", commit.make(1, head(ONE), [b"ab", b"c"]))
    wrong = note.make(VAULT, 3, grown(ONE).roots[-1], SIGNER.name, SIGNER.private)
    bad("another size, signed", commit.make(1, wrong, ONE))
    wrong = note.make(VAULT, 2, bytes(32), SIGNER.name, SIGNER.private)
    bad("another root, signed", commit.make(1, wrong, ONE))
    bad("a second commit that does not know the first", first, commit.make(2, head(TWO), TWO))
    bad("a second commit on another first", first, commit.make(2, head([b"a", b"x"], TWO), TWO))
    bad("the first commit twice", first, first, kind="place")
    bad("the second commit alone", second, kind="place")
    bad("a commit is missing", first, commit.make(3, head(ONE, TWO, [b"d"]), [b"d"]), kind="place")
    plain = note.make(VAULT, 2, _without_prefix(ONE), SIGNER.name, SIGNER.private)
    bad("leaves hashed without their prefix", commit.make(1, plain, ONE))


def _without_prefix(entries):
    left, right = (hashlib.sha256(entry).digest() for entry in entries)
    return tree.node(left, right)
