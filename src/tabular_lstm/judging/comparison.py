"""Comparison of models on the same rows and bootstrap resamples, in numbers and sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd

from tabular_lstm.errors import counted, shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.baselines import CANDIDATE, MODELS, baseline_of, models_named
from tabular_lstm.judging.intervals import (
    CENTRAL,
    NORMAL,
    bootstrap,
    bounds,
    percentile_interval,
)
from tabular_lstm.judging.model_metrics import (
    Metrics,
    Rule,
    fewest_rows,
    fill_missing,
    is_in_units,
    measure_model,
    metric_text,
    statistics,
    with_intervals,
)
from tabular_lstm.metrics import METRICS, Labels, Resampled, deviation_of
from tabular_lstm.parameters.hyperparameters import EvaluationOptions
from tabular_lstm.rows.cells import cell_text
from tabular_lstm.rows.examples import Examples, JudgedOn
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.label_measures import ENOUGH_ROWS
from tabular_lstm.rows.weights import scaled
from tabular_lstm.task import Task

POWER = 0.8
# For histories, which rows are used for evaluation, in words that follow their number.
SAID_OF_ROWS: dict[JudgedOn | None, str] = {
    None: "",
    **dict.fromkeys(
        ("last rows", "chosen last rows"), ", those that a scoring would have predicted"
    ),
    "marked rows": ", those that are marked to be predicted",
    "all rows": ", none of which a scoring would have predicted",
}
ZERO_AND_ONE = Task.of_classes([0, 1])


class Difference(Frozen):
    """How much one model's metric differs from another model's metric.

    Attributes:
        difference: The first model's metric minus the second model's, on the rows.
        at_worst, at_best: Its bounds in the worse and in the better direction for the first model.
        detectable: The smallest true difference that this number of rows reveals four times out of
            five.
    """

    difference: float
    at_worst: float
    at_best: float
    detectable: float

    def is_worse_by(self, limit: float, sign: int, bound: str = "difference") -> bool:
        """Return whether the first model is measured to be worse by more than the limit.

        `sign` is 1 if a larger value is worse, else -1. A difference of NaN counts as worse. With
        `bound` `at_worst` or `at_best`, tell instead whether it may be, or is shown to be, worse.
        """
        return not sign * getattr(self, bound) <= limit


Comparison = dict[str, Difference]  # of two models, by metric


class StrongerBaseline(Frozen):
    """A baseline that is shown to be better than the candidate, and by enough to matter.

    Attributes:
        name: Its name among the models.
        metric: The metric that shows the lead: the main one, or another one that the gate compares.
        lead: By how much the baseline is better in this metric, above 0.
        interval: The 95 % interval of the lead.
    """

    name: str
    metric: str
    lead: float
    interval: tuple[float, float]

    @property
    def sentence(self) -> str:
        """State the lead: Gradient boosting is ahead of the candidate by 0.010 [0.004, 0.016] ….

        The metric comes last.
        """
        words = models_named([self.name])[self.name].said
        return (
            f"{words[:1].upper() + words[1:] if self.name in MODELS else words} is ahead of the "
            f"candidate by {metric_text(self.metric, self.lead)} "
            f"{_brackets(self.interval, self.metric)} {METRICS[self.metric].words}"
        )


@dataclass(frozen=True, eq=False)
class Predictions:
    """One model's predictions for examples, and the rule by which it decides.

    Attributes:
        values: float64 (examples, outputs of the task), see `tabular_lstm.metrics`; NaN where
            the model gives no prediction.
        rule: The decision rule, see `metrics.Rule`.
    """

    values: np.ndarray
    rule: Rule

    @property
    def missing_count(self) -> int:
        """Count the examples without a prediction."""
        return int(np.isnan(self.values).reshape(len(self.values), -1).any(axis=1).sum())

    def __getitem__(self, rows: np.ndarray) -> Self:
        """Return the predictions for some of the examples."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Evaluation(Labels):
    """All models on the same rows: their predictions, metrics and comparisons, by name.

    Attributes:
        side: `test`, or `train` if nothing is held out. Default: `test`.
        task: What is predicted. Default: two classes, 0 and 1.
        best_baseline: The baseline with the lowest out-of-fold loss. Default: "", not known.
        stronger_baseline: The best of the baselines that are shown to be better than the candidate
            on test rows. Default: None, there is none.
        predictions: See `tabular_lstm.metrics`; a missing prediction is replaced by a wrong one.
        rules: Each model's decision rule, see `metrics.Rule`.
        without_prediction: For how many rows each model gave no prediction.
        metrics, resampled: Metrics on the rows, with 95 % intervals, and metrics on resamples of
            the rows.
        parts: For each model that is measured on only some of the rows, these rows and the models
            measured on them.
        judged_on: Which rows these are, see `JudgingRows.definition`. Default: None, all labelled
            rows.
        all_rows: If these are not all labelled rows, the number of all labelled rows and the
            candidate's metrics on them.
        by_length, by_segment: The candidate on parts of the rows. Default: none.
    """

    side: str = "test"
    task: Task = ZERO_AND_ONE
    best_baseline: str = ""
    stronger_baseline: StrongerBaseline | None = None
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    without_prediction: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Metrics] = field(default_factory=dict)
    resampled: dict[str, Resampled] = field(default_factory=dict)
    parts: dict[str, "Evaluation"] = field(default_factory=dict)
    judged_on: JudgedOn | None = None
    all_rows: tuple[int, Metrics] | None = None
    by_length: tuple["OfLength", ...] = ()
    by_segment: tuple["OfSegment", ...] = ()

    def with_models(self, models: Mapping[str, Predictions], options: EvaluationOptions) -> Self:
        """Measure more models by their predictions, on the same resamples each time."""
        filled = {
            name: fill_missing(self.labels, model.values, model.rule, self.task)
            for name, model in models.items()
        }
        resampled = bootstrap(
            {name: statistics(self, *pair, self.task) for name, pair in filled.items()},
            len(self.labels),
            options.bootstrap_resamples,
            options.seed,
            self.weights,
            self.groups,
        )
        metrics = {
            name: with_intervals(
                measure_model(self, values, decided, models[name].rule, self.task),
                self,
                values,
                resampled[name],
            )
            for name, (values, decided) in filled.items()
        }
        missing_counts = {name: model.missing_count for name, model in models.items()}
        return replace(
            self,
            predictions=self.predictions | {name: values for name, (values, _) in filled.items()},
            rules=self.rules | {name: model.rule for name, model in models.items()},
            without_prediction=self.without_prediction | missing_counts,
            metrics=self.metrics | metrics,
            resampled=self.resampled | resampled,
        )

    def with_part(
        self, name: str, model: Predictions, counts: np.ndarray, options: EvaluationOptions
    ) -> Self:
        """Measure one more model, and the candidate, on the rows where `counts` is true.

        The model does not need predictions for the other rows.
        """
        candidate = Predictions(self.predictions[CANDIDATE], self.rules[CANDIDATE])
        part = Evaluation(**vars(self.part(counts)), task=self.task).with_models(
            {CANDIDATE: candidate[counts], name: model[counts]}, options
        )
        return replace(
            self,
            metrics=self.metrics | {name: part.metrics[name]},
            without_prediction=self.without_prediction | {name: part.without_prediction[name]},
            parts=self.parts | {name: part},
        )

    @property
    def weighted(self) -> str:
        """Return ", weighted" if rows have weights; it follows a number of rows."""
        return "" if self.weights is None else ", weighted"

    def minus(self, model: str, other_model: str, metric: str) -> tuple[float, np.ndarray]:
        """Return `model`'s metric minus `other_model`'s, on the latter's rows and resamples."""
        evaluation = self.parts.get(other_model, self)
        metrics = evaluation.metrics
        point = getattr(metrics[model], metric) - getattr(metrics[other_model], metric)
        return point, evaluation.resampled[model][metric] - evaluation.resampled[other_model][
            metric
        ]

    def interval(self, model: str, other_model: str, metric: str) -> tuple[float, float]:
        """Return the 95 % interval of a metric's difference."""
        point, values = self.minus(model, other_model, metric)
        (low, high), tail = percentile_interval(values), (1 + CENTRAL) / 2
        unseen = self._unseen(model, other_model, metric, tail)
        return min(low, point - unseen), max(high, point + unseen)

    def bounds(self, name: str, metric: str, confidence: float) -> tuple[float, float]:
        """Return lower and upper bounds of a model's metric on its rows, each at `confidence`."""
        evaluation = self.parts.get(name, self)
        values, point = (
            evaluation.resampled[name][metric],
            getattr(evaluation.metrics[name], metric),
        )
        low, high = bounds(values[~np.isnan(values)], point, confidence)
        predictions = evaluation.predictions[name]
        unseen = METRICS[metric].unseen(
            evaluation, predictions, np.full_like(predictions, 0.5), confidence
        )
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
        """Return the unit of tolerances on `model`'s rows: for a number, its standard deviation."""
        rows = self.parts.get(model, self)
        return 1.0 if self.task.classes else deviation_of(rows.labels, rows.weights)

    def _unseen(self, model: str, other_model: str, metric: str, confidence: float) -> float:
        return METRICS[metric].unseen(*self._model_pair(model, other_model), confidence)

    def _model_pair(self, model: str, other_model: str) -> tuple[Labels, np.ndarray, np.ndarray]:
        evaluation = self.parts.get(other_model, self)
        return evaluation, evaluation.predictions[model], evaluation.predictions[other_model]


