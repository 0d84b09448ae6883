"""What time counts as, in the contract file: verdicts, allowances, overrides, exclusions, duties, gaps and disputes."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from shared.contracts.measured import Form, Notice, Verdict
from shared.contracts.spec.form_scalars import (
    Amount,
    CategoryName,
    Cause,
    Days,
    Listed,
    LocalTime,
    Part,
    Resolution,
    Share,
    Text,
    VerdictName,
    When,
    Word,
    members,
    one_of,
)
from shared.model.facts import Category

# What an entry of `excluded` is called that stands for the block of the same name.
PLANNED_WINDOW = "planned_window"


class Disputed(StrEnum):
    """What disputed time counts as until somebody ruled."""

    AVAILABLE = "available_until_ruled"
    UNAVAILABLE = "unavailable_until_ruled"
    EXCLUDED = "excluded_until_ruled"
    DEEMED_AVAILABLE = "deemed_available_until_ruled"
    AS_RECORDED = "as_recorded"

    @property
    def verdict(self) -> Verdict | None:
        """The verdict in the meantime; None: that of the category and cause on record."""
        return None if self is Disputed.AS_RECORDED else Verdict(self.value.removesuffix("_until_ruled"))


def _windows(value: Any) -> Any:
    """One window of the day may stand without the list around it."""
    return [value] if isinstance(value, list) and value and not isinstance(value[0], list) else value


def _cause(value: Any) -> Any:
    """A bare cause stands for an entry that only names it."""
    return {"cause": value} if isinstance(value, str) else value


Window = Annotated[tuple[LocalTime, LocalTime], Field(strict=False)]


class Grant(Part):
    """How much time, and on what conditions; the parts an allowance, an exclusion and a planned window share."""

    hours_per_asset_per_period: Amount | None = None
    """Hours of each asset in each measurement period; a stub period is granted its share."""
    hours_per_asset_per_month: Amount | None = None
    """Hours of each asset in each calendar month."""
    hours_per_asset_per_year: Amount | None = None
    """Hours of each asset in each settlement year, used up in the order of time."""
    minutes_per_month: Amount | None = None
    """Minutes of each asset in each calendar month."""
    fraction_of_period: Share | None = None
    """A share of the period's clock time of each asset."""
    notice_days: Days | None = None
    """Only what was announced at least so many days ahead is within."""
    unannounced: Annotated[Notice, one_of(Notice, "rule"), members(Notice)] = Notice.PRESUMED
    """What holds where nobody recorded an announcement: `presumed` announced, or `required` to be on record."""
    not_between: Annotated[
        Listed[Window], BeforeValidator(_windows, json_schema_input_type=Window | Listed[Window])
    ] = ()
    """`["05:30", "08:30"]`, or several: hours of the local day, by the contract's zone, in which nothing is within."""
    prorate: bool = True
    """Whether a stub period is granted its share (true) or all of it (false)."""
    prorate_first_year: bool = True
    """The same, said of the first year."""
    rolls: bool = False
    """Whether what a settlement year leaves is granted on top in the next; without it, it lapses."""
    responsible: Word | None = None
    """Who answers for what is beyond, in reports of unavailable hours, in place of the party."""
    evidence: Text | None = None
    """What proves it; for the reader."""


class AllowanceForm(Grant):
    """An entry of `verdicts.allowance`: a category, causes, or both, up to an amount."""

    category: CategoryName | None = None
    cause: Cause | None = None
    causes: Listed[Cause] = ()
    within: VerdictName
    """What it counts as up to the amount."""
    beyond: VerdictName
    """What it counts as after that."""


class ExclusionForm(Grant):
    """An entry of `excluded`: a cause that leaves the count, with a condition or an amount if it has one."""

    cause: Cause
    when: When | None = None
    """Only where this holds, too."""
    beyond: VerdictName = Verdict.UNAVAILABLE
    """What counts beyond the amount, or without notice."""
    needs: Literal["accepted_attribution"] | None = None
    """Only where both parties agree who answers for it."""


class WindowForm(Grant):
    """`planned_window:` work that leaves the count while it is announced, within its hours and within its amount."""

    category: CategoryName = Category.SM
    beyond: VerdictName = Verdict.UNAVAILABLE


Exclusion = Annotated[ExclusionForm, BeforeValidator(_cause, json_schema_input_type=Cause | ExclusionForm)]


class VerdictsForm(Part):
    """`verdicts:`, each category once, in a list or in an allowance."""

    available: Listed[CategoryName] = ()
    """Up: in the numerator and the denominator."""
    unavailable: Listed[CategoryName] = ()
    """Down: in the denominator only."""
    excluded: Listed[CategoryName] = ()
    """Left out, as `form` says."""
    deemed_available: Listed[CategoryName] = ()
    """Counted as up, whatever `form` says."""
    allowance: Listed[AllowanceForm] = ()


class OverrideForm(Part):
    """An entry of `overrides:`, before the verdicts; the first that holds wins."""

    when: When
    verdict: VerdictName
    needs: Literal["accepted_attribution"] | None = None
    """Only where both parties agree who answers for it: the party is neither unknown nor disputed."""


class DutyForm(Part):
    """An entry of `customer_duties:` what the customer owes; with `when`, what a breach of it changes."""

    id: Word
    text: Text
    when: When | None = None
    verdict: VerdictName = Verdict.EXCLUDED
    """What such time counts as."""
    contributory_share: Share | None = None
    """Instead: so much of such time is excluded where it is unavailable."""


class GapRule(Part):
    """`data.gap_rule:` what time counts as that no source knows of (IU)."""

    interpolate_max_min: Amount | None = None
    """A gap of at most so many minutes between two known stretches is what was before it."""
    otherwise: VerdictName = Field(alias="else")
    """What a longer gap counts as."""
    excluded_max_fraction: Share | None = None
    """... up to this share of the period."""
    beyond: VerdictName | None = None
    """What it counts as after that."""


class Data(Part):
    """`data:` how facts come, and what their absence does."""

    resolution: Resolution | None = None
    """How long a row of measured values is: PT1M."""
    gap_rule: GapRule | None = None
    disputed_default: Annotated[Disputed, one_of(Disputed, "rule"), members(Disputed)] | None = None
    unreported: Literal["FP", "IU"] | None = None
    """What time is that no source speaks of: FP for a log of stops only, IU (as without the key) otherwise."""
    late_data_cutoff_days: Days | None = None
    """Data that comes later after the period's end corrects in a later statement; for the reader."""
    quality_min: Share | None = None
    """Share of rows that should be valid; for the reader."""
    source_priority: Listed[Word] = ()
    """Which source goes before which; for the reader: the order of trust is the fleet's."""
    clock: Word | None = None
    """Whose clock stamps the data; for the reader."""


class Policed(Part):
    """The parts of every guarantee that charges time."""

    form: Annotated[Form, one_of(Form, "form"), members(Form)] = Form.EXCLUDED_FROM_DENOMINATOR
    """Whether excluded time leaves the denominator, or counts as available in it."""
    category_model: Literal["iec61400_26_2019"] = "iec61400_26_2019"
    verdicts: VerdictsForm | None = None
    """Without it the kind's default verdicts count."""
    overrides: Listed[OverrideForm] = ()
    excluded: Listed[Exclusion] = ()
    """Causes that leave the count, after the overrides."""
    planned_window: WindowForm | None = None
    min_event_s: Amount | None = None
    """A shorter stop does not count."""
    max_excluded_fraction: Share | None = None
    """Excluded time beyond this share of the period counts as unavailable."""
