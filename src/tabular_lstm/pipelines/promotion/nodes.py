"""Judge the candidate against the champions, decide, and promote."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tabular_lstm.errors import DataError
from tabular_lstm.judging import gate
from tabular_lstm.judging.metrics import (
    INTERVAL_METRICS,
    bootstrap,
    certain,
    interval,
    point_metrics,
)
from tabular_lstm.parameters import Columns, Evaluation, Promotion, Validation
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.rows.summary import DataSummary
from tabular_lstm.serving import report
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log import Line, lineage, promoted, serving

GOLDEN_ROWS = 32

Versions = dict[str, Callable[[], Any]]


def describe_data(data_summary: DataSummary) -> dict[str, Any]:
    """Say of the data what a later run will compare its own with."""
    return data_summary.model_dump()


def choose_golden_rows(
    test_rows: pd.DataFrame, candidate_predictions: pd.DataFrame
) -> pd.DataFrame:
    """Keep a few test rows with the probability that was judged, from the lowest to the highest.

    Returns:
        At most 32 rows as they were before reshaping, and `judged_probability`.
    """
    judged = candidate_predictions["network"].to_numpy()
    places = np.linspace(0, len(judged) - 1, min(GOLDEN_ROWS, len(judged))).astype(int)
    chosen = np.argsort(judged, kind="stable")[places]
    golden: pd.DataFrame = test_rows.iloc[chosen].assign(judged_probability=judged[chosen])
    return golden


def predict_with_champions(
    artifacts: Versions,
    past_promotions: list[Line],
    past_decisions: Versions,
    test_rows: pd.DataFrame,
    data: dict[str, Any],
    columns: Columns,
    promotion: Promotion,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Let the champions that stand score the same test rows, the one that serves first.

    Returns:
        `row`, `label` and a column of probabilities for each champion, named by its run id; and
        what is known of each: `run_id`, `sha256`, `data` of its decision, and either
        `decision_threshold` or `not_compared`, the reason why it was left out.

    Raises:
        DataError: The champion that serves cannot be loaded.
    """
    from tabular_lstm.network.fit import predict  # noqa: PLC0415

    labels = test_rows[columns.label].rename("label").rename_axis("row")
    predictions = pd.DataFrame(labels).reset_index()
    champions: list[dict[str, Any]] = []
    for run in lineage(past_promotions)[: promotion.keep_champions]:
        champion = {
            "run_id": run,
            "sha256": promoted(past_promotions)[run]["sha256"],
            "data": past_decisions[run]()["data"] if run in past_decisions else None,
        }
        why, network = _comparable(champion, artifacts, data, promotion, serves=not champions)
        if network is None:
            champions.append({**champion, "not_compared": why})
            continue
        predictions[run] = predict(network, to_sequences(test_rows, network.schema))
        champions.append({**champion, "decision_threshold": network.threshold})
    return predictions, champions


def _comparable(
    champion: dict[str, Any],
    artifacts: Versions,
    data: dict[str, Any],
    promotion: Promotion,
    serves: bool,
) -> tuple[str, Any]:
    """Load a champion that can be compared with fairly, or say why there is none."""
    run, before = champion["run_id"], champion["data"]
    if promotion.start_over:
        return "promotion.start_over is set", None
    if before is None:
        return "its decision is gone, which says what it was trained on", None
    if set(before["features"]) != set(data["features"]) or before["split"] != data["split"]:
        return "it was trained on other columns, or with another split", None
    artifact = artifacts[run]() if run in artifacts else None
    if artifact is None or artifact.sha256 != champion["sha256"]:
        return "its artifact is gone, or not the one that was promoted", None
    try:
        return "", artifact.network
    except DataError as error:
        if serves:
            raise
        return f"it cannot be loaded: {error}", None


def compare(
    candidate_predictions: pd.DataFrame,
    baseline_predictions: pd.DataFrame,
    champion_predictions: pd.DataFrame,
    champions: list[dict[str, Any]],
    scores: dict[str, Any],
    evaluation: Evaluation,
    promotion: Promotion,
) -> dict[str, Any]:
    """Compare the candidate with the baselines and the champions on the same resamples of the rows.

    Returns:
        `differences`, see `gate.difference`, by baseline or run id; `champions`, their metrics with
        95 % intervals by run id; `rows` and `rows_without_probability` of the candidate.
    """
    labels = candidate_predictions["label"].to_numpy()
    judged = candidate_predictions["network"].to_numpy()
    compared = [champion for champion in champions if "not_compared" not in champion]
    thresholds = {
        "network": scores["test"]["decision_threshold"],
        **{name: points["decision_threshold"] for name, points in scores["baselines"].items()},
        **{champion["run_id"]: champion["decision_threshold"] for champion in compared},
    }
    columns = {"network": judged, **baseline_predictions, **champion_predictions}
    predictions = {name: certain(labels, np.asarray(columns[name])) for name in thresholds}
    points = {name: point_metrics(labels, p, thresholds[name]) for name, p in predictions.items()}
    resampled = bootstrap(
        labels, predictions, thresholds, evaluation.bootstrap_resamples, evaluation.seed
    )
    differences = {
        name: gate.difference(
            points["network"],
            points[name],
            resampled["network"],
            resampled[name],
            promotion.confidence,
        )
        for name in predictions
        if name != "network"
    }
    metrics = {
        champion["run_id"]: points[champion["run_id"]]
        | {
            "interval": {
                metric: interval(resampled[champion["run_id"]][metric])
                for metric in INTERVAL_METRICS
            }
        }
        for champion in compared
    }
    return {
        "differences": differences,
        "champions": metrics,
        "rows": len(labels),
        "rows_without_probability": int(np.isnan(judged).sum()),
    }


