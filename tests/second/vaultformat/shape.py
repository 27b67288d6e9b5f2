"""JSON, read strictly (section 1). A type is a function from what JSON gave to what it means."""

import json
import re

from .fault import Fault, need

MOST = 2**64 - 1
HALF = re.compile("[\ud800-\udfff]")


def _pairs(pairs):
    found = dict(pairs)
    need(len(found) == len(pairs), "form", "a field stands there twice")
    return found


def _integer(text):
    need(text != "-0", "form", "a number is not written as -0")
    return int(text)


def _refused(text):
    raise Fault("form", f"no number of this format: {text[:40]}")


def _scalars(value):
    """No half of a surrogate pair, which is no character."""
    if isinstance(value, str):
        need(not HALF.search(value), "form", "half a character")
    for part in (
        value.items() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    ):
        _scalars(part)


def parse(data, kind):
    """Bytes as JSON of a type."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_refused,
            parse_constant=_refused,
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Fault("form", f"no JSON: {error}") from error
    _scalars(value)
    return kind(value)


def record(**types):
    """An object of exactly these fields. A name that Python reserves has a _ behind it."""
    return record_with({}, **types)


def record_with(maybe_there, **types):
    """The same, with fields that may be left out."""
    types = {key.rstrip("_"): kind for key, kind in types.items()}
    every = {**types, **maybe_there}

    def read(value):
        need(isinstance(value, dict), "form", "an object is wanted")
        fits = types.keys() <= value.keys() <= every.keys()
        need(fits, "form", f"fields {sorted(value)}, not {sorted(types)}")
        return {key: kind(value[key]) for key, kind in every.items() if key in value}

    return read


def some(kind):
    """A list that is not empty."""

    def read(value):
        found = several(kind)(value)
        need(found, "form", "a list of nothing is left out")
        return found

    return read


def several(kind):
    def read(value):
        need(isinstance(value, list), "form", "a list is wanted")
        return [kind(part) for part in value]

    return read


def maybe(kind):
    return lambda value: None if value is None else kind(value)


def number(value, least=0, most=MOST):
    whole = isinstance(value, int) and not isinstance(value, bool)
    need(whole and least <= value <= most, "form", f"no number of its range: {value!r:.40}")
    return value


def ranged(least, most):
    return lambda value: number(value, least, most)


def boolean(value):
    need(isinstance(value, bool), "form", "true or false is wanted")
    return value


def string(value):
    need(isinstance(value, str), "form", "a text is wanted")
    return value


def one_of(*words):
    def read(value):
        need(isinstance(value, str) and value in words, "form", f"none of {words}: {value!r:.40}")
        return value

    return read


def tagged(types):
    """An object of one field, whose name says what its value is."""

    def read(value):
        need(isinstance(value, dict) and len(value) == 1, "form", "an object of one field is wanted")
        ((name, inner),) = value.items()
        need(name in types, "form", f"unknown: {name!r:.40}")
        return name, types[name](inner)

    return read
