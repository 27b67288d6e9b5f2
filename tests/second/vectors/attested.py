"""Manifests with YubiKeys: what their attestations must show (section 4)."""

from cryptography.hazmat.primitives.asymmetric import ec

from vaultformat import attestation, founding, soft, text, world
from vaultformat.yubikey import ROOT, Authority, YubiKey, fact, limits

from .cases import blob, changed, without

BOB, CAROL, ROTATOR = soft.Token("bob"), soft.Token("carol"), soft.Signer("rotator")
ALICE = YubiKey("alice", 31_234_567)
ENROLLED = "custodians.0.tokens.0"


def manifest(*tokens, roots=(ROOT,), **policy):
    """Of alice with her tokens, and bob."""
    people = [("alice", "ic", tokens or [ALICE]), ("bob", "bgo", [BOB])]
    made = founding.first(people, (1, 1, 0), [ROTATOR], world.NONCE, world.NOON)
    own = [text.to_base64(root.der) for root in roots]
    made["policy"] = {**made["policy"], "attestation_roots": own, **policy}
    return made


def _given(*manifests):
    return {"manifests": [blob(one.bytes()) for one in manifests]}


def signed(plain, *tokens):
    return founding.signed(plain, tokens or (ALICE, BOB))


def facts(**told):
    """The facts of both attestations."""
    return {"facts": {getattr(attestation, name.upper()): content for name, content in told.items()}}


def of(name="alice", **more):
    return YubiKey(name, 31_234_567, **more)


def add(file):
    _form(file)
    _good(file)
    _claims(file)
    _roots(file)
    _chains(file)
    _told(file)
    _later(file)


def _unsound(file, name, plain, *tokens):
    file.bad(f"attested: {name}", "unsound", **_given(signed(plain, *tokens)))


def _holds(file, name, plain, *tokens):
    made = signed(plain, *tokens)
    gives = {"fingerprint": made.digest.hex(), "newest": made.digest.hex()}
    file.good(f"attested: {name}", gives, **_given(made))


def _form(file):
    plain = manifest()
    for path, value, name in (
        ("policy.min_firmware", "5.7", "a firmware of two numbers"),
        ("policy.min_firmware", "5.07.0", "a firmware with a zero before a number"),
        ("policy.min_firmware", "5.7.256", "a firmware above 8 bits"),
        ("policy.min_firmware", [5, 7, 0], "a firmware in a list"),
        ("policy.allow_pin_once", 0, "allow_pin_once a number"),
        ("policy.attestation_roots", "AAAA", "the roots a text"),
        ("policy.attestation_roots", ["A"], "a root that is no base64"),
        (f"{ENROLLED}.attestation.more", "AAAA", "an unknown field of an attestation"),
        (f"{ENROLLED}.attestation.sign", None, "half an attestation"),
    ):
        file.bad(f"attested: form: {name}", "form", **_given(signed(changed(plain, path, value))))
    for path in (
        f"{ENROLLED}.attestation",
        f"{ENROLLED}.attestation.device",
        "policy.min_firmware",
        "policy.allow_pin_once",
        "policy.attestation_roots",
    ):
        file.bad(f"attested: form: without {path}", "form", **_given(signed(without(plain, path))))


def _good(file):
    _holds(file, "a YubiKey takes a touch", manifest(allow_no_touch=False))
    old = of(**facts(firmware=bytes((5, 4, 3))))
    _holds(file, "an older one, with leave", manifest(old, min_firmware="5.4.3"))
    once = of(**facts(policies=bytes((2, 2))))
    _holds(file, "the PIN once, with leave", manifest(once, allow_pin_once=True))
    between = Authority("Test PIV Attestation", 1, Authority("Test Root", 2))
    far = of(issuer=between)
    _holds(file, "an authority between", manifest(far, roots=(Authority("Test Root", 2), between)))
    built = of(device_firmware=(5, 7, 4))
    _holds(file, "the device's certificate tells the firmware, too", manifest(built))
    two = YubiKey("alice-spare", 255)
    _holds(file, "two of them", manifest(ALICE, two), ALICE, two, BOB)


