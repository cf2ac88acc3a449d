"""Which features changed, by how much, and what is sure of their levels."""

import math

import pytest

from tabular_lstm.judging.changes import SHOWN, FeatureChange, changes_of
from tabular_lstm.rows.data_summary import FeatureSummary


def number(mean: float | None, deviation: float | None, missing: float = 0.0) -> FeatureSummary:
    return FeatureSummary(kind="number", missing=missing, mean=mean, deviation=deviation)


def category(distinct: int | None = None, **levels: float) -> FeatureSummary:
    return FeatureSummary(
        kind="category", missing=0, levels=levels, distinct=distinct or len(levels)
    )


def change(then: FeatureSummary, now: FeatureSummary) -> FeatureChange:
    return FeatureChange(name="f", then=then, now=now)


def test_a_number_moves_in_the_champions_deviations() -> None:
    moved = change(number(10, 4), number(9, 8))
    assert moved.shift == -0.25
    assert moved.spread == 2
    assert moved.size == 1  # the deviation doubled
    assert change(number(10, 0), number(11, 0)).shift == math.inf
    assert change(number(None, None, 1.0), number(1, 2)).size == math.inf
    assert change(number(10, 4), number(10, 4, 0.3)).size == pytest.approx(0.3)
    assert change(number(10, 4), category(a=1.0)).size == math.inf


def test_levels_are_new_or_gone_where_all_are_known() -> None:
    moved = change(category(a=0.7, b=0.3), category(a=0.75, c=0.25))
    assert list(moved.levels) == ["b", "c", "a"]
    assert moved.levels == pytest.approx({"a": 0.05, "b": -0.3, "c": 0.25})
    assert (moved.new_levels, moved.levels_gone) == (["c"], ["b"])


def test_of_a_level_that_was_not_recorded_only_what_is_sure_is_said() -> None:
    moved = change(category(9, a=0.5, b=0.2), category(9, a=0.5, c=0.3))
    assert (moved.new_levels, moved.levels_gone) == ([], [])
    # It may have had a share of 0.2 before, and `b` may have one of 0.3 now.
    assert moved.levels == pytest.approx({"a": 0, "b": 0, "c": 0.1})


def test_the_features_that_changed_most_come_first() -> None:
    then = {f"f{place}": number(0, 1) for place in range(40)} | {"gone": number(0, 1)}
    now = {f"f{place}": number(place / 10, 1) for place in range(40)} | {"new": number(0, 1)}
    changes = changes_of(then, now)
    assert (changes.compared, changes.changed) == (40, 39)
    assert [moved.name for moved in changes.most] == [f"f{39 - place}" for place in range(SHOWN)]
    assert changes_of({}, now).compared == 0


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (number(10, 4), number(30, 4), "its mean moved by +5.0 of its deviations"),
        (number(10, 4), number(10, 0.5), "its deviation is 0.12 times as large"),
        (number(10, 4), number(10, 4, 0.4), "+40 points of missing cells"),
        (number(10, 0), number(11, 0), "did not vary before"),
        (number(None, None, 1.0), number(1, 2), "had no value before, or has none now"),
        (number(10, 4), category(a=1.0), "a number before, a category now"),
        (category(a=0.7, b=0.3), category(a=0.1, b=0.8, c=0.1), "level 'a': -60 points"),
    ],
)
def test_a_large_change_is_said_in_words(
    then: FeatureSummary, now: FeatureSummary, said: str
) -> None:
    (much,) = changes_of({"f": then}, {"f": now}).much
    assert much.said == said


def test_what_each_night_does_is_not_shown_or_called_much() -> None:
    then = {"f": number(10, 4), "g": number(10, 4), "c": category(a=0.7, b=0.3)}
    now = {"f": number(10.1, 4.1), "g": number(12, 4.4), "c": category(a=0.68, b=0.32)}
    changes = changes_of(then, now)
    assert (changes.changed, [one.name for one in changes.most]) == (3, ["g"])
    assert not changes.much
