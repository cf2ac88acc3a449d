"""A weight is a number of 0 or more, of which only the proportions count."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular_lstm.metrics import effective_rows
from tabular_lstm.rows.weights import checked_weights, read_weights, scaled


def test_a_weight_is_a_number_of_0_or_more_and_each_other_cell_has_its_reason() -> None:
    cells = pd.Series(["2", " 0.5 ", "0", "-0", "", "NA", "-1", "inf", "1e31", "much"], dtype="str")
    read, problems = read_weights(cells)
    assert read[:4].tolist() == [2, 0.5, 0, 0]
    assert problems == {
        4: "no weight",
        5: "no weight",
        6: "-1 is outside [0, inf)",
        7: "inf is infinite or beyond 1e+30 in size",
        8: "1e31 is infinite or beyond 1e+30 in size",
        9: "'much' is not a number",
    }


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30), st.floats(1e-6, 1e6))
def test_a_common_factor_changes_no_bit_of_scaled_weights(
    numbers: list[int], factor: float
) -> None:
    weights = np.array(numbers)
    plain, times_factor = scaled(weights), scaled(weights * factor)
    if plain is None or times_factor is None:
        assert plain is times_factor
        return
    # A factor may move a value over the middle between two numbers of float32.
    np.testing.assert_allclose(plain, times_factor, rtol=2e-7)
    np.testing.assert_array_equal(scaled(weights * 2.0**20), plain)
    assert plain.mean() == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(plain / plain[0], weights / weights[0], rtol=1e-6)


def test_rows_that_count_alike_have_no_weights_and_odd_ones_keep_their_proportions() -> None:
    for alike in ([], [1.0, 1.0], [0.3] * 7, [1e-300, 1e-300]):
        assert scaled(np.array(alike)) is scaled(None) is None
    tiny = scaled(np.array([1e-30, 1e30]))
    assert tiny is not None
    assert 0 < tiny[0] < 1e-30
    huge = scaled(np.array([1e308, 1e308, 5e307, 5e307]))
    assert huge is not None
    np.testing.assert_allclose(huge, [4 / 3, 4 / 3, 2 / 3, 2 / 3], rtol=1e-6)
    with pytest.raises(ValueError, match="expected finite weights"):
        checked_weights(np.array([0, 1]), np.array([1e200, 1]), {0: 1e200, 1: 1})


def test_rows_count_as_what_their_weights_tell() -> None:
    assert effective_rows(5, None) == effective_rows(5, np.full(5, 0.1)) == 5
    assert effective_rows(3, np.array([1, 1, 0])) == 2
    assert effective_rows(3, np.array([1e-9, 1, 1e-9])) == 1
    assert effective_rows(3, np.array([1, 2, 3])) == pytest.approx(36 / 14, abs=1e-6)
    assert effective_rows(2, np.zeros(2)) == effective_rows(0, np.array([])) == 0
