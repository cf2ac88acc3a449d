"""The summary compares methods on the sets that all of them have, and says how many these are."""

import numpy as np
import pandas as pd
import pytest
from accuracy_summary import (
    TASKS,
    bootstrap,
    complete,
    corrected_errors,
    counts,
    family_means,
    far_behind,
    intervals,
    pairs,
    shared_folds,
    summarize,
    table,
)

from tabular_lstm.task import NUMBER, TWO_CLASSES

TASK = TASKS[NUMBER]
# Two sets of one family, and two others.
SETS = ["wankara", "wizmir", "laser", "quake"]


def measured(losses: dict[str, list[float]]) -> pd.DataFrame:
    """Five folds of each method on each set, with this loss but for a little from fold to fold."""
    return pd.DataFrame(
        {
            "data": data,
            "method": method,
            "fold": fold,
            "nrmse": loss * (1 + 0.001 * (fold - 2)),
            "r2": 1 - loss,
            "coverage": 0.9 - 0.2 * (data == "quake"),
            "width": 2.0,
            "fit_seconds": 1.0,
            "cpu_seconds": 3.0 if method == "lstm" else 2.0,
        }
        for method, set_losses in losses.items()
        for data, loss in zip(SETS, set_losses, strict=False)
        for fold in range(5)
    )


BOTH = measured({"lstm": [0.10, 0.20, 0.30, 0.44], "catboost_bagged": [0.20, 0.20, 0.30, 0.40]})


def test_the_table_is_of_sets_that_the_bags_have_and_names_the_others() -> None:
    others = measured({"lightgbm_bagged": [0.5, 0.5, 0.5], "linear": [0.6] * 3, "catboost": [0.1]})
    text = table(pd.concat([BOTH, others]), SETS, TASK)
    assert text.startswith("3 of 4 sets. Not measured in full: quake.")
    assert "| the network | 0.2000 (1.33) | 0.8000 (1.33) | 3.0 | 1.0 |" in text
    assert text.index("the network") < text.index("eight CatBoosts") < text.index("linear")
    assert "| CatBoost |" not in text
    # No mean of CPU seconds where some folds have none.
    bags = measured({"lightgbm_bagged": [0.5] * 4})
    bags.loc[3, "cpu_seconds"] = np.nan
    assert "(3.00) |  | 1.0 |" in table(pd.concat([BOTH, bags]), SETS, TASK)
    assert "| 0.5000 " not in pairs(pd.concat([BOTH, bags]), SETS, TASK)
    assert "| laser | 0.3 |" in summarize(NUMBER, BOTH[BOTH["method"] == "lstm"])


def test_pairs_are_compared_over_families_of_sets() -> None:
    text = pairs(BOTH, SETS, TASK)
    assert "| eight CatBoosts | 4, 3 | -0.0033 (-0.0500 to +0.0400) | +0.0033 " in text
    assert " | 1 / 1 / 1 | 1.50 |" in text
    assert "Far behind on `quake` 0.440 and 0.400." in text
    differences = pd.Series({"glass0": 0.1, "glass1": 0.3, "heart": -0.1})
    families = family_means(differences, {"glass0": "glass", "glass1": "glass"})
    assert families.tolist() == pytest.approx([0.2, -0.1])
    # An unfinished set is in no pair.
    unfinished = BOTH[~BOTH[["data", "method", "fold"]].eq(["laser", "lstm", 4]).all(axis=1)]
    folds = complete(unfinished, SETS, ["lstm", "catboost_bagged"])
    assert set(folds["data"]) == {"wankara", "wizmir", "quake"}


def test_a_set_counts_by_the_folds_that_all_of_the_bags_have() -> None:
    bags = pd.concat([BOTH, measured({"lightgbm_bagged": [0.5] * 4, "linear": [0.6] * 4})])
    slow = (bags["data"] == "quake") & (bags["method"] == "catboost_bagged") & (bags["fold"] > 1)
    shared = shared_folds(bags[~slow])
    assert sorted(shared.loc[shared["data"] == "quake", "fold"].unique()) == [0, 1]
    text = table(shared, SETS, TASK)
    assert text.startswith("4 of 4 sets. Fewer than 5 folds: quake 2.")
    # The mean of another method is of the same folds.
    assert "| quake | 0.4393 | 0.3994 |" in summarize(NUMBER, shared)


def test_far_behind_is_by_the_area_too_and_neither_by_chance_nor_by_a_little() -> None:
    little = BOTH.assign(nrmse=np.where(BOTH["method"] == "lstm", 0.208, 0.2) + BOTH["fold"] / 1e6)
    assert far_behind(little, "catboost_bagged", TASK).endswith("Far behind on no set.")
    areas = {"surely": [-0.03] * 5, "by chance": [-0.2, 0.1, -0.1, 0.15, -0.1]}
    folds = pd.DataFrame(
        {"data": data, "method": method, "fold": fold, "log_loss": 0.5, "roc_auc": 0.8 + off}
        for data, offs in areas.items()
        for fold, lower in enumerate(offs)
        for method, off in (("lstm", lower), ("catboost", 0.0))
    )
    text = far_behind(folds, "catboost", TASKS[TWO_CLASSES])
    assert text.endswith("Far behind on `surely` 0.500 and 0.500.")


def test_intervals_tell_on_which_set_they_hold_too_seldom() -> None:
    text = intervals(BOTH, SETS)
    assert "cover 0.850 of the test rows on average over 4 sets" in text
    assert "from 0.700 on `quake` to 0.900" in text


def test_intervals_ties_and_errors_are_by_their_definitions() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, size=400)
    interval, error = bootstrap(differences), differences.std() / 20
    assert interval.mean == pytest.approx(differences.mean())
    assert interval.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.1 * error)
    assert bootstrap(differences) == interval
    # A difference within the region is a tie.
    assert counts(np.array([0.0011, 0.001, 0.0, -0.001, -0.0011, -0.5]), 0.001) == "1 / 3 / 2"
    # The corrected standard error has the overlap of five folds in it.
    errors = corrected_errors(pd.DataFrame([[-0.02, -0.01, 0.0, 0.01, 0.02]], index=["heart"]))
    deviation = np.sqrt((2 * 0.02**2 + 2 * 0.01**2) / 4)
    assert errors["heart"] == pytest.approx(deviation * np.sqrt(0.2 + 0.25))