def evaluate_models(
    models: Mapping[str, Predictions],
    test_set: Examples,
    best_baseline: str,
    options: EvaluationOptions,
) -> Evaluation:
    """Measure candidate and baselines on the evaluated rows, on the same resamples of them.

    If these are not all rows of the test set, the candidate is also measured on all rows.
    """
    task, judging = test_set.schema.task, test_set.judging
    rows: Labels = Labels(test_set.labels.to_numpy(), test_set.weights, test_set.groups)
    on_all_rows = None
    if judging is not None and not judging.rows.all():
        measured = Evaluation(**vars(rows), task=task).with_models(
            {CANDIDATE: models[CANDIDATE]}, options
        )
        on_all_rows = len(rows.labels), measured.metrics[CANDIDATE]
        models = {name: predictions[judging.rows] for name, predictions in models.items()}
        rows = rows.part(judging.rows)
        rows = replace(rows, weights=scaled(rows.weights))
    evaluation = Evaluation(
        **vars(rows),
        side=test_set.side,
        task=task,
        best_baseline=best_baseline,
        judged_on=None if judging is None else judging.definition,
        all_rows=on_all_rows,
    ).with_models(models, options)
    main, of_all = METRICS[task.traits.main], evaluation.metrics
    best_first = sorted(
        models, key=lambda name: main.worse * getattr(of_all[name], task.traits.main)
    )
    leads = [lead for name in best_first if (lead := _lead(evaluation, name, options.meaningful))]
    return replace(
        evaluation, stronger_baseline=leads[0] if leads and test_set.side == "test" else None
    )


