"""A backtest for people: periods by guarantees, the totals, the price of other levels, and what was assumed."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from shared.backtest.levels import Price, said_of
from shared.backtest.result import totals, unit_of
from shared.backtest.run import Backtest, Judged
from shared.contracts.assessment import Assessment, Settlement
from shared.contracts.finding import Outcome
from shared.contracts.rounding import half_up

_COLOURS = {Outcome.MET: "green", Outcome.MISSED: "red", Outcome.INCONCLUSIVE: "yellow", Outcome.NOT_ASSESSABLE: "dim"}


def tables(backtest: Backtest, prices: Sequence[Price]) -> RenderableType:
    """Everything a stranger needs to read the answer."""
    return Group(*_parts(backtest, prices))


def _parts(backtest: Backtest, prices: Sequence[Price]) -> Iterator[RenderableType]:
    contract = backtest.contract
    yield Text(f"{contract.id} version {contract.version}, {contract.customer}, {contract.zone.key}")
    if backtest.periods:
        yield _periods(backtest)
        summed = totals(backtest)
        yield _totals(summed)
        if backtest.fees:
            yield Text(_invoice(summed))
    else:
        yield Text("No period had begun.")
    if prices:
        yield _prices(prices)
    yield from _sentences("Assumed", [*backtest.assumptions, *said_of(prices)])
    yield from _sentences("Of the files", backtest.notes)
    yield from _sentences("Of the periods", _notes(backtest))


def _periods(backtest: Backtest) -> Table:
    table = Table("period", "guarantee", title="Periods", title_justify="left")
    for name in ("promised", "reached", "margin"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    table.add_column(f"malus {backtest.contract.currency}", justify="right")
    table.add_column("bonus", justify="right")
    table.add_column("why")
    for judged in backtest.periods:
        for assessment in judged.assessments:
            table.add_row(*_row(judged, assessment, backtest.as_of_us))
        table.add_section()
    return table


def _row(judged: Judged, assessment: Assessment, as_of_us: int) -> tuple[RenderableType, ...]:
    settlement = assessment.settlement
    runs = "" if judged.period.end_us <= as_of_us else " (runs)"
    return (
        f"{judged.period.label}{runs}",
        escape(assessment.guarantee_id),
        _figure(assessment, assessment.level),
        _figure(assessment, assessment.measured),
        _margin(assessment),
        Text(assessment.outcome.value.replace("_", " "), style=_COLOURS[assessment.outcome]),
        _money(settlement, settlement.malus),
        _money(settlement, settlement.bonus),
        escape(_why(assessment)),
    )


def _figure(assessment: Assessment, value: Fraction | None, percent: str = "%") -> str:
    """A ratio in percent, anything else in its unit."""
    if value is None:
        return "-"
    unit = unit_of(assessment)
    return f"{half_up(value * 100, 3):f} {percent}" if unit == "1" else f"{half_up(value, 3):f} {unit}"


def _margin(assessment: Assessment) -> str:
    """How much better than promised; of a ratio in percentage points."""
    return _figure(assessment, assessment.margin, "pp")


def _money(settlement: Settlement, amount: Decimal | None) -> str:
    if not settlement.agreed:
        return ""
    return "not known" if amount is None else f"{amount:f}"


def _why(assessment: Assessment) -> str:
    """The cap that bit, what was given back, service in place of money; else the reason of the verdict."""
    settlement = assessment.settlement
    if settlement.refund:
        return f"refund {settlement.refund:f}"
    if settlement.instead:
        return settlement.instead
    words = f"cap: {settlement.cap}" if settlement.cap else assessment.reason.value
    return words.replace("_", " ")


def _invoice(summed: Mapping[str, Any]) -> str:
    fee, net = (summed[name] or "not known" for name in ("fee", "net_invoice"))
    return f"Fee {fee}, invoice less net owed {net} {summed['currency']}"


def _totals(summed: Mapping[str, Any]) -> Table:
    table = Table("guarantee", title=f"Totals, {summed['currency']}", title_justify="left")
    for name in ("malus", "refund", "bonus", "net owed"):
        table.add_column(name, justify="right")
    for name, sums in (*summed["by_guarantee"].items(), ("all", summed)):
        amounts = (sums[key] for key in ("malus", "refund", "bonus", "net"))
        table.add_row(escape(name), *("not known" if amount is None else amount for amount in amounts))
    if summed["not_known"]:
        table.caption = f"without what is not known: {', '.join(summed['not_known'])}"
    return table


def _prices(prices: Sequence[Price]) -> Table:
    table = Table("guarantee", title="The price of a promise: the same facts at other levels", title_justify="left")
    for name in ("level", f"malus a year, {prices[0].currency}", "periods missed"):
        table.add_column(name, justify="right")
    table.add_column("of")
    for price in prices:
        cost = "not known" if price.malus_per_year is None else f"{price.malus_per_year:f}"
        missed = f"{price.missed} of {price.periods}" if price.periods else "not assessable"
        table.add_row(escape(price.guarantee_id), f"{price.level:f}", cost, missed, price.basis.replace("_", " "))
    return table


def _notes(backtest: Backtest) -> list[str]:
    """Each judge's note once, with the periods it was made of."""
    made: dict[str, list[str]] = {}
    for judged in backtest.periods:
        for assessment in judged.assessments:
            for note in assessment.finding.notes:
                made.setdefault(f"{assessment.guarantee_id}: {note}", []).append(judged.period.label)
    return [f"{note} ({', '.join(dict.fromkeys(labels))})" for note, labels in made.items()]


def _sentences(title: str, sentences: Sequence[str]) -> Iterator[RenderableType]:
    if sentences:
        yield Text(f"\n{title}", style="bold")
        yield from (Text(f"- {sentence}") for sentence in sentences)