def _claims(file):
    plain = manifest()
    _unsound(file, "a touch that nothing shows", changed(plain, "custodians.1.tokens.0.keys.presence", "touch"))
    _unsound(file, "a YubiKey without an attestation", changed(plain, f"{ENROLLED}.attestation", None))
    _unsound(file, "a YubiKey without presence", changed(plain, f"{ENROLLED}.keys.presence", "none"))
    shown = ALICE.plain()["attestation"]
    _unsound(file, "an attestation of no YubiKey", changed(plain, "custodians.1.tokens.0.attestation", shown))
    _unsound(file, "a YubiKey that becomes another", changed(plain, f"{ENROLLED}.identity.kind", "pkcs11"))
    swapped = {**shown, "seal": shown["sign"], "sign": shown["seal"]}
    _unsound(file, "the attestations exchanged", changed(plain, f"{ENROLLED}.attestation", swapped))
    twice = {**shown, "sign": shown["seal"]}
    _unsound(file, "one attestation for both keys", changed(plain, f"{ENROLLED}.attestation", twice))
    for use in ("seal", "sign"):
        other = of(**{f"{use}_key": soft.p256_of("somebody else's")})
        _unsound(file, f"another {use} key attested", manifest(other))
    _unsound(file, "another serial", changed(plain, f"{ENROLLED}.identity.serial", "31234568"))
    _unsound(file, "another spelling of the serial", changed(plain, f"{ENROLLED}.identity.serial", "031234567"))
    rsa = soft.Token("rsa", rsa=world.rsa_keys()).plain()
    mixed = changed(plain, f"{ENROLLED}.keys.seal", rsa["keys"]["seal"])
    _unsound(file, "a seal key of RSA", mixed)
    again = YubiKey("alice-spare", 31_234_567)
    renamed = changed(manifest(ALICE, again), "custodians.0.tokens.1.identity.manufacturer", "Other")
    _unsound(file, "one device twice, of two makers", renamed, ALICE, again, BOB)


def _roots(file):
    _unsound(file, "no root", manifest(roots=()))
    _unsound(file, "another root", manifest(roots=(Authority("Other Root", 1),)))
    _unsound(file, "a root of the same name", manifest(roots=(Authority(ROOT.name, 1, key="other"),)))
    _unsound(file, "a root twice", manifest(roots=(ROOT, ROOT)))
    many = [Authority(f"Root {number}", 1) for number in range(8)]
    _unsound(file, "nine roots", manifest(roots=(ROOT, *many)))
    _holds(file, "eight roots", manifest(roots=(ROOT, *many[1:])))
    _unsound(file, "a root that is no certificate", changed(manifest(), "policy.attestation_roots.0", "AAAA"))
    _unsound(file, "no root among the roots", manifest(BOB_ALONE, roots=(Authority("Middle", 1, ROOT),)), BOB_ALONE, BOB)
    weak = Authority(ROOT.name, 1, limit=limits(None, ca=False))
    _unsound(file, "a root that is no authority", manifest(BOB_ALONE, roots=(weak,)), BOB_ALONE, BOB)
    weak = Authority(ROOT.name, 1, use="digital_signature")
    _unsound(file, "a root whose key is for other uses", manifest(BOB_ALONE, roots=(weak,)), BOB_ALONE, BOB)


BOB_ALONE = soft.Token("alice")


def _chains(file):
    short = Authority(ROOT.name, 1, limit=limits(0))
    _unsound(file, "a root that allows no authority below it", manifest(roots=(short,)))
    root = Authority("Test Root", 1)
    between = Authority("Test PIV Attestation", 1, root)
    _unsound(file, "one authority more than the root allows", manifest(of(issuer=between), roots=(root, between)))
    root = Authority("Test Root", 2)
    between = Authority("Test PIV Attestation", 0, root)
    _unsound(file, "one authority more than another allows", manifest(of(issuer=between), roots=(root, between)))
    between = Authority("Test PIV Attestation", 1, root)
    _unsound(file, "the authority between is not there", manifest(of(issuer=between), roots=(root,)))
    _unsound(file, "a device that is no authority", manifest(of(device_limits=limits(None, ca=False))))
    _unsound(file, "signed by another device", manifest(of(signer=soft.p256_of("other device"))))
    _unsound(file, "issued in another name", manifest(of(issued_by="Somebody")))
    _unsound(file, "an attestation of an authority", manifest(of(extensions=[limits(None)])))
    strange, _ = fact("1.3.6.1.4.1.41482.3.10", b"\1")
    _unsound(file, "an unknown critical extension", manifest(of(extensions=[(strange, True)])))
    _holds(file, "an unknown extension", manifest(of(extensions=[(strange, False)])))
    p384 = ec.derive_private_key(7, ec.SECP384R1())
    _unsound(file, "a key on P-384", manifest(of(seal_key=p384)))
    longer = text.to_base64(ALICE.leaf("seal") + b"\0")
    _unsound(file, "a byte behind it", changed(manifest(), f"{ENROLLED}.attestation.seal", longer))
    _unsound(file, "no certificate", changed(manifest(), f"{ENROLLED}.attestation.device", ""))