def _lead(evaluation: Evaluation, name: str, meaningful: float) -> StrongerBaseline | None:
    """Return a baseline's lead over the candidate; None if it is not shown or is too small."""
    metric = _telling(evaluation, name)
    sign = METRICS[metric].worse
    lead = sign * evaluation.minus(CANDIDATE, name, metric)[0]
    low, high = sorted(sign * end for end in evaluation.interval(CANDIDATE, name, metric))
    stronger = StrongerBaseline(name=name, metric=metric, lead=lead, interval=(low, high))
    return stronger if low > 0 and lead >= meaningful * evaluation.unit(name) else None


def sentences_of(evaluation: Evaluation, options: EvaluationOptions) -> list[str]:
    """Say in one sentence per baseline whether the candidate beats it, and by how much.

    If a baseline is shown to be better, that sentence comes first. If the best baseline by
    out-of-fold loss is ahead, its sentence comes next.
    """
    metrics = evaluation.metrics[CANDIDATE]
    sentences = {
        name: _baseline_sentence(evaluation, name, options.meaningful)
        for name in evaluation.metrics
        if name != CANDIDATE
    }
    summary = _summary(
        evaluation, metrics, len(evaluation.labels), SAID_OF_ROWS[evaluation.judged_on]
    )
    if evaluation.all_rows is not None:
        count, all_rows_metrics = evaluation.all_rows
        summary += f". {_summary(evaluation, all_rows_metrics, count, ', all labelled ones')}"
    best = evaluation.best_baseline or baseline_of(evaluation.task, "linear")
    main = _telling(evaluation, best)
    difference, _ = evaluation.minus(CANDIDATE, best, main)
    stronger = [s.sentence for s in (evaluation.stronger_baseline,) if s]
    first = [sentences.pop(best)] if METRICS[main].worse * difference > 0 else []
    return [*stronger, *first, summary, metrics.said_of_decisions, *sentences.values()]


def _summary(evaluation: Evaluation, metrics: Metrics, count: int, which_rows: str) -> str:
    """Put the candidate's metrics with their intervals into a sentence."""
    listed = [
        f"{METRICS[metric].words} {metric_text(metric, getattr(metrics, metric))} "
        f"{_brackets(metrics.interval[metric], metric)}"
        for metric in spoken(metrics, evaluation.task)
    ]
    rows = f"{count} {evaluation.side} rows{evaluation.weighted}{which_rows}"
    return f"Candidate on {rows}: {', '.join(listed)}"


def spoken(metrics: Metrics, task: Task) -> list[str]:
    """Return the metrics that sentences mention, the main one first."""
    return [*dict.fromkeys([task.traits.main, *metrics.interval])]


