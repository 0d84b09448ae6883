"""Facts to verdicts: what each asset's time in a window counts as under one version of one contract."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shared.contracts.charging.allowances import Account
from shared.contracts.charging.ruling import Key, Ruling, is_open, needs_announcement, needs_timelines
from shared.contracts.charging.stretches import Stretch, clip, stretches, unreported
from shared.contracts.facts import Facts, Window
from shared.contracts.measured import Allowance, Policy, Verdict
from shared.contracts.terms import Contract
from shared.model.facts import Category, Interval, Party

__all__ = [
    "PRESUMED", "Amount", "Charge", "Key", "Ruling", "Split", "add", "charge", "is_open", "needs_timelines", "share",
    "total", "verdict_of", "whole", "within_cap",
]  # fmt: skip

PRESUMED = "stretches of planned work with no announcement on record, presumed announced"

# Microseconds: whole, until an allowance is shared among the causes it is for.
Amount = int | Fraction
Split = dict[Key, dict[Verdict, Amount]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """Each asset's time by fact and verdict, microseconds, all of the window as far as it has passed."""

    assets: Mapping[str, Split]
    notes: tuple[str, ...] = ()

    def total(self, asset: str) -> dict[Verdict, Amount]:
        """One asset's time by verdict."""
        return total(self.assets[asset])


def verdict_of(policy: Policy, category: Category, cause: str, party: Party) -> Verdict:
    """The verdict of one fact, alone; within its allowance where it has one. For many facts keep a `Ruling`."""
    return Ruling(policy=policy).verdict((category, cause, party))


def total(split: Split) -> dict[Verdict, Amount]:
    """Time by verdict, whatever the fact."""
    sums: dict[Verdict, Amount] = dict.fromkeys(Verdict, 0)
    for charged in split.values():
        for verdict, amount in charged.items():
            sums[verdict] += amount
    return sums


def charge(contract: Contract, policy: Policy, facts: Facts, window: Window) -> Charge:
    """Every asset's time from the window's start to its `until_us`, by fact and verdict.

    What is missing of the clock is information unavailable, cause `no_data`, or what the contract says unreported time
    is. Facts with a verdict of their own are outside any allowance: they neither use it nor profit from it. What is
    within an allowance and what beyond is shared among its facts by their length. ValueError when an asset knows more
    time than has passed.

    Intervals decide where the policy needs them and the asset has some, else sums do: then nothing is bridged or too
    short, hours of the day are presumed to have been kept, and notice too unless it must be on record.
    """
    account = Account(contract=contract, ruling=Ruling(policy=policy), facts=facts, window=window)
    by_interval = needs_timelines(policy)
    assets: dict[str, Split] = {}
    notes: Counter[str] = Counter()
    for asset in contract.assets:
        intervals = facts.timelines.get(asset, ()) if by_interval else ()
        split = _by_intervals(account, asset, intervals, notes) if intervals else _by_sums(account, asset, notes)
        assets[asset] = within_cap(policy, split, window)
    return Charge(assets=assets, notes=tuple(f"{text}: {count}" for text, count in sorted(notes.items())))


def _by_sums(account: Account, asset: str, notes: Counter[str]) -> Split:
    split: Split = {}
    used: dict[Allowance, list[tuple[Key, int]]] = {}
    for key, duration in whole(account.contract, account.facts, account.window, asset).items():
        rule = account.ruling.rule(key)
        if not isinstance(rule, Allowance):
            split[key] = {rule: duration}
        elif needs_announcement(rule):
            split[key] = {rule.beyond: duration}
            notes["facts without intervals to hold an announcement against, counted as not announced"] += 1
        else:
            used.setdefault(rule, []).append((key, duration))
    for allowance, parts in used.items():
        share(split, allowance, parts, account.left_us(allowance, asset))
    return split


def _by_intervals(account: Account, asset: str, intervals: Sequence[Interval], notes: Counter[str]) -> Split:
    window = account.window
    split: Split = {}
    used: dict[Allowance, list[Stretch]] = {}
    found = stretches(account.contract, account.ruling, intervals, window.start_us, window.until_us)
    for stretch in found:
        if not isinstance(stretch.rule, Allowance):
            add(split, stretch.key, stretch.rule, stretch.duration_us)
        elif stretch.barred:
            add(split, stretch.key, stretch.rule.beyond, stretch.duration_us)
        else:
            used.setdefault(stretch.rule, []).append(stretch)
    if presumed := sum(stretch.presumed for stretch in found):
        notes[PRESUMED] += presumed
    for allowance, parts in used.items():
        for grant in account.left(allowance, asset):
            inside = (clip(stretch, grant.start_us, grant.end_us) for stretch in parts)
            share(split, allowance, [(each.key, each.duration_us) for each in inside if each], grant.us)
    return split


def share(split: Split, allowance: Allowance, parts: Iterable[tuple[Key, int]], granted_us: Fraction | None) -> None:
    """Add to `split` what facts of an allowance come to: within and beyond in the same proportion for each of them."""
    parts = list(parts)
    length = sum(duration for _, duration in parts)
    all_within = granted_us is None or length <= granted_us
    for key, duration in parts:
        within = duration if all_within or granted_us is None else granted_us / length * duration
        add(split, key, allowance.within, within)
        add(split, key, allowance.beyond, duration - within)


def add(split: Split, key: Key, verdict: Verdict, amount: Amount) -> None:
    """Add time of a fact and verdict to `split`."""
    if amount:
        charged = split.setdefault(key, {})
        charged[verdict] = charged.get(verdict, 0) + amount


def whole(contract: Contract, facts: Facts, window: Window, asset: str) -> dict[Key, int]:
    """An asset's time as far as the window has come, microseconds; facts without time are left out.

    What is missing of the clock is what the contract says unreported time is. ValueError when the asset knows more
    time than has passed.
    """
    known = facts.durations[asset]
    missing = window.until_us - window.start_us - sum(known.values())
    if missing < 0 or any(duration < 0 for duration in known.values()):
        raise ValueError(f"{asset} knows more time than has passed, by {-missing} us")
    found = {key: duration for key, duration in known.items() if duration}
    if missing:
        rest = unreported(contract)
        found[rest] = found.get(rest, 0) + missing
    return found


def within_cap(policy: Policy, split: Split, window: Window) -> Split:
    """The time once customers' shares are taken out; excluded time beyond the most that may be is unavailable, in
    proportion of its facts."""
    split = _without_contributions(policy, split)
    if policy.max_excluded_fraction is None:
        return split
    excluded = total(split)[Verdict.EXCLUDED]
    most = Fraction(policy.max_excluded_fraction) * (window.end_us - window.start_us)
    if excluded <= most:
        return split
    counted: Split = {}
    for key, charged in split.items():
        for verdict, amount in charged.items():
            kept = most / excluded * amount if verdict is Verdict.EXCLUDED else amount
            add(counted, key, verdict, kept)
            add(counted, key, Verdict.UNAVAILABLE, amount - kept)
    return counted


def _without_contributions(policy: Policy, split: Split) -> Split:
    if not policy.contributions:
        return split
    counted: Split = {}
    for key, charged in split.items():
        held = next((each for each in policy.contributions if each.when.holds(*key)), None)
        for verdict, amount in charged.items():
            excused = Fraction(held.share) * amount if held and verdict is Verdict.UNAVAILABLE else 0
            add(counted, key, verdict, amount - excused)
            add(counted, key, Verdict.EXCLUDED, excused)
    return counted
