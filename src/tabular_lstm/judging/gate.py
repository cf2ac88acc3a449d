"""The gate that a candidate must pass to become the champion: its checks and its reason.

A candidate is promoted if a non-inferiority test shows that it is not worse than a champion by more
than a tolerance. Few test rows make promotion harder, never easier.
"""

from collections.abc import Collection

import numpy as np

from tabular_lstm.judging.checks import Champion, ChampionCheck, Check, FloorCheck
from tabular_lstm.judging.comparison import Comparison, Judged
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, WORSE, written
from tabular_lstm.parameters import Promotion, Tolerance
from tabular_lstm.rows.weights import weights_note

NONE = Tolerance(log_loss=0, roc_auc=0, rmse=0, mae=0)
START_OVER = "--params promotion.start_over=true judges without the champion"


def check_floor(judged: Judged, promotion: Promotion) -> FloorCheck:
    """Check that the candidate beats the simplest baseline and does not lose to the linear one."""
    simplest, linear, _ = judged.measure.baselines
    compared = {
        name: judged.compare(CANDIDATE, name, promotion.confidence) for name in (simplest, linear)
    }
    better, beside = compared[simplest], compared[linear]
    lost = not_within(NONE, beside, "at_best")
    unknown, faults = judged.without_prediction[CANDIDATE], []
    fewest, few = _few_rows(judged, promotion.min_test_rows_per_class)
    if few:
        faults.append(few)
    if unknown:
        faults.append(
            f"the candidate gives no {judged.measure.predicted} for {unknown} of "
            f"{len(judged.labels)} test rows"
        )
    if not all(WORSE[m] * d.at_worst < 0 for m, d in better.items()):
        faults.append(
            f"the candidate is not shown to be better than the {MODELS[simplest]}: "
            f"{_numbers(better)}"
        )
    if lost:
        faults.append(
            f"the candidate is clearly worse than {MODELS[linear]}: {_numbers(lost, 'at_best')}"
        )
    sentence = "; ".join(faults) or (
        f"better than the {MODELS[simplest]} ({_numbers(better)}) and not clearly worse than "
        f"{MODELS[linear]} ({_numbers(beside, 'at_best')})"
    )
    return FloorCheck(
        passed=not faults,
        sentence=sentence,
        smaller_class_rows=fewest,
        enough_rows=not few,
        rows_without_probability=unknown,
        **compared,
    )


def _few_rows(judged: Judged, needed: int) -> tuple[int, str]:
    """Count the rows, or groups, of the rarest class; add a sentence if they are too few."""
    fewest, named = judged.measure.fewest(judged)
    if fewest >= needed:
        return fewest, ""
    what = "test rows" if judged.groups is None else "groups of test rows"
    if named is None:
        few = f"there are {fewest} {what}"
    elif judged.groups is None:
        few = f"{fewest} of {len(judged.labels)} {what} are {named[0]}"
    else:
        few = f"{fewest} of {len(np.unique(judged.groups))} {what} have {named[1]}"
    return fewest, (
        f"{few}{weights_note(judged.weights)}, too few to tell a good candidate from a lucky one: "
        f"expected at least {needed}{' of each class' if named else ''} "
        "(promotion.min_test_rows_per_class). Wait for more rows, or raise split.test_fraction"
    )


def check_champions(
    judged: Judged, champions: list[Champion], promotion: Promotion
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
        metric: max(compared, key=lambda run: WORSE[metric] * compared[run][metric].difference)
        for metric in judged.measure.compared
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
    lost = [
        (run, words, beyond)
        for run, words, differences in rivals
        if (beyond := not_within(tolerance, differences, unit=judged.unit(run)))
    ]
    faults += [_loss(judged, run, beyond, tolerance, f"the {words}") for run, words, beyond in lost]
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
            not_within(tolerance, beyond, "difference", judged.unit(run)) for run, _, beyond in lost
        ),
    )


def outcome(checks: Collection[Check]) -> tuple[bool, str]:
    """Decide whether to promote, with the reason: the sentence of the first check that failed."""
    for check in checks:
        if not check.passed:
            return False, check.sentence
    _, _, floor, champion, _ = checks
    return True, f"{champion.sentence}; {floor.sentence}"


def not_within(
    tolerance: Tolerance, differences: Comparison, bound: str = "at_worst", unit: float = 1.0
) -> Comparison:
    """Return the metrics whose difference, at that bound, is worse by more than the tolerance.

    The tolerance is in `unit`, see `Judged.unit`. A bound of NaN counts as worse.
    """
    return {
        metric: difference
        for metric, difference in differences.items()
        if not WORSE[metric] * getattr(difference, bound) <= getattr(tolerance, metric) * unit
    }


def _loss(judged: Judged, run: str, beyond: Comparison, tolerance: Tolerance, other: str) -> str:
    """Say whether these rows show a loss, or are only too few to rule it out."""
    unit, rows = judged.unit(run), len(judged.parts.get(run, judged).labels)
    seen = not_within(tolerance, beyond, "difference", unit)
    few = "" if seen else f"{rows} test rows cannot rule out that "
    allowed = ", ".join(
        f"{METRICS[m]} {written(m, getattr(tolerance, m) * unit, 'g')}" for m in beyond
    )
    return (
        f"{few}the candidate is worse than {other} by more than the tolerance "
        f"({allowed}): {_numbers(beyond)}"
    )


def _numbers(differences: Comparison, bound: str = "at_worst") -> str:
    words = bound.replace("_", " ")
    return ", ".join(
        f"{METRICS[metric]} {written(metric, numbers.difference, '+.4f')}, {words} "
        f"{written(metric, getattr(numbers, bound), '+.4f')}"
        for metric, numbers in differences.items()
    )
