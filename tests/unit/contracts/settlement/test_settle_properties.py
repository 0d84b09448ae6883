"""What holds for the money of any guarantee and period (domain/contracts.md 3.3)."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.money import BandKind, CapacityMoney, Caps, DeadBand, StepMoney, StepRule, Tier, TieredMoney
from tests.unit.contracts.money_terms import formula, guarantee, ratio, settled

_values = st.fractions(min_value=0, max_value=1, max_denominator=10_000)
_amounts = st.decimals(min_value=0, max_value=100_000, places=2)
_pp = st.decimals(min_value="0.01", max_value=5, places=2)
_forms = st.one_of(
    st.builds(StepMoney, step_pp=_pp, amount=_amounts, rule=st.sampled_from([None, *StepRule])),
    st.builds(CapacityMoney, amount=_amounts, target=st.just(Decimal("0.97"))),
    st.builds(lambda rate: formula("(level - measured) * rate", rate=str(rate)), _amounts),
    st.builds(
        lambda of, step: TieredMoney(
            tiers=(
                Tier(below=Decimal("0.97"), fraction=step),
                Tier(below=Decimal("0.9"), fraction=2 * step),
            ),
            of=of,
            of_name="fee",
        ),
        _amounts,
        st.decimals(min_value=0, max_value="0.5", places=2),
    ),
)
_bands = st.none() | st.builds(DeadBand, kind=st.sampled_from(BandKind), pp=_pp)
_decimals = st.none() | st.integers(min_value=2, max_value=5)


@given(_forms, _bands, _decimals, _amounts, _values, _values)
def test_less_availability_never_owes_less_and_a_met_level_nothing(
    form: StepMoney, band: DeadBand | None, decimals: int | None, cap: Decimal, one: Fraction, other: Fraction
) -> None:
    bonus = StepMoney(step_pp=Decimal("0.5"), amount=Decimal(100), rule=None)
    terms = guarantee(
        malus=(form,), bonus=(bonus,), dead_band=band, caps=Caps(malus_per_period=cap), value_decimals=decimals
    )
    low, high = (settled(terms, ratio(str(value))) for value in sorted((one, other)))
    for settlement in (low, high):
        assert settlement.malus is not None
        assert settlement.bonus is not None
        assert 0 <= settlement.malus <= cap
        assert not (settlement.malus and settlement.bonus)
    assert low.malus >= high.malus  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
    assert low.bonus <= high.bonus  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
    if max(one, other) >= Fraction("0.97"):
        assert high.malus == 0
    assert settled(terms, ratio(str(one))) == settled(terms, ratio(str(one)))
