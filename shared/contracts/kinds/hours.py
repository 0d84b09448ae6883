"""Charged time to a finding: sums over assets, their ratio, and what the unknown and the disputed leave open."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from shared.contracts.charging.policy import Amount, Charge, Split, is_open, total
from shared.contracts.facts import Window
from shared.contracts.finding import AssetFinding, Finding, Reason, Tally
from shared.contracts.kinds.amounts import Row, Series
from shared.contracts.measured import Form, Verdict
from shared.contracts.terms import Contract, Guarantee, Weighting
from shared.indicators.indicator import Indicator, Ratio
from shared.indicators.time_availability import TIME_AVAILABILITY
from shared.instant import HOUR_US

Sums = Mapping[Verdict, Amount]


def time_finding(
    contract: Contract,
    guarantee: Guarantee,
    form: Form,
    charge: Charge,
    window: Window,
    *,
    formula: Indicator = TIME_AVAILABILITY,
    measures: Mapping[str, Fraction],
    notes: Iterable[str] = (),
) -> Finding:
    """The share of the time that counts in which the assets were available, in microseconds.

    Numerator and denominator are weighted by rated power where the guarantee says so (weights of mean 1); tallies and
    measures are hours as they were. `low` and `high` hold all time without information, and all that is disputed,
    to be down and to be up.
    """
    weights = asset_weights(contract, guarantee)
    totals = {asset: total(split) for asset, split in charge.assets.items()}
    ratios = {asset: ratio(formula, form, sums) for asset, sums in totals.items()}
    whole = _weighted(ratios, weights)
    return Finding(
        value=whole.value,
        numerator=whole.numerator,
        denominator=whole.denominator,
        low=_bound(charge, weights, formula, form, Verdict.UNAVAILABLE),
        high=_bound(charge, weights, formula, form, Verdict.AVAILABLE),
        reason=None if whole.denominator else Reason.NO_DENOMINATOR,
        tallies=tallies(charge),
        assets=tuple(
            AssetFinding(asset=asset, value=each.value, numerator=each.numerator, denominator=each.denominator)
            for asset, each in ratios.items()
        ),
        measures={**_hours(totals.values(), ratios.values(), window), **measures},
        notes=(*charge.notes, *notes),
    )


def tallies(charge: Charge) -> tuple[Tally, ...]:
    """Each fact's time by verdict, summed over assets, in a fixed order."""
    sums: Split = {}
    for split in charge.assets.values():
        for key, charged in split.items():
            so_far = sums.setdefault(key, dict.fromkeys(Verdict, 0))
            for verdict, amount in charged.items():
                so_far[verdict] += amount
    return tuple(
        Tally(
            category=category,
            cause=cause,
            party=party,
            available_us=Fraction(charged[Verdict.AVAILABLE]),
            unavailable_us=Fraction(charged[Verdict.UNAVAILABLE]),
            excluded_us=Fraction(charged[Verdict.EXCLUDED]),
            deemed_us=Fraction(charged[Verdict.DEEMED_AVAILABLE]),
        )
        for (category, cause, party), charged in sorted(sums.items())
    )


def asset_weights(contract: Contract, guarantee: Guarantee) -> dict[str, Fraction]:
    """What an hour of each asset weighs, 1 on average; ValueError where rated power should weigh and is not known."""
    if guarantee.weighting is Weighting.EQUAL_HOURS:
        return dict.fromkeys(contract.assets, Fraction(1))
    rated = {machine.name: Fraction(machine.rated_kw or 0) for machine in contract.machines}
    if unknown := [name for name, kw in rated.items() if kw <= 0]:
        raise ValueError(f"weighting by rated power, and that of {', '.join(unknown)} is not known")
    mean = sum(rated.values(), Fraction(0)) / len(rated)
    return {name: kw / mean for name, kw in rated.items()}


def rows_by_asset(contract: Contract, series: Series) -> dict[str, list[Row]]:
    """The rows of each asset; those of a meter that is none of the assets are a single asset's."""
    if len(contract.machines) == 1:
        return {contract.machines[0].name: list(series.rows)} if series.rows else {}
    rows: dict[str, list[Row]] = {}
    for row in series.rows:
        rows.setdefault(row.asset, []).append(row)
    return rows


def ratio(formula: Indicator, form: Form, sums: Sums) -> Ratio:
    """What is deemed available counts on both sides in either form."""
    return formula.evaluate(
        form.value,
        {
            "available": Fraction(sums[Verdict.AVAILABLE] + sums[Verdict.DEEMED_AVAILABLE]),
            "unavailable": Fraction(sums[Verdict.UNAVAILABLE]),
            "excluded": Fraction(sums[Verdict.EXCLUDED]),
        },
    )


def _bound(
    charge: Charge, weights: Mapping[str, Fraction], formula: Indicator, form: Form, instead: Verdict
) -> Fraction | None:
    """The value were all open time `instead`."""
    ratios: dict[str, Ratio] = {}
    for asset, split in charge.assets.items():
        known = total({key: charged for key, charged in split.items() if not is_open(key)})
        known[instead] += sum(sum(charged.values()) for key, charged in split.items() if is_open(key))
        ratios[asset] = ratio(formula, form, known)
    return _weighted(ratios, weights).value


def _weighted(ratios: Mapping[str, Ratio], weights: Mapping[str, Fraction]) -> Ratio:
    return Ratio(
        numerator=sum((weights[asset] * each.numerator for asset, each in ratios.items()), Fraction(0)),
        denominator=sum((weights[asset] * each.denominator for asset, each in ratios.items()), Fraction(0)),
    )


def _hours(totals: Iterable[Sums], ratios: Iterable[Ratio], window: Window) -> dict[str, Fraction]:
    """The names money formulas know time by; `period_h` is clock time, the others are sums over assets."""
    verdicts = {
        verdict: sum((Fraction(sums[verdict]) for sums in totals), Fraction(0)) / HOUR_US for verdict in Verdict
    }
    return {
        "available_h": verdicts[Verdict.AVAILABLE] + verdicts[Verdict.DEEMED_AVAILABLE],
        "unavailable_h": verdicts[Verdict.UNAVAILABLE],
        "excluded_h": verdicts[Verdict.EXCLUDED],
        "denominator_h": sum((each.denominator for each in ratios), Fraction(0)) / HOUR_US,
        "period_h": Fraction(window.end_us - window.start_us, HOUR_US),
    }
