"""How soon late labels show that a champion is worse than promised, and how honest its alarm is.

    python benchmarks/late_labels.py

Probabilities that are right, of which 150 to 100,000 evaluated rows make the promise; then the
labels of five scorings of 1,000 rows come, and every 10 of them somebody looks. Counted are
champions with an alarm at any look, beside a test at each look by itself; and the labels that it
takes to see a log loss that is worse, because labels are others than the probabilities say.

It takes some minutes on two cores, prints a table and writes it to `benchmarks/late_labels.md`.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from tables import markdown

from tabular_lstm.judging.intervals import NORMAL
from tabular_lstm.monitoring.performance import TAIL, Estimate, worse_than_promised
from tabular_lstm.task import Task

CHAMPIONS, LOOK_EVERY, LABELS, RATE = 2000, 10, 5000, 0.01
SCORED = 1000  # rows of a scoring, each of which is a start that is tested
EVALUATED = (150, 1000, 100_000)
OUT = Path(__file__).with_suffix(".md")


def losses_of(draw: np.random.Generator, rows: int, other: float = 0.0) -> np.ndarray:
    """Draw the log losses of rows, of which this share has the label of the opposite odds."""
    right = expit(draw.normal(-1, 1.5, rows))
    chance = (1 - other) * right + other * (1 - right)
    return np.asarray(-np.log(np.where(draw.random(rows) < chance, right, 1 - right)))


def first_alarms(evaluated: int, other: float, champion: int) -> tuple[float, float]:
    """Give the labels at the first alarm, and at that of a test at each look, inf of none."""
    draw, task = np.random.default_rng(champion), Task.of_classes((0, 1))
    of = losses_of(draw, evaluated)
    mean, error = of.mean(), of.std(ddof=1) / evaluated**0.5
    promise = Estimate(value=mean, low=mean - TAIL * error, high=mean + TAIL * error)
    losses, found = losses_of(draw, LABELS, other), [np.inf, np.inf]
    for rows in range(LOOK_EVERY, LABELS + 1, LOOK_EVERY):
        since = {str(at): losses[at:rows] for at in range(0, rows, SCORED)}
        if worse_than_promised(since, {"log_loss": promise}, RATE, task):
            found[0] = min(found[0], rows)
            if np.isfinite(found[1]):
                break
        off = (losses[:rows].var(ddof=1) / rows + error**2) ** 0.5
        if rows >= 30 and losses[:rows].mean() - mean > NORMAL.inv_cdf(1 - RATE) * off:
            found[1] = min(found[1], rows)
    return found[0], found[1]


def share_for(worse: float) -> float:
    """Give the share of labels of the opposite odds with which the loss is worse by so much."""
    rows = 10**6

    def off(other: float) -> float:
        of = [losses_of(np.random.default_rng(0), rows, share).mean() for share in (other, 0.0)]
        return float(of[0] - of[1] - worse)

    return float(brentq(off, 0, 1, xtol=1e-4))


def of_looks() -> str:
    """Count alarms where nothing is worse, and labels until one where the loss is."""
    lines = []
    with ProcessPoolExecutor(2) as pool:
        for worse in (0.0, 0.1):
            other, champions = (share_for(worse), 300) if worse else (0.0, CHAMPIONS)
            for evaluated in EVALUATED:
                one = partial(first_alarms, evaluated, other)
                ours, each = np.array([*pool.map(one, range(champions), chunksize=20)]).T
                seen, at = np.isfinite(ours).mean(), np.median(ours)
                lines.append(
                    {
                        "log loss worse by": worse,
                        "evaluated rows": f"{evaluated:,}",
                        "champions": champions,
                        "with an alarm": f"{100 * seen:.1f} %",
                        "labels at the first, median": "" if np.isinf(at) else f"{at:,.0f}",
                        "with a test at each look": f"{100 * np.isfinite(each).mean():.1f} %",
                    }
                )
                print(lines[-1], flush=True)
    return markdown(lines)


def main() -> None:
    """Measure, and write the table."""
    title = f"## Alarms at any of {LABELS // LOOK_EVERY} looks, at a rate of {100 * RATE:g} %"
    OUT.write_text(f"# What `late_labels.py` measured\n\n{title}\n\n{of_looks().strip()}\n")


if __name__ == "__main__":
    main()
