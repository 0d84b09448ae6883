"""Loads the named queries of one family: blocks of `queries/<family>.sql`, each headed by `-- name: ...`."""

import re
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(family: str) -> dict[str, bytes]:
    """The queries of a family by name; as bytes, which psycopg takes for a query that is no literal."""
    text = (files("shared.db") / "queries" / f"{family}.sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)
    return {name: body.strip().encode() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
