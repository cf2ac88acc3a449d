"""The gate that a candidate must pass to become the champion: its checks and its reason.

A candidate is promoted if a non-inferiority test shows that it is not worse than a champion by more
than a tolerance. Few test rows make promotion harder, never easier.
"""

from collections.abc import Collection
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field

from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.comparison import Comparison, Evaluation
from tabular_lstm.judging.measures import fewest_rows
from tabular_lstm.judging.metrics import Metrics, metric_text
from tabular_lstm.parameters.runs import PromotionOptions, Tolerance
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.labelled_set import JudgedOn, weights_note
from tabular_lstm.task import CANDIDATE, METRICS, MODELS, Task

# Checks -------------------------------------------------------------------------------------------

GOLDEN_TOLERANCE = 1e-6


class Champion(Frozen):
    """A champion: the run that trained it, and the hash of its artifact.

    Attributes:
        data: The summary of the data it was trained and judged on; None if its decision is gone.
        promoted_with: Its metrics on the test rows of the run that promoted it; None if its
            decision is gone.
        promoted_on: Which rows of histories these were, see `Examples.judged_on`.
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
        sentence: Says what moved, that nothing moved, or why nothing was compared.
        alarm: Whether the move raises an alarm.
        expected: What was expected, if the alarm stops a promotion; else empty.
    """

    sentence: str
    alarm: bool = False
    expected: str = ""


class Check(Frozen):
    """The result of one check of a candidate, with its sentence."""

    name: str
    passed: bool
    sentence: str


class DataCheck(Check):
    """Whether the data are like those that the champion was trained on."""

    name: Literal["data"] = "data"
    quarantined_fraction: float


class DriftCheck(Check):
    """Whether the champion is still as good on these test rows as when it was promoted.

    Attributes:
        roc_auc, highest: The champion's ROC AUC on these rows, and its upper bound; None if the
            champion did not score them.
        rmse, lowest: The same for a number, with the lower bound.
        promoted_with: The champion's metric when it was promoted; None if its decision is gone.
        least_fall: The lower bound for how much worse the metric is now.
    """

    name: Literal["drift"] = "drift"
    roc_auc: float | None = None
    highest: float | None = None
    promoted_with: float | None = None
    least_fall: float | None = None
    rmse: float | None = unless(None)
    lowest: float | None = unless(None)

    @property
    def now(self) -> float | None:
        """The champion's metric on these rows; None if it did not score them."""
        return self.roc_auc if self.rmse is None else self.rmse


class FloorCheck(Check):
    """Whether the candidate is good enough compared with simple models.

    Two further fields are named after the simplest and the linear baseline; they hold the
    comparison of the candidate with each.

    Attributes:
        smaller_class_rows: Number of test rows of the rarest class, or of groups with such a row;
            for a number, of all test rows or groups.
        enough_rows: Whether they are enough to promote.
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
        compared: By run id: the comparison of the candidate with this champion.
        best: By metric: the run id of the best champion.
        seen_worse: Whether the measured loss exceeds the tolerance; False if only its bound does.
    """

    name: Literal["champion"] = "champion"
    compared: dict[str, Comparison]
    best: dict[str, str]
    seen_worse: bool


class ArtifactCheck(Check):
    """Whether the saved artifact gives the judged predictions for the golden rows."""

    name: Literal["artifact"] = "artifact"
    golden_rows: int
    largest_difference: float | None


def check_artifact(
    golden_judged: np.ndarray, golden_predictions: np.ndarray, task: Task, unit: float = 1.0
) -> ArtifactCheck:
    """Check that the artifact on disk gives the judged predictions, within 1e-6 of `unit`."""
    rows = len(golden_judged)
    gaps = np.abs(golden_judged - golden_predictions)
    neither = np.isnan(golden_judged) & np.isnan(golden_predictions)
    same = (gaps <= GOLDEN_TOLERANCE * unit) | neither
    wrong_count, golden_text = int(np.sum(~same.all(axis=1))), f"{rows} golden rows"
    sentence = f"read back from disk, it gives {golden_text} the judged {task.traits.predictions}"
    if wrong_count:
        sentence = (
            f"the artifact read back from disk gives other {task.traits.predictions} for "
            f"{wrong_count} of {golden_text}"
        )
    return ArtifactCheck(
        passed=not wrong_count,
        sentence=sentence,
        golden_rows=rows,
        largest_difference=float(np.nanmax(gaps)) if np.isfinite(gaps).any() else None,
    )


# Gate ---------------------------------------------------------------------------------------------

START_OVER = "--params promotion.start_over=true judges without the champion"