def check_data(
    data: dict[str, Any],
    champions: list[dict[str, Any]],
    promotion: Promotion,
    validation: Validation,
) -> gate.Check:
    """Check 1 of the gate: see `gate.check_data`."""
    before = champions[0]["data"] if champions and not promotion.start_over else None
    return gate.check_data(
        data,
        before,
        promotion.row_ratio,
        promotion.max_label_share_change,
        validation.max_quarantined_fraction,
    )


def check_floor(comparison: dict[str, Any]) -> gate.Check:
    """Check 2 of the gate: see `gate.check_floor`."""
    return gate.check_floor(
        comparison["differences"]["majority_class"],
        comparison["differences"]["logistic_regression"],
        comparison["rows"],
        comparison["rows_without_probability"],
    )


def check_champions(
    comparison: dict[str, Any],
    champions: list[dict[str, Any]],
    past_promotions: list[Line],
    data: dict[str, Any],
    promotion: Promotion,
) -> gate.Check:
    """Check 3 of the gate: see `gate.check_champions`, and how often these rows were looked at.

    Returns:
        With `looks`: judgements on these very test rows, and on any test rows, this one included.
    """
    checked = gate.check_champions(
        {run: comparison["differences"][run] for run in comparison["champions"]},
        comparison["champions"],
        {c["run_id"]: c["not_compared"] for c in champions if "not_compared" in c},
        serving(past_promotions),
        promotion.tolerance.model_dump(),
        comparison["rows"],
        promotion.start_over,
    )
    judged = [line["test_rows_sha256"] for line in past_promotions if "inputs" in line]
    looks = {
        "these_test_rows": 1 + judged.count(data["test_rows_sha256"]),
        "all": 1 + len(judged),
    }
    return {**checked, "rows": comparison["rows"], "looks": looks}


def check_artifact(candidate_artifact: Artifact, golden_rows: pd.DataFrame) -> gate.Check:
    """Check 4 of the gate: from the file and raw rows alone, see `gate.check_artifact`."""
    from tabular_lstm.network.fit import predict  # noqa: PLC0415

    network = candidate_artifact.network
    return gate.check_artifact(
        golden_rows["judged_probability"].to_numpy(),
        predict(network, to_sequences(golden_rows, network.schema)),
        candidate_artifact.sha256,
    )


def decide(
    data_check: gate.Check,
    floor_check: gate.Check,
    champion_check: gate.Check,
    artifact_check: gate.Check,
    run_id: str,
    provenance: dict[str, Any],
    data: dict[str, Any],
    scores: dict[str, Any],
    champions: list[dict[str, Any]],
    comparison: dict[str, Any],
) -> dict[str, Any]:
    """Write the decision down, with all that it rests on.

    Returns:
        `run_id`, `time`, `environment`, `action`, `promoted`, `reason`, the `gate`'s four checks,
        `candidate`, `champion` (that served until now, or None) and `baselines` with their metrics,
        `data`, `inputs` (hashes of data, parameters and code), `parameters`, `packages`,
        `git_commit`.
    """
    checks = [data_check, floor_check, champion_check, artifact_check]
    accepted, reason = gate.verdict(checks)
    champion = None
    if champions:
        known = {name: champions[0][name] for name in ("run_id", "sha256", "data")}
        champion = known | {"metrics": comparison["champions"].get(known["run_id"])}
    return {
        "run_id": run_id,
        "time": provenance["time"],
        "environment": provenance["environment"],
        "action": "promoted" if accepted else "rejected",
        "promoted": accepted,
        "reason": reason,
        "gate": checks,
        "candidate": {
            "run_id": run_id,
            "sha256": artifact_check["sha256"],
            "metrics": scores["test"],
        },
        "champion": champion,
        "baselines": scores["baselines"],
        "data": data,
        "inputs": {
            "data": data["sha256"],
            "parameters": provenance["parameters_sha256"],
            "code": provenance["code_sha256"],
        },
        "parameters": provenance["parameters"],
        "packages": provenance["packages"],
        "git_commit": provenance["git_commit"],
    }


def write_report(
    decision: dict[str, Any],
    metrics: dict[str, Any],
    verdict: list[str],
    quarantined_rows: pd.DataFrame,
    **figures: go.Figure,
) -> str:
    """Write the page for people: see `tabular_lstm.serving.report`."""
    return report.page(decision, metrics, verdict, quarantined_rows, figures)


def record(decision: dict[str, Any], report: str) -> Line:
    """Shorten the decision to its line in the promotion log, once its report is written."""
    before = decision["champion"] or {"run_id": None, "sha256": None}
    after = decision["candidate"] if decision["promoted"] else before
    return {
        "run_id": decision["run_id"],
        "time": decision["time"],
        "action": decision["action"],
        "reason": decision["reason"],
        "champion": after["run_id"],
        "sha256": after["sha256"],
        "replaced": before["run_id"] if decision["promoted"] else None,
        "inputs": decision["inputs"],
        "test_rows_sha256": decision["data"]["test_rows_sha256"],
    }


def promote(promotions: list[Line], candidate_artifact: Artifact) -> Iterator[Artifact]:
    """Give the artifact that the log's last line promotes, and nothing where it promotes none.

    Kedro saves what a node yields: of a rejected candidate nothing is saved.

    Raises:
        DataError: The artifact is no longer the one that was judged.
    """
    line = promotions[-1]
    if line["action"] != "promoted":
        return
    if candidate_artifact.sha256 != line["sha256"]:
        raise DataError(
            f"{candidate_artifact.file}: expected SHA-256 {line['sha256']}, as it was judged, got "
            f"{candidate_artifact.sha256}. The file changed in between; retrain."
        )
    yield candidate_artifact
