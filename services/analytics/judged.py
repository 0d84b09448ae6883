"""What an assessment is of: the value that travels from the judge to the alerts."""

from dataclasses import dataclass

from shared.contracts.assessment import Assessment
from shared.contracts.periods import Period
from shared.contracts.terms import Contract, Guarantee


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A guarantee over a period; `contract_id` is the key of the stored version.

    `is_new`: the assessment differs from the one stored before.
    """

    contract_id: int
    customer_id: int
    contract: Contract
    guarantee: Guarantee
    period: Period
    assessment: Assessment
    is_new: bool
