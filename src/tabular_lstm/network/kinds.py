"""Weigh the two kinds of members by their out-of-fold outputs, and scale the members by the shares.

Members with low initial frequencies learn smooth relations. Members with high initial frequencies
also learn sharp relations, and noise. The train rows decide which kind counts for more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from tabular_lstm.network.outputs import Outputs

# The penalty for leaving one kind out, in units of loss of one row.
PULL = 1.25
# A kind with a smaller share is left out, because two kinds take twice the time to score.
LEAST = 0.05
# Decimals of a share, so that it does not depend on the last bits of the outputs.
SHARE_DECIMALS = 2


@dataclass(frozen=True)
class Kind:
    """A kind of members and its share."""

    frequency_scale: float  # the frequency scale of its members
    loss: float  # loss of its own calibrated out-of-fold outputs, see `Outputs.losses`
    temperature: float  # temperature of its outputs
    share: float  # its weight in the mean of the calibrated outputs, from 0 to 1

    def as_history(self, of: Outputs) -> dict[str, float]:
        """Return the entries of the history, with the loss's name."""
        named = vars(self).items()
        return {of.loss if name == "loss" else name: value for name, value in named}


def weigh(
    of: Outputs,
    targets: np.ndarray,
    outputs: Sequence[np.ndarray],
    scales: Sequence[float],
    weights: np.ndarray | None = None,
) -> list[Kind]:
    """Weigh one or two kinds so that the loss of their mean calibrated outputs is lowest.

    The first kind's share is pulled toward one half, because few rows say little about it.

    Args:
        of: The task's `Outputs`.
        targets: (rows,).
        outputs: Each kind's out-of-fold outputs, (rows, o).
        scales: Each kind's frequency scale.
        weights: How much each row counts, (rows,). Default: all alike.
    """
    temperatures = [of.fit_temperature(targets, z, weights) for z in outputs]
    calibrated = [z / t for z, t in zip(outputs, temperatures, strict=True)]
    shares = [1.0]
    if len(calibrated) > 1:
        first, second = calibrated
        pull = PULL / len(targets)

        def loss(share: float) -> float:
            blended = share * first + (1 - share) * second
            mean = np.average(of.losses(targets, blended), weights=weights)
            return float(mean + pull * (2 * share - 1) ** 2)

        found = minimize_scalar(loss, bounds=(0, 1), method="bounded")
        share = round(float(found.x), SHARE_DECIMALS)
        share = 0.0 if share < LEAST else 1.0 if share > 1 - LEAST else share
        shares = [share, round(1 - share, SHARE_DECIMALS)]
    losses = [float(np.average(of.losses(targets, z), weights=weights)) for z in calibrated]
    return [Kind(*kind) for kind in zip(scales, losses, temperatures, shares, strict=True)]


def blend(
    kinds: Sequence[Kind], outputs: Sequence[np.ndarray], weights: Sequence[np.ndarray]
) -> tuple[list[int], np.ndarray, list[np.ndarray]]:
    """Scale the members' read-outs by the shares, so that their plain mean is the blend.

    Args:
        kinds: The kinds, in the order of the members.
        outputs: Each kind's out-of-fold outputs, (rows, o).
        weights: All members' weights, in the network's order, (k, …) each; the last two are the
            read-out's kernel and bias.

    Returns:
        The places of the kinds whose share is not 0, the mean outputs of their members,
        (rows, o), and their weights.
    """
    kept = [place for place, kind in enumerate(kinds) if kind.share]
    of_kind = len(weights[0]) // len(kinds)
    members = np.concatenate([np.arange(p * of_kind, (p + 1) * of_kind) for p in kept])
    if len(kept) == 1:  # as if the other kind did not exist
        return kept, outputs[kept[0]], [weight[members] for weight in weights]
    factors = np.array([kinds[place].share / kinds[place].temperature for place in kept])
    *before, kernel, bias = (weight[members] for weight in weights)
    of_members = np.repeat(factors * len(kept), of_kind).astype(np.float32)
    read_out = [kernel * of_members[:, None, None], bias * of_members[:, None]]
    stacked = np.stack([outputs[place] for place in kept])
    blended = (factors @ stacked.reshape(len(kept), -1)).reshape(stacked.shape[1:])
    return kept, blended, before + read_out


def asked_for(kinds: Sequence[Kind]) -> str:
    """Say in a sentence how much each of two kinds counts; return "" for one kind."""
    if len(kinds) == 1:
        return ""
    smooth, sharp = sorted(kinds, key=lambda kind: kind.frequency_scale)
    return (
        f"Smooth relations count for {100 * smooth.share:.0f} % and sharp ones for "
        f"{100 * sharp.share:.0f} %"
    )
