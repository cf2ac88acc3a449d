"""The report: one HTML page that needs neither an internet connection nor JavaScript.

Text and layout are in `report.html.jinja` and, for a rollback, `rollback.html.jinja`. This module
fills them in.
"""

from typing import Any

import pandas as pd
import yaml

from tabular_lstm.judging import figures as draw
from tabular_lstm.judging.drawing import FIGURES, TITLES, to_svg
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, WORSE, Metrics
from tabular_lstm.judging.pages import images, template
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.parameters import Training
from tabular_lstm.rows.data_warnings import listed
from tabular_lstm.rows.label_measures import MEASURES
from tabular_lstm.serving.data_drift import KEPT
from tabular_lstm.serving.decision import Decision, Provenance
from tabular_lstm.serving.feature_summary import summaries_of

LISTED = 20  # rows, features
COLUMNS = 40
# The figure of the first screen: each task has one of these.
GLANCE = ("roc_curve", "class_roc_curves", "predicted_and_true")


def page(
    decision: Decision,
    provenance: Provenance,
    metrics: dict[str, Any],
    verdict: list[str],
    quarantined_rows: pd.DataFrame,
    figures: dict[str, str],
    reference: Reference,
) -> str:
    """Write the page: HTML of less than 1 MB, whatever the data.

    Raises:
        ValueError: The decision judged no candidate.
    """
    judgement = decision.judgement
    if judgement is None:
        raise ValueError(f"The decision of run {decision.run_id} judged no candidate.")
    champion = judgement.champions[0] if judgement.champions else None
    models = {CANDIDATE: judgement.candidate}
    if champion and champion.metrics:
        models["champion"] = champion.metrics
    models |= judgement.baselines
    drawn = {"intervals": to_svg(draw.intervals(models), TITLES["intervals"])}
    drawn |= {name: figures[name] for name in FIGURES if name in figures}
    drift = judgement.drift
    both = drift.features | drift.scores if drift else {}
    shifts = dict(sorted(both.items(), key=lambda of: (-of[1].moved, -of[1].statistic)))
    return template("serving", "report.html.jinja").render(
        decision=decision,
        judgement=judgement,
        champion=champion,
        leaks=listed(judgement.data.possible_leaks),
        told=MEASURES[judgement.data.task.kind],
        checks={check.name: check for check in judgement.checks},
        failed=[check for check in judgement.checks if not check.passed],
        worse=WORSE,
        coverage=decision.parameters.get("training", {}).get("coverage", Training().coverage),
        model_names=MODELS,
        metric_names=METRICS,
        models=models,
        metrics=metrics,
        verdict=verdict,
        quarantined=quarantined_rows.iloc[:LISTED, :COLUMNS].astype(object).fillna(""),
        columns_count=quarantined_rows.shape[1],
        shown=LISTED,
        shifts=shifts,
        kept=KEPT,
        best=_best(judgement.baselines),
        glance=next(name for name in GLANCE if name in drawn),
        features=summaries_of(reference),
        most_features=COLUMNS,
        provenance=provenance,
        quarantined_count=len(quarantined_rows),
        parameters=yaml.safe_dump(decision.parameters, sort_keys=False, allow_unicode=True),
        titles=TITLES,
        images=images(drawn),
    )


def _best(baselines: dict[str, Metrics]) -> str:
    losses = {
        name: getattr(of, "log_loss", getattr(of, "rmse", 0)) for name, of in baselines.items()
    }
    return min(losses, key=losses.__getitem__)


def page_of_rollback(decision: Decision, provenance: Provenance) -> str:
    """Write the page of a rollback, which says who serves now."""
    return template("serving", "rollback.html.jinja").render(
        decision=decision, provenance=provenance
    )
