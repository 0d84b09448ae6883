"""What the ledger keeps of an assessment, through JSON and back, however long its fractions are."""

import json
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.document import exact_text
from shared.contracts.finding import AssetFinding
from shared.contracts.settlement.ledger import from_plain, to_plain
from tests.unit.contracts.money_terms import contract, entry, guarantee, ratio

LONG = Fraction(7**9000, 3**16000)  # 7,606 and 7,634 digits
_exact = st.fractions() | st.just(LONG) | st.just(-LONG) | st.just(Fraction(7**9000))


@given(_exact, _exact, _exact)
def test_every_fraction_comes_back_as_it_was(value: Fraction, level: Fraction, measure: Fraction) -> None:
    whole = contract(guarantee())
    asset = AssetFinding(asset="P1", value=value, numerator=value, denominator=abs(measure) + 1)
    finding = replace(ratio("0.5"), value=value, shortfall=measure, assets=(asset,), measures={"actual_kwh": measure})
    kept = replace(entry(whole, whole.guarantees[0], finding, 0), level=level, measured=value)
    assert from_plain(json.loads(json.dumps(to_plain(kept)))) == kept


def test_short_fractions_stay_readable() -> None:
    whole = contract(guarantee())
    assert to_plain(entry(whole, whole.guarantees[0], ratio("0.5"), 0))["value"] == "1/2"


def test_a_document_leaves_out_a_fraction_nobody_can_read() -> None:
    assert exact_text(Fraction(381, 453)) == "127/151"
    assert exact_text(Fraction(-(10**60 - 1), 2)) == f"-{10**60 - 1}/2"
    assert exact_text(Fraction(10**60, 7)) is None
    assert exact_text(LONG) is None
    assert exact_text(None) is None
