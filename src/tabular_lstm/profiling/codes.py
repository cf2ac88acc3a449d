"""Numbers that look like codes for "not measured": -999 among ages, 0 among weights."""

import numpy as np

# What people put where nothing was measured.
CODES = {-1.0} | {
    float(sign * int(digit * count)) for sign in (-1, 1) for digit in "89" for count in range(1, 7)
}
# Whole numbers from -1 on may be a scale, if they are few.
SCALE = 8
# Share of the rows that a code of one digit, 8 or 9, has at least: a few may be an amount.
DIGIT = 0.02
# Share of the rows from which on zeros far below all others are asked for, not taken for a code.
MANY = 0.3
# Zeros are no lump where they are most of the rows: then nothing is a common amount.
MOST = 0.5
ENOUGH = 20
# How far above 0 the lowest value is, in standard deviations and in steps between values.
FAR, STEPS = 0.6, 5
# Share of the rows that are 0 in a lump, and how many times as many as of any other value.
LUMP, MORE = 0.2, 5


def codes_among(values: np.ndarray, counts: np.ndarray) -> dict[float, int]:
    """Find numbers that probably mean "not measured".

    Such a number is one that people use as a code, is there more than once, is the lowest or the
    highest one, and stands apart from all others: a negative one where no other number is below
    zero, any other one by more than the others are spread. Or it is 0, where all other numbers are
    far above it: the lowest by 0.6 of their standard deviation, and one of a hundred, at most, is
    below a fifth of their median. From three rows of ten on that is no longer sure, see
    `is_zero_a_lump`.

    Args:
        values: float64, distinct and finite, in rising order.
        counts: How often each is in the column.

    Returns:
        The codes, with their counts.

    Examples:
        >>> codes_among(np.array([-9.0, 0, 1, 2]), np.array([3, 9, 9, 9]))
        {-9.0: 3}
        >>> codes_among(np.array([1.0, 2, 99]), np.array([9, 9, 1]))
        {}
    """
    found: dict[float, int] = {}
    looked_at = True
    while looked_at and len(values) > 2:
        looked_at = False
        for end, rest in ((-1, slice(None, -1)), (0, slice(1, None))):
            least = DIGIT * counts.sum() if 0 < values[end] < 10 else 1
            if counts[end] > least and _stands_apart(float(values[end]), values[rest]):
                found[float(values[end])] = int(counts[end])
                values, counts = values[rest], counts[rest]
                looked_at = True
                break
    has_zeros = len(values) > ENOUGH and values[0] == 0 and 1 < counts[0] < MANY * counts.sum()
    if has_zeros and _is_far_below(values[1:], counts[1:], int(counts[0])):
        found[0.0] = int(counts[0])
    return dict(sorted(found.items()))


def _stands_apart(code: float, others: np.ndarray) -> bool:
    if code not in CODES:
        return False
    others = others[~np.isin(others, [*CODES])]
    if len(others) < 2:
        return False
    spread = others[-1] - others[0]
    if code < 0 <= others[0]:
        return code < -1 or len(others) >= SCALE
    gap = others[0] - code if code < others[0] else code - others[-1]
    return bool(gap > spread and abs(code) > 1)


def is_zero_a_lump(values: np.ndarray, counts: np.ndarray) -> bool:
    """Tell whether 0, far more frequent than any other, is an amount of nothing or a code.

    So it may be too where many are 0, and all others far above it.

    Args:
        values: float64, distinct and finite, in rising order.
        counts: How often each is in the column.
    """
    if len(values) <= ENOUGH or values[0] != 0:
        return False
    share = counts[0] / counts.sum()
    step = float(np.median(np.diff(values[1:])))
    is_lump = counts[0] > MORE * counts[1:].max() and values[1] > STEPS * step
    is_many = share >= MANY and _is_far_below(values[1:], counts[1:], int(counts[0]))
    return bool(LUMP < share < MOST and (is_lump or is_many))


def _is_far_below(values: np.ndarray, counts: np.ndarray, zeros: int) -> bool:
    """Tell whether 0 is far below all values, in their size, their spread and their steps."""
    rows = np.cumsum(counts)
    low, median = values[np.searchsorted(rows, rows[-1] * np.array([0.01, 0.5]))]
    step = float(np.median(np.diff(values)))
    mean = np.average(values, weights=counts)
    spread = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    return bool(
        zeros < MOST * (zeros + rows[-1])
        and low >= median / 5
        and values[0] > max(STEPS * step, FAR * spread)
    )