def _told(file):
    old = {
        "firmware 5.6.255": (facts(firmware=bytes((5, 6, 255))), {}),
        "a device of firmware 5.4.3": ({"device_firmware": (5, 4, 3)}, {}),
        "firmware 4.3.2 where 4.0.0 is enough": (facts(firmware=bytes((4, 3, 2))), {"min_firmware": "4.0.0"}),
        "a device of firmware 4.2.6 where 4.0.0 is enough": (
            {"device_firmware": (4, 2, 6)},
            {"min_firmware": "4.0.0"},
        ),
        "the PIN once": (facts(policies=bytes((2, 2))), {}),
        "the PIN never": (facts(policies=bytes((1, 2))), {"allow_pin_once": True}),
        "a touch never": (facts(policies=bytes((3, 1))), {}),
        "a touch that is cached": (facts(policies=bytes((3, 3))), {}),
        "policies of one byte": (facts(policies=b"\3"), {}),
        "policies of three bytes": (facts(policies=bytes((3, 2, 0))), {}),
        "unknown policies": (facts(policies=bytes((3, 9))), {}),
        "no policies": (facts(policies=None), {}),
        "no firmware": (facts(firmware=None), {}),
        "firmware of two bytes": (facts(firmware=b"\5\7"), {}),
        "no serial": (facts(serial=None), {}),
        "a serial with a zero before it": (facts(serial=b"\2\5\0\1\xdc\x9a\7"), {}),
        "no form factor": (facts(form_factor=None), {}),
    }
    for name, (told, policy) in old.items():
        _unsound(file, name, manifest(of(**told), **policy))
    sign = {"sign": {attestation.POLICIES: bytes((3, 1))}}
    _unsound(file, "a touch for one of the keys alone", manifest(of(**sign)))


def _later(file):
    plain = manifest(min_firmware="5.4.0")
    one = signed(plain)
    second = {**plain, "version": 2, "previous": one.digest.hex()}

    def follows(name, kind, made, *tokens):
        given = _given(one, signed(made, *tokens))
        if kind:
            file.bad(f"attested: {name}", kind, **given)
        else:
            newest = signed(made, *tokens).digest.hex()
            file.good(f"attested: {name}", {"fingerprint": one.digest.hex(), "newest": newest}, **given)

    follows("the same again", None, second)
    follows("a higher firmware that all have", None, changed(second, "policy.min_firmware", "5.7.4"))
    follows("a higher firmware than is enrolled", "unsound", changed(second, "policy.min_firmware", "5.7.5"))
    follows("a lower firmware takes a quorum", "quorum", changed(second, "policy.min_firmware", "5.0.0"), ALICE)
    follows("the root that is needed goes", "unsound", changed(second, "policy.attestation_roots", []))
    more = [*second["policy"]["attestation_roots"], text.to_base64(Authority("Other Root", 1).der)]
    follows("one more root takes a quorum", "quorum", changed(second, "policy.attestation_roots", more), ALICE)
    follows("one more root", None, changed(second, "policy.attestation_roots", more))
    other = text.to_base64(of(facts={attestation.POLICIES: bytes((3, 1))}).leaf("seal"))
    follows("an enrolled token's evidence goes bad", "unsound", changed(second, f"{ENROLLED}.attestation.seal", other))
    bob = YubiKey("bob", 77).plain()
    bob["identity"]["label"] = "bob"
    follows("a token becomes a YubiKey", "chain", changed(second, "custodians.1.tokens.0", bob))
