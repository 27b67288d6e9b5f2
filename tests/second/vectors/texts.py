"""FIELDS, names, times, digests and base64 (section 1)."""

from vaultformat import text
from vaultformat.fields import fields

from .cases import File

SUBJECT = "texts"
KINDS = {
    "name": text.name,
    "account": text.account,
    "user": text.user,
    "access-key": text.access_key,
    "reason": text.reason,
    "time": text.time,
    "digest": text.digest,
    "base64": text.from_base64,
}


def run(shared, case):
    if case["kind"] == "fields":
        return fields(case["label"], *(_value(one) for one in case["values"])).hex()
    KINDS[case["kind"]](case["text"])
    return None


def _value(one):
    ((kind, value),) = one.items()
    return bytes.fromhex(value) if kind == "hex" else value


def make():
    file = File(SUBJECT, "FIELDS, and texts with a rule: whether the text is one of its kind.")
    _fields(file)
    many = {
        "name": (
            ["a", "0", "prod-eu.1_x", "a" * 64, "a.b.c", "a-"],
            [
                ("empty", ""),
                ("too long", "a" * 65),
                ("an upper-case letter", "Prod"),
                ("a hyphen first", "-a"),
                ("a dot first", ".a"),
                ("two dots", "a..b"),
                ("a slash", "a/b"),
                ("a blank", "a b"),
                ("an umlaut", "k\u00f6ln"),
                ("a line end", "a\n"),
                ("a digit of another script", "a\u0663"),
            ],
        ),
        "account": (
            ["123456789012"],
            [
                ("11 digits", "12345678901"),
                ("13 digits", "1234567890123"),
                ("a letter", "12345678901a"),
                ("digits of another script", "\u0661" * 12),
            ],
        ),
        "user": (
            ["deploy", "A+=,.@_-z", "x" * 64],
            [
                ("empty", ""),
                ("too long", "x" * 65),
                ("a slash", "a/b"),
                ("a blank", "a b"),
                ("an umlaut", "\u00e4"),
            ],
        ),
        "access-key": (
            ["AKIAXXXXXXXXXXXXXXXX", "a1" * 64],
            [
                ("15 characters", "A" * 15),
                ("129 characters", "A" * 129),
                ("a hyphen", "AKIA-XXXXXXXXXXXXXXX"),
            ],
        ),
        "reason": (
            ["INC-42: single sign-on is down \u2014 \u00fcn\u00efcode", "x" * 1000, "\u00fc" * 1000],
            [
                ("empty", ""),
                ("blanks", "  \u00a0"),
                ("too long", "x" * 1001),
                ("a line end", "a\nb"),
                ("an escape", "\u001b[2J"),
                ("a C1 control character", "a\u0085b"),
                ("delete", "a\u007f"),
            ],
        ),
        "time": (
            ["2026-11-24T03:00:00Z", "1970-01-01T00:00:00Z", "9998-12-31T23:59:59Z", "2024-02-29T00:00:00Z"],
            [
                ("a fraction", "2026-11-24T03:00:00.0Z"),
                ("an offset", "2026-11-24T03:00:00+00:00"),
                ("a small z", "2026-11-24T03:00:00z"),
                ("a small t", "2026-11-24t03:00:00Z"),
                ("a blank", "2026-11-24 03:00:00Z"),
                ("no such day", "2026-02-29T00:00:00Z"),
                ("no such month", "2026-13-01T00:00:00Z"),
                ("hour 24", "2026-11-24T24:00:00Z"),
                ("a leap second", "2016-12-31T23:59:60Z"),
                ("before 1970", "1969-12-31T23:59:59Z"),
                ("after 9998", "9999-01-01T00:00:00Z"),
                ("five digits of a year", "+12026-11-24T03:00:00Z"),
                ("no seconds", "2026-11-24T03:00Z"),
                ("a blank behind", "2026-11-24T03:00:00Z "),
            ],
        ),
        "digest": (
            ["00" * 32, "0123456789abcdef" * 4],
            [
                ("upper case", "AB" * 32),
                ("too short", "ab" * 31),
                ("too long", "ab" * 33),
                ("an odd digit", "a" * 63),
                ("no digit", "g" * 64),
            ],
        ),
        "base64": (
            ["", "AA==", "AAA=", "AAAA", "+/+/"],
            [
                ("no padding", "AA"),
                ("too much padding", "AAA=="),
                ("stray bits", "AB=="),
                ("stray bits of two", "AAB="),
                ("the URL alphabet", "-_-_"),
                ("a line end", "AAAA\n"),
                ("a blank", "AA ="),
                ("padding within", "AA==AAAA"),
                ("a lone letter", "AAAAA"),
            ],
        ),
    }
    for kind, (goods, bads) in many.items():
        for number, one in enumerate(goods, 1):
            file.good(f"{kind}: good {number}", kind=kind, text=one)
        for name, one in bads:
            file.bad(f"{kind}: {name}", "form", kind=kind, text=one)
    return file


def _fields(file):
    for name, label, values in (
        ("a label alone", "l", []),
        ("two texts", "l", [{"text": "ab"}, {"text": "c"}]),
        ("the boundary moved", "l", [{"text": "a"}, {"text": "bc"}]),
        ("an empty text", "l", [{"text": ""}]),
        ("a text of two bytes a letter", "l", [{"text": "\u00fc"}]),
        ("numbers", "l", [{"number": 0}, {"number": 1}, {"number": 2**64 - 1}]),
        ("bytes", "l", [{"hex": "00ff"}, {"hex": ""}]),
        ("a digest", "l", [{"hex": "5a" * 32}]),
        (
            "all kinds",
            "breakglass/v1/share",
            [{"hex": "11" * 32}, {"text": "main"}, {"number": 7}, {"text": "ic"}],
        ),
    ):
        given = {"kind": "fields", "label": label, "values": values}
        file.good(f"fields: {name}", run(None, given), **given)
