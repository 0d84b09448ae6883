"""A question about logged facts, and the facts of it cut as each judge needs them: second stage of a backtest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

from shared.backtest.log import Log
from shared.backtest.silence import Silence, silence_of, spoken_of
from shared.backtest.timelines import Timelines
from shared.contracts.assess import assess
from shared.contracts.assessment import Assessment
from shared.contracts.charging.policy import Key
from shared.contracts.facts import Facts, Window
from shared.contracts.kinds.registry import window_of
from shared.contracts.needs import LEAD_US, Needs, needs_of
from shared.contracts.periods import Period, midnight_us, periods_between
from shared.contracts.terms import Contract, Guarantee
from shared.model.facts import Category, Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked: the days `[start, end)` in the contract's zone, as known at `as_of_us` (None: at the end).

    `unreported` overrides what time is that no event speaks of: FP or IU; None leaves it to the contract, else to the
    log: one that names running less than half of the time it names nothing else lists stops only.
    """

    start: date
    end: date
    as_of_us: int | None = None
    unreported: Category | None = None


class Bench:
    """The facts of a question, made ready once, and cut for each guarantee and period."""

    def __init__(self, contract: Contract, log: Log, question: Question) -> None:
        self.declared = contract.unreported
        self.contract = contract if question.unreported is None else replace(contract, unreported=None)
        self.log, self.question = log, question
        self.start_us = midnight_us(question.start, contract.zone)
        self.end_us = midnight_us(question.end, contract.zone)
        self.as_of_us = self.end_us if question.as_of_us is None else question.as_of_us
        self.until_us = min(self.as_of_us, self.end_us)
        grid = periods_between(contract, question.start, question.end)
        self.periods = [period for period in grid if period.start_us < self.as_of_us]
        begun = [each.start_us for events in log.events.values() for each in events]
        self._known_from_us = min([self.start_us, *begun])
        self._timelines = self._reported()
        self._spoken_of = spoken_of(contract, sorted(log.events))
        self.silence = silence_of(self._timelines, self._spoken_of, self.start_us, self.until_us)
        self.unreported = question.unreported or _unreported(contract, self.silence)
        if self.unreported is Category.FP:
            self._timelines.run_from(self._known_from_us)
        self._facts: dict[Needs, Facts] = {}
        self._found: dict[tuple[str, Period], Assessment] = {}

    @property
    def reaches_outside_the_term(self) -> bool:
        """Whether days are asked about that the contract does not cover."""
        last = self.contract.end + timedelta(days=1)
        return self.question.start < self.contract.start or last < self.question.end

    def is_mostly_unknown(self, period: Period) -> bool:
        """Whether more than half of a period so far is information unavailable, named so or not named."""
        until_us = min(period.end_us, self.until_us)
        known_us = sum(
            duration_us
            for name in self._spoken_of
            for (category, _, _), duration_us in self._timelines.durations(name, period.start_us, until_us).items()
            if category is not Category.IU
        )
        return 2 * known_us < (until_us - period.start_us) * len(self._spoken_of)

    def assess(self, contract: Contract, guarantee: Guarantee, period: Period) -> Assessment:
        """What `guarantee` of `contract` says of the period alone; the question's own guarantees are judged once."""
        window = Window(period=period, as_of_us=self.as_of_us)
        if not any(guarantee is own for own in self.contract.guarantees):
            return assess(contract, guarantee, self._facts_of(guarantee, period), window)
        wanted = guarantee.id, period
        if wanted not in self._found:
            self._found[wanted] = assess(self.contract, guarantee, self._facts_of(guarantee, period), window)
        return self._found[wanted]

    def _facts_of(self, guarantee: Guarantee, period: Period) -> Facts:
        """What the guarantee's judge is given of the period, or of the stretch that decides about it."""
        needs = needs_of(self.contract, guarantee, period, self.as_of_us)
        if needs not in self._facts:
            self._facts[needs] = self._cut(needs)
        return self._facts[needs]

    def _cut(self, needs: Needs) -> Facts:
        start_us, until_us, assets = needs.start_us, needs.until_us, self.contract.assets
        return Facts(
            durations=self._durations(start_us, until_us),
            earlier=self._durations(needs.year_us, start_us) if needs.has_earlier else {},
            last_year=self._last_year(needs) if needs.rolls else {},
            timelines=self._intervals(self._names, start_us - LEAD_US, until_us) if needs.intervals else {},
            earlier_timelines=self._intervals(assets, needs.year_us, start_us)
            if needs.intervals and needs.has_earlier
            else {},
            quantities=[each for each in self.log.quantities if each.start_us < until_us and each.end_us > start_us],
            tickets=[each for each in self.log.tickets if start_us <= each.received_us < until_us],
            known_names=self._known_names,
        )

    def _last_year(self, needs: Needs) -> dict[str, Mapping[Key, int]]:
        """The settlement year before; nothing unless the files know all of it."""
        if needs.last_year_us < self._known_from_us:
            return {}
        return self._durations(needs.last_year_us, needs.year_us)

    def _durations(self, start_us: int, end_us: int) -> dict[str, Mapping[Key, int]]:
        return {name: self._timelines.durations(name, start_us, end_us) for name in self.contract.assets}

    def _intervals(self, names: Sequence[str], start_us: int, end_us: int) -> dict[str, Sequence[Interval]]:
        return {name: self._timelines.between(name, start_us, end_us) for name in names}

    def _reported(self) -> Timelines:
        windows = [
            window_of(self.contract, each, period).start_us
            for each in self.contract.guarantees
            for period in self.periods
        ]
        return Timelines(self.log, self._names, min([self._known_from_us, *windows]), self.until_us)

    @cached_property
    def _known_names(self) -> Mapping[str, frozenset[str]]:
        """Of each name of a quantity whose it is, at any time."""
        whose: dict[str, set[str]] = {}
        for each in self.log.quantities:
            whose.setdefault(each.name, set()).add(each.asset)
        return {name: frozenset(assets) for name, assets in whose.items()}

    @cached_property
    def _names(self) -> Sequence[str]:
        return [*self.contract.assets, *sorted(self.log.events.keys() - set(self.contract.assets))]


def _unreported(contract: Contract, silence: Silence) -> Category:
    if contract.unreported is not None:
        return Category(contract.unreported)
    return Category.FP if silence.lists_stops_only else Category.IU
