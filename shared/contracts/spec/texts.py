"""The parts of a contract file that nothing computes, gathered as texts for people."""

from typing import Any

from shared.contracts.spec.form import ContractForm


def contract_texts(form: ContractForm) -> dict[str, str]:
    """By name, in the order of the file: boundaries, data, calendars, what the customer owes, further terms."""
    station, calendar, data = form.station, form.calendar, form.data
    texts = {
        "redundancy": station.redundancy if station else None,
        "boundary": station.boundary if station else None,
        "calendar": _calendar(calendar.source, calendar.locked_before_period) if calendar else None,
        "quality_min": None if data.quality_min is None else f"{data.quality_min} of the rows should be valid",
        "source_priority": ", then ".join(data.source_priority) or None,
        "clock": data.clock,
        **{f"duty_{duty.id}": duty.text for duty in form.customer_duties},
        **form.texts,
    }
    return {name: text for name, text in texts.items() if text is not None}


def guarantee_texts(form: Any) -> dict[str, str]:
    """The same of one guarantee: standard, evidence, what makes an adjustment due, further terms."""
    clock, tariff = getattr(form, "clock", None), getattr(form, "tariff", None)
    malus = form.settlement.malus if form.settlement else None
    texts = {
        "standard": form.standard,
        "unit": malus.unit if malus else tariff.unit if tariff else None,
        **{f"evidence_{each.cause}": each.evidence for each in getattr(form, "excluded", ()) if each.evidence},
        "non_routine_adjustments": ", ".join(getattr(form, "non_routine", ())) or None,
        "clock": f"from {clock.start} to {clock.stop}" if clock else None,
        **form.texts,
    }
    return {name: text for name, text in texts.items() if text is not None}


def _calendar(source: str, locked: bool | None) -> str:  # noqa: FBT001 - as it stands in the file
    return f"planned busy time by {source}{', locked before the period begins' if locked else ''}"
