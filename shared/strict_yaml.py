"""YAML text to plain values, strictly: exact decimals, dates, no duplicate keys, nothing guessed. First step of a spec.

A scalar is null, true or false, a whole number, a decimal, an ISO date, or else a string: `no` and `1:30` are strings.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from shared.errors import Fault

MAX_DEPTH = 20
MAX_DIGITS = 100

_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?\d+")
_DECIMAL = re.compile(r"[-+]?\d+\.\d+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def read(text: str) -> tuple[Any, list[Fault]]:
    """The plain value of one YAML document and every fault in it; a faulty part is None.

    Refused: what is not YAML, more than one document, anchors and aliases, tags, a key given twice or not a string, a
    date that does not exist, nesting deeper than `MAX_DEPTH`, a number longer than `MAX_DIGITS`.
    """
    try:
        if refused := _refused(text):
            return None, [refused]
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        return None, [Fault(_place(error.problem_mark), f"not YAML: {error.problem}")]
    except yaml.YAMLError as error:
        return None, [Fault("file", f"not YAML: {error}")]
    faults: list[Fault] = []
    plain = None if node is None else _plain(node, "", faults)
    if plain is None and not faults:
        faults.append(Fault("file", "empty"))
    return plain, faults


def at(path: str, key: str | int) -> str:
    """The path of a part: `guarantees[0].level`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _refused(text: str) -> Fault | None:
    """The first construct that is YAML but not ours; found before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return Fault(_place(event.start_mark), f"nested deeper than {MAX_DEPTH}")
        if getattr(event, "anchor", None):
            return Fault(_place(event.start_mark), "anchors and aliases are not supported")
        if getattr(event, "tag", None):
            return Fault(_place(event.start_mark), "tags are not supported")
    return None


def _plain(node: yaml.Node, path: str, faults: list[Fault]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, faults)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, at(path, index), faults) for index, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    if node.style in {"'", '"', "|", ">"}:
        return node.value
    return _scalar(node.value, path, faults)


def _mapping(node: yaml.MappingNode, path: str, faults: list[Fault]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str) or not key:
            faults.append(Fault(path or "file", f"a key must be a name ({_place(key_node.start_mark)})"))
        elif key in values:
            faults.append(Fault(at(path, key), f"given twice ({_place(key_node.start_mark)})"))
        else:
            values[key] = _plain(value_node, at(path, key), faults)
    return values


def _scalar(text: str, path: str, faults: list[Fault]) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text) or _DECIMAL.fullmatch(text):
        return _number(text, path, faults)
    if _DATE.fullmatch(text):
        return _date(text, path, faults)
    return text


def _number(text: str, path: str, faults: list[Fault]) -> int | Decimal | None:
    if len(text) > MAX_DIGITS:
        faults.append(Fault(path, f"a number of more than {MAX_DIGITS} digits"))
        return None
    return Decimal(text) if "." in text else int(text)


def _date(text: str, path: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(Fault(path, f"no such date: {text}"))
        return None


def _place(mark: Any) -> str:
    """Line and column of a mark of the YAML parser (its two implementations share no type)."""
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
