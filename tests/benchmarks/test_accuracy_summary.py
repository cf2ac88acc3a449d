"""The summary compares methods on the sets that all of them have, and says how many these are."""

import pandas as pd
from accuracy_comparison import compare
from accuracy_summary import Table, in_common, section, summarize
from sets import REPORTED_ON

# Two sets of one family, and two others.
SETS = ["glass6", "heart", "page-blocks0", "ring"]


def measured(scores: dict[str, dict[str, float]], cpu: bool = True) -> pd.DataFrame:
    """Five folds of each method on each set, with this AUC but for a little from fold to fold."""
    return pd.DataFrame(
        {
            "data": data,
            "method": method,
            "fold": fold,
            "roc_auc": score + 0.001 * (fold - 2),
            "accuracy": score,
            "log_loss": 1 - score,
            "fit_seconds": 1.0,
            "cpu_seconds": 2.0 if cpu else None,
        }
        for method, of_sets in scores.items()
        for data, score in of_sets.items()
        for fold in range(5)
    )


def test_methods_are_compared_on_the_sets_that_all_have_in_full() -> None:
    results = measured(
        {
            "lstm": dict.fromkeys(SETS, 0.9),
            "catboost": dict.fromkeys(SETS[:3], 0.8),
            "lightgbm": dict.fromkeys(SETS, 0.7),
        }
    )
    unfinished = results[~results[["data", "method", "fold"]].eq(["ring", "lstm", 4]).all(axis=1)]
    more = measured({"catboost": {"ring": 0.8}}).query("fold < 3")
    table = Table("a title", ["lstm", "catboost", "lightgbm", "svm"], REPORTED_ON)

    folds = in_common(pd.concat([unfinished, more]), table)
    text = section(pd.concat([unfinished, more]), table)

    assert set(folds["data"]) == {"glass6", "heart", "page-blocks0"}
    assert text is not None
    assert text.startswith(f"## 3 of {len(REPORTED_ON)} data sets: a title\n")
    assert "\n| lstm | 0.9 | 1.0 | 0.1 | 1.0 | 0.9 | 1.0 | 1.0 | 2.0 |\n" in text
    assert "\n| lightgbm | 0.7 | 3.0 | 0.3 | 3.0 | 0.7 | 3.0 | 1.0 | 2.0 |" in text
    assert text.endswith("\n\nNot measured: svm.\n")


def test_no_mean_of_cpu_seconds_where_some_sets_have_none() -> None:
    results = pd.concat(
        [
            measured({"lstm": {"heart": 0.9, "ring": 0.9}}),
            measured({"catboost": {"heart": 0.8}}),
            measured({"catboost": {"ring": 0.8}}, cpu=False),
        ]
    )

    text = section(results, Table("a title", ["lstm", "catboost"], REPORTED_ON))

    assert text is not None
    assert "\n| catboost | 0.8 | 2.0 | 0.2 | 2.0 | 0.8 | 2.0 | 1.0 |  |" in text


def test_there_is_no_table_where_what_it_is_for_was_not_measured() -> None:
    results = measured({"lstm": dict.fromkeys(SETS, 0.9)})

    assert section(results, Table("a title", ["lstm", "tabm"], REPORTED_ON, ["tabm"])) is None
    assert section(results, Table("a title", ["svm"], REPORTED_ON)) is None


def test_the_network_is_compared_with_each_equal_over_families() -> None:
    results = measured(
        {
            "lstm": {"ecoli1": 0.9, "ecoli3": 0.9, "heart": 0.8, "ring": 0.9},
            "tabm": {"ecoli1": 0.8, "ecoli3": 0.6, "heart": 0.9, "ring": 0.9},
        }
    )

    (text,) = compare(results, {"of both": ["ecoli1", "ecoli3", "heart", "ring"], "none": []})

    assert "| tabm | of both | 4, 3 | +0.0333 [-0.1000, +0.2000] | -0.0333 " in text
    assert " | 1 / 1 / 1 | " in text
    assert "- tabm, of both: the worst three are heart -0.100, ring +0.000, ecoli1 +0.100." in text
    assert "on heart -0.100 (standard error 0.000, plain 0.000)." in text


def test_a_summary_of_few_measurements_is_written() -> None:
    text = summarize(measured({"svm": {"heart": 0.75}}))

    assert "| heart |  | 0.75 |" in text
