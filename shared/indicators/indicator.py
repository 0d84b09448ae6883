"""What an indicator is: a named, versioned, sourced formula with units. The registry lists them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """A quantity an indicator is computed from."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """An exact result with the two sums it comes from: periods and assets are added as sums, never as ratios."""

    numerator: Fraction
    denominator: Fraction

    @property
    def value(self) -> Fraction | None:
        """Numerator by denominator; None when there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """One version of one formula. `forms` are the variants a contract chooses from."""

    name: str
    version: int
    inputs: tuple[Input, ...]
    result_unit: str
    formula: str
    standard: str
    source: str
    forms: Mapping[str, Callable[[Mapping[str, Fraction]], Ratio]]

    @property
    def key(self) -> str:
        """The name a contract and a result are bound to: `name@version`."""
        return f"{self.name}@{self.version}"

    def evaluate(self, form: str, quantities: Mapping[str, Fraction]) -> Ratio:
        """The result in `form`; ValueError when the quantities are not exactly the inputs, or the form is unknown."""
        expected = {each.name for each in self.inputs}
        if set(quantities) != expected:
            raise ValueError(f"{self.key} takes {sorted(expected)}, not {sorted(quantities)}")
        if form not in self.forms:
            raise ValueError(f"{self.key} has no form {form!r}")
        return self.forms[form](quantities)
