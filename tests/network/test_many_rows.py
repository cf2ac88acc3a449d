"""Tables of very many rows: read where they are, some steps at a time, and passed over in parts."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tabular_lstm.network import members, plan
from tabular_lstm.network.fit import predict, train
from tabular_lstm.network.plan import draw, plan_training
from tests.helpers.trainings import SCHEMA, half_told, network_of, same, training_of, weights_of

ROWS = 400
MANY = 64
CATEGORIES = SCHEMA.model_copy(update={"categories": {"b": ["x", "y", "z"]}})


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 64 rows be the most that are passed over whole, drawn from blocks of 50."""
    monkeypatch.setattr(plan, "MANY_ROWS", MANY)
    monkeypatch.setattr(plan, "DRAWN_AT_ONCE", 50)


# Where the rows are


def test_a_mapped_table_and_any_number_of_steps_at_once_give_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences, labels = half_told(120)
    sequences[:, 0, 1] = np.arange(120) % 2  # places of a category
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 120)
    np.save(tmp_path / "sequences.npy", sequences)
    mapped = np.load(tmp_path / "sequences.npy", mmap_mode="r")
    network = network_of(schema=CATEGORIES, dropout=0.3)
    whole, history = train(network, sequences, labels, training_of(), weights)
    steps = []
    for at_once in (1, 2 * 16 * 4, 3 * 2 * 16 * 4):
        monkeypatch.setattr(members, "TAKEN_VALUES", at_once)
        other, same_history = train(network, mapped, labels, training_of(), weights)
        assert same(other.get_weights(), whole.get_weights())
        assert same_history == history
        steps.append(max(1, at_once // (2 * 16 * 4)))
    assert steps == [1, 1, 3]
    assert isinstance(mapped, np.memmap)


# What is drawn of them


def test_each_row_is_drawn_as_often_as_any_other_and_none_twice(few_are_many: None) -> None:
    among = np.arange(ROWS) % 3 != 0
    times = np.zeros(ROWS, int)
    firsts = []
    for seed in range(2000):
        rows = draw(np.random.default_rng(seed), among, 90)
        assert rows.dtype == np.int32
        assert len(np.unique(rows)) == 90
        times[rows] += 1
        firsts.append(int(rows[0]))
    assert not times[~among].any()
    expected = 2000 * 90 / among.sum()
    assert np.abs(times[among] - expected).max() < 5 * np.sqrt(expected)
    # In random order too.
    assert np.abs(np.mean(firsts) - (ROWS - 1) / 2) < 5 * ROWS / np.sqrt(12 * 2000)


def test_an_epoch_is_a_part_that_is_new_each_time_and_the_folds_part_stays(
    few_are_many: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, labels = half_told(ROWS)
    planned = plan_training(3, labels, 4, training_of(epochs=80, batch_size=8))
    assert "an epoch passes over 56 random ones of each member's" in caplog.text
    assert "by 8 of its fold's 50" in caplog.text
    epochs = list(planned.batches())
    for member, fold in enumerate(planned.left_out):
        rows = np.stack([epoch[:, member].ravel() for epoch in epochs])
        assert np.unique(rows[0]).size == 56
        np.testing.assert_array_equal(np.unique(rows), np.flatnonzero(planned.fold != fold))
        held_out = planned.held_out[member]
        assert (planned.fold[held_out] == fold).all()
        assert len(np.unique(held_out)) == 8
        assert np.ptp(held_out) > 100


def test_a_rare_class_is_among_what_is_drawn_of_a_fold(few_are_many: None) -> None:
    labels = np.zeros(ROWS, np.float32)
    labels[::20] = 1  # 20, of which a fold has 2 or 3 in 50, and draws 8
    planned = plan_training(8, labels, 4, training_of(epochs=1, batch_size=8))
    for fold, held_out in enumerate(planned.held_out):
        assert labels[held_out].sum() == labels[planned.fold == fold].sum()
        assert 6 <= len(held_out) <= 8


def test_a_member_draws_the_same_whatever_its_group(few_are_many: None) -> None:
    _, labels = half_told(ROWS)
    planned = plan_training(5, labels, 4, training_of(epochs=2))
    whole, part = planned.batches(), planned.of_members(range(3, 5)).batches()
    for of_all, of_some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(of_all[:, 3:], of_some)


def test_groups_stay_in_one_fold_and_in_no_members_epochs(few_are_many: None) -> None:
    _, labels = half_told(ROWS)
    groups = np.random.default_rng(0).integers(0, 60, ROWS)
    groups = np.unique(groups, return_inverse=True)[1]
    planned = plan_training(8, labels, 4, training_of(epochs=3, batch_size=8), groups)
    for epoch in planned.batches():
        for member, held_out in enumerate(planned.held_out):
            assert set(groups[held_out]).isdisjoint(groups[epoch[:, member].ravel()])


def test_trainings_on_parts_learn_and_are_the_same_wherever_they_run(few_are_many: None) -> None:
    def backwards(function: Any, shared: Any, parts: Any) -> Any:
        for place, part in reversed(list(enumerate(parts))):
            yield place, function(shared, part)

    sequences, labels = half_told(1000)
    sequences, labels, new, truth = sequences[:600], labels[:600], sequences[600:], labels[600:]
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 600)
    rows = sequences, labels, training_of(epochs=30, batch_size=8, groups=2), weights
    network = network_of(members=4, dropout=0.1)
    one, history = train(network, *rows)
    assert roc_auc_score(truth, predict(one, new)) > 0.95 * roc_auc_score(truth, new[:, 0, 0])
    other, same_history = train(network, *rows, workers=backwards)
    assert same(one.get_weights(), other.get_weights())
    assert history == same_history
    assert not same(weights_of(one, 0), weights_of(one, 1))


def test_a_table_of_as_many_rows_as_are_passed_over_whole_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, labels = half_told(ROWS)
    whole = plan_training(2, labels, 4, training_of())
    monkeypatch.setattr(plan, "MANY_ROWS", ROWS)
    at_most = plan_training(2, labels, 4, training_of())
    for one, other in zip(whole.batches(), at_most.batches(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole.held_out, at_most.held_out, strict=True):
        np.testing.assert_array_equal(one, other)


# What a training holds

HOLD = """
import sys, threading, time
from tabular_lstm.network import plan
from tests.helpers.trainings import network_of, training_of
from tests.helpers.trainings import SCHEMA
import numpy as np

plan.MANY_ROWS = 16_384
peak = 0

def held():
    fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(fields["RssAnon"].split()[0]) * 1024

def look():
    global peak
    while True:
        peak = max(peak, held())
        time.sleep(0.005)

from tabular_lstm.network.fit import train

sequences = np.load(sys.argv[1], mmap_mode="r")
names = [f"x{place}" for place in range(sequences[0].size)]
schema = SCHEMA.model_copy(update={
    "features": names, "features_per_step": sequences.shape[2],
    "mean": [0.5] * len(names), "variance": [0.1] * len(names),
})
labels = np.float32(sequences[:, 0, 0] > 0.5)
network = network_of(schema=schema)
threading.Thread(target=look, daemon=True).start()
train(network, sequences, labels, training_of(epochs=2, batch_size=512))
print(peak)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is Linux's to tell")
def test_what_a_training_holds_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peaks = []
    for rows in (50_000, 800_000):
        table = np.lib.format.open_memmap(
            tmp_path / "sequences.npy", "w+", np.float32, (rows, 2, 32)
        )
        for start in range(0, rows, 50_000):
            rng = np.random.default_rng(start)
            table[start : start + 50_000] = rng.random((50_000, 2, 32), np.float32)
        table.flush()
        ended = subprocess.run(
            [sys.executable, "-c", HOLD, str(tmp_path / "sequences.npy")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not ended.returncode, ended.stderr
        peaks.append(int(ended.stdout))
    # The larger table is 192 MB larger; labels, folds and the order that made them are not there.
    assert peaks[1] - peaks[0] < 60 * 2**20
