"""The report: one HTML page that needs neither an internet connection nor JavaScript.

Text and layout are in `report.html.jinja` and, for a rollback, `rollback.html.jinja`. This module
fills them in.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
import yaml

from tabular_lstm.errors import amount, shown
from tabular_lstm.judging import figures as draw
from tabular_lstm.judging.baselines import CANDIDATE, MODELS, baseline_of, models_named
from tabular_lstm.judging.comparison import Evaluation
from tabular_lstm.judging.drawing import FIGURES, TITLES, images, template, to_svg
from tabular_lstm.judging.importance import MOST_IMPORTANT, Importance
from tabular_lstm.metrics import METRICS
from tabular_lstm.monitoring.drift import day
from tabular_lstm.monitoring.reference import Profile, Reference, one_of, profile_of
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import leaks_in_words
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.past_features import past_features
from tabular_lstm.serving.comparable_champions import KEPT
from tabular_lstm.serving.decision import Decision, Judgement, Provenance

LISTED = 20  # rows, features
COLUMNS = 40
# The summary of a feature: bars of its histogram, categories that are named, letters of a name.
BARS, CATEGORIES, NAME = 20, 3, 24


@dataclass(frozen=True)
class DataSection:
    """What the page says about the data and everything else that went into the run.

    Attributes:
        summary: The summary of the data.
        quarantined: The first rows in quarantine, with their first columns.
        quarantined_shape: How many rows and columns there are.
        features: A summary of each feature, see `_feature_summary`.
        past: Likewise for each past feature, over the train rows.
        grouped: Whether the categories of a feature are counted in groups.
        provenance: The code, the conf and the environment.
    """

    summary: DataSummary
    quarantined: pd.DataFrame
    quarantined_shape: tuple[int, int]
    features: list[dict[str, Any]]
    past: list[dict[str, Any]]
    grouped: bool
    provenance: Provenance


def describe_data(
    data_summary: DataSummary,
    quarantined_rows: pd.DataFrame,
    reference: Reference,
    provenance: Provenance,
    train_set: Examples,
) -> DataSection:
    """Describe what went into the run: each feature, the rows in quarantine, the conf."""
    profiles, past = reference.features, {}
    if isinstance(train_set.sequences, Histories):
        # Labels, and what no such row has, are in the past alone.
        profiles = {name: p for name, p in profiles.items() if p.counts[0] < p.rows}
        past = past_features(train_set.sequences, train_set.schema)
    return DataSection(
        data_summary.model_copy(update={"median": reference.task.median}),
        quarantined_rows.iloc[:LISTED, :COLUMNS].astype(object).fillna(""),
        quarantined_rows.shape,
        [_feature_summary(name, profile) for name, profile in profiles.items()],
        [_feature_summary(name, profile_of("number", v)) for name, v in past.items()],
        any(cell[1:] for profile in profiles.values() for cell in profile.categories),
        provenance,
    )


def page(
    basis: Decision | Evaluation,
    data: DataSection,
    metrics: dict[str, Any],
    verdict: list[str],
    figures: dict[str, str],
    importance: Importance,
) -> str:
    """Write the page: HTML of less than 1 MB, whatever the data.

    Without a decision, `basis` is the evaluation of the models, and the gate is not mentioned.
    """
    decision, judgement, champion = None, None, None
    if isinstance(basis, Evaluation):
        models, best_baseline, stronger = (
            basis.metrics,
            basis.best_baseline,
            basis.stronger_baseline,
        )
    else:
        decision, judgement = basis, cast(Judgement, basis.judgement)
        best_baseline, stronger = judgement.best_baseline, judgement.stronger_baseline
        champion = judgement.champions[0] if judgement.champions else None
        models = {CANDIDATE: judgement.candidate}
        if champion and champion.metrics:
            models["champion"] = champion.metrics
        models |= judgement.baselines
    checks = judgement.checks if judgement else ()
    drift = judgement.drift if judgement else None
    shifts = drift.features | drift.scores if drift else {}
    clearest = sorted(shifts.items(), key=lambda item: (-item[1].moved, -item[1].statistic))
    drawings = {"intervals": to_svg(draw.intervals(models, data.summary.task), TITLES["intervals"])}
    drawings |= {name: figures[name] for name in FIGURES if name in figures}
    summary, provenance = data.summary, data.provenance
    lost = {name: lost.mean for name, lost in importance.features.items() if lost.mean > 0}
    return template("serving", "report.html.jinja").render(
        decision=decision,
        judgement=judgement,
        champion=champion,
        leaks=leaks_in_words(summary.possible_leaks),
        told=summary.task.told_by,
        checks={check.name: check for check in checks},
        failed=[check for check in checks if not check.passed],
        coverage=provenance.parameters.get("training", {}).get(
            "coverage", TrainingOptions().coverage
        ),
        model_table=MODELS | models_named(models),
        baseline_of=baseline_of,
        metric_table=METRICS,
        models=models,
        candidate=models[CANDIDATE],
        data=summary,
        metrics=metrics,
        judged_rows=metrics.get("judged_rows", metrics["data"][f"{metrics['evaluated_on']}_rows"]),
        drivers=dict([*lost.items()][:MOST_IMPORTANT]),
        curves=importance.dependence,
        measured_features=len(importance.features),
        drift=drift,
        verdict=verdict,
        quarantined=data.quarantined,
        columns_count=data.quarantined_shape[1],
        shown=LISTED,
        shifts=dict(clearest),
        kept=KEPT,
        best=best_baseline,
        stronger=stronger,
        features=data.features,
        past_features=data.past,
        grouped=data.grouped,
        most_features=COLUMNS,
        provenance=provenance,
        quarantined_count=data.quarantined_shape[0],
        parameters=yaml.safe_dump(provenance.parameters, sort_keys=False, allow_unicode=True),
        titles=TITLES,
        images=images(drawings),
    )


def page_of_rollback(decision: Decision, provenance: Provenance) -> str:
    """Write the page of a rollback, which says who serves now."""
    return template("serving", "rollback.html.jinja").render(
        decision=decision, provenance=provenance
    )


# The summary of a feature --------------------------------------------------------------------


def _feature_summary(name: str, profile: Profile) -> dict[str, Any]:
    """Summarize a feature.

    Returns:
        `name`; `kind`; `missing`, the share of the rows without a value; `range`, lowest to highest
        value, a number's only one, the commonest categories, or the commonest group of categories;
        `center`, mean and standard deviation of a number, else ""; `bars`, the heights of a
        histogram from 0 to 1, of bins of equal width or of the commonest categories or groups.
    """
    center = ""
    if profile.kind == "category":
        counts = np.array(profile.counts[1:-1])
        commonest = np.argsort(counts)[::-1][:BARS]
        cells = [profile.categories[cell] for cell in commonest[:CATEGORIES]]
        groups, count = len(profile.categories), sum(map(len, profile.categories))
        values = ", ".join([shown(cell[0], NAME) for cell in cells])
        values += f" and {count - len(cells)} more" if count > len(cells) else ""
        if count > groups:
            values = (
                f"{count:,} categories, counted in {groups} groups; the largest: {one_of(cells[0])}"
            )
        bars = _heights(counts[commonest])
    else:
        ends = profile.edges[0], profile.edges[-1]
        digits = 4 if amount(ends[0]) != amount(ends[1]) else 10
        write = day if profile.kind == "date" else partial(amount, digits=digits)
        values = (  # the mean tells the only value anyway
            write(profile.mean or 0.0)
            if profile.kind == "number" and profile.deviation == 0
            else " to ".join(map(write, ends))
        )
        bars = _histogram(profile)
        if profile.kind == "number" and profile.mean is not None:
            center = f"{write(profile.mean)} ± {amount(profile.deviation or 0.0)}"
    return {
        "name": name,
        "kind": profile.kind,
        "missing": profile.counts[0] / (profile.rows or 1),
        "range": values,
        "center": center,
        "bars": bars,
    }


def _histogram(profile: Profile) -> tuple[float, ...]:
    """Distribute the counts between edges over bins of equal width."""
    edges, counts = profile.edges, np.array(profile.counts[2:], float)
    if len(edges) == 1:
        return _heights(counts)
    below = np.concatenate([[0.0], np.cumsum(counts[:-1])])
    bins = np.diff(np.interp(np.linspace(edges[0], edges[-1], BARS + 1), edges, below))
    bins[-1] += counts[-1]
    return _heights(bins)


def _heights(counts: np.ndarray) -> tuple[float, ...]:
    return tuple((counts / max(counts.max(initial=0), 1e-9)).round(3).tolist())
