"""A skewed label as it comes beside its logarithm, written by hand.

    python benchmarks/skewed_labels.py [--rows N] [SEED ...]

For each seed it draws contracts with a log-normal worth and 40 columns, two of which are categories
of hundreds of values. It prints the errors of the network on the worth as ratios to those of the
network on its logarithm: RMSE of the mean (by hand smeared: times the sum of the train labels over
the sum of their predictions), MAE and RMSLE of the median, and the coverage of the 90 % interval.
A seed takes a minute on two cores.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import (
    mean_absolute_error,
    root_mean_squared_error,
    root_mean_squared_log_error,
)

from tabular_lstm.estimator import LSTMRegressor
from tabular_lstm.network.score import score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.rows.sequences import to_sequences

COLUMNS, KINDS, PLACES, CAUSES = 40, 300, 200, 99
LEVEL = 7  # the mean logarithm
TEST = 2000


def contracts(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw the rows of contracts, and the logarithms of their worth around 0."""
    causes = np.random.default_rng(CAUSES)
    of_kind, of_place, weights = (
        causes.normal(size=KINDS),
        causes.normal(size=PLACES),
        causes.normal(size=8),
    )
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({f"n{place}": rng.normal(size=count) for place in range(COLUMNS - 2)})
    kinds, places = rng.integers(KINDS, size=count), rng.integers(PLACES, size=count)
    logarithm = 0.3 * rows.iloc[:, :8].to_numpy() @ weights + 0.4 * rows["n0"] * rows["n1"]
    logarithm += 0.6 * of_kind[kinds] + 0.4 * of_place[places] + 0.6 * rng.normal(size=count)
    rows["kind"] = pd.Categorical([f"K{kind:03}" for kind in kinds])
    rows["place"] = pd.Categorical([f"P{place:03}" for place in places])
    return rows, np.asarray(logarithm)


@dataclass(frozen=True)
class Measured:
    """Errors on the worth over those on its logarithm by hand.

    Attributes:
        learned: How the network learned the label.
        rmse, mae, rmsle: Ratios; below 1 the network is better on the worth.
        lowest: The lowest lower end of an interval.
        coverage: Share of the test labels within their interval.
    """

    learned: str
    rmse: float
    mae: float
    rmsle: float
    lowest: float
    coverage: float


def measure(count: int, seed: int) -> Measured:
    """Train on both, and compare them on other rows."""
    (rows, logarithm), (new, new_logarithm) = contracts(count, seed), contracts(TEST, seed + 1)
    labels, truth = np.exp(LEVEL + logarithm), np.exp(LEVEL + new_logarithm)
    model = LSTMRegressor(random_state=0).fit(rows, labels)
    by_hand = LSTMRegressor(random_state=0).fit(rows, np.log(labels))
    by_hand_median = np.exp(by_hand.predict(new))
    smeared = by_hand_median * labels.mean() / np.exp(by_hand.predict(rows)).mean()

    # The same network predicts the median too.
    scorer = Scorer.of(model.network_)
    target = scorer.schema.target
    assert target is not None  # for mypy: the label is a number
    schema = scorer.schema.model_copy(update={"target": target.model_copy(update={"median": True})})
    median = score(replace(scorer, schema=schema), to_sequences(new, schema))[:, 0]
    lower, upper = model.predict_interval(new).T
    return Measured(
        "" if target.asinh is None else "asinh",
        root_mean_squared_error(truth, model.predict(new))
        / root_mean_squared_error(truth, smeared),
        mean_absolute_error(truth, median) / mean_absolute_error(truth, by_hand_median),
        root_mean_squared_log_error(truth, median.clip(0))
        / root_mean_squared_log_error(truth, by_hand_median),
        float(lower.min()),
        float(np.mean((lower <= truth) & (truth <= upper))),
    )


def main() -> None:
    """Print a line for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 11, 21], metavar="SEED")
    parser.add_argument("--rows", type=int, default=3000)
    options = parser.parse_args()
    for seed in options.seeds:
        one = measure(options.rows, seed)
        print(
            f"seed {seed}, {one.learned or 'as it is'}: RMSE {one.rmse:.3f}, MAE {one.mae:.3f}, "
            f"RMSLE {one.rmsle:.3f}, coverage {one.coverage:.3f}, lowest end {one.lowest:.3g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
