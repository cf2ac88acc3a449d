"""Compare any two models on the same rows and bootstrap resamples, in numbers and sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.intervals import (
    CENTRAL,
    NORMAL,
    bootstrap,
    bounds,
    percentile_interval,
)
from tabular_lstm.judging.measures import (
    Rule,
    fewest_rows,
    fill_missing,
    statistics,
    unit_of,
    with_intervals,
)
from tabular_lstm.judging.metrics import Metrics, measure_model, metric_text
from tabular_lstm.measuring import Resampled, Rows
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.rows.cells import written as written_cell
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.label_measures import ENOUGH_ROWS
from tabular_lstm.rows.labelled_set import JudgedOn
from tabular_lstm.task import CANDIDATE, METRICS, MODELS, Task

POWER = 0.8
RARE, FEW_FOUND = 0.25, 0.5  # shares: of positive rows, and of those that are found
OBJECTIVES = (
    ". That serves accuracy: to find more of them, write training: {objective: {kind: f1}}, or "
    "{kind: costs} with the costs of both errors"
)
# Which rows of histories judge, in words that follow their number.
SAID_OF_ROWS: dict[JudgedOn | None, str] = {
    None: "",
    "last rows": ", those that a scoring would have predicted",
    "marked rows": ", those that are marked to be predicted",
    "all rows": ", none of which a scoring would have predicted",
}
ZERO_AND_ONE = Task.of_classes([0, 1])


class Difference(Frozen):
    """How much one model's metric differs from another model's metric.

    Attributes:
        difference: The first model's metric - the second model's, on the rows.
        at_worst, at_best: Its bounds in the worse and in the better direction for the first model.
        detectable: The smallest true difference that this number of rows shows four times out of
            five.
    """

    difference: float
    at_worst: float
    at_best: float
    detectable: float


Comparison = dict[str, Difference]  # of two models, by metric


@dataclass(frozen=True)
class Evaluation(Rows):
    """Models' predictions of the same rows, and their metrics; by the models' names.

    Attributes:
        side: `test`, or `train` where nothing is held out. Default: `test`.
        task: What is predicted. Default: two classes, 0 and 1.
        best_baseline: The one with the lowest out-of-fold loss. Default: "", not known.
        predictions: See `judging.measures`; a missing prediction is replaced by a wrong one.
        rules: Each model's decision rule, see `measures.Rule`.
        without_prediction: For how many rows a model gave no prediction.
        metrics, resampled: Metrics on the rows, with 95 % intervals; metrics on resamples of them.
        parts: For a model that is measured on only some of the rows: these rows, and the models on
            them.
        judged_on: Which rows these are, see `Examples.judged_on`. Default: None, all labelled.
        all_rows: If these are not all labelled rows: how many these are, and the candidate's
            metrics on them.
    """

    side: str = "test"
    task: Task = ZERO_AND_ONE
    best_baseline: str = ""
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    without_prediction: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Metrics] = field(default_factory=dict)
    resampled: dict[str, Resampled] = field(default_factory=dict)
    parts: dict[str, "Evaluation"] = field(default_factory=dict)
    judged_on: JudgedOn | None = None
    all_rows: tuple[int, Metrics] | None = None

    def with_models(
        self,
        predictions: Mapping[str, np.ndarray],
        rules: Mapping[str, Rule],
        evaluation: EvaluationOptions,
    ) -> Self:
        """Measure more models by their predictions and rules, always on the same resamples.

        A missing prediction is NaN.
        """
        filled_models = {
            n: fill_missing(self.labels, p, rules[n], self.task) for n, p in predictions.items()
        }
        resampled = bootstrap(
            {name: statistics(self, *pair, self.task) for name, pair in filled_models.items()},
            len(self.labels),
            evaluation.bootstrap_resamples,
            evaluation.seed,
            self.weights,
            self.groups,
        )
        metrics = {
            name: with_intervals(
                measure_model(self, filled, decided, rules[name], self.task),
                self,
                filled,
                resampled[name],
            )
            for name, (filled, decided) in filled_models.items()
        }
        missing_counts = {
            name: int(np.isnan(p).any(axis=1).sum()) for name, p in predictions.items()
        }
        return replace(
            self,
            predictions=self.predictions
            | {name: filled for name, (filled, _) in filled_models.items()},
            rules=self.rules | {name: rules[name] for name in filled_models},
            without_prediction=self.without_prediction | missing_counts,
            metrics=self.metrics | metrics,
            resampled=self.resampled | resampled,
        )

    def with_part(
        self,
        beside: str,
        name: str,
        predictions: np.ndarray,
        rule: Rule,
        counts: np.ndarray,
        evaluation: EvaluationOptions,
    ) -> Self:
        """Measure one more model, and the model `beside` it, on the rows where `counts` is true.

        The model does not need predictions for the other rows.
        """
        part = Evaluation(**vars(self.part(counts)), task=self.task).with_models(
            {beside: self.predictions[beside][counts], name: predictions[counts]},
            {beside: self.rules[beside], name: rule},
            evaluation,
        )
        return replace(
            self,
            metrics=self.metrics | {name: part.metrics[name]},
            without_prediction=self.without_prediction | {name: part.without_prediction[name]},
            parts=self.parts | {name: part},
        )

    @property
    def weighted(self) -> str:
        """Return ", weighted" if rows have weights, to follow a number of rows."""
        return "" if self.weights is None else ", weighted"

    def minus(self, model: str, other_model: str, metric: str) -> tuple[float, np.ndarray]:
        """Return `model`'s metric - `other_model`'s, on the latter's rows and resamples."""
        judged = self.parts.get(other_model, self)
        metrics = judged.metrics
        point = getattr(metrics[model], metric) - getattr(metrics[other_model], metric)
        return point, judged.resampled[model][metric] - judged.resampled[other_model][metric]

    def interval(self, model: str, other_model: str, metric: str) -> tuple[float, float]:
        """Return the 95 % interval of a metric's difference."""
        point, values = self.minus(model, other_model, metric)
        (low, high), tail = percentile_interval(values), (1 + CENTRAL) / 2
        unseen = self._unseen(model, other_model, metric, tail)
        return min(low, point - unseen), max(high, point + unseen)

    def bounds(self, name: str, metric: str, confidence: float) -> tuple[float, float]:
        """Return lower and upper bounds of a model's metric on its rows, each at `confidence`."""
        judged = self.parts.get(name, self)
        values, point = judged.resampled[name][metric], getattr(judged.metrics[name], metric)
        low, high = bounds(values[~np.isnan(values)], point, confidence)
        against_constant = judged.predictions[name], np.full_like(judged.predictions[name], 0.5)
        unseen = METRICS[metric].unseen(judged, *against_constant, confidence)
        return float(np.fmin(low, point - unseen)), float(np.fmax(high, point + unseen))

    def compare(self, model: str, other_model: str, confidence: float) -> Comparison:
        """Compare one model with another; each bound is one-sided, at `confidence`."""
        deviations = NORMAL.inv_cdf(confidence) + NORMAL.inv_cdf(POWER)
        compared, unit = {}, self.unit(other_model) or 1.0
        for metric in self.task.compared:
            sign = METRICS[metric].worse
            point, values = self.minus(model, other_model, metric)
            worse = sign * values[~np.isnan(values)]
            best, worst = bounds(worse / unit, sign * point / unit, confidence)
            unseen = self._unseen(model, other_model, metric, confidence)
            rise, fall = METRICS[metric].farther(*self._model_pair(model, other_model))
            compared[metric] = Difference(
                difference=point,
                at_worst=sign * np.maximum(worst * unit + rise, sign * point + unseen),
                at_best=sign * np.minimum(best * unit + fall, sign * point - unseen),
                detectable=np.maximum(deviations * worse.std(), unseen),
            )
        return compared

    def unit(self, model: str) -> float:
        """Return the unit of tolerances on the rows of `model`, see `measures.unit_of`."""
        return unit_of(self.parts.get(model, self), self.task)

    def _unseen(self, model: str, other_model: str, metric: str, confidence: float) -> float:
        return METRICS[metric].unseen(*self._model_pair(model, other_model), confidence)

    def _model_pair(self, model: str, other_model: str) -> tuple[Rows, np.ndarray, np.ndarray]:
        judged = self.parts.get(other_model, self)
        return judged, judged.predictions[model], judged.predictions[other_model]


