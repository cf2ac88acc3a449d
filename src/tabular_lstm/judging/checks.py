"""The gate's view of a champion, the results of its checks, and the check of the artifact."""

from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field

from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.judging.comparison import Comparison
from tabular_lstm.judging.measures import Measure
from tabular_lstm.judging.metrics import Metrics
from tabular_lstm.rows.data_summary import DataSummary

GOLDEN_TOLERANCE = 1e-6


class Champion(Frozen):
    """A champion: the run that trained it, and the hash of its artifact.

    Attributes:
        data: The summary of the data it was trained and judged on; None if its decision is gone.
        promoted_with: Its metrics on the test rows of the run that promoted it; None if its
            decision is gone.
        not_compared: Why the candidate is not compared with it; None if it is compared.
        left_out_rows: Number of this run's test rows that it was trained on; they do not count.
        metrics: Its metrics on the other test rows of this run; None if it is not compared.
    """

    run_id: str
    sha256: str
    data: DataSummary | None = None
    promoted_with: Metrics | None = None
    not_compared: str | None = None
    left_out_rows: Annotated[int, Field(ge=0)] = 0
    metrics: Metrics | None = None


class FeaturesMoved(Frozen):
    """How features and scores moved since the champion was trained, see `monitoring.drift`.

    Attributes:
        sentence: Says what moved, that nothing moved, or why nothing was compared.
        alarm: Whether the move raises an alarm.
        expected: What was expected, if the alarm stops a promotion; else empty.
    """

    sentence: str
    alarm: bool = False
    expected: str = ""


class Check(Frozen):
    """The result of one check of a candidate, with its sentence."""

    name: str
    passed: bool
    sentence: str


class DataCheck(Check):
    """Whether the data are like those that the champion was trained on."""

    name: Literal["data"] = "data"
    quarantined_fraction: float


class DriftCheck(Check):
    """Whether the champion is still as good on these test rows as when it was promoted.

    Attributes:
        roc_auc, highest: The champion's ROC AUC on these rows, and its upper bound; None if the
            champion did not score them.
        rmse, lowest: The same for a number, with the lower bound.
        promoted_with: The champion's metric when it was promoted; None if its decision is gone.
        least_fall: The lower bound for how much worse the metric is now.
    """

    name: Literal["drift"] = "drift"
    roc_auc: float | None = None
    highest: float | None = None
    promoted_with: float | None = None
    least_fall: float | None = None
    rmse: float | None = unless(None)
    lowest: float | None = unless(None)

    @property
    def now(self) -> float | None:
        """The champion's metric on these rows; None if it did not score them."""
        return self.roc_auc if self.rmse is None else self.rmse


class FloorCheck(Check):
    """Whether the candidate is good enough compared with simple models.

    Two further fields are named after the simplest and the linear baseline; they hold the
    comparison of the candidate with each.

    Attributes:
        smaller_class_rows: Number of test rows of the rarest class, or of groups with such a row;
            for a number, of all test rows or groups.
        enough_rows: Whether they are enough to promote.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Comparison] = Field(init=False)

    name: Literal["floor"] = "floor"
    smaller_class_rows: int
    enough_rows: bool
    rows_without_probability: int


class ChampionCheck(Check):
    """Whether the candidate is worse than the champion, or than the best kept champion.

    Attributes:
        compared: By run id: the comparison of the candidate with this champion.
        best: By metric: the run id of the best champion.
        seen_worse: Whether the measured loss exceeds the tolerance; False if only its bound does.
    """

    name: Literal["champion"] = "champion"
    compared: dict[str, Comparison]
    best: dict[str, str]
    seen_worse: bool


class ArtifactCheck(Check):
    """Whether the saved artifact gives the judged predictions for the golden rows."""

    name: Literal["artifact"] = "artifact"
    golden_rows: int
    largest_difference: float | None


def check_artifact(
    golden_judged: np.ndarray, golden_predictions: np.ndarray, measure: Measure, unit: float = 1.0
) -> ArtifactCheck:
    """Check that the artifact on disk gives the judged predictions, within 1e-6 of `unit`."""
    rows = len(golden_judged)
    both = golden_judged, golden_predictions
    judged, predictions = (given.reshape(rows, -1) for given in both)
    off = np.abs(judged - predictions)
    same = (off <= GOLDEN_TOLERANCE * unit) | (np.isnan(judged) & np.isnan(predictions))
    wrong, named = int(np.sum(~same.all(axis=1))), f"{rows} golden rows"
    sentence = f"read back from disk, it gives {named} the judged {measure.many_predicted}"
    if wrong:
        sentence = (
            f"the artifact read back from disk gives other {measure.many_predicted} for {wrong} of "
            f"{named}"
        )
    return ArtifactCheck(
        passed=not wrong,
        sentence=sentence,
        golden_rows=rows,
        largest_difference=float(np.nanmax(off)) if np.isfinite(off).any() else None,
    )
