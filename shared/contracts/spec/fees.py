"""The fees of a contract file, and what shares of them come to: the basis of caps, tiers and steps."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Final

from shared import strict_yaml
from shared.contracts.money import (
    Fees,
)
from shared.contracts.rounding import down
from shared.contracts.spec.form import ContractForm
from shared.contracts.spec.form_money import (
    SettlementForm,
)

# Wide enough for the product of any few numbers that strict_yaml reads.
EXACT: Final = Context(prec=4 * strict_yaml.MAX_DIGITS)
_MONTHS: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Basis:
    """What shares are of: the annual fee, and the months the term has (of its last, the share of its days)."""

    annual: Decimal | None
    months: Fraction

    @property
    def monthly(self) -> Fraction | None:
        return None if self.annual is None else Fraction(self.annual) / _MONTHS

    def share(self, fraction: Decimal | None, months: int = _MONTHS) -> Decimal | None:
        """That fraction of so many months' fee; None without one of them."""
        if fraction is None or self.annual is None:
            return None
        exact = Fraction(fraction) * Fraction(self.annual) * Fraction(months, _MONTHS)
        return _decimal(exact)

    def lifetime(self, fraction: Decimal | None) -> Decimal | None:
        """That fraction of all fees of the term."""
        if fraction is None or self.annual is None:
            return None
        return _decimal(Fraction(fraction) * Fraction(self.annual) * self.months / _MONTHS)


def _decimal(exact: Fraction) -> Decimal:
    """Exact where it has an end, else down to a millionth."""
    with localcontext(EXACT):
        quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient if Fraction(quotient) == exact else down(exact, 6)


def fees(form: ContractForm) -> Fees:
    """The fees; where the contract says none by time, the annual one that a settlement states."""
    fee, annual = form.fee, annual_of(None, form)
    if annual is None:
        stated = (annual_of(each.settlement, form) for each in form.guarantees if each.settlement)
        annual = next((each for each in stated if each is not None), None)
    if fee is None:
        return Fees(annual=annual)
    return Fees(
        annual=annual,
        monthly=fee.base_monthly,
        per_unit=fee.per_m3 if fee.per_m3 is not None else fee.per_unit,
        unit_quantity="volume_m3" if fee.per_m3 is not None else fee.unit_quantity,
        minimum_take_per_month=fee.minimum_take_m3_per_month or fee.minimum_take_per_month,
    )


def annual_of(settlement: SettlementForm | None, form: ContractForm) -> Decimal | None:
    """The annual fee a settlement's shares are of: its own, else the contract's, else twelve monthly ones."""
    if settlement is not None:
        own = settlement.cap.annual_fee if settlement.cap else None
        if own is not None or settlement.annual_fee is not None:
            return own if own is not None else settlement.annual_fee
    if form.fee is None:
        return None
    if form.fee.annual is not None or form.fee.base_monthly is None:
        return form.fee.annual
    return EXACT.multiply(form.fee.base_monthly, Decimal(_MONTHS))


def basis(settlement: SettlementForm | None, form: ContractForm) -> Basis:
    """What the shares of one settlement are of."""
    return Basis(annual=annual_of(settlement, form), months=months_of(form))


def months_of(form: ContractForm) -> Fraction:
    """Months from the first day to the day after the last; a part of one by days of 30."""
    start, after = form.term.start, form.term.end + timedelta(days=1)
    whole = (after.year - start.year) * _MONTHS + after.month - start.month
    return whole + Fraction(after.day - start.day, 30)
