"""Sealing 32 bytes to a token, in both suites (section 5)."""

from vaultformat import keys, sealing, soft, text, world
from vaultformat.fields import fields

from .cases import File

SUBJECT = "sealing"
GIVEN = ("public", "info", "aad", "encapsulated", "ciphertext")


def run(shared, case):
    public, info, aad, encapsulated, ciphertext = (text.from_base64(case[field]) for field in GIVEN)
    answer = text.from_base64(case["answer"])
    return sealing.open_sealed(
        case["suite"], public, info, aad, encapsulated, ciphertext, lambda _: answer
    ).hex()


def _flip(data, at=-1):
    made = bytearray(data)
    made[at] ^= 1
    return bytes(made)


def _case(suite, token, seed):
    draw = soft.Draw(seed)
    plain = token.plain()["keys"]["seal"]
    public, message = text.from_base64(plain["public"]), draw(32)
    info, aad = b"breakglass/v1/share", fields("breakglass/v1/share", draw(32), "main", 1)
    encapsulated, ciphertext = sealing.seal(suite, public, info, aad, message, draw)
    given = dict(zip(GIVEN, map(text.to_base64, (public, info, aad, encapsulated, ciphertext))))
    return {"suite": suite, **given, "answer": text.to_base64(token.private(encapsulated))}, message


def make():
    file = File(
        SUBJECT,
        "A sealed message of 32 bytes; `answer` is what the token computes from `encapsulated`: the x-coordinate "
        "of the agreement, or the seed. `private` is the token's key, a scalar or PKCS#8.",
    )
    tokens = {"p256": soft.Token("alice"), "rsa-oaep-sha256": soft.Token("bob-rsa", rsa=world.rsa_keys())}
    for suite, token in tokens.items():
        for number in (1, 2):
            case, message = _case(suite, token, f"sealing {suite} {number}")
            file.good(f"{suite}: good {number}", message.hex(), **case, private=token.seal_half())
        _faults(file, suite, case)
    _points(file, _case("p256", tokens["p256"], "sealing p256 1")[0])
    _numbers(file, _case("rsa-oaep-sha256", tokens["rsa-oaep-sha256"], "sealing rsa-oaep-sha256 1")[0])
    return file


def _faults(file, suite, case):
    def bad(name, kind, field, value):
        file.bad(f"{suite}: {name}", kind, **{**case, field: text.to_base64(value)})

    data = {field: text.from_base64(case[field]) for field in (*GIVEN, "answer")}
    bad("another info", "sealing", "info", b"breakglass/v1/enrolment")
    bad("no info", "sealing", "info", b"")
    bad("a bit of the aad turned", "sealing", "aad", _flip(data["aad"]))
    bad("no aad", "sealing", "aad", b"")
    bad("a bit of the message turned", "sealing", "ciphertext", _flip(data["ciphertext"], 0))
    bad("a bit of the tag turned", "sealing", "ciphertext", _flip(data["ciphertext"]))
    bad("47 bytes of ciphertext", "form", "ciphertext", data["ciphertext"][:-1])
    bad("49 bytes of ciphertext", "form", "ciphertext", data["ciphertext"] + b"\0")
    bad("no ciphertext", "form", "ciphertext", b"")
    bad("another answer of the token", "sealing", "answer", _flip(data["answer"], 0))
    bad("an answer of zeros", "sealing", "answer", bytes(32))
    other = soft.Token("carol").plain() if suite == "p256" else None
    if other:
        bad("another token's key", "sealing", "public", text.from_base64(other["keys"]["seal"]["public"]))
    else:
        bad("another token's key", "sealing", "public", keys.spki(world.rsa_keys()[1].public_key()))


def _points(file, case):
    point = text.from_base64(case["encapsulated"])
    half = bytes([2 + point[-1] % 2]) + point[1:33]
    mirrored = (2**256 - 2**224 + 2**192 + 2**96 - 1 - int.from_bytes(point[33:], "big")).to_bytes(32, "big")
    for name, data in (
        ("off the curve", _flip(point)),
        ("compressed", half),
        ("hybrid", bytes([6 + point[-1] % 2]) + point[1:]),
        ("the neutral point", b"\0"),
        ("64 bytes", point[1:]),
        ("66 bytes", point + b"\0"),
        ("nothing", b""),
    ):
        file.bad(f"p256: encapsulated {name}", "form", **{**case, "encapsulated": text.to_base64(data)})
    mirrored = {**case, "encapsulated": text.to_base64(point[:33] + mirrored)}
    file.bad("p256: the mirrored point, which has the same answer", "sealing", **mirrored)


def _numbers(file, case):
    number = text.from_base64(case["encapsulated"])
    modulus = keys.rsa_key(text.from_base64(case["public"])).public_numbers().n.to_bytes(256, "big")
    for name, data in (
        ("a byte less", number[1:]),
        ("a zero before", b"\0" + number),
        ("the modulus itself", modulus),
        ("above the modulus", b"\xff" * 256),
        ("nothing", b""),
    ):
        file.bad(
            f"rsa-oaep-sha256: encapsulated {name}", "form", **{**case, "encapsulated": text.to_base64(data)}
        )
    file.bad(
        "rsa-oaep-sha256: another number with the same answer",
        "sealing",
        **{**case, "encapsulated": text.to_base64(_flip(number))},
    )
