"""Overall equipment effectiveness: the ideal time of the good pieces by planned busy time, from sums (ISO 22400-2)."""

from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.charging.policy import charge
from shared.contracts.facts import Facts, Window
from shared.contracts.finding import AssetFinding, Finding, Reason
from shared.contracts.kinds.amounts import Series, accounts, distinct, formula_quantities, missing, products, read
from shared.contracts.kinds.planned_hours import Planned, Planner
from shared.contracts.measured import OeeMeasure
from shared.contracts.terms import Contract, Guarantee

GOOD, PRODUCED = "good_units", "produced_units"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """Pieces of one account and the hours they ideally take; `unknown` products have no ideal rate."""

    pieces: Fraction
    ideal_h: Fraction
    unknown: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def is_known(self) -> bool:
        return any(each.rows for each in self.series)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """One account: good pieces, all pieces, hours."""

    asset: str | None
    good: _Made
    produced: _Made
    planned: Planned

    @property
    def notes(self) -> tuple[str, ...]:
        made = (note for each in (*self.good.series, *self.produced.series) for note in each.notes)
        return (*self.planned.notes, *made)


def judge_oee(contract: Contract, guarantee: Guarantee, facts: Facts, window: Window) -> Finding:
    """Sum over products of good pieces by ideal rate, by the planned busy hours, summed over assets.

    `planned_busy_h` is delivered, or the time the policy does not exclude. Among `measures` its parts as far as they
    are known: availability (operating by planned hours), performance (ideal time of all pieces by operating hours),
    quality (ideal time of the good by that of all pieces).
    """
    measure = guarantee.measure
    assert isinstance(measure, OeeMeasure)
    charged = None if measure.policy is None else charge(contract, measure.policy, facts, window)
    hours = Planner(guarantee=guarantee, facts=facts, window=window, roles=("planned_busy_h",), charged=charged)
    lines = [
        _Line(
            asset=asset,
            good=_made(guarantee, measure, facts, window, GOOD, asset=asset),
            produced=_made(guarantee, measure, facts, window, PRODUCED, asset=asset),
            planned=hours.of(contract.assets, asset),
        )
        for asset in accounts(contract)
    ]
    if absent := _absent(guarantee, measure, lines, facts, window):
        return absent
    ideal = sum((line.good.ideal_h for line in lines), Fraction(0))
    planned = sum((line.planned.required_h or Fraction(0) for line in lines), Fraction(0))
    return Finding(
        value=ideal / planned if planned else None,
        numerator=ideal,
        denominator=planned,
        sum_unit="h",
        reason=None if planned else Reason.NO_DENOMINATOR,
        assets=tuple(_of_asset(line) for line in lines if line.asset is not None),
        measures={**formula_quantities(guarantee, facts, window), **_measures(lines, ideal, planned)},
        notes=distinct(note for line in lines for note in line.notes),
    )


def _made(
    guarantee: Guarantee, measure: OeeMeasure, facts: Facts, window: Window, role: str, *, asset: str | None
) -> _Made:
    """What was made by product; rows without a product are those of the only one there is."""
    rates = {f"{role}:{product}": rate for product, rate in measure.ideal_per_h.items()}
    named = [each for each in products(guarantee, facts, role) if each != role]
    if not named and len(rates) == 1:
        named, rates = [role], {role: next(iter(rates.values()))}
    series = [read(guarantee, facts, window, each, asset=asset) for each in named]
    pieces = {each.role: each.value for each in series if each.value is not None}
    return _Made(
        pieces=sum(pieces.values(), Fraction(0)),
        ideal_h=sum((pieces[each] / Fraction(rates[each]) for each in pieces if each in rates), Fraction(0)),
        unknown=tuple(each for each in pieces if each not in rates),
        series=tuple(series),
    )


def _absent(
    guarantee: Guarantee, measure: OeeMeasure, lines: list[_Line], facts: Facts, window: Window
) -> Finding | None:
    """The finding when pieces, hours or an ideal rate is not known."""
    why = [f"{role}: no ideal rate is agreed for this product" for line in lines for role in line.good.unknown]
    bare = [read(guarantee, facts, window, GOOD, asset=line.asset) for line in lines if not line.good.is_known]
    untimed = [line.planned.lacking for line in lines if line.planned.lacking is not None]
    if not (why or bare or untimed):
        return None
    if any(each.rows for each in bare):
        why.append(f"{GOOD} must come by product: {', '.join(measure.ideal_per_h)}")
    unusable = [note for line in lines for each in line.good.series for note in each.notes if not each.rows]
    return missing([*bare, *untimed], window, [*why, *unusable])


def _of_asset(line: _Line) -> AssetFinding:
    ideal, planned = line.good.ideal_h, line.planned.required_h or Fraction(0)
    return AssetFinding(
        asset=line.asset or "", value=ideal / planned if planned else None, numerator=ideal, denominator=planned
    )


def _measures(lines: list[_Line], ideal: Fraction, planned: Fraction) -> dict[str, Fraction]:
    known = {
        "ideal_h": ideal,
        "planned_busy_h": planned,
        GOOD: sum((line.good.pieces for line in lines), Fraction(0)),
    }
    operating = _operating_h(lines)
    all_ideal = sum((line.produced.ideal_h for line in lines), Fraction(0))
    is_whole = all(line.produced.is_known and not line.produced.unknown for line in lines)
    if operating is not None:
        known["operating_h"] = operating
        if planned:
            known["availability"] = operating / planned
    if is_whole:
        known[PRODUCED] = sum((line.produced.pieces for line in lines), Fraction(0))
        if operating:
            known["performance"] = all_ideal / operating
        if all_ideal:
            known["quality"] = ideal / all_ideal
    return known


def _operating_h(lines: list[_Line]) -> Fraction | None:
    hours = [line.planned.operating_h for line in lines]
    known = [each for each in hours if each is not None]
    return sum(known, Fraction(0)) if len(known) == len(hours) else None
