"""What each part of the network brings: it is trained without the part, on the same folds.

    python benchmarks/ablation.py [--sets chosen|reported] [--parts PART ...] [--folds N]

Prints for each part how much the loss rises without it: log loss of classes, RMSE as a share of the
label's deviation (nRMSE) of numbers, the mean over sets with its 95 % interval, a bootstrap over
families of sets. Sets: those of `sets.py` with at most MOST_ROWS rows, and tables with histories
whose fits are short. What is removed is decided on the chosen sets, of two folds each; the reported
ones only show what stays, of one fold.

One line a fold goes into a file of `ablation/`. It goes on where it stopped: delete lines to
measure them anew.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import accuracy
import histories
import histories_methods
import methods
import numpy as np
import pandas as pd
from accuracy_summary import FAMILY_OF, HERE, TASKS, WORDS, bootstrap, family_means
from sets import load
from tables import markdown

from tabular_lstm.network import build, fit, members, outputs, plan
from tabular_lstm.parameters.hyperparameters import Ensemble, NetworkOptions, TrainingOptions
from tabular_lstm.rows import schema, schema_fit
from tabular_lstm.rows.past_features import as_rows
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind

MOST_ROWS = 1000
WHOLE = "lstm"
FOLDER = HERE / "ablation"
# Tables with histories, of which a fit takes seconds.
HISTORIES = {
    "chosen": "arthritis ChickWeight Guns KosteckiDillon Milk muscatine pbcseq RandHIE",
    "reported": "autism Blackmore dietox EmplUK LaborSupply ohio Quinidine respiratory SumHes",
}
Patch = tuple[Any, str, Any]

# --- Parts of the network for single rows


def without(*patches: Patch, **arguments: Any) -> methods.Method:
    """Return the network with other arguments, trained while attributes have other values."""

    def method(categories: list[str], number: bool = False) -> Any:
        model = methods.lstm(categories, number).set_params(**arguments)
        whole_fit = model.fit

        def fit_without(rows: pd.DataFrame, labels: np.ndarray) -> Any:
            with ExitStack() as patched:
                for target, name, value in patches:
                    patched.enter_context(patch.object(target, name, value))
                return whole_fit(rows, labels)

        model.fit = fit_without
        return model

    return method


def in_one_step(categories: list[str], number: bool = False) -> Any:
    """Read all features in one step, so that the LSTM has no sequence to read."""
    model = methods.lstm(categories, number)
    whole_fit = model.fit

    def fit_in_one_step(rows: pd.DataFrame, labels: np.ndarray) -> Any:
        model.set_params(features_per_step=rows.shape[1])
        return whole_fit(rows, labels)

    model.fit = fit_in_one_step
    return model


def changed(function: Callable[..., Any], **values: Any) -> Callable[..., Any]:
    """Return the function with other fields in the data class or model that it returns."""

    def changed_function(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if hasattr(result, "model_copy"):
            return result.model_copy(update=values)
        return replace(result, **values)

    return changed_function


def share_a_fold(*arguments: Any, **options: Any) -> Any:
    """Plan a training in which all members leave out the same fold."""
    planned = member_plan(*arguments, **options)
    count = len(planned.kind)
    return replace(planned, left_out=[0] * count, held_out=planned.held_out[:1] * count)


def plain_block(z: Any, further_inputs: Any, frequency: Any, kernel: Any, bias: Any) -> Any:
    """Embed numbers without waves: the frequencies are 0 and stay so."""
    return whole_block(z, further_inputs, 0 * frequency, kernel, bias)


member_plan, whole_block = plan.plan_training, build._block
CLASS_OUTPUTS = [outputs.OUTPUTS[kind] for kind in (TWO_CLASSES, CLASSES)]
NUMBER_OUTPUTS = outputs.OUTPUTS[NUMBER]
PARTS: dict[str, methods.Method] = {
    "frequencies of numbers": without((build, "_block", plain_block), frequency_scale=(1e-6, 1e-6)),
    "normal scores": without(
        (schema_fit, "Schema", changed(schema.Schema, scores=False)),
    ),
    "steps": in_one_step,
    "seven of eight members": without(members=1),
    "many small ones in place of one wide": without(members=1, units=(32,)),
    "smooth kind": without(members=16, frequency_scale=1.0, feature_dropout=0.2),
    "sharp kind": without(members=16, frequency_scale=0.1, feature_dropout=0.0),
    "learned shares of the kinds": without((fit, "PULL", 1e9)),
    "dropped features": without(feature_dropout=0.0),
    "dropped outputs": without(dropout=0.0),
    "less dropout for exact labels": without(
        (NUMBER_OUTPUTS, "pace", replace(NUMBER_OUTPUTS.pace, exact=0.0))
    ),
    "weight decay": without(weight_decay=0.0),
    "slower rare categories": without((members, "RARE", 1e-9)),
    "a fold of each member": without((fit, "plan_training", share_a_fold)),
    "calibration": without(
        *((one, "fit_temperature", lambda *_: 1.0) for one in CLASS_OUTPUTS),
    ),
}
# Parts of numbers alone, or of classes alone. Numbers had two kinds until this program showed that
# the sharp one brought them nothing.
OF_TASK = {
    "less dropout for exact labels": True,
    **dict.fromkeys(("calibration", "smooth kind", "sharp kind"), False),
    **dict.fromkeys(("learned shares of the kinds", "dropped features"), False),
}

# --- Parts of the network for histories


def of_panel(
    panel: Any, number: int, options: Ensemble | None = None, *, rows_only: bool = False
) -> histories_methods.Predicted:
    """Train on a fold of a table with histories; of `rows_only`, on the past features alone."""
    schema, train_set, test_set = histories_methods.sets_of(panel, number)
    sequences = [train_set.sequences, test_set.sequences]
    if rows_only:
        sequences = [as_rows(of_side, schema) for of_side in sequences]
        schema = schema.row
    training = TrainingOptions()
    network = build.build(schema, NetworkOptions(ensemble=options or Ensemble()), training.seed)
    labels = train_set.labels.to_numpy()
    candidate, _ = fit.train(network, sequences[0], labels, training, groups=train_set.groups)
    values = fit.predict(candidate, sequences[1])
    column = {TWO_CLASSES: 1, NUMBER: 0}
    return histories_methods.Predicted(
        values[:, column[panel.kind]] if panel.kind in column else values
    )


def without_offset(panel: Any, number: int) -> histories_methods.Predicted | None:
    """Let the members of histories learn the whole label of a number."""
    if panel.kind != NUMBER:
        return None
    with patch.object(fit, "Offset") as offset:
        offset.of.return_value = None
        return of_panel(panel, number)


ONE_KIND = Ensemble(members=16, frequency_scale=[1.0], feature_dropout=[0.2])
HISTORY_PARTS: dict[str, Callable[..., Any]] = {
    "past features": partial(of_panel, options=ONE_KIND),
    "reading the history": partial(of_panel, rows_only=True),
    "the history's linear part": without_offset,
}

# --- Measure and print


def names_of(sets: str, kind: TaskKind) -> list[str]:
    """Name a task's sets of at most MOST_ROWS rows."""
    sides = dict(TASKS[kind].sides())
    chosen = [*sides["chosen"], *sides["messy_chosen"]]
    names = sides["all_reported"] if sets == "reported" else chosen
    return [name for name in names if len(load(name)[0]) <= MOST_ROWS]