def check_floor(judged: Evaluation, promotion: PromotionOptions) -> FloorCheck:
    """Check that the candidate beats the simplest baseline and does not lose to the linear one.

    It loses if it is shown to be worse, and measured to be worse by more than the tolerance.
    """
    simplest, linear = (judged.task.baseline(role) for role in ("simplest", "linear"))
    compared = {
        name: judged.compare(CANDIDATE, name, promotion.confidence) for name in (simplest, linear)
    }
    better, beside = compared[simplest], compared[linear]
    unit, tolerance = judged.unit(linear), promotion.tolerance
    shown_worse = beyond_tolerance(dict.fromkeys(beside, 0.0), beside, "at_best")
    measured = beyond_tolerance(tolerance, beside, "difference", unit)
    losses = {m: d for m, d in shown_worse.items() if m in measured or np.isnan(d.at_best)}
    missing_count, faults = judged.without_prediction[CANDIDATE], []
    fewest, shortage = _few_rows(judged, promotion.min_test_rows_per_class)
    if shortage:
        faults.append(shortage)
    if missing_count:
        faults.append(
            f"the candidate gives no {judged.task.traits.prediction} for {missing_count} of "
            f"{len(judged.labels)} test rows"
        )
    if not all(METRICS[m].worse * d.at_worst < 0 for m, d in better.items()):
        faults.append(
            f"the candidate is not shown to be better than the {MODELS[simplest].words}: "
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


def _few_rows(judged: Evaluation, needed: int) -> tuple[int, str]:
    """Count the rows, or groups, of the rarest class; add a sentence if they are too few."""
    fewest, class_names = fewest_rows(judged, judged.task)
    if fewest >= needed:
        return fewest, ""
    row_words = "test rows" if judged.groups is None else "groups of test rows"
    if judged.all_rows is not None:
        row_words += f" that judge ({len(judged.labels)} of {judged.all_rows[0]} rows)"
    if class_names is None:
        count_words = f"there are {fewest} {row_words}"
    elif judged.groups is None:
        count_words = f"{fewest} of {len(judged.labels)} {row_words} are {class_names[0]}"
    else:
        count_words = (
            f"{fewest} of {len(np.unique(judged.groups))} {row_words} have {class_names[1]}"
        )
    return fewest, (
        f"{count_words}{weights_note(judged.weights)}, too few to tell a good candidate from a "
        f"lucky one: expected at least {needed}{' of each class' if class_names else ''} "
        "(promotion.min_test_rows_per_class). Wait for more rows, or raise split.test_fraction"
    )


def check_champions(
    judged: Evaluation, champions: list[Champion], promotion: PromotionOptions
) -> ChampionCheck:
    """Check for a loss against the champion, and for each metric against the best kept champion.

    The kept champions prevent losses within the tolerance from adding up. With `start_over`, the
    serving champion, the first one, need not be compared.
    """
    tolerance, serving = promotion.tolerance, champions[0].run_id if champions else None
    not_compared = {c.run_id: c.not_compared for c in champions if c.not_compared is not None}
    compared = {
        champion.run_id: judged.compare(CANDIDATE, champion.run_id, promotion.confidence)
        for champion in champions
        if champion.not_compared is None
    }
    # The champion that the candidate is furthest behind; champions may be judged on different rows.
    best = {
        metric: max(
            compared, key=lambda run: METRICS[metric].worse * compared[run][metric].difference
        )
        for metric in judged.task.compared
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
        rivals.insert(0, (serving, f"champion {serving}", differences))
        facts = [f"not worse than the champion {serving} ({_numbers(differences)})"]
        facts += [f"not compared with {run}: {why}" for run, why in not_compared.items()]
    elif serving:
        facts = [f"not compared with the champion {serving}: {not_compared[serving]}"]
        faults = [] if promotion.start_over else [f"{facts[0]}; {START_OVER}"]
    losses = [
        (run, champion_words, beyond)
        for run, champion_words, differences in rivals
        if (beyond := beyond_tolerance(tolerance, differences, unit=judged.unit(run)))
    ]
    faults += [
        _loss(judged, run, beyond, tolerance, f"the {champion_words}")
        for run, champion_words, beyond in losses
    ]
    left_out = [
        f"{c.left_out_rows} of {len(judged.labels)} test rows left out, "
        f"which {c.run_id} was trained on"
        for c in champions
        if c.run_id in compared and c.left_out_rows
    ]
    return ChampionCheck(
        passed=not faults,
        sentence="; ".join([*(faults or facts), *left_out]),
        compared=compared,
        best=best,
        seen_worse=any(
            beyond_tolerance(tolerance, beyond, "difference", judged.unit(run))
            for run, _, beyond in losses
        ),
    )


def outcome(checks: Collection[Check]) -> tuple[bool, str]:
    """Decide whether to promote, with the reason: the sentence of the first check that failed."""
    for check in checks:
        if not check.passed:
            return False, check.sentence
    _, _, floor, champion, _ = checks
    return True, f"{champion.sentence}; {floor.sentence}"


def beyond_tolerance(
    tolerance: Tolerance,
    differences: Comparison,
    bound: str = "at_worst",
    unit: float = 1.0,
) -> Comparison:
    """Return the metrics whose difference, at that bound, is worse by more than the tolerance.

    The tolerance is in `unit`, see `Evaluation.unit`. A bound of NaN counts as worse.
    """
    return {
        metric: difference
        for metric, difference in differences.items()
        if not METRICS[metric].worse * getattr(difference, bound) <= tolerance[metric] * unit
    }


def _loss(
    judged: Evaluation,
    run: str,
    beyond: Comparison,
    tolerance: Tolerance,
    champion_words: str,
) -> str:
    """Say whether these rows show a loss, or are only too few to rule it out."""
    unit, rows = judged.unit(run), len(judged.parts.get(run, judged).labels)
    measured_loss = beyond_tolerance(tolerance, beyond, "difference", unit)
    doubt = "" if measured_loss else f"{rows} test rows cannot rule out that "
    return (
        f"{doubt}the candidate is worse than {champion_words} by more than the tolerance "
        f"({_allowed(tolerance, beyond, unit)}): {_numbers(beyond)}"
    )


def _allowed(tolerance: Tolerance, differences: Comparison, unit: float) -> str:
    return ", ".join(
        f"{METRICS[m].words} {metric_text(m, tolerance[m] * unit, 'g')}" for m in differences
    )


def _numbers(differences: Comparison, bound: str = "at_worst") -> str:
    return ", ".join(
        f"{METRICS[metric].words} {metric_text(metric, numbers.difference, '+.4f')}, "
        f"{bound.replace('_', ' ')} {metric_text(metric, getattr(numbers, bound), '+.4f')}"
        for metric, numbers in differences.items()
    )
