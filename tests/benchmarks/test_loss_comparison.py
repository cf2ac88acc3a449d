"""The network beside its equals by loss: means, ratios, what is far behind, and intervals."""

import pandas as pd
import pytest
from accuracy_summary import OF_TASKS, of_task
from loss_comparison import behind, compared, complete, intervals, means_of, pairs, table
from sets import NUMBERS_REPORTED

from tabular_lstm.parameters.task import NUMBER

# Two sets of one family, and two others.
SETS = ["wankara", "wizmir", "laser", "quake"]


def measured(losses: dict[str, list[float]], coverage: float = 0.9) -> pd.DataFrame:
    """Five folds of each method on each set, with this loss but for a little from fold to fold."""
    return pd.DataFrame(
        {
            "data": data,
            "method": method,
            "fold": fold,
            "nrmse": loss * (1 + 0.001 * (fold - 2)),
            "r2": 1 - loss,
            "coverage": coverage - 0.2 * (data == "quake"),
            "width": 2.0,
            "fit_seconds": 1.0,
            "cpu_seconds": 3.0 if method == "lstm" else 2.0,
        }
        for method, of_sets in losses.items()
        for data, loss in zip(SETS, of_sets, strict=False)
        for fold in range(5)
    )


BOTH = measured({"lstm": [0.10, 0.20, 0.30, 0.44], "catboost_bagged": [0.20, 0.20, 0.30, 0.40]})


def test_the_table_is_of_sets_that_the_bags_have_and_names_the_others() -> None:
    others = measured({"lightgbm_bagged": [0.5, 0.5, 0.5], "linear": [0.6] * 3, "catboost": [0.1]})

    text = table(pd.concat([BOTH, others]), SETS, OF_TASKS[NUMBER].measures)

    assert text.startswith("On 3 of 4 sets. Not measured in full: quake. Measured on 1 alone: CatB")
    assert "Measured on 0 alone: RealMLP" in text
    assert "| the network | 0.2000 (1.33) | 0.8000 (1.33) | 3.0 | 1.0 |" in text
    assert text.index("the network") < text.index("eight CatBoosts") < text.index("linear")


def test_an_unfinished_set_is_in_no_pair() -> None:
    unfinished = BOTH[~BOTH[["data", "method", "fold"]].eq(["laser", "lstm", 4]).all(axis=1)]

    folds = complete(unfinished, SETS, ["lstm", "catboost_bagged"])

    assert set(folds["data"]) == {"wankara", "wizmir", "quake"}


def test_ratios_are_means_over_families_of_sets() -> None:
    row = compared(means_of(BOTH, "nrmse"), "catboost_bagged")

    # A half and 1 are of one family; 1 and 1.1 are the others.
    assert float(row["ratio"].split()[0]) == pytest.approx((0.5**0.5 * 1.1) ** (1 / 3), abs=1e-3)
    assert row["ahead / level / behind"] == "1 / 1 / 1"
    assert row["difference"].startswith("-0.0033 ")
    assert "| 1.50 |" in pairs(BOTH, SETS, "nrmse")


def test_what_is_behind_by_much_and_surely_is_named() -> None:
    by_fold = BOTH.pivot_table("nrmse", ["data", "fold"], "method")

    assert behind(by_fold, "catboost_bagged").endswith(
        "standard errors on `quake` 0.440 and 0.400."
    )
    little = by_fold.assign(lstm=by_fold["catboost_bagged"] * 1.04)
    assert "on none by more than 5 %" in behind(little, "catboost_bagged")


def test_intervals_that_hold_too_seldom_are_named() -> None:
    text = intervals(BOTH, SETS)

    assert "cover 0.850 of the test rows on average over 4 sets" in text
    assert "from 0.700 on `quake` to 0.900" in text
    assert "below 0.8: `quake` 0.700." in text


def test_the_sets_that_no_default_was_chosen_on_come_first() -> None:
    text = of_task(NUMBER, pd.concat([BOTH, measured({"lightgbm_bagged": [0.5] * 4})]))

    assert text.startswith("**Sets that the defaults were not chosen on.**")
    assert f"of {len(NUMBERS_REPORTED)} sets" in text