def measure(sets: str, parts: Sequence[str], folds: int) -> None:
    """Measure what is missing, of a part only sets that it can change."""
    methods.METHODS.update(PARTS)
    for fold in range(1, folds + 1):
        for part in [WHOLE, *(name for name in PARTS if name in parts)]:
            for kind in TASKS:
                results = FOLDER / ("numbers.csv" if kind == NUMBER else "classes.csv")
                if OF_TASK.get(part, kind == NUMBER) == (kind == NUMBER):
                    for data in names_of(sets, kind):
                        accuracy.measure(data, part, results, fold)
    histories_methods.METHODS.update(HISTORY_PARTS)
    results = FOLDER / "histories.csv"
    if not results.exists():
        results.write_text(",".join(histories.COLUMNS) + "\n")
    for part in [WHOLE, *(name for name in HISTORY_PARTS if name in parts)]:
        for data in HISTORIES[sets].split():
            histories.measure(data, part, results, folds)


def rises(results: pd.DataFrame, loss: str) -> dict[str, str]:
    """Say for each part how much the loss rises without it, over the sets that have both."""
    folds = results.pivot_table(loss, ["data", "fold"], "method")
    rise = folds.drop(columns=WHOLE).sub(folds[WHOLE], axis="index").groupby("data").mean()
    by_family = {part: family_means(rise[part].dropna(), FAMILY_OF) for part in rise}
    return {
        str(part): f"{bootstrap(values).text()}, {len(values)}"
        for part, values in by_family.items()
        if len(values) > 1
    }


def table(sets: str) -> str:
    """Write a line for each part: the rise of log loss and of nRMSE, and the families of sets."""
    names = [*HISTORIES[sets].split(), *(name for kind in TASKS for name in names_of(sets, kind))]
    by_loss: dict[str, dict[str, str]] = {"log_loss": {}, "nrmse": {}}
    for file in ("classes", "numbers", "histories"):
        results = pd.read_csv(FOLDER / f"{file}.csv")
        results = results[results["data"].isin(names)]
        for loss in by_loss.keys() & results.columns:
            by_loss[loss] |= rises(results, loss)
    lines = [
        {"without": part, **{WORDS[loss]: texts.get(part, "") for loss, texts in by_loss.items()}}
        for part in (*PARTS, *HISTORY_PARTS)
    ]
    return markdown(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then print the table."""
    every = [*PARTS, *HISTORY_PARTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", choices=[*HISTORIES], default="chosen")
    parser.add_argument("--parts", nargs="*", default=every, choices=every, metavar="PART")
    parser.add_argument("--folds", type=int, default=2)
    options = parser.parse_args(arguments)
    measure(options.sets, options.parts, options.folds)
    print(table(options.sets))


if __name__ == "__main__":
    main()
