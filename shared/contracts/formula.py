"""A contract's money formulas: exact rational arithmetic over named quantities, nothing else."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

MAX_LENGTH = 500

_TEXT = re.compile(r"(?:\s++|\d++(?:\.\d++)?+(?![\w.])|[A-Za-z_][A-Za-z0-9_]*+|[-+*/()])*+")


class Operator(StrEnum):
    """What a formula may do."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    NEGATE = "neg"


_BINARY: dict[type[ast.operator], Operator] = {
    ast.Add: Operator.ADD,
    ast.Sub: Operator.SUBTRACT,
    ast.Mult: Operator.MULTIPLY,
    ast.Div: Operator.DIVIDE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """An expression in postfix order: numbers, names and operators. Built by `parse` only."""

    source: str
    names: frozenset[str]
    steps: tuple[Fraction | str | Operator, ...]

    def evaluate(self, values: Mapping[str, Fraction]) -> Fraction | None:
        """The exact result over `values`, which holds every one of `names`; None when it divides by zero."""
        stack: list[Fraction] = []
        for step in self.steps:
            if isinstance(step, Operator):
                result = _apply(step, stack)
                if result is None:
                    return None
                stack.append(result)
            else:
                stack.append(step if isinstance(step, Fraction) else values[step])
        return stack.pop()


def parse(source: str) -> Formula:
    """Read `+ - * /`, unary minus, parentheses, decimal literals (exactly as written) and names.

    Anything else is refused with ValueError: powers, calls, comparisons, exponents, strings.
    """
    text = source.strip()
    if len(text) > MAX_LENGTH:
        raise ValueError(f"malformed formula: longer than {MAX_LENGTH} characters")
    if not _TEXT.fullmatch(text):
        raise ValueError(f"malformed formula {source!r}: only + - * / ( ) decimal numbers and names")
    text = " ".join(text.split())
    try:
        tree = ast.parse(text, mode="eval")
        steps = tuple(_postfix(tree.body, text))
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"malformed formula {source!r}: not an expression") from error
    names = frozenset(step for step in steps if isinstance(step, str) and not isinstance(step, Operator))
    return Formula(source=source, names=names, steps=steps)


def _postfix(node: ast.expr, text: str) -> list[Fraction | str | Operator]:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return [*_postfix(left, text), *_postfix(right, text), _BINARY[type(op)]]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [*_postfix(operand, text), Operator.NEGATE]
        case ast.Name(id=name):
            return [name]
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return [Fraction(Decimal(ast.get_source_segment(text, node) or ""))]
        case _:
            raise ValueError(f"malformed formula: {ast.unparse(node)!r} is not allowed")


def _apply(operator: Operator, stack: list[Fraction]) -> Fraction | None:
    right = stack.pop()
    match operator:
        case Operator.NEGATE:
            return -right
        case Operator.ADD:
            return stack.pop() + right
        case Operator.SUBTRACT:
            return stack.pop() - right
        case Operator.MULTIPLY:
            return stack.pop() * right
        case Operator.DIVIDE:
            left = stack.pop()
            return left / right if right else None
