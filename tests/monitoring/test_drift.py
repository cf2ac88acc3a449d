"""What is said of rows that are compared with a reference, and how often it is said wrongly."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.monitoring.drift import CellCounts, Drift, compare, smallest_shift, threshold_of
from tabular_lstm.monitoring.reference import Reference, Watch, count_numbers, profile_of
from tabular_lstm.parameters.hyperparameters import ReshapingOptions
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.rows.column_kinds import Declaration
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.task import Task
from tests.helpers.judged import both

TRAINED, TESTED = 2000, 500
UNKNOWN = "have a category that the champion was not trained with, previously 0 %"


def people(count: int, seed: int = 0) -> pd.DataFrame:
    drawn = np.random.default_rng(seed)
    wage = drawn.gamma(9, 0.045, count)
    wage[drawn.random(count) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "wage": wage,
            "glucose": drawn.normal(121, 30, count),
            "year": drawn.integers(2010, 2021, count).astype(float),
            "level": drawn.normal(0, 1, count),
            "city": drawn.choice(["Rome", "Oslo", "Bonn"], count, p=[0.05, 0.35, 0.6]),
            "seen": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(drawn.integers(0, 300, count), "D"),
        }
    )


def probabilities(count: int, seed: int = 0) -> np.ndarray:
    return both(np.random.default_rng([seed, 1]).beta(2, 4, count).astype(np.float32))


def watch_of(rows: pd.DataFrame, scores: np.ndarray, quarantined: int = 20, **facts: Any) -> Watch:
    categorical = ["city"] if "city" in rows else []
    schema = fit_schema(
        rows,
        Declaration(categorical, {"seen": None} if "seen" in rows else {}),
        reshaping=ReshapingOptions(allow_padding=True),
        label="y",
        task=Task.of_classes(["no", "yes"]),
    )
    facts |= {"rows": len(rows) + len(scores) + quarantined, "quarantined_rows": quarantined}
    sequences = to_sequences(rows, schema)
    reference = Reference.of([sequences], scores, schema, candidate_sha256="0" * 64, **facts)
    return Watch(reference, schema)


@pytest.fixture(scope="module")
def watch() -> Watch:
    return watch_of(people(TRAINED), probabilities(TESTED))


def drift_of(
    watch: Watch,
    rows: pd.DataFrame,
    scores: np.ndarray | None = None,
    quarantined: int = 0,
    **monitoring: Any,
) -> Drift:
    scores = probabilities(len(rows), 9) if scores is None else scores
    half, places = len(rows) // 2, to_sequences(rows, watch.schema)
    # Batch by batch, as a scoring counts them.
    seen = watch.count(places[:half], scores[:half]) + watch.count(places[half:], scores[half:])
    # At this rate, fewer resamples do.
    parameters = MonitoringOptions(**{"false_alarms": 0.05, **monitoring})
    return compare(watch, seen, "run", "champion", parameters, quarantined)


def test_rows_of_a_group_prove_no_more_than_one_of_them() -> None:
    """New groups, each of eight rows that are alike, are no drift."""
    each, groups = 8, 60
    trained = people(groups).loc[np.repeat(range(groups), each)]
    scores = np.repeat(probabilities(groups), each, axis=0)
    by_rows, by_groups = (watch_of(trained, scores, rows_each=n) for n in (1.0, float(each)))

    def alarms(watch: Watch) -> int:
        drifts = (
            drift_of(
                watch,
                people(groups, seed).loc[np.repeat(range(groups), each)],
                np.repeat(probabilities(groups, seed), each, axis=0),
            )
            for seed in range(1, 9)
        )
        return sum(drift.alarm is not None for drift in drifts)

    assert alarms(by_rows) >= 6
    assert alarms(by_groups) <= 1
    moved = drift_of(by_groups, trained.assign(wage=trained["wage"] * 100), scores)
    assert [*moved.moved] == ["wage"]
    assert moved.compared_rows == groups * each


def test_rows_as_they_were_raise_no_alarm_and_their_drift_is_kept_as_json(watch: Watch) -> None:
    rows = people(200, seed=1)
    drift = drift_of(watch, rows, quarantined=2)
    assert (drift.alarm, drift.moved) == (None, {})
    assert [*drift.features] == [*rows]
    assert max(shift.psi for shift in drift.features.values()) < 0.3
    assert drift.features["city"].ks is None
    assert drift_of(watch, rows, quarantined=2) == drift
    assert Drift.model_validate_json(drift.model_dump_json()) == drift


def amounts(count: int, seed: int = 0) -> pd.DataFrame:
    drawn = np.random.default_rng(seed)
    gain = np.where(drawn.random(count) < 0.05, 0, drawn.lognormal(6, 1.5, count))
    rare = np.where(drawn.random(count) < 0.9, 0, drawn.lognormal(8, 1.5, count))
    blood = np.where(drawn.random(count) < 0.7, np.nan, drawn.gamma(4, 1, count))
    near = 5 + 1e-5 * gain / gain.max()
    return pd.DataFrame({"gain": gain, "rare": rare, "blood": blood, "same": 3.0, "near": near})


@pytest.fixture(scope="module")
def skewed() -> Watch:
    return watch_of(amounts(TRAINED), probabilities(TESTED))


USUAL = [
    ("wage", lambda c: c * 100, r".* % are .* \(mean \d\d\.\d, previously 0\.4\d*\)"),
    ("glucose", lambda c: c / 18, r"100 % are below .* \(mean 6\.\d*, previously 12\d\)"),
    ("level", lambda c: c * 30, r"4\d\.?\d* % are below -3\.\d, previously 0 % \(mean"),
    ("seen", lambda c: c + pd.Timedelta(days=730), r"100 % are above .* \(mean 2022-"),
    (
        "glucose",
        lambda c: c * 0 + 121.5,
        r"0 % are below 1[12]\d, previously [45]\d.* % \(mean 122, previously 121",
    ),
    ("glucose", lambda c: c + 15, "mean 13"),
    ("city", lambda c: c.mask(np.arange(len(c)) < 80, "Rome"), "4"),
    ("city", lambda c: c.mask(c == "Oslo", "Lima"), rf"3\d % {UNKNOWN}"),
    ("city", lambda c: c.mask(c == "Bonn"), r"[56]\d % have no value, previously 0 %"),
    ("wage", lambda c: c.mask(np.arange(len(c)) % 5 == 0), ".* % have no value, previously 5 %"),
]
# Of these, what is said is not by their tail.
SKEWED = [
    ("gain", lambda c: -c, r"9\d.* % are below 0, previously 0 % \(mean -"),
    (
        "gain",
        lambda c: c.mask(np.arange(len(c)) % 6 == 0, 0),
        r"2\d.* % are below 33, previously 9.* % \(mean",
    ),
    (
        "gain",
        lambda c: c * 100,
        r"1\d.* % are below .*, previously 9\d.* \(mean 1\d{5}, previously 1",
    ),
    ("rare", lambda c: c.where(np.arange(len(c)) % 2 == 0, c * 100), r"\d.* % are above"),
    ("blood", lambda c: c.fillna(-999), r"0 % have no value, previously 69.* % \(mean -7"),
    ("blood", lambda c: c.fillna(4), r"0 % have no value, previously 69.* % \(mean 4, previously"),
    ("same", lambda c: c + 1, "mean 4, previously 3"),
    ("same", lambda c: c, "as in the reference"),
    ("near", lambda c: c + 0.1, r"100 % are above 5\.0+1"),
]


@pytest.mark.parametrize(
    ("rows_are", "name", "changed", "sentence"),
    [*(("usual", *change) for change in USUAL), *(("skewed", *change) for change in SKEWED)],
)
def test_the_alarm_names_the_column_and_what_changed(
    rows_are: str, name: str, changed: Any, sentence: str, watch: Watch, skewed: Watch
) -> None:
    rows = people(200, seed=1) if rows_are == "usual" else amounts(400, 1)
    changed_rows = rows.assign(**{name: changed(rows[name])})
    drift = drift_of(watch if rows_are == "usual" else skewed, changed_rows)
    assert re.match(sentence, drift.features[name].sentence)
    if rows_are == "usual":
        assert [*drift.moved] == [name]
        assert drift.alarm == f"'{name}': {drift.features[name].sentence}"


def test_scores_alone_and_the_quarantine_are_compared_too(watch: Watch) -> None:
    rows = people(200, seed=1)
    drift = drift_of(watch, rows, scores=probabilities(200) / 10, quarantined=50)
    assert [*drift.moved] == ["probability of yes", "quarantined rows"]
    assert drift.alarm == (
        "probability of yes: mean 0.036, previously 0.335; "
        "quarantined rows: 20 % of the rows, previously 0.794 %"
    )
    assert drift.rows == 250
    # Fewer than were are no alarm.
    many = watch_of(people(TRAINED), probabilities(TESTED), quarantined=1000)
    assert drift_of(many, rows).alarm is None


def test_the_five_clearest_are_named_in_one_line(watch: Watch) -> None:
    names = [f"n{place}\n" for place in range(8)]
    drawn = np.random.default_rng(0)
    wide = watch_of(pd.DataFrame(drawn.normal(size=(500, 8)), columns=names), probabilities(100))
    alarm = drift_of(wide, pd.DataFrame(drawn.normal(9, 1, (50, 8)), columns=names)).alarm
    assert alarm
    assert (alarm.count("mean"), alarm.count("\n")) == (5, 0)
    assert alarm.endswith("; and 3 more")


def test_a_small_change_is_no_alarm_however_clear(watch: Watch) -> None:
    rows = people(20_000, seed=1)
    rows.loc[rows.index % 16 == 0, "wage"] = np.nan
    assert [*drift_of(watch, rows, smallest_change=0.02).moved] == ["wage"]
    assert drift_of(watch, rows, smallest_change=0.2).alarm is None


def test_few_rows_say_what_they_do_not_show(watch: Watch) -> None:
    some = drift_of(watch, people(12, seed=1), false_alarms=0.01)
    single = drift_of(watch_of(people(20), probabilities(10)), people(1, seed=1))
    none = drift_of(watch, people(0, seed=1))
    words = "12 rows: only a shift of more than 1.3 standard deviations would have been seen"
    assert some.few_rows == words
    assert "too few to tell" in str(single.few_rows)
    assert drift_of(watch, people(500, seed=1)).few_rows is None
    assert single.smallest_shift is none.smallest_shift is none.alarm is None


def test_a_column_without_any_value_is_compared() -> None:
    empty = watch_of(people(200).assign(wage=np.nan), probabilities(100))
    rows = people(100, seed=1)
    assert drift_of(empty, rows.assign(wage=np.nan)).alarm is None
    assert "'wage': 8 % have no value, previously 100 %" in str(drift_of(empty, rows).alarm)


def counts_of(before: np.ndarray, now: np.ndarray) -> CellCounts:
    """Count by the edges of each reference's own, as in a run."""
    edges = profile_of("number", before.astype(np.float32)).edges
    return CellCounts(
        True, *(count_numbers(rows.astype(np.float32), edges) for rows in (before, now))
    )