def compare_with_baselines(
    judged: Evaluation, evaluation: EvaluationOptions, objective: str = ""
) -> list[str]:
    """Say for each baseline in one sentence whether the candidate beats it, and by how much.

    If few positive rows are found because decisions are made for accuracy, the other objectives are
    named. If the best baseline by out-of-fold loss is ahead, its sentence comes first.
    """
    task, metrics = judged.task, cast(Any, judged.metrics[CANDIDATE])
    baselines = [name for name in judged.metrics if name != CANDIDATE]
    sentences = {
        name: _baseline_sentence(judged, name, evaluation.meaningful) for name in baselines
    }
    summary = _summary(judged, metrics, len(judged.labels), SAID_OF_ROWS[judged.judged_on])
    if judged.all_rows is not None:
        count, all_rows_metrics = judged.all_rows
        summary += f". {_summary(judged, all_rows_metrics, count, ', all labelled ones')}"
    best = judged.best_baseline or task.baseline("linear")
    main = _telling(judged, best)
    difference, _ = judged.minus(CANDIDATE, best, main)
    first = [sentences.pop(best)] if METRICS[main].worse * difference > 0 else []
    decisions = metrics.said_of_decisions
    if objective == "accuracy" and task.has_threshold:
        recall, is_rare = metrics.confusion_matrix.recall, bool(judged.labels.mean() < RARE)
        tells = metrics.interval["roc_auc"][0] > task.traits.nothing[1]
        decisions += OBJECTIVES * (recall is not None and recall < FEW_FOUND and is_rare and tells)
    return [*first, summary, decisions, *sentences.values()]


