"""The gate that a candidate passes to become the champion: its checks, and the reason in words.

A candidate is promoted when it is shown not to be worse than a champion by more than a tolerance, a
non-inferiority test: few rows make it hard to be promoted, never easy.
"""

from collections.abc import Collection

import numpy as np

from tabular_lstm.errors import printable
from tabular_lstm.judging.checks import Champion, ChampionCheck, Check, DataCheck, FloorCheck
from tabular_lstm.judging.comparison import Comparison, Judged
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, WORSE, written
from tabular_lstm.parameters import Promotion, Tolerance, Validation
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.data_warnings import listed, said_of
from tabular_lstm.rows.label_measures import MEASURES
from tabular_lstm.rows.weights import weights_note

NONE = Tolerance(log_loss=0, roc_auc=0, rmse=0, mae=0)
LEAVE_OUT = "leave it out: name it in columns.ignore"
START_OVER = "--params promotion.start_over=true judges without the champion"
WIDEN = "If that is meant, change the limit"


def check_data(
    data_summary: DataSummary,
    champions: list[Champion],
    promotion: Promotion,
    validation: Validation,
) -> DataCheck:
    """Compare the data with what the champion that serves, the first, was trained on, if any.

    Where rows that belong together may be on both sides, no figure can be trusted.
    """
    now, limit = data_summary, validation.max_quarantined_fraction
    before = champions[0].data if champions and not promotion.start_over else None
    share = now.quarantined_rows / now.labelled_rows
    # What is said, and what was expected where that is beyond its limit.
    facts = [
        (
            f"{_percent(share)} of {now.labelled} quarantined",
            ""
            if share <= limit
            else f"expected at most validation.max_quarantined_fraction = {_percent(limit)}",
        )
    ]
    if now.repeated_test_rows:
        facts.append(_repeated(now, promotion.max_repeated_test_rows))
    if before is not None:
        facts += _beside_champion(now, before, promotion)
    faults = [f"{fact} ({expected})" for fact, expected in facts if expected]
    told = MEASURES[now.task.kind]
    leaks = f"possible leak, alone {told.telling} ({told.name}): {listed(now.possible_leaks)}"
    if now.possible_leaks and promotion.refuse_possible_leaks:
        faults.append(f"{leaks} (expected none for promotion.refuse_possible_leaks; {LEAVE_OUT})")
    sentence = ", ".join(fact for fact, _ in facts)
    wrong = [f"the data are not as expected: {'; '.join(faults)}. {WIDEN}"] if faults else []
    if now.dependent_rows:
        wrong.insert(0, said_of(now.dependent_rows))
    if wrong:
        sentence = ". Besides, ".join(wrong)
    elif now.possible_leaks:
        sentence += f"; {leaks}. If that is known only after the label, {LEAVE_OUT}"
    return DataCheck(passed=not wrong, sentence=printable(sentence), quarantined_fraction=share)


def _repeated(now: DataSummary, limit: float) -> tuple[str, str]:
    """Give the fact that test rows have the features of train rows of other keys."""
    share, by = now.repeated_test_rows / now.test_rows, now.told_apart_by
    fact = f"{_percent(share)} of {now.test_rows} test rows have the features of a train row"
    why = (
        f"expected at most promotion.max_repeated_test_rows = {_percent(limit)}; the same row "
        f"under two {by}s proves nothing"
    )
    return f"{fact} of another {by}", "" if share <= limit else why


def _beside_champion(
    now: DataSummary, before: DataSummary, promotion: Promotion
) -> list[tuple[str, str]]:
    """Give the facts about rows, labels and features beside the champion's."""
    ratio, (low, high) = now.valid_rows / before.valid_rows, promotion.row_ratio
    new, gone = {*now.features} - {*before.features}, {*before.features} - {*now.features}
    features = [
        f"{kind} {'feature' if len(names) == 1 else 'features'}: {', '.join(sorted(names))}"
        for kind, names in (("new", new), ("lost", gone))
        if names
    ]
    return [
        (
            f"{now.valid_rows} valid rows, {ratio:.2f} times the champion's {before.valid_rows}",
            ""
            if low <= ratio <= high
            else f"expected promotion.row_ratio = {low:g} to {high:g} times",
        ),
        *_label_beside(now, before, promotion),
        # Whether the champion can do without is said where it is compared with.
        ("; ".join(features) or "the same features", ""),
        *([(now.other_weights(before), "")] if now.weight != before.weight else []),
    ]


