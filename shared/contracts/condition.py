"""A contract's conditions, in CEL over the names of a fact: compiled and tried once when the contract is parsed."""

import re
from dataclasses import dataclass, field
from itertools import product

import cel

from shared.errors import VouchError
from shared.model.facts import Category, Party

VARIABLES = ("category", "cause", "party")
MAX_LENGTH = 1000

_FUNCTIONS = frozenset(
    {"_==_", "_!=_", "_&&_", "_||_", "!_", "_?_:_", "@in", "contains", "startsWith", "endsWith", "matches"}
)
_STRING = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_COMPARED = re.compile(r"\b(category|party)\s*(?:[=!]=\s*('[^']*'|\"[^\"]*\")|in\s*\[([^\]]*)\])")
_WORDS = re.compile(r"(\w+)\s*(==|!=)\s*(?:'(\w+)'|(\w+))")
_KNOWN: dict[str, frozenset[str]] = {"category": frozenset(Category), "party": frozenset(Party)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A true-or-false question about a stretch of time. Built by `parse` only; equal when the text is equal."""

    source: str
    program: cel.Program = field(repr=False, compare=False)

    def holds(self, category: Category, cause: str, party: Party) -> bool:
        """Whether the condition holds for a fact; VouchError when it has no boolean answer for it."""
        try:
            answer = self.program.execute({"category": category.value, "cause": cause, "party": party.value})
        except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
            raise VouchError(f"condition {self.source!r} cannot be answered: {error}") from error
        if not isinstance(answer, bool):
            raise VouchError(f"condition {self.source!r} gives {answer!r}, not true or false")
        return answer


def parse(source: str) -> Condition:
    """Compile a condition over `category`, `cause` and `party`, all strings.

    Refused with ValueError: CEL that does not parse, any other name, a function outside the comparisons, string
    tests and boolean operators, a category or party that does not exist, and whatever is not true or false for each
    category, party and cause it names.
    """
    if len(source) > MAX_LENGTH:
        raise ValueError(f"malformed expression: longer than {MAX_LENGTH} characters")
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ValueError(f"malformed expression {source!r}: {_first_reason(error)}{_meant(source)}") from error
    _check_names(program)
    _check_values(source)
    condition = Condition(source=source, program=program)
    _probe(condition)
    return condition


def _check_names(program: cel.Program) -> None:
    for name in program.variables():
        if name not in VARIABLES:
            raise ValueError(f"unknown variable {name!r}, only {', '.join(VARIABLES)}")
    for function in program.functions():
        if function not in _FUNCTIONS:
            raise ValueError(f"function {function.strip('_')!r} is not allowed")


def _check_values(source: str) -> None:
    for variable, single, several in _COMPARED.findall(source):
        for value in _strings(single or several):
            if value not in _KNOWN[variable]:
                raise ValueError(f"unknown {variable} {value!r}")


def _strings(source: str) -> list[str]:
    return [single or double for single, double in _STRING.findall(source)]


def _probe(condition: Condition) -> None:
    causes = dict.fromkeys(["", *_strings(condition.source)])
    for category, cause, party in product(Category, causes, Party):
        try:
            condition.holds(category, cause, party)
        except VouchError as error:
            raise ValueError(str(error)) from error


def _meant(source: str) -> str:
    """The same in CEL, where words like `FO and cause == grid` let it be guessed; nothing else."""
    joined = re.sub(r"\bor\b", "||", re.sub(r"\band\b", "&&", source))
    parts = [part.strip() for part in re.split(r"(&&|\|\|)", joined)]
    terms = [part if part in {"&&", "||"} else _term(part) for part in parts]
    return "" if None in terms else f"; in CEL: {' '.join(term for term in terms if term)}"


def _term(text: str) -> str | None:
    if text in _KNOWN["category"]:
        return f"category == '{text}'"
    found = _WORDS.fullmatch(text)
    return f"{found[1]} {found[2]} '{found[3] or found[4]}'" if found and found[1] in VARIABLES else None


def _first_reason(error: ValueError) -> str:
    """The parser's complaint without its drawing of the place."""
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", str(error))
    return f"character {found[2]}: {found[3].partition(' expecting')[0]}" if found else "not CEL"