def _summary(judged: Evaluation, metrics: Metrics, count: int, which_rows: str) -> str:
    """Say the candidate's metrics with their intervals."""
    listed = [
        f"{METRICS[metric].words} {metric_text(metric, getattr(metrics, metric))} "
        f"{_brackets(metrics.interval[metric], metric)}"
        for metric in spoken(metrics, judged.task)
    ]
    rows = f"{count} {judged.side} rows{judged.weighted}{which_rows}"
    return f"Candidate on {rows}: {', '.join(listed)}"


def spoken(metrics: Metrics, task: Task) -> list[str]:
    """Name the metrics that are said, the main one first."""
    return [*dict.fromkeys([task.traits.main, *metrics.interval])]


def _telling(judged: Evaluation, name: str) -> str:
    """Return the metric that tells whether the candidate beats a baseline.

    It is the task's main metric. But if only other metrics of the gate are shown to be
    worse, it is the first of these, so that no such candidate is said to beat the baseline.
    """
    main = judged.task.traits.main
    worse = [
        metric
        for metric in judged.task.compared
        if min(METRICS[metric].worse * end for end in judged.interval(CANDIDATE, name, metric)) > 0
    ]
    return main if main in worse else [*worse, main][0]


def _baseline_sentence(judged: Evaluation, name: str, meaningful: float) -> str:
    main = _telling(judged, name)
    candidate, baseline = judged.metrics[CANDIDATE], judged.metrics[name]
    second = next(m for m in spoken(candidate, judged.task) if m != main)
    difference, _ = judged.minus(CANDIDATE, name, main)
    low, high = judged.interval(CANDIDATE, name, main)
    baseline_words = f"{'the ' if MODELS[name].role == 'simplest' else ''}{MODELS[name].words}"
    smallest = meaningful * judged.unit(name)
    ahead, sure = METRICS[main].worse * difference < 0, low > 0 or high < 0
    if difference == 0 or -smallest < low <= 0 <= high < smallest:
        verdict = f"is level with {baseline_words}"
    elif sure and abs(difference) >= smallest:
        verdict = f"{'beats' if ahead else 'loses to'} {baseline_words}"
    else:
        reason = "by less than matters" if sure else "within chance"
        verdict = f"is {'ahead of' if ahead else 'behind'} {baseline_words}, {reason}"
    main_words, second_words = (
        f"{METRICS[metric].words} {metric_text(metric, getattr(candidate, metric))} against "
        f"{metric_text(metric, getattr(baseline, metric))}"
        for metric in (main, second)
    )
    return (
        f"The candidate {verdict}: {main_words}, difference "
        f"{metric_text(main, difference, '+.3f')} {_brackets((low, high), main, '+.3f')}; "
        f"{second_words}"
    )


def _brackets(bounds: tuple[float, float], metric: str, form: str = ".3f") -> str:
    """Write an interval without the unit, which is already written before it."""
    ends = ", ".join(metric_text(metric, bound, form).removesuffix(" %") for bound in bounds)
    return f"[{ends}]"


# Heavy groups -------------------------------------------------------------------------------------

HEAVY_SHARE = 0.1
# 0.7 standard errors, in widths of a 95 % interval: the group has half of the metric's variance.
HEAVY_CHANGE = 0.18


