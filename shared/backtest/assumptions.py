"""What a backtest takes for granted, in sentences: an answer that hides its assumptions is worth nothing."""

from collections.abc import Iterator
from fractions import Fraction

from shared.backtest.bench import Bench
from shared.contracts.periods import settlement_year
from shared.contracts.rounding import plain
from shared.instant import HOUR_US, from_us
from shared.model.facts import Category


def assumptions(bench: Bench) -> tuple[str, ...]:
    """Each assumption that this question makes about these facts, in a fixed order."""
    return tuple(_said(bench))


def _said(bench: Bench) -> Iterator[str]:
    yield _unreported(bench)
    yield from _unknown(bench)
    contract, question = bench.contract, bench.question
    if bench.reaches_outside_the_term:
        yield (
            f"{question.start} to {question.end} reaches outside the term of {contract.id} ({contract.start} to "
            f"{contract.end}): its terms are held against days they were not agreed for."
        )
    if settlement_year(contract, bench.start_us).start_us < bench.start_us and question.start > contract.start:
        yield (
            f"The settlement year began before {question.start}: what earlier periods used of year caps, carry-over "
            "and the year's true-up is not known and counts as nothing."
        )
    at = from_us(bench.as_of_us).astimezone(contract.zone).isoformat()
    if bench.as_of_us > bench.end_us:
        yield f"Facts are those known at {at}, after the days asked about."
    if bench.as_of_us < bench.end_us:
        yield f"Facts are those known at {at}; a period that runs then is judged so far, one not yet begun is left out."
    stubs = [period.label for period in bench.periods if period.duration_us < period.full_us]
    if stubs:
        yield f"A part of a period counts as a period, with its share of what is granted: {', '.join(stubs)}."


def _unreported(bench: Bench) -> str:
    meant = "full performance (FP)" if bench.unreported is Category.FP else "information unavailable (IU)"
    hours = _h(bench.silence.unnamed_us)
    return f"Time that no event speaks of is {meant}, {_why(bench)}: {hours} h over all machines."


def _why(bench: Bench) -> str:
    if bench.question.unreported is not None:
        return "as asked"
    if bench.declared is not None:
        return "as the contract says"
    silence = bench.silence
    if not silence.running_us:
        return "as no event says that a machine ran, so the log lists stops only"
    running, rest = _h(silence.running_us), _h(silence.rest_us)
    read = f"as FP and PP are named for {running} of the {rest} h that events name nothing else"
    if bench.unreported is Category.FP:
        return f"{read}, not for more than half, so the log lists stops only"
    return f"{read}, so the log also says when machines ran"


def _h(duration_us: int) -> str:
    return plain(Fraction(duration_us, HOUR_US), 2)


def _unknown(bench: Bench) -> Iterator[str]:
    labels = [period.label for period in bench.periods if bench.is_mostly_unknown(period)]
    if labels:
        yield (
            f"WARNING: more than half of {', '.join(labels)} is information unavailable (IU); where the log lists "
            "stops only, say so by --unreported FP or the contract's data.unreported."
        )
