"""How long histories are, and how good the candidate is by that."""

from itertools import pairwise

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import CANDIDATE, Metrics
from tabular_lstm.parameters import Evaluation
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.label_measures import ENOUGH_ROWS


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


def by_length(
    judged: Judged, train: Sequences, evaluated: Sequences, evaluation: Evaluation
) -> list[OfLength]:
    """Measure the candidate where histories have one row, two to five, and more.

    There are no parts where rows have no histories.
    """
    if not (isinstance(train, Histories) and isinstance(evaluated, Histories)):
        return []
    parts = []
    for before, most in pairwise(sorted({0, 1, min(5, train.steps), train.steps})):
        of_train, counts = (
            (before < of.lengths) & (of.lengths <= most) for of in (train, evaluated)
        )
        part, metrics = Judged(**vars(judged.part(counts)), task=judged.task), None
        if judged.measure.fewest(part)[0] >= ENOUGH_ROWS:
            predictions = {CANDIDATE: judged.predictions[CANDIDATE][counts]}
            metrics = part.with_models(predictions, judged.rules, evaluation).metrics[CANDIDATE]
        parts.append(
            OfLength(
                history=f"{before + 1} to {most}" if before + 1 < most else str(most),
                train_rows=int(of_train.sum()),
                evaluated_rows=int(counts.sum()),
                metrics=metrics,
            )
        )
    return parts
