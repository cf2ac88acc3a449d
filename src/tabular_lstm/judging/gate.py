"""The gate that a candidate must pass to become the champion: its checks and its reason.

A candidate is promoted if a non-inferiority test shows that it is not worse than a champion by more
than a tolerance. Few test rows make promotion harder, never easier.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_serializer, model_validator

from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.baselines import CANDIDATE, MODELS, baseline_of
from tabular_lstm.judging.comparison import Comparison, Evaluation
from tabular_lstm.judging.model_metrics import Metrics, fewest_rows, metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.runs import PromotionOptions, Tolerance
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.examples import JudgedOn
from tabular_lstm.rows.weights import weights_note
from tabular_lstm.task import Task

# Checks -------------------------------------------------------------------------------------------

GOLDEN_TOLERANCE = 1e-6


class ComparedChampion(Frozen):
    """A champion: the run that trained it, and the hash of its artifact.

    Attributes:
        data: The summary of the data it was trained and judged on; None if its decision no
            longer exists.
        promoted_with: Its metrics on the test rows of the run that promoted it; None if its
            decision no longer exists.
        promoted_on: For histories, which rows these were; see `JudgingRows.definition`.
        not_compared: Why the candidate is not compared with it; None if it is compared.
        left_out_rows: Number of this run's test rows that it was trained on; they do not count.
        metrics: Its metrics on the other test rows of this run; None if it is not compared.
    """

    run_id: str
    sha256: str
    data: DataSummary | None = None
    promoted_with: Metrics | None = None
    promoted_on: JudgedOn | None = unless(None)
    not_compared: str | None = None
    left_out_rows: Annotated[int, Field(ge=0)] = 0
    metrics: Metrics | None = None


class FeaturesMoved(Frozen):
    """How features and scores moved since the champion was trained, see `monitoring.drift`.

    Attributes:
        sentence: What moved, that nothing moved, or why nothing was compared.
        alarm: Whether the move raises an alarm.
        expected: What was expected, if the alarm stops a promotion; else empty.
    """

    sentence: str
    alarm: bool = False
    expected: str = ""


class Check(Frozen):
    """The result of one check of a candidate, with a sentence that explains it."""

    name: str
    passed: bool
    sentence: str


class DataCheck(Check):
    """Whether the data resemble those that the champion was trained on."""

    name: Literal["data"] = "data"
    quarantined_fraction: float


class DriftCheck(Check):
    """Whether the champion is still as good on these test rows as when it was promoted.

    Attributes:
        metric: The metric that is compared. Default: ROC AUC.
        value, bound: The champion's metric on these rows, and its more favorable bound; None if the
            champion did not score them.
        promoted_with: The metric at promotion; None if the decision no longer exists.
        least_fall: A lower bound on how much worse the metric is now.
    """

    name: Literal["drift"] = "drift"
    metric: str = "roc_auc"
    value: float | None = None
    bound: float | None = None
    promoted_with: float | None = None
    least_fall: float | None = None

    # In JSON, as in all versions, `value` is stored under the metric's name: `roc_auc` and its
    # bound `highest` are always there; any other metric comes last, with its bound `lowest`.

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, stored: Any) -> Any:
        if not isinstance(stored, dict) or "roc_auc" not in stored:
            return stored
        fields = {**stored, "value": stored["roc_auc"], "bound": stored.get("highest")}
        for metric in fields.keys() & METRICS.keys() - {"roc_auc"}:
            fields |= {"metric": metric, "value": fields.pop(metric), "bound": fields.pop("lowest")}
        return {name: fields[name] for name in fields if name not in {"roc_auc", "highest"}}

    @model_serializer
    def _as_json(self) -> dict[str, Any]:
        is_area = self.metric == "roc_auc"
        area = self.value, self.bound
        stored = {
            **{name: getattr(self, name) for name in ("name", "passed", "sentence")},
            **dict(zip(("roc_auc", "highest"), area if is_area else (None, None), strict=True)),
            **{name: getattr(self, name) for name in ("promoted_with", "least_fall")},
        }
        return stored if is_area else stored | {self.metric: self.value, "lowest": self.bound}


class FloorCheck(Check):
    """Whether the candidate is good enough compared with simple models.

    Two further fields, named after the simplest and the linear baseline, hold the comparison of the
    candidate with each.

    Attributes:
        smaller_class_rows: Number of test rows of the rarest class, or of groups with such a row;
            for a number, of all test rows or groups.
        enough_rows: Whether these are enough for a promotion.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Comparison] = Field(init=False)

    name: Literal["floor"] = "floor"
    smaller_class_rows: int
    enough_rows: bool
    rows_without_probability: int