def _telling(evaluation: Evaluation, name: str) -> str:
    """Return the metric that tells whether the candidate beats a baseline.

    This is the task's main metric. But if only other metrics of the gate are shown to be worse, it
    is the first of these, so that such a candidate is never said to beat the baseline.
    """
    main = evaluation.task.traits.main
    worse = [
        metric
        for metric in evaluation.task.compared
        if min(METRICS[metric].worse * end for end in evaluation.interval(CANDIDATE, name, metric))
        > 0
    ]
    return main if main in worse else [*worse, main][0]


def _baseline_sentence(evaluation: Evaluation, name: str, meaningful: float) -> str:
    main = _telling(evaluation, name)
    candidate, baseline = evaluation.metrics[CANDIDATE], evaluation.metrics[name]
    second = next(m for m in spoken(candidate, evaluation.task) if m != main)
    difference, _ = evaluation.minus(CANDIDATE, name, main)
    low, high = evaluation.interval(CANDIDATE, name, main)
    baseline_words = models_named([name])[name].said
    smallest = meaningful * evaluation.unit(name)
    ahead, sure = METRICS[main].worse * difference < 0, low > 0 or high < 0
    if difference == 0 or -smallest < low <= 0 <= high < smallest:
        verdict = f"is level with {baseline_words}"
    elif (lead := _lead(evaluation, name, meaningful)) or (
        sure and ahead and abs(difference) >= smallest
    ):
        verdict = f"{'loses to' if lead else 'beats'} {baseline_words}"
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
    """Write an interval without the unit, which has already been written before it."""
    ends = ", ".join(metric_text(metric, bound, form).removesuffix(" %") for bound in bounds)
    return f"[{ends}]"


# As JSON ------------------------------------------------------------------------------------------

# Metrics are rounded, because the last bits depend on the processor.
DECIMALS = 5


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the metrics as JSON, with five decimals (in the label's unit: five digits).

    Returns:
        `evaluated_on` (`test` or `train`) and, under this name, the candidate's metrics with 95 %
        intervals; under `baselines`, the same for each baseline, with the paired difference
        `network_minus_baseline`. With histories also `judged_on` and `judged_rows`, which rows
        these are and how many, the candidate's metrics on `all_rows`, and `by_length`. With
        `evaluation.segments` and test rows also `by_segment`.
    """
    measured = {name: m.model_dump(mode="json") for name, m in evaluation.metrics.items()}
    candidate = measured.pop(CANDIDATE)
    for name, baseline in measured.items():
        baseline["network_minus_baseline"] = {
            metric: {
                "difference": evaluation.minus(CANDIDATE, name, metric)[0],
                "interval": list(evaluation.interval(CANDIDATE, name, metric)),
            }
            for metric in evaluation.metrics[CANDIDATE].interval
        }
    document: dict[str, Any] = {evaluation.side: candidate, "baselines": measured}
    if evaluation.judged_on is not None:
        document |= {"judged_on": evaluation.judged_on, "judged_rows": len(evaluation.labels)}
    if evaluation.all_rows is not None:
        count, all_rows_metrics = evaluation.all_rows
        document["all_rows"] = {"rows": count, **all_rows_metrics.model_dump(mode="json")}
    if evaluation.by_length:
        document["by_length"] = [part.model_dump(mode="json") for part in evaluation.by_length]
    if evaluation.by_segment:
        document["by_segment"] = [part.model_dump(mode="json") for part in evaluation.by_segment]
    document = _rounded(document)
    if "decision_threshold" in candidate:  # the metrics were measured with it
        document[evaluation.side]["decision_threshold"] = candidate["decision_threshold"]
    return {"evaluated_on": evaluation.side, **document}


def _rounded(measured: Any, name: str = "", digits: bool = False) -> Any:
    digits |= is_in_units(name)
    if isinstance(measured, dict):
        return {name: _rounded(value, name, digits) for name, value in measured.items()}
    if isinstance(measured, list):
        return [_rounded(value, name, digits) for value in measured]
    if not isinstance(measured, float):
        return measured
    return float(f"{measured:.{DECIMALS}g}") if digits else round(measured, DECIMALS)


# Heavy groups -------------------------------------------------------------------------------------

HEAVY_SHARE = 0.1
# 0.7 standard errors, in widths of a 95 % interval: the group causes half the metric's variance.
HEAVY_CHANGE = 0.18


def heavy_group(evaluation: Evaluation, names: pd.Series, word: str) -> str | None:
    """Name the group that affects the candidate's main metric most, with the metric without it.

    The result is None if no group has more than a tenth of the rows, by weight, or causes more than
    half of the metric's variance. The ten groups with the most rows are tried, and the ten whose
    rows matter most: for a number by squared errors, for classes by their share of each class.
    `names`, str (rows,), has the name of each row's group; `word` is what a group is called:
    the name of its column.
    """
    groups, labels, task = evaluation.groups, evaluation.labels, evaluation.task
    if groups is None or np.ptp(groups) == 0:
        return None
    metrics, predictions = evaluation.metrics[CANDIDATE], evaluation.predictions[CANDIDATE]
    weights = np.ones(len(groups)) if evaluation.weights is None else evaluation.weights
    effects = (
        weights / np.bincount(labels, weights)[labels]
        if task.classes
        else weights * (labels - predictions[:, 0]) ** 2
    )
    shares = np.bincount(groups, weights / weights.sum())
    sums = shares, np.bincount(groups, effects)
    tried = np.unique([np.argsort(-of_groups, kind="stable")[:10] for of_groups in sums])
    counts = weights * (groups != tried[:, None])  # (groups, rows): one group does not count
    main = task.traits.main
    without = METRICS[main].statistic(evaluation, predictions, labels)(counts, counts)
    metric, (low, high) = getattr(metrics, main), metrics.interval[main]
    # -1 for the only group of a class: check 3 of the gate reports that there are too few groups.
    changes = np.nan_to_num(np.abs(without - metric), nan=-1)
    changes[(shares[tried] <= HEAVY_SHARE) & (changes <= HEAVY_CHANGE * (high - low))] = -1
    heaviest = int(changes.argmax())
    if changes[heaviest] < 0:
        return None
    name = shown(names.iloc[int(np.argmax(groups == tried[heaviest]))])
    return (
        f"{word} '{name}' has {100 * shares[tried[heaviest]]:.2g} % of the {len(groups):,} "
        f"{evaluation.side} rows{evaluation.weighted}; without it {METRICS[main].words} is "
        f"{metric_text(main, without[heaviest])} ({metric_text(main, metric)} with it)"
    )


# Parts of the rows --------------------------------------------------------------------------------

SEGMENTS = 20  # values of a column, each a segment; the rows of all other values form one more


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
        other_values: The number of values in the segment of all other values. Default: 0, the
            segment of a single value.
    """

    column: str
    value: str
    other_values: int = unless(0)
    evaluated_rows: int
    metrics: Metrics | None = None


def by_length(
    evaluation: Evaluation, train: Sequences, evaluated: Sequences, options: EvaluationOptions
) -> tuple[OfLength, ...]:
    """Measure the candidate on histories of one row, of two to five rows, and of more rows.

    The result is empty if rows have no histories.
    """
    if not (isinstance(train, Histories) and isinstance(evaluated, Histories)):
        return ()
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
                metrics=_measure_model_part(evaluation, in_evaluated, options),
            )
        )
    return tuple(parts)