def _label_beside(
    now: DataSummary, before: DataSummary, promotion: Promotion
) -> list[tuple[str, str]]:
    """Give the fact about labels beside the champion's; none where the task was another one."""
    limit = promotion.max_label_share_change
    expected = f"expected at most promotion.max_label_share_change = {limit:g} of difference"
    both = now.label, before.label
    if now.label_share is not None and before.label_share is not None:
        share, its, named = now.label_share, before.label_share, "positive"
    elif both[0] is None or both[1] is None or both[0].kind != both[1].kind:
        return []
    elif both[0].mean is None or both[1].mean is None:
        names = sorted({*both[0].levels, *both[1].levels})
        shares = {name: [label.levels.get(name, 0.0) for label in both if label] for name in names}
        most = max(names, key=lambda name: abs(shares[name][0] - shares[name][1]))
        (share, its), named = shares[most], f"of class {most}"
    else:
        mean, its, deviation = both[0].mean, both[1].mean, both[1].deviation or 0.0
        limit = promotion.max_label_shift
        expected = (
            f"expected at most promotion.max_label_shift = {limit:g} of its standard deviation, "
            f"{deviation:.4g}, of difference"
        )
        fact = f"labels of {mean:.4g} on average against the champion's {its:.4g}"
        return [(fact, "" if abs(mean - its) <= limit * deviation else expected)]
    fact = f"{_percent(share)} {named} against the champion's {_percent(its)}"
    return [(fact, "" if abs(share - its) <= limit else expected)]


def check_floor(judged: Judged, promotion: Promotion) -> FloorCheck:
    """Ask for more than the simplest baseline gives, and no clear loss to the linear one."""
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
    """Count the rows, or groups, of the class that has fewest, and say so if they are too few."""
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
    """Ask for no loss against the champion, nor against the best of the kept champions by metric.

    So losses within the tolerance do not add up while champions are kept. With `start_over` the
    champion that serves, the first, need not be compared.
    """
    tolerance, serving = promotion.tolerance, champions[0].run_id if champions else None
    not_compared = {c.run_id: c.not_compared for c in champions if c.not_compared is not None}
    compared = {
        champion.run_id: judged.compare(CANDIDATE, champion.run_id, promotion.confidence)
        for champion in champions
        if champion.not_compared is None
    }
    # From which the candidate is furthest behind: not all need be judged on the same rows.
    best = {
        metric: max(compared, key=lambda run: WORSE[metric] * compared[run][metric].difference)
        for metric in judged.measure.compared
        if compared
    }
    # Each model that the candidate must not lose to, and the differences from it that count.
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
    """Decide: promoted or not, and why in one sentence, by the first check that failed."""
    for check in checks:
        if not check.passed:
            return False, check.sentence
    _, _, floor, champion, _ = checks
    return True, f"{champion.sentence}; {floor.sentence}"


def not_within(
    tolerance: Tolerance, differences: Comparison, bound: str = "at_worst", unit: float = 1.0
) -> Comparison:
    """Take the metrics whose difference, at that bound, is worse by more than the tolerance.

    The tolerance is in `unit`, see `Judged.unit`. A bound that is NaN rules nothing out.
    """
    return {
        metric: difference
        for metric, difference in differences.items()
        if not WORSE[metric] * getattr(difference, bound) <= getattr(tolerance, metric) * unit
    }


def _loss(judged: Judged, run: str, beyond: Comparison, tolerance: Tolerance, other: str) -> str:
    """Say of which kind a loss is: seen on these rows, or only not ruled out by so few."""
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


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
