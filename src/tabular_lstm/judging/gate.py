"""The gate that a candidate passes to become the champion: numbers in, four checks out.

Every difference is paired: both models score the same rows, and the same resamples of them (Efron
and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). A candidate is promoted when
it is shown not to be worse by more than a tolerance, a non-inferiority test: few rows make it hard
to be promoted, never easy.

A check is a dictionary of `check`, its name, `passed`, `sentence`, and the numbers behind it.
"""

from collections.abc import Iterable
from statistics import NormalDist
from typing import Any

import numpy as np

from tabular_lstm.judging.metrics import Resampled

# What is compared, and the sign that makes more of it worse.
WORSE = {"log_loss": 1, "roc_auc": -1}
NAMES = {"log_loss": "log loss", "roc_auc": "ROC AUC"}
POWER = 0.8
NORMAL = NormalDist()
EQUAL = 1e-12
# Where few rows skew a difference as much as that, its bound is the outermost bootstrap value.
MOST_SHIFTED = 0.1
GOLDEN_TOLERANCE = 1e-6
START_OVER = "--params promotion.start_over=true judges without the champion"

# What a label means, whichever side its row is on.
CLASSES = {"label", "positive_class", "negative_class"}

Check = dict[str, Any]
Difference = dict[str, dict[str, float]]


def difference(
    points: dict[str, Any],
    other_points: dict[str, Any],
    resampled: Resampled,
    other_resampled: Resampled,
    confidence: float,
) -> Difference:
    """Compare a candidate with another model on the same rows.

    Args:
        points: The candidate's metrics.
        other_points: The other's.
        resampled: The candidate's metrics on resamples of the rows, see `metrics.bootstrap`.
        other_resampled: The other's, on the same resamples.
        confidence: One-sided, of each bound.

    Returns:
        For log_loss and roc_auc: `difference`, candidate - other; `at_worst` and `at_best`, its
        bounds; `detectable`, the smallest true difference that so many rows would show four times
        out of five.
    """
    compared = {}
    for metric, sign in WORSE.items():
        point = points[metric] - other_points[metric]
        worse = sign * (resampled[metric] - other_resampled[metric])
        worse = worse[~np.isnan(worse)]
        best, worst = _bounds(worse, sign * point, confidence)
        deviations = NORMAL.inv_cdf(confidence) + NORMAL.inv_cdf(POWER)
        compared[metric] = {
            "difference": point,
            "at_worst": sign * worst,
            "at_best": sign * best,
            "detectable": float(deviations * worse.std()),
        }
    return compared


def _bounds(values: np.ndarray, point: float, confidence: float) -> tuple[float, float]:
    """Bound what bootstrap values estimate, below and above, each with that confidence.

    Bias-corrected and accelerated percentiles (Efron, "Better Bootstrap Confidence Intervals",
    Journal of the American Statistical Association 82, 1987), the acceleration by the skewness of
    the bootstrap values. Plain percentiles promise too much where a few rows lose much, as they do
    to a model that is sure of itself: `benchmarks/gate.py`.
    """
    if not len(values):
        return np.nan, np.nan
    deviation = values.std()
    if deviation < EQUAL:
        return point, point
    near = np.abs(values - point) < EQUAL
    below = np.mean((values < point) & ~near) + np.mean(near) / 2
    bias = NORMAL.inv_cdf(float(np.clip(below, 1 / len(values), 1 - 1 / len(values))))
    acceleration = float(np.mean((values - values.mean()) ** 3) / deviation**3) / 6

    def quantile(share: float) -> float:
        shifted = bias + NORMAL.inv_cdf(share)
        level = NORMAL.cdf(bias + shifted / max(1 - acceleration * shifted, MOST_SHIFTED))
        return float(np.quantile(values, level))

    return quantile(1 - confidence), quantile(confidence)


def not_shown(compared: Difference, tolerance: dict[str, float]) -> Difference:
    """Take the metrics in which the candidate may be worse by more than the tolerance.

    A bound that is NaN rules nothing out.
    """
    return {m: d for m, d in compared.items() if not WORSE[m] * d["at_worst"] <= tolerance[m]}


