"""The data of a retraining beside what the champion was trained on, in real retrainings."""

import json
import re
from shutil import rmtree
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.judging.gate import Champion
from tabular_lstm.monitoring.drift import Drift, Shift
from tabular_lstm.monitoring.reference import Reference, Watch
from tabular_lstm.parameters import CLASSES, NUMBER, Columns, Monitoring
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.serving.comparable_champions import (
    KEPT,
    ComparedChampions,
    Scored,
    data_drift,
    features_moved,
    shortened,
)
from tests.helpers.commands import RETRAINING, here, logged, succeeds
from tests.helpers.decisions import DATA
from tests.helpers.networks import schema_of
from tests.helpers.project import Project

UNIT = r"'glucose': about 1[789] times smaller \(mean \d\.\d+, was 12\d"


def decision_of(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("08_reporting/decision.json")[-1].read_text())


def write_glucose(project: Project, factor: float) -> None:
    rows = pd.read_csv(project.raw)
    rows.assign(glucose=rows["glucose"] * factor).to_csv(project.raw, index=False)


def test_another_unit_ends_in_an_alarm_that_names_column_and_factor(served: Project) -> None:
    write_glucose(served, 1 / 18)
    *_, decided, last = logged(*RETRAINING).splitlines()
    assert decided.startswith(("Promoted", "Rejected"))
    assert re.match(f"ALARM: {UNIT}", last)
    judgement = decision_of(served)["judgement"]
    first, drift = judgement["checks"][0], judgement["drift"]
    assert first["passed"]
    assert first["sentence"].startswith(f"{last}. Besides, 0.0 % of 768 rows quarantined")
    assert (drift["rows"], drift["compared_rows"]) == (768, judgement["data"]["test_rows"])
    moved = [name for name, shift in drift["features"].items() if shift["moved"]]
    assert moved == ["glucose"]
    assert drift["features"]["glucose"]["counts"] == []
    page = served.versions("08_reporting/report.html")[-1].read_text()
    above = page.partition("<h2>")[0]
    assert "ALARM" in above
    assert "times smaller" in above
    assert "⚠ passed, with an alarm" in page


