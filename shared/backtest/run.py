"""A backtest as one list of stages: timelines -> facts of each period -> assessments -> the ledger over all periods."""

from dataclasses import dataclass, replace

from shared.backtest.assumptions import assumptions
from shared.backtest.bench import Bench
from shared.backtest.fee import Fee, fees_of
from shared.contracts.assessment import Assessment
from shared.contracts.periods import Period
from shared.contracts.settlement.ledger import entry_of, fold
from shared.contracts.terms import Contract


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One period and what each guarantee says of it, in the contract's order; money as the ledger leaves it."""

    period: Period
    assessments: tuple[Assessment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What a contract says of logged facts. `assumptions` and `notes` are sentences for people.

    `fees`: one for each period, none where the contract says no fee.
    """

    contract: Contract
    start_us: int
    end_us: int
    as_of_us: int
    periods: tuple[Judged, ...]
    fees: tuple[Fee, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


def run(bench: Bench) -> Backtest:
    """Judge every period of the contract's grid that has begun by the as-of time."""
    return Backtest(
        contract=bench.contract,
        start_us=bench.start_us,
        end_us=bench.end_us,
        as_of_us=bench.as_of_us,
        periods=judge(bench, bench.contract),
        fees=fees_of(bench),
        assumptions=assumptions(bench),
        notes=bench.log.notes,
    )


def judge(bench: Bench, contract: Contract) -> tuple[Judged, ...]:
    """Each period by each guarantee of `contract`: the bench's own, or it with another level."""
    alone = {
        period: [bench.assess(contract, guarantee, period) for guarantee in contract.guarantees]
        for period in bench.periods
    }
    settled = fold(contract, [entry_of(each) for found in alone.values() for each in found])
    return tuple(
        Judged(
            period=period,
            assessments=tuple(
                replace(each, settlement=settled[each.guarantee_id, each.period_start_us]) for each in found
            ),
        )
        for period, found in alone.items()
    )