class ChampionCheck(Check):
    """Whether the candidate is worse than the champion, or than the best kept champion.

    Attributes:
        compared: By run ID, the comparison of the candidate with this champion.
        best: By metric, the run ID of the best champion.
        seen_worse: Whether the measured loss exceeds the tolerance; False if only its bound does.
    """

    name: Literal["champion"] = "champion"
    compared: dict[str, Comparison]
    best: dict[str, str]
    seen_worse: bool


class ArtifactCheck(Check):
    """Whether the saved artifact reproduces the judged predictions of the golden rows."""

    name: Literal["artifact"] = "artifact"
    golden_rows: int
    largest_difference: float | None


def check_artifact(
    golden: np.ndarray, read_back: np.ndarray, task: Task, unit: float = 1.0
) -> ArtifactCheck:
    """Check that the artifact on disk reproduces the judged predictions, within 1e-6 of `unit`.

    Args:
        golden: The judged predictions of some rows, in the form of files, see `Task.to_file`.
        read_back: The predictions of the artifact that was read back from disk.
        task: What is predicted.
        unit: The unit of the predictions. Default: 1.
    """
    count = len(golden)
    gaps = np.abs(golden - read_back)
    is_same = (gaps <= GOLDEN_TOLERANCE * unit) | (np.isnan(golden) & np.isnan(read_back))
    wrong_count, golden_text = int(np.sum(~is_same.all(axis=1))), f"{count} golden rows"
    sentence = f"the saved file reproduces the judged {task.traits.predictions} of {golden_text}"
    if wrong_count:
        sentence = (
            f"the artifact read back from disk gives different {task.traits.predictions} for "
            f"{wrong_count} of {golden_text}"
        )
    return ArtifactCheck(
        passed=not wrong_count,
        sentence=sentence,
        golden_rows=count,
        largest_difference=float(np.nanmax(gaps)) if np.isfinite(gaps).any() else None,
    )


# Gate ---------------------------------------------------------------------------------------------

START_OVER = "--params promotion.start_over=true judges without the champion"


def check_floor(evaluation: Evaluation, promotion: PromotionOptions) -> FloorCheck:
    """Check that the candidate beats the simplest baseline and does not lose to the linear one.

    It loses if it is shown to be worse, and is measured to be worse by more than the tolerance.
    """
    simplest, linear = (baseline_of(evaluation.task, role) for role in ("simplest", "linear"))
    compared = {
        name: evaluation.compare(CANDIDATE, name, promotion.confidence)
        for name in (simplest, linear)
    }
    better, beside = compared[simplest], compared[linear]
    unit, tolerance = evaluation.unit(linear), promotion.tolerance
    shown_worse = {m: d for m, d in beside.items() if d.is_worse_by(0, METRICS[m].worse, "at_best")}
    measured = losses_beyond(tolerance, shown_worse, unit)
    losses = {m: d for m, d in shown_worse.items() if m in measured or np.isnan(d.at_best)}
    missing_count, faults = evaluation.without_prediction[CANDIDATE], []
    fewest, shortage = _few_rows(evaluation, promotion.min_test_rows_per_class)
    if shortage:
        faults.append(shortage)
    if missing_count:
        faults.append(
            f"the candidate gives no {evaluation.task.traits.prediction} for {missing_count} of "
            f"{len(evaluation.labels)} test rows"
        )
    if not all(METRICS[m].worse * d.at_worst < 0 for m, d in better.items()):
        faults.append(
            f"the candidate was not shown to be better than the {MODELS[simplest].words}: "
            f"{_numbers(better)}"
        )
    if losses:
        faults.append(
            f"the candidate is clearly worse than {MODELS[linear].words}, and by more than the "
            f"tolerance ({_allowed(tolerance, losses, unit)}): {_numbers(losses, 'at_best')}"
        )
    found = (
        f"worse than {MODELS[linear].words} by no more than the tolerance "
        f"({_allowed(tolerance, shown_worse, unit)}): {_numbers(shown_worse, 'at_best')}"
        if shown_worse
        else f"not clearly worse than {MODELS[linear].words} ({_numbers(beside, 'at_best')})"
    )
    sentence = "; ".join(faults) or (
        f"better than the {MODELS[simplest].words} ({_numbers(better)}) and {found}"
    )
    return FloorCheck(
        passed=not faults,
        sentence=sentence,
        smaller_class_rows=fewest,
        enough_rows=not shortage,
        rows_without_probability=missing_count,
        **compared,
    )


def _few_rows(evaluation: Evaluation, needed: int) -> tuple[int, str]:
    """Count the rows, or groups, of the rarest class, with a sentence if they are too few."""
    fewest, of_class = fewest_rows(evaluation, evaluation.task)
    if fewest >= needed:
        return fewest, ""
    counted_words = "test rows" if evaluation.groups is None else "groups with test rows"
    if evaluation.all_rows is not None:
        counted_words += " that judge"
    return fewest, (
        f"there are {fewest} {counted_words}{of_class}{weights_note(evaluation.weights)}, too few "
        f"to tell a good candidate from a lucky one: expected at least {needed}"
        f"{' of each class' if of_class else ''} (promotion.min_test_rows_per_class). Wait for "
        "more rows, or raise split.test_fraction"
    )


