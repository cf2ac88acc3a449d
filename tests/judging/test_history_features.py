"""What baselines get of a history: worked out here from the rows of the table, row by row."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.judging import baselines as module
from tabular_lstm.judging.baselines import column_names, history_features
from tabular_lstm.parameters import Columns, Split
from tests.helpers.histories import TO_SETS, conf_of, raw_of, run

STEPS = 3
COLUMNS = Columns.model_validate(
    {
        "label": "worse",
        "positive_class": "yes",
        "negative_class": "no",
        "categorical": ["ward"],
        "history": {"of": "patient", "order": "day", "steps": STEPS, "known_after": 2},
    }
)


def visits() -> pd.DataFrame:
    """One to six visits of each of forty patients, in no order; some doses and labels are gone."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), rng.integers(1, 7, 40))
    rows = pd.DataFrame(
        {
            "patient": [f"P{n}" for n in of],
            "day": pd.Series(rng.integers(1, 4, len(of))).groupby(of).cumsum(),
            "dose": rng.integers(0, 9, len(of)).astype(float),
            "ward": rng.choice(["east", "west"], len(of)),
            "worse": rng.choice(["yes", "no"], len(of)),
        }
    )
    rows.loc[rng.random(len(of)) < 0.2, "dose"] = np.nan
    rows.loc[rng.random(len(of)) < 0.2, "worse"] = ""
    return rows.sample(frac=1, random_state=0, ignore_index=True)


def expected(rows: pd.DataFrame, row: int) -> np.ndarray:
    """What is known of a row when it is predicted, from the rows of its patient."""
    of = rows[rows["patient"] == rows["patient"][row]].sort_values("day")
    read = pd.DataFrame(
        {
            "dose": of["dose"],
            "ward": (of["ward"] == "west").astype(float),
            "gap": of["day"].diff(),
            "day": of["day"].astype(float),
            "label": np.where(of["worse"] == "", np.nan, of["worse"] == "yes"),
        }
    ).loc[:row]
    read.loc[read["day"] + 2 > read["day"][row], "label"] = np.nan
    history = read.tail(STEPS)
    own, known = history.iloc[-1].copy(), history["label"].dropna()
    own["label"] = known.iloc[-1] if len(known) else np.nan
    before = history.iloc[-2] if len(history) > 1 else np.full(5, np.nan)
    return np.hstack([own, before, history.drop(columns="ward").mean(), len(history)])


def test_a_baseline_gets_the_row_the_row_before_means_and_labels_that_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = visits()
    made = run(TO_SETS, {**conf_of(COLUMNS, Split(test_fraction=0.3)), **raw_of(rows)})
    schema = made["schema"]
    features = ["dose", "ward", "day, since the row before", "day", "worse, earlier"]
    assert column_names(schema) == [*features, *features, *[""] * 5]
    for at_once in (module.AT_ONCE, 1):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        for side in ("train_set", "test_set"):
            of_side = made[side]
            found = history_features(of_side.sequences, schema)
            wanted = [expected(rows, row - 1) for row in of_side.labels.index]
            np.testing.assert_allclose(found, np.array(wanted), rtol=1e-6)
            assert np.isfinite(found).all(1).any()
