"""Which numbers are taken for "not measured"."""

import numpy as np
import pytest

from tabular_lstm.profiling.codes import codes_among, is_zero_a_lump


def codes(values: list[float]) -> dict[float, int]:
    return codes_among(*np.unique(np.array(values, float), return_counts=True))


AGES = [*range(18, 80)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([*AGES, -999, -999], {-999: 2}),
        ([*AGES, -1, -1], {-1: 2}),
        ([*AGES, -1, -1, -9, -9, 999, 999, 999], {-9: 2, -1: 2, 999: 3}),
        ([*AGES, 999], {}),  # once, it may be a slip
        ([*AGES, 85, 99, 99], {}),  # an age as well
        ([*range(28), 999, 999], {999: 2}),
        ([1, 2, 2, 9, 9], {9: 2}),
        ([0, 1, 2] * 90 + [8, 8], {}),  # so few
        ([-1, -1, 1, 1], {}),  # two classes
        ([-1, -1, 0, 0, 1, 1, 2], {}),  # a scale
        ([*range(-40, 40), -9, -9], {}),  # a temperature
        ([0] * 5 + AGES, {0: 5}),
        ([0] * 5 + [*range(1, 60)], {}),  # a count
        ([0] * 80 + AGES, {}),  # mostly nothing: an amount
        ([0] * 5 + [0.01 * x for x in range(1, 90)], {}),
        ([0, *AGES], {}),
        ([0] * 9 + [0.011 * 1.025**x for x in range(-45, 60)], {}),  # an error of a length
        ([0] * 2 + [20_000 * 1.01**x for x in range(300)], {}),  # an income
        ([0] * 30 + [18 + x / 4 for x in range(120)], {0: 30}),
        ([0] * 50 + [18 + x / 4 for x in range(120)], {0: 50}),
        ([0] * 70 + [18 + x / 4 for x in range(120)], {}),  # so many that it is asked
    ],
)
def test_a_code_stands_apart_from_all_amounts(values: list[float], found: dict[float, int]) -> None:
    assert codes(values) == found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0] * 37 + [14 + 2 * x for x in range(40)], True),
        ([0] * 5 + [14 + 2 * x for x in range(40)], False),
        ([0] * 80 + [14 + 2 * x for x in range(40)], False),  # most have none
        ([0] * 37 + [*range(1, 41)], False),  # a count
        ([0] * 6 + [14] * 6, False),
        ([0] * 70 + [18] * 40 + [18 + x / 4 for x in range(80)], True),
    ],
)
def test_a_lump_of_zeros_may_be_a_code(values: list[float], expected: bool) -> None:
    assert is_zero_a_lump(*np.unique(np.array(values, float), return_counts=True)) == expected