def check_data(
    now: dict[str, Any],
    before: dict[str, Any] | None,
    row_ratio: tuple[float, float],
    max_label_share_change: float,
    max_quarantined_fraction: float,
) -> Check:
    """Hold the data against what the champion was trained on.

    Args:
        now: `rows`, `valid_rows`, `quarantined_rows`, `features`, `label_share` and `split` (all
            that decides which side a row is on).
        before: The same of the champion's run; None without a champion, or to start over.
        row_ratio: Lowest and highest `valid_rows`, in multiples of the champion's.
        max_label_share_change: Of `label_share`.
        max_quarantined_fraction: Of `rows`.
    """
    quarantined = now["quarantined_rows"] / now["rows"]
    numbers: dict[str, Any] = {
        "quarantined_fraction": quarantined,
        "max_quarantined_fraction": max_quarantined_fraction,
    }
    facts = [f"{_percent(quarantined)} of {now['rows']} rows quarantined"]
    faults: list[str] = []
    limits: list[str] = []
    other: list[str] = []
    if quarantined > max_quarantined_fraction:
        faults.append(f"{facts[0]} (expected at most {_percent(max_quarantined_fraction)})")
        limits.append("validation.max_quarantined_fraction")
    if before is not None:
        ratio = now["valid_rows"] / before["valid_rows"]
        shares = [before["label_share"], now["label_share"]]
        numbers |= {
            "valid_rows": [before["valid_rows"], now["valid_rows"]],
            "row_ratio": ratio,
            "allowed_row_ratio": list(row_ratio),
            "label_share": shares,
            "max_label_share_change": max_label_share_change,
            "new_features": sorted(set(now["features"]) - set(before["features"])),
            "gone_features": sorted(set(before["features"]) - set(now["features"])),
            "same_split": now["split"] == before["split"],
        }
        rows = (
            f"{now['valid_rows']} valid rows, {ratio:.2f} times the champion's "
            f"{before['valid_rows']}"
        )
        share = f"{_percent(shares[1])} positive against the champion's {_percent(shares[0])}"
        facts += [rows, share, "the same features"]
        if not row_ratio[0] <= ratio <= row_ratio[1]:
            faults.append(f"{rows} (expected {row_ratio[0]:g} to {row_ratio[1]:g} times)")
            limits.append("promotion.row_ratio")
        if abs(shares[1] - shares[0]) > max_label_share_change:
            points = f"{100 * max_label_share_change:g} points"
            faults.append(f"{share} (expected at most {points} of difference)")
            limits.append("promotion.max_label_share_change")
        other = _other_rows(now, before)
        faults += other
    sentence = ", ".join(facts)
    if faults:
        ways = [f"widen {' and '.join(limits)}"] if limits else []
        ways += [START_OVER] if other else []
        sentence = (
            f"the data are not as expected: {'; '.join(faults)}. If that is meant, "
            f"{'; '.join(ways)}"
        )
    return {"check": "data", "passed": not faults, "sentence": sentence, **numbers}


