"""Whether the champion still is on today's test rows what it was when it was promoted.

Where it is not, labels or features may mean something else than they did, and a candidate that is
better than it is no good news: a reason to stop and ask.
"""

import numpy as np

from tabular_lstm.judging.checks import Champion, DriftCheck
from tabular_lstm.judging.comparison import NORMAL, Judged
from tabular_lstm.judging.gate import START_OVER
from tabular_lstm.judging.metrics import CENTRAL, Metrics
from tabular_lstm.judging.names import METRICS
from tabular_lstm.parameters import Promotion
from tabular_lstm.rows.data_summary import DataSummary

CHANCE = 0.5
ASK = (
    "What the label or a feature means may have changed, such as classes swapped or another unit, "
    "or the world did. Look at the newest rows; if that is meant, "
)


def check_drift(
    judged: Judged,
    champions: list[Champion],
    promotion: Promotion,
    data_summary: DataSummary | None = None,
) -> DriftCheck:
    """Ask that the champion that serves, the first, is neither worse than chance nor has fallen.

    Both by bounds at `confidence`: its ROC AUC on these rows is clearly below 0.5, or clearly more
    than `max_champion_fall` below the one that it was promoted with. The latter is not known where
    rows counted by other weights then.
    """
    if not champions:
        return DriftCheck(passed=True, sentence="there was no champion whose results could change")
    champion = champions[0]
    name, then = f"the champion {champion.run_id}", champion.promoted_with
    if champion.not_compared is not None:
        return DriftCheck(
            passed=True,
            sentence=f"not known: {name} did not score these rows ({champion.not_compared})",
        )
    now = judged.metrics[champion.run_id].roc_auc
    _, highest = judged.roc_auc_bounds(champion.run_id, promotion.confidence)
    said = f"{METRICS['roc_auc']} {now:.3f} on these rows"
    known = "its decision is gone, which says what it was promoted with"
    if data_summary and champion.data and champion.data.weight != data_summary.weight:
        then, known = None, data_summary.other_weights(champion.data)
    if then is None:
        compared = f"{said}; {known}, so that only whether it is worse than chance was checked"
    else:
        compared = f"{said}, {then.roc_auc:.3f} when it was promoted"
    least = -np.inf if then is None else _least_fall(then, now, highest, promotion.confidence)
    if highest < CHANCE:
        fault = f"{name} is clearly worse than chance: {compared}. {ASK}{START_OVER}"
    elif least > promotion.max_champion_fall:
        fault = (
            f"{name} has fallen: {compared}, clearly more than promotion.max_champion_fall = "
            f"{promotion.max_champion_fall:g} lower. {ASK}widen that limit, or {START_OVER}"
        )
    else:
        fault = ""
    return DriftCheck(
        passed=not fault,
        sentence=fault or f"{name} has {compared}",
        roc_auc=now,
        highest=highest,
        promoted_with=then and then.roc_auc,
        least_fall=None if then is None else least,
    )


def _least_fall(then: Metrics, now: float, highest: float, confidence: float) -> float:
    """Bound from below by how much ROC AUC fell, as if the test rows were all others.

    Of the deviations to the bounds of the two values, the root of the sum of squares. Source:
    Newcombe, "Interval Estimation for the Difference between Independent Proportions", Statistics
    in Medicine 17, 1998, method 10.
    """
    two_sided = NORMAL.inv_cdf((1 + CENTRAL) / 2)
    below = (then.roc_auc - then.interval["roc_auc"][0]) * NORMAL.inv_cdf(confidence) / two_sided
    return float(then.roc_auc - now - np.hypot(below, highest - now))
