"""Facts to verdicts: what a stretch of time counts as under one version of one contract."""

from collections.abc import Mapping
from fractions import Fraction

from shared.contracts.periods import periods
from shared.contracts.terms import Allowance, Contract, Guarantee, Verdict
from shared.instant import HOUR_US
from shared.model.facts import Category, Party

Key = tuple[Category, str, Party]


def verdict_of(guarantee: Guarantee, category: Category, cause: str, party: Party) -> Verdict:
    """The verdict of a fact: the first override that holds, else the category's.

    A category with an allowance gives the verdict within it: how much is left shows only over a whole period.
    """
    ruled = _override(guarantee, (category, cause, party))
    if ruled is not None:
        return ruled
    allowance = allowance_of(guarantee, category)
    return guarantee.verdicts[category] if allowance is None else allowance.within


def allowance_of(guarantee: Guarantee, category: Category) -> Allowance | None:
    """The allowance of a category, if it has one."""
    return next((allowance for allowance in guarantee.allowances if allowance.category is category), None)


def allowed_us(contract: Contract, guarantee: Guarantee, start_us: int, end_us: int) -> dict[Category, Fraction]:
    """How much of each category with an allowance one asset is granted in the window `[start_us, end_us)`.

    Hours are granted for a whole measurement period and in proportion for a part of one: of each period, the share of
    its uncut length that the window covers. So a stub period is granted its share, and a window over several periods
    the sum. A fraction is of the window's clock time. A running period is granted all of it from its start.
    """
    share = sum(
        (
            Fraction(min(period.end_us, end_us) - max(period.start_us, start_us), period.full_us)
            for period in periods(contract)
            if period.start_us < end_us and start_us < period.end_us
        ),
        Fraction(0),
    )
    return {a.category: _granted(a, share, end_us - start_us) for a in guarantee.allowances}


def charge(
    guarantee: Guarantee, time_us: Mapping[Key, int], granted_us: Mapping[Category, Fraction]
) -> dict[Key, dict[Verdict, Fraction]]:
    """One asset's time by verdict. Within and beyond an allowance are shared among a category's facts by their length.

    Facts with an override are outside the allowance: they neither use it nor profit from it.
    """
    overridden = {key: verdict for key in time_us if (verdict := _override(guarantee, key)) is not None}
    totals: dict[Category, int] = {}
    for (category, cause, party), duration in time_us.items():
        if (category, cause, party) not in overridden:
            totals[category] = totals.get(category, 0) + duration
    charged: dict[Key, dict[Verdict, Fraction]] = {}
    for key, duration in time_us.items():
        allowance = allowance_of(guarantee, key[0])
        if key in overridden:
            charged[key] = {overridden[key]: Fraction(duration)}
        elif allowance is None:
            charged[key] = {guarantee.verdicts[key[0]]: Fraction(duration)}
        else:
            within = min(Fraction(1), granted_us[key[0]] / totals[key[0]]) * duration if duration else Fraction(0)
            charged[key] = {allowance.within: within, allowance.beyond: duration - within}
    return charged


def _override(guarantee: Guarantee, key: Key) -> Verdict | None:
    return next((override.verdict for override in guarantee.overrides if override.when.holds(*key)), None)


def _granted(allowance: Allowance, share: Fraction, window_us: int) -> Fraction:
    if allowance.hours_per_asset_per_period is not None:
        return Fraction(allowance.hours_per_asset_per_period) * HOUR_US * share
    assert allowance.fraction_of_period is not None
    return Fraction(allowance.fraction_of_period) * window_us
