"""How long histories are, and how good the candidate is by that."""

import logging
from itertools import pairwise

import numpy as np

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, Metrics, written
from tabular_lstm.parameters import Evaluation
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.label_measures import ENOUGH_ROWS

SAID = "Length of the history %s: %d train rows; %d %s rows, %s"
logger = logging.getLogger(__name__)


class OfLength(Frozen):
    """The rows with a history of so many rows, such as `2 to 5`, the row itself included.

    Attributes:
        metrics: Of the candidate on the evaluated ones. Default: of some class there are fewer than
            ten, or ten customers.
    """

    history: str
    train_rows: int
    evaluated_rows: int
    metrics: Metrics | None = None


class ByLength(Frozen):
    """Least, median and most rows of a side's histories, and what there is of each length."""

    lengths: dict[str, tuple[int, float, int]]
    parts: list[OfLength]


def by_length(
    judged: Judged, train: Sequences, evaluated: Sequences, evaluation: Evaluation
) -> ByLength | None:
    """Measure the candidate where histories have one row, two to five, and more.

    None where rows have no histories.
    """
    if isinstance(train, np.ndarray) or isinstance(evaluated, np.ndarray):
        return None
    main, parts = judged.measure.spoken[0], []
    sides = {"train": train.lengths, judged.side: evaluated.lengths}
    for before, most in pairwise(sorted({0, 1, min(5, train.steps), train.steps})):
        of_train, counts = (
            (before < sides[side]) & (sides[side] <= most) for side in ("train", judged.side)
        )
        part, metrics = Judged(**vars(judged.part(counts)), task=judged.task), None
        said = "too few to measure"
        if judged.measure.fewest(part)[0] >= ENOUGH_ROWS:
            predictions = {CANDIDATE: judged.predictions[CANDIDATE][counts]}
            metrics = part.with_models(predictions, judged.rules, evaluation).metrics[CANDIDATE]
            numbers = getattr(metrics, main), *metrics.interval[main]
            said = "{} {} [{}, {}]".format(METRICS[main], *(written(main, n) for n in numbers))
        length = f"{before + 1} to {most}" if before + 1 < most else str(most)
        rows = int(of_train.sum()), int(counts.sum())
        parts.append(
            OfLength(history=length, train_rows=rows[0], evaluated_rows=rows[1], metrics=metrics)
        )
        logger.info(SAID, length, rows[0], rows[1], judged.side, said)
    spread = {side: (of.min(), np.median(of), of.max()) for side, of in sides.items()}
    return ByLength(lengths=spread, parts=parts)
