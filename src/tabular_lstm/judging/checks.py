"""What the gate knows of a champion, the results of its checks, and the check of the artifact."""

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
        data, promoted_with: What it was trained and judged on, and its metrics on the test rows of
            the run that promoted it; None where its decision is gone.
        not_compared: Why the candidate is not compared with it; None where it is.
        left_out_rows: Test rows of this run that it was trained on, so that they do not count.
        metrics: On the other test rows of this run; None where it is not compared.
    """

    run_id: str
    sha256: str
    data: DataSummary | None = None
    promoted_with: Metrics | None = None
    not_compared: str | None = None
    left_out_rows: Annotated[int, Field(ge=0)] = 0
    metrics: Metrics | None = None


class FeaturesMoved(Frozen):
    """What of features and scores moved since the champion was trained, see `monitoring.drift`.

    Attributes:
        sentence: Says what moved, that nothing did, or why nothing was compared.
        alarm: Whether it raises an alarm.
        expected: What was, where the alarm stops a promotion; else empty.
    """

    sentence: str
    alarm: bool = False
    expected: str = ""


class Check(Frozen):
    """What one check says of a candidate, in a sentence."""

    name: str
    passed: bool
    sentence: str


class DataCheck(Check):
    """Whether the data are like those that the champion was trained on."""

    name: Literal["data"] = "data"
    quarantined_fraction: float


class DriftCheck(Check):
    """Whether the champion still does on these test rows what it was promoted with.

    Attributes:
        roc_auc, highest: The champion's on these rows, and its upper bound; None where it did not
            score them.
        rmse, lowest: Of a number, the same in place of these.
        promoted_with: The champion's when it was promoted; None where its decision is gone.
        least_fall: By how much it is worse now, at least.
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
        """Give what was measured on these rows, if the champion scored them."""
        return self.roc_auc if self.rmse is None else self.rmse


class FloorCheck(Check):
    """Whether the candidate is good enough beside simple models.

    It has two further fields, of the names of the simplest baseline and of the linear one: the
    candidate compared with each.

    Attributes:
        smaller_class_rows: Test rows, or groups with one, of the class that has fewest; of a number
            all of them.
        enough_rows: Whether they are as many as it takes to promote.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Comparison] = Field(init=False)

    name: Literal["floor"] = "floor"
    smaller_class_rows: int
    enough_rows: bool
    rows_without_probability: int


class ChampionCheck(Check):
    """Whether the candidate is worse than the champion, or than the best of those kept.

    Attributes:
        compared: The candidate compared with each champion, by run id.
        best: The run id of the best champion, by metric.
        seen_worse: Whether a loss beyond the tolerance was seen, not only not ruled out.
    """

    name: Literal["champion"] = "champion"
    compared: dict[str, Comparison]
    best: dict[str, str]
    seen_worse: bool


class ArtifactCheck(Check):
    """Whether the saved artifact gives the golden rows the predictions that were judged."""

    name: Literal["artifact"] = "artifact"
    golden_rows: int
    largest_difference: float | None


def check_artifact(
    golden_judged: np.ndarray, golden_predictions: np.ndarray, measure: Measure, unit: float = 1.0
) -> ArtifactCheck:
    """Ask that the artifact read back from disk predicts what was judged, within 1e-6 of `unit`."""
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