@pytest.mark.long
@pytest.mark.parametrize(("trained", "new"), [(60, 12), (100, 2000), (2000, 1)])
def test_alarms_without_drift_have_the_declared_rate(trained: int, new: int) -> None:
    drawn, alarms, runs, rate = np.random.default_rng(0), 0, 200, 0.2
    for _ in range(runs):
        sides = trained, new
        compared = [
            counts_of(*(drawn.normal(size=n) for n in sides)),
            counts_of(*(drawn.geometric(0.3, n) for n in sides)),
            CellCounts(False, *(drawn.multinomial(n, [0.5, 0.3, 0.2]) for n in sides)),
            CellCounts(False, *(drawn.multinomial(n, [0.95, 0.05]) for n in sides), rise=True),
        ]
        largest = max(counts.differences(0.0).max() for counts in compared)
        alarms += largest > threshold_of(compared, rate, 0.0)
    # Of such a binomial number, 1 of 1,000 is outside; of one row, most values are alike.
    assert (22 if new > 1 else 0) <= alarms <= 59


@pytest.mark.parametrize(("trained", "new"), [(2000, 12), (200, 2000)])
def test_the_smallest_shift_is_seen_with_four_chances_of_five(trained: int, new: int) -> None:
    drawn, threshold, batches = np.random.default_rng(0), 4.0, 300
    shift = smallest_shift(trained, new, threshold, 0.01)
    assert shift
    seen = [
        counts_of(drawn.normal(size=trained), drawn.normal(shift, 1, new)).differences(0.01).max()
        for _ in range(batches)
    ]
    assert 0.72 < np.mean(np.array(seen) > threshold) < 0.88


def test_the_lowest_rate_has_few_enough_resamples() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        MonitoringOptions(false_alarms=1e-9)


@pytest.mark.parametrize("new", [10**7, 2 * 10**9])
def test_very_many_rows_are_compared(new: int) -> None:
    before = np.array([100, 0, *[1000] * 20, 0])
    alike = CellCounts(True, before, before * (new // 20_100))
    moved = CellCounts(True, before, np.roll(alike.after, 2))
    assert alike.differences(0.0).max() < threshold_of([alike] * 3, 0.01, 0.0)
    assert moved.differences(0.0).max() > threshold_of([moved] * 3, 0.01, 0.0)