def _other_rows(now: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Say why the champion cannot score these test rows, or may have been trained on them."""
    features, champions = set(now["features"]), set(before["features"])
    if features != champions:
        kinds = {"new": features - champions, "gone": champions - features}
        listed = "; ".join(f"{kind}: {', '.join(sorted(n))}" for kind, n in kinds.items() if n)
        return [f"other features than the champion's ({listed})"]
    if now["split"] != before["split"]:
        names = {*now["split"], *before["split"]}
        changed = sorted(n for n in names if now["split"].get(n) != before["split"].get(n))
        meant = "whose labels do not mean the same"
        moved = "which may have been trained on rows that are now test rows"
        why = meant if {*changed} <= CLASSES else moved
        return [f"{', '.join(changed)} changed since the champion's run, {why}"]
    return []


def check_floor(
    majority_class: Difference,
    logistic_regression: Difference,
    rows: int,
    rows_without_probability: int,
) -> Check:
    """Ask for more than the majority class gives, and no clear loss to logistic regression.

    Args:
        majority_class: The candidate compared with it.
        logistic_regression: Likewise.
        rows: Test rows.
        rows_without_probability: Test rows for which the candidate gave none.
    """
    faults = []
    if rows_without_probability:
        faults.append(
            f"the candidate gives no probability for {rows_without_probability} of {rows} test rows"
        )
    if not all(WORSE[m] * d["at_worst"] < 0 for m, d in majority_class.items()):
        faults.append(
            "the candidate is not shown to be better than the majority class: "
            f"{_said(majority_class)}"
        )
    lost = {m: d for m, d in logistic_regression.items() if not WORSE[m] * d["at_best"] <= 0}
    if lost:
        faults.append(
            f"the candidate is clearly worse than logistic regression: {_said(lost, 'at_best')}"
        )
    sentence = "; ".join(faults) or (
        f"better than the majority class ({_said(majority_class)}) and not clearly "
        f"worse than logistic regression ({_said(logistic_regression, 'at_best')})"
    )
    return {
        "check": "floor",
        "passed": not faults,
        "sentence": sentence,
        "rows_without_probability": rows_without_probability,
        "majority_class": majority_class,
        "logistic_regression": logistic_regression,
    }


def check_champions(
    compared: dict[str, Difference],
    champion_metrics: dict[str, dict[str, float]],
    not_compared: dict[str, str],
    champion: str | None,
    tolerance: dict[str, float],
    rows: int,
    start_over: bool,
) -> Check:
    """Ask for no loss against the champion, nor against the best of the kept champions.

    The check says with `seen_worse` whether a loss beyond the tolerance was seen on these rows, or
    is only not ruled out.

    The best is chosen for each metric, so that losses within the tolerance do not add up while the
    champions are kept.

    Args:
        compared: The candidate's differences from each kept champion, by run id.
        champion_metrics: Their metrics on the same rows.
        not_compared: Why others were left out.
        champion: Run id of the one that serves; None without.
        tolerance: By how much the candidate may be worse.
        rows: Test rows.
        start_over: Whether the champion need not be compared with.
    """
    faults, facts, best, lost = [], [], {}, False
    if champion in compared:
        if beyond := not_shown(compared[champion], tolerance):
            lost = _seen(beyond, tolerance)
            faults.append(_loss(beyond, tolerance, f"the champion {champion}", rows))
        facts.append(f"not worse than the champion {champion} ({_said(compared[champion])})")
        facts += [f"not compared with {run}: {why}" for run, why in not_compared.items()]
    elif champion is None:
        facts.append("there was no champion to compare with")
    else:
        why = f"not compared with the champion {champion}: {not_compared[champion]}"
        if start_over:
            facts.append(why)
        else:
            faults.append(f"{why}; {START_OVER}")
    for metric, sign in WORSE.items():
        if not compared:
            break
        run = min(compared, key=lambda run: sign * champion_metrics[run][metric])
        best[metric] = run
        if run != champion and (beyond := not_shown({metric: compared[run][metric]}, tolerance)):
            lost |= _seen(beyond, tolerance)
            other = f"the best of the kept champions, {run},"
            faults.append(_loss(beyond, tolerance, other, rows))
    return {
        "check": "champion",
        "passed": not faults,
        "sentence": "; ".join(faults or facts),
        "seen_worse": lost,
        "champion": champion,
        "tolerance": tolerance,
        "compared": compared,
        "best": best,
        "not_compared": not_compared,
    }


def check_artifact(judged: np.ndarray, read_back: np.ndarray, sha256: str) -> Check:
    """Ask that the saved artifact gives the probabilities that were judged.

    Args:
        judged: Probabilities of the golden rows, as they were judged.
        read_back: The same from the file.
        sha256: The file's hash.
    """
    off = np.abs(judged - read_back)
    wrong = int(np.sum(~(off <= GOLDEN_TOLERANCE) & ~(np.isnan(judged) & np.isnan(read_back))))
    largest = float(np.nanmax(off)) if np.isfinite(off).any() else None
    sentence = (
        f"the artifact read back from disk gives other probabilities for {wrong} of {len(judged)} "
        "golden rows"
        if wrong
        else f"read back from disk, it gives {len(judged)} golden rows the judged probabilities"
    )
    return {
        "check": "artifact",
        "passed": not wrong,
        "sentence": sentence,
        "golden_rows": len(judged),
        "largest_difference": largest,
        "sha256": sha256,
    }


def verdict(checks: Iterable[Check]) -> tuple[bool, str]:
    """Decide: promoted or not, and why in one sentence, by the first check that failed."""
    checks = list(checks)
    failed = [check for check in checks if not check["passed"]]
    if failed:
        return False, failed[0]["sentence"]
    by_name = {check["check"]: check["sentence"] for check in checks}
    return True, f"{by_name['champion']}; {by_name['floor']}"


def _loss(beyond: Difference, tolerance: dict[str, float], other: str, rows: int) -> str:
    """Say of which kind a loss is: seen, or only not ruled out by so few rows."""
    allowed = ", ".join(f"{NAMES[m]} {tolerance[m]:g}" for m in beyond)
    verdict = (
        f"the candidate is worse than {other} by more than the tolerance"
        if _seen(beyond, tolerance)
        else f"{rows} test rows cannot rule out that the candidate is worse than {other} by more "
        "than the tolerance"
    )
    return f"{verdict} ({allowed}): {_said(beyond)}"


def _seen(beyond: Difference, tolerance: dict[str, float]) -> bool:
    """Tell a loss beyond the tolerance on these rows from one that they only do not rule out."""
    return any(WORSE[m] * d["difference"] > tolerance[m] for m, d in beyond.items())


def _said(compared: Difference, bound: str = "at_worst") -> str:
    words = bound.replace("_", " ")
    return ", ".join(
        f"{NAMES[metric]} {numbers['difference']:+.4f}, {words} {numbers[bound]:+.4f}"
        for metric, numbers in compared.items()
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
