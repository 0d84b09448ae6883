"""Trained models as bytes: the same for the same, and refused unless they are what was registered."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor

from services.analytics.learning import artefacts
from services.analytics.learning.artefacts import LoadError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3),
    max_leaves=8,
)


def sha256(artefact: bytes) -> str:
    return hashlib.sha256(artefact).hexdigest()


def fitted() -> HistGradientBoostingRegressor:
    seen = np.random.default_rng(0).normal(size=(200, 3))
    return HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(seen, seen[:, 0])


def test_the_same_model_is_the_same_bytes_and_says_the_same_when_it_is_back() -> None:
    first, again = (artefacts.dumps({"models": [fitted()], "scale": np.arange(3.0)}) for _ in range(2))
    assert first == again
    parts = artefacts.loads(first, sha256(first))
    seen = np.random.default_rng(1).normal(size=(50, 3))
    assert np.array_equal(parts["models"][0].predict(seen), fitted().predict(seen))
    assert parts["scale"].tolist() == [0.0, 1.0, 2.0]


@given(st.dictionaries(st.text(min_size=1, max_size=5), plain, max_size=4))
def test_plain_values_come_back_as_they_were(parts: dict[str, object]) -> None:
    artefact = artefacts.dumps(parts)
    assert artefacts.loads(artefact, sha256(artefact)) == parts


@given(st.data())
def test_no_byte_can_be_changed_without_being_noticed(data: st.DataObject) -> None:
    artefact = artefacts.dumps({"a": [1.5, "x"]})
    place = data.draw(st.integers(0, len(artefact) - 1))
    other = artefact[:place] + bytes([artefact[place] ^ data.draw(st.integers(1, 255))]) + artefact[place + 1 :]
    with pytest.raises(LoadError, match="SHA-256"):
        artefacts.loads(other, sha256(artefact))


@pytest.mark.parametrize("artefact", [b"", b"x", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_artefact_is_refused_even_under_its_own_hash(artefact: bytes) -> None:
    with pytest.raises(LoadError, match="cannot be read"):
        artefacts.loads(artefact, sha256(artefact))


def test_blocks_do_not_flow_into_each_other() -> None:
    assert artefacts.digest([b"ab", b"c"]) != artefacts.digest([b"a", b"bc"])
    assert artefacts.digest([b"ab", b"c"]) == artefacts.digest([b"ab", b"c"])
