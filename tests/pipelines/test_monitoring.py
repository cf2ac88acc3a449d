"""What a monitoring makes of scorings and labels: which rows count, who is worse, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.monitoring.drift import Drift, Shift
from tabular_lstm.monitoring.health import Health
from tabular_lstm.monitoring.performance import Estimate
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.runs import MonitoringOptions
from tabular_lstm.pipelines.monitoring.nodes import examine, read_labels
from tabular_lstm.rows.fingerprints import Fingerprints
from tabular_lstm.rows.number_format import NumberFormat
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.late_labels import LateLabels, measure_labelled_rows
from tabular_lstm.serving.manifest import FinishedScoring, FinishedScorings, Manifest
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.decisions import DATA, decision
from tests.helpers.logs import promotion, run

COLUMNS = ColumnsOptions(label="ill", positive_class="yes", negative_class="no", key="id")
LOG = [promotion("a"), promotion("b", "a")]
# Each is promised a log loss of about 0.2.
PROMISED = {"log_loss": Estimate(value=0.2, low=0.18, high=0.22)}
NONE = {"psi": 0, "ks": 0, "missing": (0, 0), "outside": (0, 0), "statistic": 0, "counts": ()}
SHIFT = Shift(**NONE, moved=True, sentence="100 % are above 8400, previously 0 %")
MOVED = {"features": {"wage": SHIFT}}
SEQUENCES = np.arange(200.0).reshape(100, 2, 1)
# Trained on rows that nobody scores.
TRAINED = Fingerprints.of_rows(SEQUENCES, pd.Series(["T"], name="id"))
OTHERS = dict.fromkeys([run("a"), run("b")], TRAINED)
RETRAIN = "kedro run --pipelines retraining"


class Promised(Champions):
    """Champions whose promises are all the same."""

    def promised(self, run: str) -> dict[str, Estimate]:
        return PROMISED


@dataclass
class Story:
    """Scorings on disk, one after the other, and what is known of them."""

    folder: Path
    scorings: list[FinishedScoring] = field(default_factory=list)
    champions: Champions = field(default_factory=lambda: Promised(LOG, fingerprints=OTHERS))

    def score(
        self,
        champion: str,
        keys: Sequence[int],
        right: bool = True,
        drift: dict[str, Any] | None = None,
        **manifest: Any,
    ) -> str:
        """Score people, of whom the odd ones are ill, rightly or not, and give the run id."""
        run_id, count = f"2026-11-26T02.15.00.{len(self.scorings):03}Z", len(keys)
        path = self.folder / run_id / "part-00000.parquet"
        path.parent.mkdir()
        drawn = np.random.default_rng(len(self.scorings)).uniform(0.75, 0.9, count)
        ill = (np.array(keys) % 2 == 1) == right
        rows = {"id": [f"P{key}" for key in keys], "probability": np.where(ill, drawn, 1 - drawn)}
        pd.DataFrame(rows).to_parquet(path)
        usual = {
            "run_id": run_id,
            "scored_at": "2026-11-26T02:15:00Z",
            "champion": {"run_id": run(champion), "sha256": "of the champion"},
            "positive_class": "yes",
            "negative_class": "no",
            "rows": count,
            "scored_rows": count,
            "quarantined_rows": 0,
            "inputs": [{"file": "a.csv", "rows": count, "sha256": "of a"}],
            "parts": [{"file": path.name, "rows": count, "sha256": sha256(path.read_bytes())}],
            "parameters": {},
            "code_sha256": "of the code",
        }
        whole = {name: value for name, value in (usual | manifest).items() if value is not None}
        facts = {"rows": count, "compared_rows": count, "smallest_shift": 0.2, **(drift or {})}
        compared = Drift(run_id=run_id, champion=run(champion), **facts)
        scoring = FinishedScoring(path.parent, Manifest.model_validate(whole), compared)
        self.scorings.append(scoring)
        return run_id

    def health(self, labelled: Sequence[int], prefix: str = "P", **roles: str) -> Health:
        """Monitor with the labels of people that have come."""
        keys = pd.Index([f"{prefix}{key}" for key in labelled], dtype="str")
        labels = LateLabels(keys, np.array(labelled, int) % 2, pd.DataFrame(), ())
        finished = FinishedScorings(tuple(self.scorings), {}, "kedro run")
        columns = COLUMNS.model_copy(update=roles)
        measured = measure_labelled_rows(labels, finished, self.champions, columns)
        return examine(measured, finished, self.champions, columns, MonitoringOptions(), run("z"))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def decided(**data: Any) -> tuple[list[LogEntry], dict[str, Decision]]:
    """Give the log and the decision of b, which was trained on such data."""
    made = decision(True, LOG[:1], "b")
    assert made.judgement
    judgement = made.judgement.model_copy(update={"data": DATA.model_copy(update=data)})
    judged = made.model_copy(update={"judgement": judgement})
    log = [LOG[0], LOG[1].model_copy(update={"decision_sha256": judged.fingerprint()})]
    return log, {run("b"): judged}


def labelled(health: Health) -> list[int]:
    return [scoring.labelled_rows for scoring in health.scorings]


def test_what_moved_comes_before_a_retraining(story: Story) -> None:
    story.score("b", range(300), right=False)
    health = story.health(range(300))
    assert (health.advice, health.command) == ("retrain", RETRAIN)
    assert health.closing_line() == f"{health.alarm}. To retrain: {RETRAIN}"
    # A promise that counts rows by their weight is none for labels that have no weight.
    by_weight = story.health(range(300), weight="visits")
    assert (by_weight.alarm, by_weight.advice) == (None, "nothing")
    assert by_weight.notes == [
        "The promised metrics count rows by their weight, 'visits', but late labels have none: "
        "promised and real metrics are not compared"
    ]

    story.score("b", range(300), right=False, drift=MOVED)
    health = story.health(range(300))
    assert health.advice == "retrain"
    assert health.closing_line() == (
        f"{health.alarm}. Look at what moved: if it is a mistake, correct the rows and score them "
        f"again; if it is intended, retrain on newly labelled rows: {RETRAIN}"
    )


def test_neither_a_good_past_nor_an_incident_that_is_over_hides_a_broken_present(
    story: Story,
) -> None:
    for night in range(10):
        story.score("b", range(1000 * night, 1000 * night + 1000))
    broken = story.score("b", range(10_000, 10_060), right=False)
    alarm = story.health(range(10_060)).alarm
    assert f" on 60 labelled rows since scoring {broken}; promised: 0.2" in str(alarm)
    story.score("b", range(20_000, 20_300))
    labels = [*range(10_060), *range(20_000, 20_300)]
    assert story.health(labels[: 10_060 + 29]).alarm  # 29 labels do not tell that it is over
    health = story.health(labels)
    assert (health.alarm, health.advice) == (None, "nothing")
    again = story.score("b", range(30_000, 30_060), right=False)
    alarm = story.health([*labels, *range(30_000, 30_060)]).alarm
    assert f"on 60 labelled rows since scoring {again}" in str(alarm)


def test_the_newest_scoring_that_can_tell_decides(story: Story) -> None:
    few, blind = {"smallest_shift": None}, {"not_compared": "it has no reference"}
    first = story.score("b", range(300), drift=few)
    health = story.health([])
    assert health.alarm is None
    assert health.notes == [
        f"Scoring {first} cannot tell whether the data moved: 300 rows: too few to tell whether "
        "the data moved; no change would have been seen"
    ]
    alarming = story.score("b", range(300), drift=MOVED | few)
    story.score("a", range(300))
    story.score("b", range(3), drift=few)
    last = story.score("b", range(3), drift=blind)
    health = story.health([])
    assert health.newest
    assert health.newest.run_id == alarming
    assert health.alarm == "'wage': 100 % are above 8400, previously 0 %"
    note = f"Scoring {last} cannot tell whether the data moved: it has no reference"
    assert health.notes == [note]
    story.score("b", range(300))
    health = story.health([])
    assert (health.alarm, health.notes) == (None, [])


def test_rows_that_the_champion_was_trained_on_do_not_count(story: Story) -> None:
    keys = pd.Series([f"P{key}" for key in range(100)], name="id")
    story.score("a", range(300))
    story.score("b", range(300))
    trained = {run("b"): Fingerprints.of_rows(SEQUENCES, keys)}
    story.champions = Promised(LOG, fingerprints=OTHERS | trained)
    health = story.health(range(300))
    assert (labelled(health), health.unknown_labels) == ([300, 200], 0)
    assert health.notes == [
        f"100 labelled rows of the champion of run {run('b')} were trained on, so they do not count"
    ]
    # Without a key, with another one, and if the file is gone, nobody knows which these are.
    for unknown in (None, keys.rename("visit")):
        of_none = {run("b"): Fingerprints.of_rows(SEQUENCES, unknown)}
        for fingerprints in (OTHERS | of_none, {run("a"): TRAINED}):
            story.champions = Promised(LOG, fingerprints=fingerprints)
            health = story.health(range(300))
            assert (labelled(health), health.unknown_labels) == ([300, 0], 0)
            assert health.champions[-1].real == {}
            (note,) = health.notes
            assert note.startswith(f"300 labelled rows of the champion of run {run('b')} may have")


def test_labels_that_find_no_scored_row_are_said(story: Story) -> None:
    story.score("b", range(100))
    assert story.health(range(100), prefix="p-").notes == [
        "None of 100 labels belongs to a scored row. If these are the same rows, write their 'id' "
        "as in the scored rows, not as 'p-0'"
    ]
    assert story.health(range(99, 400)).notes == []


def test_a_key_that_a_scoring_has_several_times_counts_once(story: Story) -> None:
    story.score("b", [*[0] * 100, *range(40)])
    assert labelled(story.health(range(300)))[-1] == 40


def test_what_was_predicted_for_another_label_or_class_is_not_measured(story: Story) -> None:
    first, _ = story.score("b", range(100)), story.score("b", range(100))
    log, decisions = decided(split={"label": "ill"})
    story.champions = Promised(log, decisions=decisions, fingerprints=OTHERS)
    assert labelled(story.health(range(100))) == [100, 100]
    health = story.health(range(100), label="dead")
    assert labelled(health) == [0, 0]
    assert health.notes == [
        f"Scoring {first} and 1 more: its labelled rows do not count: it predicted 'ill', but conf "
        "names 'dead'"
    ]

    other = story.score("b", range(100), negative_class="yes", positive_class="no")
    health = story.health(range(100))
    assert labelled(health) == [100, 100, 0]
    assert health.notes == [
        f"Scoring {other}: its labelled rows do not count: it predicted {{'negative_class': 'yes', "
        "'positive_class': 'no'}, but conf names {'negative_class': 'no', 'positive_class': 'yes'}"
    ]


def test_labels_are_read_in_the_champions_format(story: Story) -> None:
    (story.folder / "labels.csv").write_text("id;ill\n1.234;yes\n")
    rows = RawRowsDataset(str(story.folder / "labels.csv"), {"sep": ";"}).load()
    log, decisions = decided(marks=NumberFormat(decimal=",", thousands="."))
    for champions, key in (
        (Champions(log, decisions=decisions), "1234"),
        (Champions(), "1.234"),
    ):
        assert read_labels(rows, champions, COLUMNS)[0].keys.tolist() == [key]
    with pytest.raises(
        DataError, match=r"both are missing; expected the champion's file or its dec"
    ):
        read_labels(rows, Champions(LOG), COLUMNS)
