"""Statistics over data sets: against what is known, and against the same written plainly."""

import random

import numpy as np
import pandas as pd
import pytest
from sets_statistics import (
    Shares,
    bootstrap,
    counts,
    family_means,
    far_behind,
    signed_rank,
    standard_errors,
)


def test_the_sets_of_a_family_count_as_one() -> None:
    differences = pd.Series({"glass0": 0.1, "glass1": 0.3, "heart": -0.1})

    families = family_means(differences, {"glass0": "glass", "glass1": "glass"})

    assert families.to_dict() == pytest.approx({"glass": 0.2, "heart": -0.1})


def test_the_interval_is_as_wide_as_the_standard_error_says() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, size=400)

    interval = bootstrap(differences)

    assert interval.mean == pytest.approx(differences.mean())
    error = differences.std() / 20
    assert interval.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.1 * error)
    assert bootstrap(differences) == interval


def test_a_difference_within_the_region_is_a_tie() -> None:
    differences = np.array([0.0011, 0.001, 0.0, -0.001, -0.0011, -0.5])

    assert counts(differences) == Shares(1, 3, 2)


def plainly_signed_rank(differences: list[float], draws: int) -> list[float]:
    """The share of draws in which each region holds most of the pairs; no NumPy, no symmetry."""
    rng = random.Random(3)
    values = [0.0, *differences]
    won = [0, 0, 0]
    for _ in range(draws):
        drawn = [rng.gammavariate(0.5 if place == 0 else 1, 1) for place in range(len(values))]
        mass = [0.0, 0.0, 0.0]
        for one, weight in zip(values, drawn, strict=True):
            for other, beside in zip(values, drawn, strict=True):
                total = one + other
                region = 0 if total > 0.002 else 2 if total < -0.002 else 1
                mass[region] += weight * beside
        won[mass.index(max(mass))] += 1
    return [count / draws for count in won]


def test_the_signed_rank_test_is_what_it_is_when_written_plainly() -> None:
    differences = [0.02, 0.004, 0.0005, -0.0004, -0.003, 0.0008, -0.001, 0.007]

    found = signed_rank(np.array(differences))

    better, equivalent, worse = plainly_signed_rank(differences, 10_000)
    assert found.better == pytest.approx(better, abs=0.02)
    assert found.equivalent == pytest.approx(equivalent, abs=0.02)
    assert found.worse == pytest.approx(worse, abs=0.02)
    assert min(better, equivalent, worse) > 0.02


def test_the_signed_rank_test_changes_sides_with_the_methods() -> None:
    differences = np.array([0.02, 0.004, 0.0005, -0.0004, -0.003, 0.007])

    one, other = signed_rank(differences), signed_rank(-differences)

    assert (one.better, one.equivalent, one.worse) == (other.worse, other.equivalent, other.better)


def test_the_signed_rank_test_is_sure_where_all_families_agree() -> None:
    assert signed_rank(np.full(20, 0.01)).better > 0.999
    assert signed_rank(np.full(20, -0.01)).worse > 0.999
    assert signed_rank(np.full(20, 0.0009)).equivalent == 1.0


def test_the_corrected_standard_error_has_the_overlap_of_five_folds_in_it() -> None:
    errors = standard_errors(pd.DataFrame([[-0.02, -0.01, 0.0, 0.01, 0.02]], index=["heart"]))

    deviation = np.sqrt((2 * 0.02**2 + 2 * 0.01**2) / 4)
    assert errors.loc["heart", "plain"] == pytest.approx(deviation / np.sqrt(5))
    assert errors.loc["heart", "corrected"] == pytest.approx(deviation * np.sqrt(0.2 + 0.25))


def test_far_behind_is_by_more_than_matters_and_by_more_than_chance() -> None:
    noise = np.array([-1, 0.5, 0, -0.5, 1])
    differences = pd.DataFrame(
        {
            "far": -0.03 + 0.01 * noise,
            "farther": -0.04 + 0.01 * noise,
            "by chance": -0.03 + 0.05 * noise,
            "a little": -0.015 + 0.001 * noise,
            "ahead": 0.05 + 0.001 * noise,
        }
    ).T

    table = far_behind(differences)

    assert table.index.tolist() == ["farther", "far"]
    assert table.loc["far", "difference"] == pytest.approx(-0.03)
