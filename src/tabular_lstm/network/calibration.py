"""Learn from out-of-fold logits: a temperature, the weights of both kinds, a decision threshold.

Labels are 0 or 1, of shape (rows,), and so are the rows' weights where they do not count alike: a
row of weight 2 counts as two rows. No TensorFlow: the baselines' thresholds are chosen by the same
function.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from tabular_lstm.parameters import Objective

# A temperature beyond these comes of too few rows, or of classes that are perfectly separated.
TEMPERATURES = (0.2, 5.0)
# Sums of weights are equal that differ by less than a millionth: rows that hardly count, as by a
# class weight of 0.0001, do not choose a threshold.
DECIMALS = 6
# How many rows' log loss, in nats, it costs to leave one kind out.
PULL = 1.25
# Below that share a kind is left out: scoring would take as long for it as for the other.
LEAST = 0.05
# A share has so many decimals, so that it does not hang on the last bits of the logits.
SHARE_DECIMALS = 2


def log_losses(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Give the binary cross-entropy of each logit, in nats."""
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


def fit_temperature(
    labels: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Find the temperature with the lowest log loss of logits / temperature.

    The labels are replaced by Platt's targets: (positives + 1) / (positives + 2) instead of 1, and
    1 / (negatives + 2) instead of 0. Otherwise few rows, all of them classified correctly, would
    make every probability 0 or 1.

    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017;
    the targets: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

    Examples:
        >>> labels = np.array([0, 1, 1, 1])
        >>> round(fit_temperature(labels, np.array([3.0, 3.0, 3.0, 3.0])), 2)
        3.9
    """
    positives, rows = (
        (np.count_nonzero(labels), len(labels))
        if weights is None
        else (np.sum(weights[labels > 0]), np.sum(weights))
    )
    negatives = rows - positives
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    found = minimize_scalar(
        lambda log_t: np.average(log_losses(targets, logits / np.exp(log_t)), weights=weights),
        bounds=np.log(TEMPERATURES),
        method="bounded",
    )
    return float(np.exp(found.x))


def choose_threshold(
    labels: np.ndarray,
    probabilities: np.ndarray,
    objective: Objective,
    weights: np.ndarray | None = None,
) -> float:
    """Find the decision threshold that is best for the objective.

    Of equally good thresholds it takes the one closest to the threshold that would be best if the
    probabilities were exact: 0.5 for accuracy and F1, the false positive's share of both costs for
    costs.

    Examples:
        >>> choose_threshold(np.array([0, 1, 1]), np.array([0.2, 0.3, 0.9]), Objective())
        0.25
    """
    if weights is not None:
        some = weights > 0
        labels, probabilities, weights = labels[some], probabilities[some], weights[some]
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], labels[order].astype(bool)
    # Calling the first i rows positive, for each i where the probability changes after row i.
    called = np.flatnonzero(np.diff(ranked, prepend=np.inf, append=-np.inf))
    counts = np.ones(len(hits), int) if weights is None else weights[order]
    true_positives = np.concatenate([[0], np.cumsum(counts * hits)])[called]
    false_positives = np.concatenate([[0], np.cumsum(counts * ~hits)])[called]
    false_negatives = np.sum(counts * hits) - true_positives
    costs = objective.costs
    if objective.kind == "f1":
        errors = false_positives + false_negatives
        all_of_f1 = 2 * true_positives + errors
        served = 2 * true_positives / np.where(all_of_f1 > 0, all_of_f1, 1)
    else:
        served = -(costs.false_positive * false_positives + costs.false_negative * false_negatives)
    if weights is not None:
        largest = float(np.abs(served).max()) or 1.0
        served = np.asarray(np.round(served / largest, DECIMALS), np.float64)
    # The threshold lies above the first row not called, up to the last one called.
    low = np.append(ranked, 0.0)[called]
    high = np.append(1.0, ranked)[called]
    # A row of probability 1 is called positive whatever the threshold.
    served = np.where((called == 0) & (low >= high), -np.inf, served)
    natural = costs.false_positive / (costs.false_positive + costs.false_negative)
    middle = (low + high) / 2
    middle = np.where(middle > low, middle, high)
    inside = (low < natural) & (natural <= high)
    distance = np.where(inside, 0, np.abs(middle - natural))
    best = np.lexsort((distance, -served))[0]
    return float(natural if inside[best] else middle[best])


# Kinds -------------------------------------------------------------------------------------------
#
# Members whose frequencies start low see smooth relations, and those whose frequencies start high
# see sharp ones too, and noise. Which of them a table asks for, its train rows tell.


@dataclass(frozen=True)
class Kind:
    """A kind of members, and what it is worth."""

    frequency_scale: float  # of its members
    log_loss: float  # of its own calibrated out-of-fold probabilities, in nats
    temperature: float  # by which they are calibrated
    share: float  # of the calibrated logits' mean, from 0 to 1


def weigh(
    labels: np.ndarray,
    logits: Sequence[np.ndarray],
    scales: Sequence[float],
    weights: np.ndarray | None = None,
) -> list[Kind]:
    """Weigh one or two kinds so that the log loss of their mean calibrated logit is lowest.

    The share of the first is pulled toward one half, as few rows tell little of it.

    Args:
        labels: 0 or 1, (rows,).
        logits: Of each kind, out of fold, (rows,).
        scales: Of each kind.
        weights: How much each row counts, (rows,). Default: all alike.
    """
    temperatures = [fit_temperature(labels, z, weights) for z in logits]
    calibrated = [z / t for z, t in zip(logits, temperatures, strict=True)]
    shares = [1.0]
    if len(calibrated) > 1:
        first, second = calibrated
        pull = PULL / len(labels)

        def loss(share: float) -> float:
            blended = share * first + (1 - share) * second
            mean = np.average(log_losses(labels, blended), weights=weights)
            return float(mean + pull * (2 * share - 1) ** 2)

        found = minimize_scalar(loss, bounds=(0, 1), method="bounded")
        share = round(float(found.x), SHARE_DECIMALS)
        share = 0.0 if share < LEAST else 1.0 if share > 1 - LEAST else share
        shares = [share, round(1 - share, SHARE_DECIMALS)]
    losses = [float(np.average(log_losses(labels, z), weights=weights)) for z in calibrated]
    return [Kind(*kind) for kind in zip(scales, losses, temperatures, shares, strict=True)]


def blend(
    kinds: Sequence[Kind], logits: Sequence[np.ndarray], weights: Sequence[np.ndarray]
) -> tuple[list[int], np.ndarray, list[np.ndarray]]:
    """Put the shares into the members, so that their plain mean is the blend.

    Args:
        kinds: In the order of the members.
        logits: Of each kind, out of fold, (rows,).
        weights: All members' in the network's order, (k, …) each; the last two are the kernel and
            the bias of what gives a member's logit.

    Returns:
        The places of the kinds whose share is not 0, the mean logits of their members, (rows,),
        and their weights.
    """
    kept = [place for place, kind in enumerate(kinds) if kind.share]
    of_kind = len(weights[0]) // len(kinds)
    members = np.concatenate([np.arange(p * of_kind, (p + 1) * of_kind) for p in kept])
    if len(kept) == 1:  # as if there were no other
        return kept, logits[kept[0]], [weight[members] for weight in weights]
    factors = np.array([kinds[place].share / kinds[place].temperature for place in kept])
    *before, kernel, bias = (weight[members] for weight in weights)
    of_members = np.repeat(factors * len(kept), of_kind).astype(np.float32)
    read_out = [kernel * of_members[:, None, None], bias * of_members[:, None]]
    return kept, factors @ np.stack([logits[place] for place in kept]), before + read_out


def asked_for(kinds: Sequence[Kind]) -> str:
    """Say in a sentence what the rows asked for of two kinds; say nothing of one."""
    if len(kinds) == 1:
        return ""
    smooth, sharp = sorted(kinds, key=lambda kind: kind.frequency_scale)
    return (
        f"The rows ask for smooth relations by {100 * smooth.share:.0f} % and for sharp ones by "
        f"{100 * sharp.share:.0f} %"
    )
