"""Asking the kernel in tests: time by asset, in the contract's order, and amounts over the whole window."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment
from shared.contracts.charging.policy import Key
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import Finding
from shared.contracts.forecast import Evidence
from shared.contracts.periods import Period, periods
from shared.contracts.terms import Contract
from shared.model.facts import Party
from shared.model.quantity import Quantity

_UNITS = {"actual_output_mwh": "MWh"}


def judge(
    contract: Contract,
    *known: Mapping[Key, int],
    period: Period | None = None,
    as_of_us: int | None = None,
    guarantee: int = 0,
    quantities: Mapping[str, Decimal] | None = None,
    evidence: Evidence | None = None,
) -> Assessment:
    """A guarantee over `period` (the first one), to its end or `as_of_us`."""
    asked = period or periods(contract)[0]
    facts = Facts(
        durations=dict(zip(contract.assets, known, strict=False)),
        quantities=[
            Quantity(
                asset=contract.assets[0],
                name=name,
                start_us=asked.start_us,
                end_us=asked.end_us,
                value=amount,
                unit=_UNITS[name],
            )
            for name, amount in (quantities or {}).items()
        ],
    )
    window = Window(period=asked, as_of_us=asked.end_us if as_of_us is None else as_of_us)
    return assess(contract, contract.guarantees[guarantee], facts, window, evidence)


def by_party(finding: Finding) -> dict[Party, Fraction]:
    """Unavailable microseconds by the party of the facts: what `answers` gives where no allowance names someone."""
    parties: dict[Party, Fraction] = {}
    for tally in finding.tallies:
        if tally.unavailable_us:
            parties[tally.party] = parties.get(tally.party, Fraction(0)) + tally.unavailable_us
    return parties
