"""Which numbers are taken for "not measured"."""

import numpy as np
import pytest

from tabular_lstm.profiling.codes import codes_among


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
    ],
)
def test_a_code_stands_apart_from_all_amounts(values: list[float], found: dict[float, int]) -> None:
    assert codes(values) == found