def heavy_group(judged: Evaluation, names: pd.Series, word: str) -> str | None:
    """Name the group that carries most of the candidate's main metric, with the metric without it.

    None if no group has more than a tenth of the rows, by weight, or more than half of the metric's
    variance. Ten groups with the most rows are tried, and ten whose rows matter most: of a number
    by squared errors, of classes by their share of each class. `names`, str (rows,), has the name
    of each row's group; `word` is what a group is called, such as `customer`.
    """
    groups, labels, task = judged.groups, judged.labels, judged.task
    if groups is None or np.ptp(groups) == 0:
        return None
    metrics, predictions = judged.metrics[CANDIDATE], judged.predictions[CANDIDATE]
    weights = np.ones(len(groups)) if judged.weights is None else judged.weights
    if task.classes:
        effects = weights / np.bincount(labels, weights)[labels]
    else:
        effects = weights * (labels - predictions[:, 0]) ** 2
    shares = np.bincount(groups, weights / weights.sum())
    sums = shares, np.bincount(groups, effects)
    tried = np.unique([np.argsort(-of_groups, kind="stable")[:10] for of_groups in sums])
    counts = weights * (groups != tried[:, None])  # (groups, rows): one group does not count
    main = task.traits.main
    without = METRICS[main].statistic(judged, predictions, labels)(counts, counts)
    metric, (low, high) = getattr(metrics, main), metrics.interval[main]
    # -1 without the only group of a class: check 3 of the gate says that they are too few.
    changes = np.nan_to_num(np.abs(without - metric), nan=-1)
    changes[(shares[tried] <= HEAVY_SHARE) & (changes <= HEAVY_CHANGE * (high - low))] = -1
    heaviest = int(changes.argmax())
    if changes[heaviest] < 0:
        return None
    name = shown(names.iloc[int(np.argmax(groups == tried[heaviest]))])
    return (
        f"{word} '{name}' has {100 * shares[tried[heaviest]]:.2g} % of the {len(groups):,} "
        f"{judged.side} rows{judged.weighted}; without it {METRICS[main].words} is "
        f"{metric_text(main, without[heaviest])} ({metric_text(main, metric)} with it)"
    )


# Parts of the rows --------------------------------------------------------------------------------

SEGMENTS = 20  # values of a column, each a segment; the rows of all others are one more


class OfLength(Frozen):
    """The rows whose history has `history` rows, such as `2 to 5`, including the row itself.

    Attributes:
        metrics: The candidate's metrics on the evaluated rows. Default: None, if a class has fewer
            than ten rows or customers.
    """

    history: str
    train_rows: int
    evaluated_rows: int
    metrics: Metrics | None = None


class OfSegment(Frozen):
    """The evaluated rows with one value of a column, and the metrics as in `OfLength`.

    Attributes:
        other_values: For the segment of all other values, how many these are. Default: 0, the
            segment of one value.
    """

    column: str
    value: str
    other_values: int = unless(0)
    evaluated_rows: int
    metrics: Metrics | None = None


def by_length(
    judged: Evaluation, train: Sequences, evaluated: Sequences, evaluation: EvaluationOptions
) -> list[OfLength]:
    """Measure the candidate on histories of one row, of two to five rows, and of more rows.

    The list is empty if rows have no histories.
    """
    if not (isinstance(train, Histories) and isinstance(evaluated, Histories)):
        return []
    parts = []
    for before, most in pairwise(sorted({0, 1, min(5, train.steps), train.steps})):
        in_train, in_evaluated = (
            (before < histories.lengths) & (histories.lengths <= most)
            for histories in (train, evaluated)
        )
        parts.append(
            OfLength(
                history=f"{before + 1} to {most}" if before + 1 < most else str(most),
                train_rows=int(in_train.sum()),
                evaluated_rows=int(in_evaluated.sum()),
                metrics=_measure_model_part(judged, in_evaluated, evaluation),
            )
        )
    return parts


def by_segment(
    judged: Evaluation, columns: pd.DataFrame, evaluation: EvaluationOptions
) -> list[OfSegment]:
    """Measure the candidate on the rows of each value of each column, the commonest value first.

    Of more than `SEGMENTS` values of a column, all beyond these are one segment, the last.
    """
    segments = []
    for name in columns:
        values = columns[name].map(written_cell, na_action="ignore").fillna("(missing)")
        by_count = sorted(values.value_counts().items(), key=lambda item: (-item[1], item[0]))
        parts = [(value, 0, (values == value).to_numpy()) for value, _ in by_count[:SEGMENTS]]
        if others := len(by_count) - len(parts):
            rest = ~np.any([rows for *_, rows in parts], axis=0)
            parts.append((f"({counted(others, 'other value')})", others, rest))
        segments += [
            OfSegment(
                column=name,
                value=value,
                other_values=count,
                evaluated_rows=rows.sum(),
                metrics=_measure_model_part(judged, rows, evaluation),
            )
            for value, count, rows in parts
        ]
    return segments


def _measure_model_part(
    judged: Evaluation, rows: np.ndarray, evaluation: EvaluationOptions
) -> Metrics | None:
    """Measure the candidate on some rows; None if they are too few."""
    part = Evaluation(**vars(judged.part(rows)), task=judged.task)
    if not rows.any() or fewest_rows(part, judged.task)[0] < ENOUGH_ROWS:
        return None
    predictions = {CANDIDATE: judged.predictions[CANDIDATE][rows]}
    return part.with_models(predictions, judged.rules, evaluation).metrics[CANDIDATE]
