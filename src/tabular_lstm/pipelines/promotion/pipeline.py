"""Wiring: judge (candidate and champions → decision), then promote (decision → log → champion)."""

from typing import Any

from kedro.pipeline import Node, Pipeline

from tabular_lstm.judging import checks, drift, gate
from tabular_lstm.pipelines.promotion import nodes
from tabular_lstm.rows.data_summary import summarize_features
from tabular_lstm.serving.promotion_log import record

REPORTED = ["decision", "provenance", "metrics", "verdict", "quarantined_rows", "figures"]
# Datasets keep the names that the catalog has for them.
NAMES_KEPT: Any = {"prefix_datasets_with_namespace": False}


def create_pipeline() -> Pipeline:
    """Wire the nodes from `candidate@file` and `artifacts` to `champion`."""
    judge = Pipeline([*_predictions(), *_features(), *_checks()], namespace="judge", **NAMES_KEPT)
    promote = Pipeline(
        [
            Node(
                nodes.write_report,
                inputs=REPORTED,
                outputs="report",
                name="write_report",
            ),
            Node(record, inputs=["decision", "report"], outputs="promotions", name="record"),
            Node(
                nodes.promote,
                inputs=["promotions", "candidate@file"],
                outputs="champion",
                name="promote",
            ),
        ],
        namespace="promote",
        **NAMES_KEPT,
    )
    return Pipeline([judge, promote], namespace="promotion", **NAMES_KEPT)


def _predictions() -> list[Node]:
    """What candidate and champions say of the same test rows."""
    return [
        Node(
            nodes.predict_with_champions,
            inputs=[
                "artifacts",
                "past_promotions",
                "past_decisions",
                "past_fingerprints",
                "train_rows",
                "test_rows",
                "test_set",
                "data_summary",
                "params:columns",
                "params:promotion",
            ],
            outputs=[
                "champion_predictions",
                "champions",
                "champion_thresholds",
                "rows_trained_on",
            ],
            name="predict_with_champions",
        ),
        Node(
            nodes.judge_champions,
            inputs=[
                "judged",
                "champion_predictions",
                "champion_thresholds",
                "rows_trained_on",
                "params:evaluation",
            ],
            outputs="judged_with_champions",
            name="judge_champions",
        ),
        Node(
            nodes.choose_golden_rows,
            inputs=["test_rows", "candidate_predictions"],
            outputs=["golden_rows", "golden_probabilities"],
            name="choose_golden_rows",
        ),
        Node(
            nodes.predict_with_artifact,
            inputs=["candidate@file", "golden_rows"],
            outputs=["golden_predictions", "candidate_sha256"],
            name="predict_with_artifact",
        ),
    ]


def _features() -> list[Node]:
    """What each feature's cells are beside those of the champion's run."""
    return [
        Node(
            summarize_features,
            inputs=["train_rows", "test_rows", "schema"],
            outputs="feature_summaries",
            name="summarize_features",
        ),
        Node(
            nodes.compare_features,
            inputs=["feature_summaries", "past_promotions", "past_decisions"],
            outputs="feature_changes",
            name="compare_features",
        ),
    ]


def _checks() -> list[Node]:
    """The gate's five checks, and the decision."""
    return [
        Node(
            gate.check_data,
            inputs=["data_summary", "champions", "params:promotion", "params:validation"],
            outputs="data_check",
            name="check_data",
        ),
        Node(
            drift.check_drift,
            inputs=["judged_with_champions", "champions", "params:promotion", "data_summary"],
            outputs="drift_check",
            name="check_drift",
        ),
        Node(
            gate.check_floor,
            inputs=["judged_with_champions", "params:promotion"],
            outputs="floor_check",
            name="check_floor",
        ),
        Node(
            gate.check_champions,
            inputs=["judged_with_champions", "champions", "params:promotion"],
            outputs="champion_check",
            name="check_champions",
        ),
        Node(
            checks.check_artifact,
            inputs=["golden_probabilities", "golden_predictions"],
            outputs="artifact_check",
            name="check_artifact",
        ),
        Node(
            nodes.decide,
            inputs=[
                "data_check",
                "drift_check",
                "floor_check",
                "champion_check",
                "artifact_check",
                "judged_with_champions",
                "champions",
                "candidate_sha256",
                "train_fingerprints",
                "data_summary",
                "past_promotions",
                "run_id",
                "provenance",
                "feature_summaries",
                "feature_changes",
            ],
            outputs="decision",
            name="decide",
        ),
    ]
