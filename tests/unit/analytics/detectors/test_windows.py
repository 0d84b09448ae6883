import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.detectors.windows import laid_out

B = 10


@given(st.integers(0, 10**6), st.integers(1, 80), st.sampled_from([1, 2, 8, 16]))
def test_a_mean_is_that_of_the_rows_within_the_span_shrunk_where_some_are_missing(seed: int, n: int, span: int) -> None:
    chance = np.random.default_rng(seed)
    at_us = np.cumsum(chance.choice([1, 1, 1, 2, 5, 100], n)) * B
    values = np.where(chance.random((n, 2)) < 0.1, np.nan, chance.normal(size=(n, 2)))

    [means] = laid_out(at_us, values, B, span).means((span,))

    for i in range(n):
        inside = values[(at_us > at_us[i] - span * B) & (at_us <= at_us[i])]
        for sensor in range(2):
            seen = inside[np.isfinite(inside[:, sensor]), sensor]
            expected = seen.sum() / np.sqrt(len(seen) * span) if len(seen) >= span / 4 else np.nan
            assert means[i, sensor] == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@given(st.integers(0, 10**6), st.integers(20, 80))
def test_a_mean_depends_on_its_window_alone_to_the_last_bit(seed: int, n: int) -> None:
    values = np.random.default_rng(seed).normal(size=(n, 3)) * 1e6
    at_us = np.arange(n) * B

    [whole] = laid_out(at_us, values, B, 8).means((8,))
    [piece] = laid_out(at_us[9:], values[9:], B, 8).means((8,))

    assert piece[7:].tolist() == whole[16:].tolist()


def test_values_in_one_step_count_as_their_mean_once() -> None:
    sparse_us, dense_us = np.arange(20) * 5 * B, np.arange(100) * B
    values = np.arange(20.0)[:, None]

    [sparse] = laid_out(sparse_us, values, B, 4, every=5).means((4,))
    [dense] = laid_out(dense_us, np.repeat(values, 5, axis=0), B, 4, every=5).means((4,))
    [own_grid] = laid_out(sparse_us, values, 5 * B, 4).means((4,))

    assert sparse[3:].tolist() == own_grid[3:].tolist()
    assert dense[4::5][3:].tolist() == own_grid[3:].tolist()


def test_no_row_has_no_mean() -> None:
    [means] = laid_out(np.empty(0, dtype=np.int64), np.empty((0, 2)), B, 8).means((8,))

    assert means.shape == (0, 2)
