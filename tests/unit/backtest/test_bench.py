"""The facts of a question: what may be known later than the days asked about, and what may not."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from shared.backtest.bench import Bench, Question
from shared.backtest.log import Log
from shared.contracts.assessment import Assessment
from shared.contracts.finding import Reason
from shared.contracts.measured import OeeMeasure, TimeMeasure
from shared.contracts.terms import Contract
from shared.instant import DAY_US, HOUR_US
from shared.model.facts import Category
from shared.model.quantity import Quantity, Ticket

FEBRUARY = date(2026, 2, 1)


def _asked(terms: Contract, kind: str, later_us: int) -> Assessment:
    """January, with a ticket of its last two hours that nobody answers, as known so long after its end."""
    question = Question(start=date(2026, 1, 1), end=FEBRUARY, unreported=Category.FP)
    end_us = Bench(terms, Log(events={}, meanings={}), question).end_us
    ticket = Ticket(
        id="T1", asset="P01", priority="P1", received_us=end_us - 2 * HOUR_US, on_site_us=None, restored_us=None
    )
    log = Log(events={}, meanings={}, tickets=[ticket])
    bench = Bench(terms, log, replace(question, as_of_us=end_us + later_us))
    guarantee = next(each for each in terms.guarantees if each.id == kind)
    return bench.assess(bench.contract, guarantee, bench.periods[0])


@pytest.mark.parametrize(("later_us", "breaches"), [(0, 0), (2 * HOUR_US, 0), (2 * HOUR_US + 1, 1), (28 * DAY_US, 1)])
def test_a_ticket_that_is_never_answered_is_a_breach_once_its_time_is_over(
    line: Contract, later_us: int, breaches: int
) -> None:
    """Four hours are promised."""
    assert _asked(line, "RESPONSE_TIME", later_us).finding.breaches == breaches


def test_a_quantity_that_is_delivered_of_other_days_is_missing_in_those_without(line: Contract) -> None:
    """Planned busy time of January only: February does not go by the clock."""
    policy = next(each.measure.policy for each in line.guarantees if isinstance(each.measure, TimeMeasure))
    oee = next(each for each in line.guarantees if isinstance(each.measure, OeeMeasure))
    oee = replace(oee, measure=replace(oee.measure, policy=policy))
    terms = replace(line, machines=line.machines[:1], guarantees=(oee,))
    asset = terms.assets[0]
    question = Question(start=date(2026, 1, 1), end=date(2026, 3, 1), unreported=Category.FP)
    january, february = Bench(terms, Log(events={}, meanings={}), question).periods
    rows = [
        Quantity(asset=asset, name=name, start_us=span.start_us, end_us=span.end_us, value=Decimal(100), unit=unit)
        for span, name, unit in (
            (january, "planned_busy_h", "h"),
            (january, "good_units:SKU-A", "1"),
            (february, "good_units:SKU-A", "1"),
        )
    ]
    bench = Bench(terms, Log(events={}, meanings={}, quantities=rows), question)
    reasons = [bench.assess(terms, oee, period).finding.reason for period in (january, february)]
    assert reasons == [None, Reason.MISSING_QUANTITY]


def test_time_after_the_days_asked_about_is_none_of_theirs(line: Contract) -> None:
    found = [_asked(line, "TIME_AVAILABILITY", later_us).finding for later_us in (0, 28 * DAY_US)]
    assert found[0] == found[1]
    assert found[0].denominator == 3 * 744 * HOUR_US
