"""Compare the test rows of a retraining with the reference of the serving champion.

Only rows that the champion was not trained on count. If nothing changed, they have the same
distribution as its train rows, so false alarms are as rare as declared.
"""

import logging

from tabular_lstm.errors import printable, unknown_name
from tabular_lstm.judging.gate import FeaturesMoved
from tabular_lstm.monitoring.drift import Drift, compare
from tabular_lstm.monitoring.reference import Watch, rows_each
from tabular_lstm.parameters import Columns, Monitoring
from tabular_lstm.rows.data_summary import DataSummary
from tabular_lstm.rows.fingerprints import of_sequences
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.serving.comparable_champions import ComparedChampions

# The most features and scores in a decision; it is small because decisions are kept for ever.
KEPT = 20

logger = logging.getLogger(__name__)


def warn_of_unknown_columns(watch: Watch, monitoring: Monitoring) -> None:
    """Warn of columns in `monitoring.ignore` that the champion does not have; conf may be newer."""
    names = [*watch.profiles]
    if unknown := [unknown_name(name, names) for name in monitoring.ignore if name not in names]:
        logger.warning("monitoring.ignore, for this champion: %s", printable("; ".join(unknown)))


def data_drift(
    compared: ComparedChampions,
    test_set: LabelledSet,
    data_summary: DataSummary,
    columns: Columns,
    monitoring: Monitoring,
    run_id: str,
) -> Drift | None:
    """Compare the test rows that are new to the serving champion with its reference.

    Returns:
        The drift, shortened for a decision; None if there is no champion.
    """
    if not compared.champions:
        return None
    champion = compared.champions[0].run_id
    scored = compared.scored.get(champion)
    if scored is None or scored.watch is None or scored.seen is None:
        unread = "the champion has no reference that can be read"
        why = unread if scored else "the champion is not compared"
        return Drift(run_id=run_id, champion=champion, not_compared=why)
    warn_of_unknown_columns(scored.watch, monitoring)
    new, groups = ~scored.trained_on, test_set.groups
    if groups is None and columns.key is None and columns.together is None:
        groups = of_sequences(test_set.sequences)  # equal rows are on the same side
    # Quarantined rows are on no side of the split, so their share in all rows is used.
    history = data_summary.unlabelled_rows if data_summary.histories else 0
    share = data_summary.quarantined_rows / (data_summary.valid_rows + history)
    quarantined = round(share * int(scored.seen.counts[0].sum()))
    rows_per_group = rows_each([] if groups is None else [groups[new]])
    if data_summary.histories:  # as in the reference: some counted rows are not here
        rows_per_group = scored.watch.reference.rows_each
    drift = compare(
        scored.watch, scored.seen, run_id, champion, monitoring, quarantined, rows_per_group
    )
    counts = {
        "rows": data_summary.labelled_rows,
        "quarantined_rows": data_summary.quarantined_rows,
        "compared_rows": int(new.sum()),
    }
    return shortened(drift.model_copy(update=counts))


def shortened(drift: Drift) -> Drift:
    """Keep what moved most clearly, without counts and without the expected performance."""
    shifts = drift.features | drift.scores
    clearest = sorted(shifts, key=lambda name: (-shifts[name].moved, -shifts[name].statistic))[
        :KEPT
    ]
    short = {name: shifts[name].model_copy(update={"counts": ()}) for name in clearest}
    moved = [sum(shift.moved for shift in part.values()) for part in (shifts, short)]
    content = {
        "features": {name: short[name] for name in clearest if name in drift.features},
        "scores": {name: short[name] for name in clearest if name in drift.scores},
        "more_moved": moved[0] - moved[1],
        "expected": {},
    }
    return drift.model_copy(update=content)


def features_moved(drift: Drift | None, monitoring: Monitoring) -> FeaturesMoved | None:
    """Describe the drift for the gate's first check; None without a champion."""
    if drift is None:
        return None
    stops = monitoring.on_drift == "stop"
    if drift.not_compared is not None:
        effect = ", so monitoring.on_drift = stop has no effect" if stops else ""
        return FeaturesMoved(sentence=f"drift is not known{effect}: {drift.not_compared}")
    if drift.alarm is None:
        rows = f" ({drift.few_rows})" if drift.few_rows else ""
        return FeaturesMoved(sentence=f"no drift{rows}")
    expected = "expected no alarm for monitoring.on_drift = stop" if stops else ""
    return FeaturesMoved(sentence=drift.alarm, alarm=True, expected=expected)