def by_segment(
    evaluation: Evaluation, columns: pd.DataFrame, options: EvaluationOptions
) -> tuple[OfSegment, ...]:
    """Measure the candidate on the rows of each value of each column, most common value first.

    If a column has more than `SEGMENTS` values, the rest form one segment, the last.
    """
    segments = []
    for name in columns:
        values = columns[name].map(cell_text, na_action="ignore").fillna("(missing)")
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
                metrics=_measure_model_part(evaluation, rows, options),
            )
            for value, count, rows in parts
        ]
    return tuple(segments)


def with_parts(
    evaluation: Evaluation,
    train_set: Examples,
    test_set: Examples,
    options: EvaluationOptions,
) -> Evaluation:
    """Measure the candidate on parts of the rows: by length and, for test rows, by segment."""
    evaluation = replace(
        evaluation,
        by_length=by_length(evaluation, train_set.sequences, test_set.judged_sequences, options),
    )
    if not options.segments or evaluation.side == "train":
        return evaluation
    columns = test_set.judged_rows[[*dict.fromkeys(options.segments)]]
    return replace(evaluation, by_segment=by_segment(evaluation, columns, options))


def _measure_model_part(
    evaluation: Evaluation, rows: np.ndarray, options: EvaluationOptions
) -> Metrics | None:
    """Measure the candidate on some rows; None if they are too few."""
    part = Evaluation(**vars(evaluation.part(rows)), task=evaluation.task)
    if not rows.any() or fewest_rows(part, evaluation.task)[0] < ENOUGH_ROWS:
        return None
    candidate = Predictions(evaluation.predictions[CANDIDATE][rows], evaluation.rules[CANDIDATE])
    return part.with_models({CANDIDATE: candidate}, options).metrics[CANDIDATE]