def check_champions(
    evaluation: Evaluation, champions: list[ComparedChampion], promotion: PromotionOptions
) -> ChampionCheck:
    """Check for a loss against the champion and, by metric, against the best kept champion.

    The kept champions prevent losses within the tolerance from adding up. With `start_over`, the
    serving champion, the first one, need not be comparable.
    """
    tolerance, serving = promotion.tolerance, champions[0].run_id if champions else None
    not_compared = {c.run_id: c.not_compared for c in champions if c.not_compared is not None}
    compared = {
        champion.run_id: evaluation.compare(CANDIDATE, champion.run_id, promotion.confidence)
        for champion in champions
        if champion.not_compared is None
    }
    # The champion that the candidate trails most; champions may be judged on different rows.
    best = {
        metric: max(
            compared, key=lambda run: METRICS[metric].worse * compared[run][metric].difference
        )
        for metric in evaluation.task.compared
        if compared
    }
    # Each champion that the candidate must not lose to, and the differences that count.
    rivals = [
        (run, f"best of the kept champions, {run},", {metric: compared[run][metric]})
        for metric, run in best.items()
        if run != serving
    ]
    faults, facts = [], ["there was no champion to compare with"]
    if serving in compared:
        differences = compared[serving]
        champion_words = f"champion {serving}".rstrip()  # without a run id in `judging.compare`
        rivals.insert(0, (serving, champion_words, differences))
        facts = [f"not worse than the {champion_words} ({_numbers(differences)})"]
        facts += [f"not compared with {run}: {why}" for run, why in not_compared.items()]
    elif serving:
        facts = [f"not compared with the champion {serving}: {not_compared[serving]}"]
        faults = [] if promotion.start_over else [f"{facts[0]}; {START_OVER}"]
    losses = [
        (run, champion_words, beyond)
        for run, champion_words, differences in rivals
        if (beyond := losses_beyond(tolerance, differences, evaluation.unit(run), "at_worst"))
    ]
    faults += [
        _loss(evaluation, run, beyond, tolerance, f"the {champion_words}")
        for run, champion_words, beyond in losses
    ]
    left_out = [
        f"{c.left_out_rows} of {len(evaluation.labels)} test rows were left out, "
        f"because {c.run_id} was trained on them"
        for c in champions
        if c.run_id in compared and c.left_out_rows
    ]
    return ChampionCheck(
        passed=not faults,
        sentence="; ".join([*(faults or facts), *left_out]),
        compared=compared,
        best=best,
        seen_worse=any(
            losses_beyond(tolerance, beyond, evaluation.unit(run)) for run, _, beyond in losses
        ),
    )


def outcome(checks: Collection[Check]) -> tuple[bool, str]:
    """Decide whether to promote; if not, the reason is the first failed check's sentence."""
    for check in checks:
        if not check.passed:
            return False, check.sentence
    _, _, floor, champion, _ = checks
    return True, f"{champion.sentence}; {floor.sentence}"


def losses_beyond(
    tolerance: Tolerance, differences: Comparison, unit: float, bound: str = "difference"
) -> Comparison:
    """Return the metrics that are worse by more than the tolerance, in `Evaluation.unit`.

    For `bound` see `Difference.is_worse_by`. Default: metrics that are measured to be worse.
    """
    return {
        metric: difference
        for metric, difference in differences.items()
        if difference.is_worse_by(tolerance[metric] * unit, METRICS[metric].worse, bound)
    }


def _loss(
    evaluation: Evaluation,
    run: str,
    beyond: Comparison,
    tolerance: Tolerance,
    champion_words: str,
) -> str:
    """Say whether these rows show a loss or are merely too few to rule one out."""
    unit, rows = evaluation.unit(run), len(evaluation.parts.get(run, evaluation).labels)
    is_measured = losses_beyond(tolerance, beyond, unit)
    doubt = "" if is_measured else f"{rows} test rows cannot rule out that "
    return (
        f"{doubt}the candidate is worse than {champion_words} by more than the tolerance "
        f"({_allowed(tolerance, beyond, unit)}): {_numbers(beyond)}"
    )


def _allowed(tolerance: Tolerance, differences: Comparison, unit: float) -> str:
    return ", ".join(
        f"{METRICS[m].words} {metric_text(m, tolerance[m] * unit, 'g')}" for m in differences
    )


def _numbers(differences: Comparison, bound: str = "at_worst") -> str:
    return ", and ".join(
        f"{METRICS[metric].words} {metric_text(metric, numbers.difference, '+.4f')}, "
        f"{bound.replace('_', ' ')} {metric_text(metric, getattr(numbers, bound), '+.4f')}"
        for metric, numbers in differences.items()
    )
