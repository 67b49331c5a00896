"""The operations that the wire knows, and values for every member that botocore's models have."""

import re
import sys
from datetime import datetime, timezone
from math import inf
from pathlib import Path
from re import _constants as kinds
from re import _parser as parser

sys.path.append(str(Path(__file__).resolve().parents[2] / "src/sandbox/wire"))
from generate import SERVICES

# What paths, parameters and XML must carry unharmed.
TEXT = 'né & "<b>"/+%2F=~'
# Headers carry less.
PLAIN = "a b/+;="

SCALARS = {
    "integer": 5,
    "long": 2**40,
    "float": 1.5,
    "double": 1.5,
    "boolean": True,
    "timestamp": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "blob": b"\xff{",
}


def sample(shape, inside=()):
    """A value that satisfies the shape, with all members but those that repeat what they are in."""
    kind, limits, inside = shape.type_name, shape.metadata, (*inside, shape.name)
    if kind == "structure":
        members = [member for member in shape.members.items() if member[1].name not in inside]
        return {name: sample(member, inside) for name, member in members[: 1 if shape.is_tagged_union else None]}
    if kind == "list":
        return [sample(shape.member, inside)] * max(1, limits.get("min", 1))
    if kind == "map":
        return {sample(shape.key, inside): sample(shape.value, inside)}
    if kind == "string":
        return text(shape)
    if shape.serialization.get("location") == "statusCode":
        return 202
    value = SCALARS[kind]
    if kind in ("integer", "long", "float", "double"):
        value = min(max(value, limits.get("min", value)), limits.get("max", inf))
    return value


def text(shape):
    limits = shape.metadata
    if "enum" in limits:
        return limits["enum"][0]
    if "pattern" in limits:
        return matching(limits["pattern"], limits.get("min", 1))
    free = PLAIN if shape.serialization.get("location") == "header" else TEXT
    return free.ljust(limits.get("min", 1), "x")[: limits.get("max")]


def matching(pattern, length):
    """A text of at least this length that matches the whole pattern."""
    readable = re.sub(r"\\p\{\w+\}", "a-z", pattern)
    parsed = parser.parse(readable)
    for repeats in range(1000):
        made = "".join(pieces(parsed, repeats))
        if len(made) >= length and re.fullmatch(readable, made):
            return made
    raise ValueError(f"no text matches {pattern}")


def pieces(parsed, repeats):
    for kind, value in parsed:
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
            least, most, repeated = value
            for _ in range(min(max(least, repeats), most)):
                yield from pieces(repeated, repeats)
        elif kind is kinds.SUBPATTERN:
            yield from pieces(value[-1], repeats)
        elif kind is kinds.BRANCH:
            yield from pieces(value[1][0], repeats)
        elif kind is kinds.IN:
            yield letter(value)
        elif kind is kinds.LITERAL:
            yield chr(value)
        elif kind in (kinds.ANY, kinds.NOT_LITERAL):
            yield "x"


def letter(choices):
    """A letter of a class."""
    kind, value = choices[0]
    if kind is kinds.LITERAL:
        return chr(value)
    if kind is kinds.RANGE:
        return chr(value[0])
    return "1" if value is kinds.CATEGORY_DIGIT else "x"
