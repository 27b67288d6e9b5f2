"""Public keys, and the ids of tokens (sections 3 and 4)."""

import base64

from vaultformat import curve25519, keys, soft, text, world
from vaultformat.fault import need

from .cases import File

SUBJECT = "keys"


def run(shared, case):
    if case["use"] == "token-id":
        plain = case["keys"]
        parsed = {
            use: {**plain[use], "public": text.from_base64(plain[use]["public"])} for use in ("seal", "sign")
        }
        return keys.token_id(parsed).hex()
    kinds = {"seal": keys.SEAL_KEYS, "sign": {**keys.SIGN_KEYS, "ed25519": keys.ed25519_key}}[case["use"]]
    need(case["kind"] in kinds, "form", "an unknown kind of key")
    kinds[case["kind"]](text.from_base64(case["public"]))
    return None


def _der(tag, content):
    length = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def _integer(number):
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")


def spki(modulus, exponent, algorithm=RSA_ENCRYPTION + b"\x05\x00", more=b"", unused=0):
    """SubjectPublicKeyInfo by hand, so that it can be wrong."""
    key = _der(0x30, _integer(modulus) + _integer(exponent))
    return _der(0x30, _der(0x30, algorithm) + _der(3, bytes([unused]) + key) + more)


def make():
    file = File(SUBJECT, "Public keys: whether they are keys of their suite or algorithm. The ids of tokens.")
    point = soft.Token("alice").plain()["keys"]["seal"]["public"]
    rsa = [text.to_base64(keys.spki(key.public_key())) for key in world.rsa_keys()]
    signer = soft.Signer("rotator").plain()["public"]
    for use, kind in (("seal", "p256"), ("sign", "ecdsa-p256-sha256")):
        file.good(f"{use}: {kind}", use=use, kind=kind, public=point)
    for use, kind in (("seal", "rsa-oaep-sha256"), ("sign", "rsa-pkcs1-sha256")):
        file.good(f"{use}: {kind}", use=use, kind=kind, public=rsa[0])
    file.good("sign: ed25519", use="sign", kind="ed25519", public=signer)
    _p256(file, text.from_base64(point))
    _rsa(file, world.rsa_keys()[0].public_key().public_numbers())
    _ed25519(file)
    for label, token in (("p256", soft.Token("alice")), ("rsa", soft.Token("bob-rsa", rsa=world.rsa_keys()))):
        plain = {use: token.plain()["keys"][use] for use in ("seal", "sign")}
        file.good(
            f"token id: {label}", run(None, {"use": "token-id", "keys": plain}), use="token-id", keys=plain
        )
    return file


def _p256(file, point):
    x, y = point[1:33], point[33:]
    half = bytes([2 + y[-1] % 2]) + x
    hybrid = bytes([6 + y[-1] % 2]) + x + y
    off = x + (int.from_bytes(y, "big") ^ 1).to_bytes(32, "big")
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    for name, data in (
        ("off the curve", b"\4" + off),
        ("compressed", half),
        ("hybrid", hybrid),
        ("the neutral point", b"\0"),
        ("zeros", b"\4" + bytes(64)),
        ("without its first byte", x + y),
        ("a byte more", point + b"\0"),
        ("x not below p", b"\4" + prime.to_bytes(32, "big") + y),
        ("nothing", b""),
    ):
        file.bad(f"p256: {name}", "key", use="seal", kind="p256", public=text.to_base64(data))


def _rsa(file, numbers):
    n, e = numbers.n, numbers.e
    right = spki(n, e)
    small = n >> 1024 | 1
    for name, data in (
        ("without NULL", spki(n, e, RSA_ENCRYPTION)),
        ("another algorithm", spki(n, e, bytes.fromhex("06092a864886f70d01010a0500"))),
        ("1024 bits", spki(small, e)),
        ("2047 bits", spki(n >> 1 | 1, e)),
        ("4097 bits", spki(n << 2049 | 1, e)),
        ("the exponent 1", spki(n, 1)),
        ("the exponent 2", spki(n, 2)),
        ("an even exponent", spki(n, 65536)),
        ("an exponent above 33 bits", spki(n, 2**33 + 1)),
        ("an even modulus", spki(n - 1, e)),
        ("the key without its wrapping", _der(0x30, _integer(n) + _integer(e))),
        ("something behind", right + b"\0"),
        ("something within", spki(n, e, more=b"\x05\x00")),
        ("unused bits", spki(n, e, unused=1)),
        ("cut off", right[:-1]),
        ("a length of another spelling", b"\x30\x83\x00" + right[2:4] + right[4:]),
        ("nothing", b""),
    ):
        file.bad(f"rsa: {name}", "key", use="seal", kind="rsa-oaep-sha256", public=text.to_base64(data))
    file.good("rsa: the exponent 3", use="seal", kind="rsa-oaep-sha256", public=text.to_base64(spki(n, 3)))


def _ed25519(file):
    small = {
        "the neutral point": b"\1" + bytes(31),
        "order 2": (curve25519.P - 1).to_bytes(32, "little"),
        "order 4": bytes(32),
        "order 8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        "order 4, its y not below p": curve25519.P.to_bytes(32, "little"),
    }
    for name, data in small.items():
        file.bad(f"ed25519: {name}", "key", use="sign", kind="ed25519", public=text.to_base64(data))
    none = next(y for y in range(2, 99) if curve25519.decode(y.to_bytes(32, "little")) is None)
    # A y of a point of large order that also has a spelling above p.
    twice = next(
        y
        for y in range(3, 19)
        if (point := curve25519.decode(y.to_bytes(32, "little"))) and not curve25519.is_small(point)
    )
    for name, data in (
        ("no point", none.to_bytes(32, "little")),
        ("its y not below p", (curve25519.P + twice).to_bytes(32, "little")),
        ("31 bytes", bytes([9] * 31)),
        ("33 bytes", soft.Signer("rotator").public + b"\0"),
    ):
        file.bad(
            f"ed25519: {name}", "key", use="sign", kind="ed25519", public=base64.b64encode(data).decode()
        )
    file.good(
        "ed25519: that y in its one spelling",
        use="sign",
        kind="ed25519",
        public=text.to_base64(twice.to_bytes(32, "little")),
    )