@pytest.mark.long
@pytest.mark.parametrize("task", [NUMBER])
def test_where_conf_says_so_an_alarm_is_the_reason_to_reject(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    write_glucose(served, 1 / 18)
    stop = "monitoring.on_drift=stop,monitoring.exit_on_alarm=5,retraining.exit_on_rejection=3"
    assert here(*RETRAINING, "--params", stop).returncode == 5
    alarm = caplog.records[-1].getMessage()
    decision = decision_of(served)
    assert decision["action"] == "rejected"
    assert decision["reason"] == decision["judgement"]["checks"][0]["sentence"]
    assert re.match(f"the data are not as expected: {UNIT}", decision["reason"])
    assert "(expected no alarm for monitoring.on_drift = stop)" in decision["reason"]
    assert "change the limit" not in decision["reason"]
    assert "--params monitoring.on_drift=warn" in decision["reason"]

    # Whoever tries again is told the same.
    assert here(*RETRAINING, "--params", stop).returncode == 5
    before, last = [record.getMessage() for record in caplog.records[-2:]]
    assert before.startswith("Unchanged: data, parameters and code are those of run")
    assert decision["run_id"] in before
    assert (last, caplog.records[-1].levelname) == (alarm, "WARNING")


@pytest.mark.long
@pytest.mark.parametrize("task", [CLASSES])
def test_data_that_grow_and_are_as_they_were_raise_no_alarm(served: Project) -> None:
    rows = pd.read_csv(served.raw)
    more = rows.sample(200, replace=True, random_state=0)
    numbers = more.columns.drop("size")
    near = np.random.default_rng(0).normal(1, 0.03, (len(more), len(numbers)))
    more[numbers] = (more[numbers] * near).round(3)
    pd.concat([rows, more]).to_csv(served.raw, index=False)
    # A column that the champion does not have is none that conf may not name.
    stop = ("--params", "monitoring.on_drift=stop,monitoring.ignore=[glucos]")
    said = logged(*RETRAINING, *stop)
    assert "ALARM" not in said
    # Where it is found, and again before the end.
    assert said.count("'glucos' is unknown; did you mean 'glucose'?") == 2
    judgement = decision_of(served)["judgement"]
    assert judgement["checks"][0]["passed"]
    assert (
        judgement["checks"][0]["sentence"]
        .partition(" (")[0]
        .endswith("the same features, no drift")
    )
    assert judgement["drift"]["scores"].keys() == {
        f"probability of {size}" for size in ("small", "middle", "large")
    }


@pytest.mark.long
def test_a_retraining_mends_a_reference_that_is_gone_and_says_so(served: Project) -> None:
    (kept_then,) = served.versions("07_model_output/reference.json")
    rmtree(kept_then.parent)
    succeeds(here(*RETRAINING, "--params", "monitoring.on_drift=stop,training.seed=7"))
    first = decision_of(served)["judgement"]["checks"][0]
    assert first["passed"]
    why = "the champion has no reference that can be read"
    assert first["sentence"].endswith(
        f"drift is not known, so monitoring.on_drift = stop has no effect: {why}"
    )
    assert served.versions("07_model_output/reference.json")[-1].exists()


# What is compared

SCHEMA = schema_of(features=2, features_per_step=1)
GROUPS, EACH = 150, 8
OF = np.repeat(np.arange(GROUPS), EACH)
TEST = OF < GROUPS / 5
PAIR = {"label": "y", "positive_class": 1, "negative_class": 0}


def drift_of(
    seed: int,
    shift: float = 0.0,
    trained_on: int = 0,
    groups: bool = False,
    reference: bool = True,
    **columns: str,
) -> Drift:
    """Compare test rows, of which those of a group are equal, with a champion's train rows."""
    drawn = np.random.default_rng(seed)
    sequences = drawn.normal(size=(GROUPS, 2, 1)).astype(np.float32)[OF]
    scores = drawn.random(GROUPS).astype(np.float32)[OF]
    facts = {"candidate_sha256": "", "rows": len(OF), "quarantined_rows": 0}
    kept_then = Reference.of([sequences[~TEST]], scores[TEST], SCHEMA, **facts)
    now = sequences[TEST] + np.float32(shift)
    known = np.arange(len(now)) < trained_on
    watch = Watch(kept_then, SCHEMA) if reference else None
    seen = watch.count(now[~known], scores[TEST][~known]) if watch else None
    compared = ComparedChampions(
        [Champion(run_id="b", sha256="")], {"b": Scored(scores[TEST], 0.5, known, watch, seen)}
    )
    labels = pd.Series(np.arange(len(now)) % 2)
    test_set = LabelledSet(now, labels, groups=OF[TEST] if groups else None)
    drift = data_drift(compared, test_set, DATA, Columns(**PAIR, **columns), Monitoring(), "a run")
    assert drift is not None
    return drift


@pytest.mark.parametrize("of", [{"groups": True, "group": "patient"}, {}])
def test_rows_that_are_alike_prove_no_more_than_one_of_them(of: dict[str, Any]) -> None:
    """Rows of a group; and without key and group equal rows, which are on one side."""
    draws = range(5)
    as_single_rows = [drift_of(seed, key="id").alarm for seed in draws]
    assert sum(alarm is not None for alarm in as_single_rows) >= 3
    assert not any(drift_of(seed, **of).alarm for seed in draws)
    assert drift_of(0, shift=3.0, **of).alarm


def test_rows_that_the_champion_was_trained_on_are_not_compared() -> None:
    assert drift_of(0, key="id").compared_rows == TEST.sum()
    assert drift_of(0, key="id", trained_on=100).compared_rows == TEST.sum() - 100


def test_without_a_champion_its_scores_or_a_reference_nothing_is_compared() -> None:
    rows = LabelledSet(np.zeros((2, 2, 1), np.float32), pd.Series([0, 1]))
    of = rows, DATA, Columns(**PAIR), Monitoring(), "a run"
    assert data_drift(ComparedChampions([], {}), *of) is None
    assert features_moved(None, Monitoring()) is None
    gone = ComparedChampions([Champion(run_id="b", sha256="", not_compared="it is gone")], {})
    for drift, why in (
        (data_drift(gone, *of), "the champion is not compared"),
        (drift_of(0, reference=False), "the champion has no reference that can be read"),
    ):
        moved = features_moved(drift, Monitoring(on_drift="stop"))
        assert drift is not None
        assert (drift.alarm, drift.not_compared) == (None, why)
        assert moved is not None
        so = "so monitoring.on_drift = stop has no effect"
        assert (moved.sentence, moved.expected) == (f"drift is not known, {so}: {why}", "")


def test_a_decision_keeps_what_moved_most_clearly_and_counts_the_rest() -> None:
    def shift(place: int) -> Shift:
        return Shift(
            psi=0.5,
            ks=None,
            missing=(0, 0),
            outside=(0, 0),
            statistic=float(place),
            moved=place >= 10,
            sentence="higher",
            counts=(1, 2, 3),
        )

    whole = Drift(
        run_id="a run",
        champion="b",
        features={f"f{place}": shift(place) for place in range(40)},
        scores={"probability of 1": shift(50)},
    )
    short = shortened(whole)
    assert [*short.features, *short.scores] == [
        *(f"f{place}" for place in range(39, 40 - KEPT, -1)),
        "probability of 1",
    ]
    assert {one.counts for one in short.features.values()} == {()}
    assert short.more_moved == 11
    assert short.alarm == whole.alarm
    assert whole.alarm is not None
    assert whole.alarm.endswith("and 26 more")
