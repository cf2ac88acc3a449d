"""Weigh the kinds of members by what they say of the rows that they did not see.

Members whose frequencies start low see smooth relations, and those whose frequencies start high see
sharp ones too, and noise. Which of them a table asks for, its train rows tell.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from tabular_lstm.network.calibration import fit_temperature, log_losses

logger = logging.getLogger(__name__)

# How many rows' log loss, in nats, it costs to leave one kind out.
PULL = 1.25
# Below that share a kind is left out: scoring would take as long for it as for the other.
LEAST = 0.05
# A share has so many decimals, so that it does not hang on the last bits of the logits.
DECIMALS = 2
# Shares that differ by no more are said to be alike.
EVEN = 0.2


@dataclass(frozen=True)
class Kind:
    """A kind of members, and what it is worth.

    Attributes:
        frequency_scale: Of its members.
        log_loss: Of its own calibrated out-of-fold probabilities, in nats.
        temperature: By which they are calibrated.
        share: Of the calibrated logits' mean, from 0 to 1.
    """

    frequency_scale: float
    log_loss: float
    temperature: float
    share: float


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

        share = round(float(minimize_scalar(loss, bounds=(0, 1), method="bounded").x), DECIMALS)
        share = 0.0 if share < LEAST else 1.0 if share > 1 - LEAST else share
        shares = [share, round(1 - share, DECIMALS)]
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


def tell(kinds: Sequence[Kind], numbers: bool) -> str:
    """Log what the rows asked for, where there are two kinds, and give it as a sentence.

    Args:
        kinds: Weighed.
        numbers: Whether any feature is a number. If not, the kinds differ by feature dropout alone.

    Returns:
        The sentence, or an empty one of one kind.
    """
    if len(kinds) == 1:
        return ""
    smooth, sharp = sorted(kinds, key=lambda kind: kind.frequency_scale)
    if not numbers:
        said = "No feature is a number, so that no relation is smooth or sharp"
    elif abs(smooth.share - sharp.share) <= EVEN:
        said = "The rows ask for smooth and sharp relations alike"
    else:
        more = "smooth" if smooth.share > sharp.share else "sharp"
        said = f"The rows ask for {more} relations more"
    said += ": " + " and ".join(
        f"members of frequency_scale {kind.frequency_scale:g} weigh {100 * kind.share:.0f} %"
        for kind in (smooth, sharp)
    )
    losses = " and ".join(f"{kind.log_loss:.4f}" for kind in (smooth, sharp))
    logger.info("%s; calibrated loss out of fold, each kind by itself: %s", said, losses)
    return said
