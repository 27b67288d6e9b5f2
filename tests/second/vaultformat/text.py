"""Texts with a rule (section 1): names, times, base64, digests."""

import base64
import binascii
import datetime
import re
import unicodedata

from .fault import Fault, need

RULES = {
    "name": re.compile(r"[a-z0-9][a-z0-9._-]{0,63}"),
    "account": re.compile(r"[0-9]{12}"),
    "user": re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}"),
    "access key id": re.compile(r"[A-Za-z0-9]{16,128}"),
    "external id": re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}"),
    "ARN of a role": re.compile(
        r"(?=.{1,600}$)arn:aws[a-z-]*:iam::[0-9]{12}:role/(?:[A-Za-z0-9_+=,.@/-]*/)?[A-Za-z0-9_+=,.@-]{1,64}"
    ),
    "digest": re.compile(r"[0-9a-f]{64}"),
    "time": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
}


def ruled(kind, value):
    """The text, if it is one of its kind."""
    need(isinstance(value, str) and RULES[kind].fullmatch(value), "form", f"no {kind}: {value!r:.80}")
    return value


def name(value):
    need(".." not in ruled("name", value), "form", f"no name: {value!r}")
    return value


def account(value):
    return ruled("account", value)


def user(value):
    return ruled("user", value)


def access_key(value):
    return ruled("access key id", value)


def external_id(value):
    return ruled("external id", value)


def role_arn(value):
    return ruled("ARN of a role", value)


def reason(value):
    need(isinstance(value, str) and 1 <= len(value) <= 1000, "form", "no reason: its length")
    bad = any(unicodedata.category(letter) == "Cc" for letter in value)
    need(not bad, "form", "no reason: control characters")
    need(value.strip(), "form", "no reason: only blanks")
    return value


def digest(value):
    """64 digits to 32 bytes."""
    return bytes.fromhex(ruled("digest", value))


def moment(value):
    """The seconds since 1970 of a time."""
    ruled("time", value)
    need("1970" <= value[:4] <= "9998", "form", "a year is from 1970 to 9998")
    try:
        parsed = datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise Fault("form", f"no time: {value}") from error
    return int(parsed.replace(tzinfo=datetime.timezone.utc).timestamp())


def time(value):
    """The text of a time, which is what is bound and signed."""
    moment(value)
    return value


def time_of(seconds):
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def from_base64(value):
    need(isinstance(value, str), "form", "bytes are a text in base64")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Fault("form", f"no base64: {value!r:.80}") from error
    # Stray bits in the last letter, or padding that is not needed.
    need(to_base64(data) == value, "form", f"another spelling of base64: {value!r:.80}")
    return data


def to_base64(data):
    return base64.b64encode(data).decode()
