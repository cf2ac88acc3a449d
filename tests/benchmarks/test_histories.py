"""Histories measured: what an expert makes looks at no later row, and a fold is measured once."""

import csv
from functools import partial
from pathlib import Path

import histories
import numpy as np
import pandas as pd
import pytest
from histories_expert import features_of
from histories_methods import Predicted
from histories_panel import Panel, panel_of
from histories_tables import CHOSEN, REPORTED, TABLES
from methods import folds_of

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind


def drawn(kind: TaskKind, known: float | None, seed: int = 0) -> Panel:
    """Draw 40 customers of 1 to 7 rows, some of one time, some labels unknown, in no order."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(40), rng.integers(1, 8, 40))
    rows = len(customer)
    label = {NUMBER: rng.normal(size=rows)}.get(kind, rng.integers(0, 3, rows) / 1.0)
    frame = {
        "customer": [f"c{one}" for one in customer],
        "order": rng.integers(0, 9, rows) / 1.0,
        "amount": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
        "kind": pd.Categorical(rng.choice([*"ab"], rows)),
        "label": np.where(
            rng.random(rows) < 0.1, np.nan, label % 2 if kind == TWO_CLASSES else label
        ),
    }
    return panel_of(pd.DataFrame(frame).sample(frac=1, random_state=seed), kind, known)


@pytest.mark.parametrize(
    ("kind", "known"), [(TWO_CLASSES, None), (CLASSES, 0.0), (NUMBER, 2.0), (TWO_CLASSES, 2.0)]
)
def test_no_later_row_and_no_label_that_is_not_known_is_in_what_an_expert_makes(
    kind: TaskKind, known: float | None
) -> None:
    panel = drawn(kind, known)
    before = features_of(panel)
    moment = 4.0
    later = (panel.rows["order"] > moment).to_numpy()
    order = panel.rows["order"]
    told = (order < moment) & (order + (np.inf if known is None else known) <= moment)
    unknown = ~told.to_numpy()
    other = drawn(kind, known, seed=1).rows.sample(len(later), replace=True, random_state=0)
    changed = panel.rows.copy()
    for name, where in {"amount": later, "kind": later, "label": unknown}.items():
        changed.loc[where, name] = other[name].to_numpy()[where]

    after = features_of(panel_of(changed, kind, known))

    same = [name for name in before if name in after]
    assert len(same) > 10
    pd.testing.assert_frame_equal(before.loc[~later, same], after.loc[~later, same])
    assert not before.loc[later, same].equals(after.loc[later, same])


def test_what_an_expert_makes_is_what_it_is_called() -> None:
    rows = pd.DataFrame(
        {
            "customer": [*"baaaabbbb"],
            "order": [1.0, 4.0, 1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 9.0],
            "amount": [9.0, 7.0, 1.0, 3.0, 5.0, 8.0, 6.0, 2.0, 4.0],
            "kind": pd.Categorical([*"xxxyxyyxy"]),
            "label": [0.0, 1.0, 1.0, 0.0, np.nan, 1.0, 1.0, 1.0, 0.0],
        }
    )

    made = features_of(panel_of(rows, TWO_CLASSES, 0.0)).iloc[1]

    assert made["rows before"] == 3
    assert [made[f"amount: {lag} before"] for lag in (1, 2, 3)] == [5, 3, 1]
    assert made["amount: mean"] == 3
    assert made["amount: less the one before"] == 2
    assert made["amount: trend"] == pytest.approx(3)  # through (1, 1) and twice (2, 4)
    assert made["amount: led to"] == pytest.approx(10)
    assert (made["since the first"], made["since the last"]) == (3, 2)
    assert made["kind: changes"] == 2
    assert made["labels known"] == 2
    assert (made["label: 1 before"], made["label: mean"]) == (0, 0.5)
    assert made["label: mean where kind was so"] == 1
    assert made["label: since the last 1"] == 3


def test_folds_are_of_customers_and_a_third_of_the_tables_may_choose() -> None:
    panel = drawn(TWO_CLASSES, 0.0)
    labelled = panel.labelled()
    customer = panel.rows["customer"].to_numpy()
    assert all(len(np.unique(panel.fold[customer == each])) == 1 for each in np.unique(customer))
    assert sorted(np.unique(panel.fold[labelled])) == [0, 1, 2, 3, 4]
    groups = pd.factorize(customer[labelled])[0]
    labels = panel.rows["label"].to_numpy()[labelled].astype(int)
    held = folds_of(labels, number=False, groups=groups)
    assert all(len(np.unique(held[groups == each])) == 1 for each in range(groups.max() + 1))
    assert len(np.unique(held)) == 8
    assert len(CHOSEN) <= len(TABLES) / 3 + 1
    assert sorted([*CHOSEN, *REPORTED]) == sorted(TABLES)


def test_a_fold_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    panel, fitted = drawn(NUMBER, 0.0), []

    def constant(value: float, loss: float, panel: Panel, fold: int) -> Predicted:
        fitted.append(fold)
        return Predicted(np.full(panel.labelled(fold, test=True).sum(), value), loss)

    methods = {name: partial(constant, 0.1, 1.0) for name in ("lstm", "catboost")}
    methods["catboost_change"] = partial(constant, 0.0, 2.0)
    monkeypatch.setattr(histories, "METHODS", methods)
    monkeypatch.setattr(histories, "load", {REPORTED[0]: panel}.__getitem__)
    run = ["--data", REPORTED[0], "--folder", str(tmp_path), "--methods", *methods]

    histories.main([*run, "--folds", "2"])
    assert fitted == [0, 1] * 3
    histories.main(run)
    histories.main(run)
    assert fitted == [0, 1] * 3 + [2, 3, 4] * 3

    with (tmp_path / "histories.csv").open() as file:
        lines = [*csv.DictReader(file)]
    (line,) = [line for line in lines if (line["method"], line["fold"]) == ("lstm", "2")]
    labels = panel.rows["label"]
    test_labels = labels[panel.labelled(2, test=True)]
    expected = np.sqrt(np.mean((test_labels - 0.1) ** 2)) / labels.std(ddof=0)
    assert float(line["nrmse"]) == pytest.approx(expected, abs=1e-6)
    printed = capsys.readouterr().out
    # The expert's trees are those with the lower loss on rows that they have not seen.
    assert "| expert | 1 | +0.0000 (+0.0000 to +0.0000) | 0 / 1 / 0 |" in printed
    assert "| catboost_change | 1 | " in printed
