"""The plot of mean ranks, with Nemenyi's critical difference."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

NAMES = {"roc_auc": "ROC AUC", "log_loss": "log loss"}


def draw(ranks: Mapping[str, pd.DataFrame], of: str, path: Path) -> None:
    """Draw the mean ranks, one axis a metric.

    Two methods whose mean ranks differ by less than the critical difference cannot be told apart at
    the 5 % level (Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
    2006).

    Args:
        ranks: Of each metric a table, one row a data set, one column a method.
        of: Which sets these are.
        path: Of the PNG.
    """
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415
    from scipy.stats import studentized_range  # noqa: PLC0415

    figure, axes = pyplot.subplots(1, len(ranks), figsize=(11, 4.2), sharex=True)
    for axis, (metric, table) in zip(axes, ranks.items(), strict=True):
        mean_ranks = table.mean().sort_values(ascending=False)
        sets, methods = table.shape
        quantile = studentized_range.ppf(0.95, methods, np.inf) / np.sqrt(2)
        difference = quantile * np.sqrt(methods * (methods + 1) / (6 * sets))
        names = [name.replace("_", " ") for name in mean_ranks.index]
        colors = ["#0072B2" if name == "lstm" else "#777777" for name in names]
        axis.hlines(
            range(methods), mean_ranks - difference / 2, mean_ranks + difference / 2, colors
        )
        axis.scatter(mean_ranks, range(methods), c=colors, zorder=3)
        axis.set_yticks(range(methods), names)
        axis.set_title(f"{NAMES[metric]}, {sets} data sets")
        axis.grid(axis="x", alpha=0.3)
    figure.suptitle(of)
    figure.supxlabel("mean rank, 1 is best; where bars overlap, 5 % does not tell methods apart")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
