"""The lengths of histories, and the candidate's metrics by length."""

from itertools import pairwise

from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import CANDIDATE, Metrics
from tabular_lstm.parameters import Evaluation
from tabular_lstm.rows.histories import Histories, Sequences
from tabular_lstm.rows.label_measures import ENOUGH_ROWS


class OfLength(Frozen):
    """The rows whose history has `history` rows, such as `2 to 5`, including the row itself.

    Attributes:
        metrics: The candidate's metrics on the evaluated rows. Default: None, if a class has fewer
            than ten rows or customers.
    """

    history: str
    train_rows: int
    evaluated_rows: int
    metrics: Metrics | None = None


def by_length(
    judged: Judged, train: Sequences, evaluated: Sequences, evaluation: Evaluation
) -> list[OfLength]:
    """Measure the candidate on histories of one row, of two to five rows, and of more rows.

    The list is empty if rows have no histories.
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
