"""What an hour more of unavailable time makes of a finding."""

from fractions import Fraction

from shared.contracts.finding import Finding
from shared.instant import HOUR_US


def test_an_hour_worse_is_an_hour_down_that_was_up_in_every_name_formulas_know_it_by() -> None:
    """670 of 744 h: of two formulas that say the same, neither may call the next hour free."""
    measures = {"available_h": Fraction(670), "unavailable_h": Fraction(74), "denominator_h": Fraction(744)}
    found = Finding(
        value=Fraction(670, 744),
        numerator=Fraction(670 * HOUR_US),
        denominator=Fraction(744 * HOUR_US),
        measures=measures,
    )
    worse = found.one_hour_worse()
    assert worse is not None
    assert worse.value == Fraction(669, 744)
    assert worse.measures == {**measures, "available_h": 669, "unavailable_h": 75}
