"""Train a network reproducibly, to the last bit, and predict with it.

The members of an ensemble, or of a group, train together, epoch by epoch, until each has stopped.
Each member has a fold, an eighth of the train rows, from which it never learns. The loss on this
fold decides when the member stops and which epoch's weights it keeps. Calibration and decision
threshold are learned from the outputs on the folds.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from scipy.optimize import minimize_scalar

from tabular_lstm.engine import Workers, one_by_one
from tabular_lstm.errors import counted
from tabular_lstm.files import sha256
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.member_training import (
    DivergedError,
    Trained,
    merge,
    split,
    train_group,
)
from tabular_lstm.network.offset import Offset
from tabular_lstm.network.outputs import Outputs, judged_places, outputs_of
from tabular_lstm.network.own_network import OwnNetwork, SavedNetwork
from tabular_lstm.network.own_training import train_own
from tabular_lstm.network.plan import Plan, TrainingInputs, members_of_a_kind, plan_training
from tabular_lstm.network.score import score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.progress import progress
from tabular_lstm.rows.histories import Histories, Sequences, table_of
from tabular_lstm.rows.past_features import as_rows

# Kinds --------------------------------------------------------------------------------------------
# Weigh the two kinds of members by their out-of-fold outputs, and scale the members by the
# shares.
#
# Members with low initial frequencies learn smooth relations. Members with high initial
# frequencies also learn sharp relations, and noise. The train rows decide which kind counts for
# more.

# The penalty for leaving one kind out, in units of loss of one row.
PULL = 1.25
# A kind with a smaller share is left out, because two kinds take twice the time to score.
LEAST = 0.05
# Decimals of a share, so that it does not depend on the last bits of the outputs.
SHARE_DECIMALS = 2


@dataclass(frozen=True)
class KindShare:
    """A kind of members and its share."""

    frequency_scale: float  # the frequency scale of its members
    loss: float  # loss of its own calibrated out-of-fold outputs, see `Outputs.losses`
    temperature: float  # temperature of its outputs
    share: float  # its weight in the mean of the calibrated outputs, from 0 to 1


def weigh(
    task_outputs: Outputs,
    targets: np.ndarray,
    outputs: Sequence[np.ndarray],
    scales: Sequence[float],
    weights: np.ndarray | None = None,
    both: bool = False,
) -> list[KindShare]:
    """Weigh one or two kinds so that the loss of their mean calibrated outputs is lowest.

    The first kind's share is pulled toward one half, because few rows say little about it.

    Args:
        task_outputs: The task's `Outputs`.
        targets: (rows,).
        outputs: Each kind's out-of-fold outputs, (rows, o).
        scales: Each kind's frequency scale.
        weights: How much each row counts, (rows,). Default: all alike.
        both: Whether no kind is left out: each then has a share of at least `LEAST`. Default: no.
    """
    temperatures = [task_outputs.fit_temperature(targets, z, weights) for z in outputs]
    calibrated = [z / t for z, t in zip(outputs, temperatures, strict=True)]
    shares = [1.0]
    if len(calibrated) > 1:
        first, second = calibrated
        pull = PULL / len(targets)

        def loss(share: float) -> float:
            blended = share * first + (1 - share) * second
            mean = np.average(task_outputs.losses(targets, blended), weights=weights)
            return float(mean + pull * (2 * share - 1) ** 2)

        minimum = minimize_scalar(loss, bounds=(0, 1), method="bounded")
        share = round(float(minimum.x), SHARE_DECIMALS)
        least = LEAST if both else 0.0
        share = least if share < LEAST else 1 - least if share > 1 - LEAST else share
        shares = [share, round(1 - share, SHARE_DECIMALS)]
    losses = [
        float(np.average(task_outputs.losses(targets, z), weights=weights)) for z in calibrated
    ]
    return [KindShare(*kind) for kind in zip(scales, losses, temperatures, shares, strict=True)]


def blend(
    kinds: Sequence[KindShare],
    outputs: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
    row_weights: Sequence[np.ndarray] = (),
) -> tuple[list[int], np.ndarray, list[np.ndarray]]:
    """Scale the members' read-outs by the shares, so that their plain mean is the blend.

    Args:
        kinds: The kinds, in the order of the members.
        outputs: Each kind's out-of-fold outputs, (rows, o).
        weights: All members' weights, in the network's order, (k, …) each; the last two are the
            read-out's kernel and bias.
        row_weights: The same for the members that read rows, which are the first kind; `weights`
            are then those of the second kind. Default: no member reads rows.

    Returns:
        The places of the kinds whose share is not 0, the mean outputs of their members,
        (rows, o), and their weights.
    """
    used_kinds = [place for place, kind in enumerate(kinds) if kind.share]
    members_per_kind = len(weights[0]) // len(kinds)
    members = np.concatenate(
        [np.arange(p * members_per_kind, (p + 1) * members_per_kind) for p in used_kinds]
    )
    if len(used_kinds) == 1:  # as if the other kind did not exist
        return used_kinds, outputs[used_kinds[0]], [weight[members] for weight in weights]
    factors = np.array([kinds[place].share / kinds[place].temperature for place in used_kinds])
    stacked = np.stack([outputs[place] for place in used_kinds])
    blended = (factors @ stacked.reshape(len(used_kinds), -1)).reshape(stacked.shape[1:])
    if row_weights:
        row_factor, factor = factors
        return (
            used_kinds,
            blended,
            [*_rescaled(weights, factor), *_rescaled(row_weights, row_factor)],
        )
    member_factors = np.repeat(factors * len(used_kinds), members_per_kind)
    return (
        used_kinds,
        blended,
        _rescaled([weight[members] for weight in weights], member_factors),
    )


def _rescaled(weights: Sequence[np.ndarray], factors: np.ndarray) -> list[np.ndarray]:
    """Multiply the read-outs, the last two weights, by a factor for each member, or for all."""
    *earlier_weights, kernel, bias = weights
    factors = np.asarray(factors, np.float32)
    return [*earlier_weights, kernel * factors[..., None, None], bias * factors[..., None]]


def asked_for(kinds: Sequence[KindShare]) -> str:
    """Say in a sentence how much each of two kinds counts; return "" for one kind."""
    if len(kinds) == 1:
        return ""
    smooth, sharp = sorted(kinds, key=lambda kind: kind.frequency_scale)
    return (
        f"Smooth relations count for {100 * smooth.share:.0f} % and sharp ones for "
        f"{100 * sharp.share:.0f} %"
    )


# Fit ----------------------------------------------------------------------------------------------

logger = logging.getLogger(__name__)

# Rows that `score_changed` predicts in about twenty seconds.
CHANGES = 2_500_000


def train(
    network: Any,
    sequences: Sequences,
    labels: np.ndarray,
    training: TrainingOptions,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    workers: Workers = one_by_one,
    judged: np.ndarray | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Train a copy of the network on its task's loss, see `tabular_lstm.network.outputs`.

    Args:
        network: From `build`; it is not changed.
        sequences: float32 (rows, steps, features_per_step), NaN where missing; or histories.
        labels: (rows,), the numbers of the classes, or the labels of the task "number".
        training: The parameters.
        weights: float64 (rows,), above 0, of mean 1: how much each row counts. Default: all alike.
        groups: int (rows,), each row's group, numbered from 0; a group's rows are in one fold.
            Default: each row is a group of its own.
        workers: What trains the groups of members if `training.groups` is above 1. Default: this
            process, one after the other.
        judged: bool (rows,): the rows like those that a scoring predicts, for which the ensemble is
            calibrated, see `outputs.judged_places`. Default: all.

    Returns:
        The trained model and its history: `loss` per epoch on the training rows; `best_epoch`,
        counted from 1, whose weights the model has; for two classes, `decision_threshold`; for a
        number, `coverage`.

        An ensemble's losses are means over its members. Its history also has `validation_loss`, the
        calibrated losses on the members' folds; `best_epochs` of the members, whose median is
        `best_epoch`; for classes, `temperature`; `out_of_fold_log_loss` (a number:
        `out_of_fold_quantile_loss`); `kinds`, see `KindShare`; `asked_for`, see `asked_for`.

    Raises:
        DivergedError: A loss is not finite.
    """
    if isinstance(network, OwnNetwork):
        return train_own(network, cast(np.ndarray, sequences), labels, training, weights, groups)
    network = _with_members(network, members_of_a_kind(network.options.members, len(labels)))
    config, schema = network.get_config(), network.schema
    options, row, initial = network.options, network.row, network.get_weights()
    task_outputs = outputs_of(schema.task)
    targets = task_outputs.targets(labels, schema)
    features = table_of(sequences).shape[1] if row is None else len(row.schema.features)
    kinds = len(network.scales)
    strata = task_outputs.strata(targets)
    histories = sequences if isinstance(sequences, Histories) else None
    count = options.members * kinds
    plan = plan_training(
        count,
        strata,
        features,
        training,
        groups,
        kinds,
        speed=task_outputs.pace.speed,
        are_customers=histories is not None,
    )
    offset = None
    if schema.target is not None and histories is not None:
        offset = Offset.of(histories, network.embed.slots, targets, weights, plan.fold)
    common = targets, training, weights
    if row is None or histories is None:
        parts = [TrainingInputs(config, initial, sequences, *common, plan, offset)]
    else:
        config |= {"schema": schema.model_copy(update={"row": None}).model_dump(), "format": None}
        own, members = len(initial) - len(row.weights), options.members
        # A row is embedded once in any batch: the batches of rows need not hold whole customers.
        row_plan = replace(plan.of_members(range(members)), customers=None)
        own_plan, row_table = plan.of_members(range(members, count)), as_rows(histories, schema)
        parts = [
            TrainingInputs(row.get_config(), initial[own:], row_table, *common, row_plan),
            TrainingInputs(config, initial[:own], sequences, *common, own_plan, offset),
        ]
    trained_parts = [_train_in_groups(inputs, workers) for inputs in parts]
    trained = merge([replace(part, weights=[]) for part in trained_parts])
    losses, best = trained.losses["loss"], trained.best_epochs
    if not (np.isfinite(losses).all() and all(best)):
        raise DivergedError(losses, training)
    logger.info(
        "Trained for %s; each member keeps the weights of its best epoch: %s",
        counted(len(losses), "epoch"),
        best,
    )
    row_weights, own_weights = ([], *(part.weights for part in trained_parts))[-2:]
    if offset is not None:
        own_weights = offset.added_to(own_weights)
    trained = replace(trained, weights=own_weights)
    candidate, calibrated_history = _calibrate_ensemble(
        network, trained, row_weights, plan, targets, training, weights, judged
    )
    return candidate, trained.losses | calibrated_history


def _train_in_groups(inputs: TrainingInputs, workers: Workers) -> Trained:
    parts = split(len(inputs.plan.kind), inputs.training.groups)
    groups = dict(progress(workers(train_group, inputs, parts), "Groups of members", len(parts)))
    return merge([groups[place] for place in range(len(parts))])


def _with_members(network: LSTMEnsemble, members: int) -> LSTMEnsemble:
    """Keep so many members of each kind, with their weights."""
    options = network.options
    if members == options.members:
        return network
    config = network.get_config()
    for name in {"options", "row_options"} & config.keys():
        config[name]["members"] = members
    smaller: LSTMEnsemble = LSTMEnsemble.from_config(config)
    places = np.arange(options.count).reshape(-1, options.members)[:, :members].ravel()
    smaller.set_weights([weight[places] for weight in network.get_weights()])
    return smaller


def _calibrate_ensemble(
    network: LSTMEnsemble,
    trained: Trained,
    row_weights: list[np.ndarray],
    plan: Plan,
    targets: np.ndarray,
    training: TrainingOptions,
    weights: np.ndarray | None,
    judged: np.ndarray | None,
) -> tuple[LSTMEnsemble, dict[str, Any]]:
    """Weigh the kinds, calibrate their mean, choose the threshold; all by out-of-fold outputs."""
    task_outputs, options = outputs_of(network.schema.task), network.options
    fold_rows, kind_outputs = _out_of_fold_outputs(trained.outputs, plan.held_out, options.members)
    targets = targets[fold_rows]
    fold_weights = None if weights is None else weights[fold_rows]
    both = network.row is not None
    kinds = weigh(task_outputs, targets, kind_outputs, network.scales, fold_weights, both)
    used_kinds, outputs, blended = blend(kinds, kind_outputs, trained.weights, row_weights)
    is_judged = None if judged is None else judged[fold_rows]
    if (places := judged_places(task_outputs.strata(targets), is_judged)) is not None:
        targets, outputs = targets[places], outputs[places]
        fold_weights = None if fold_weights is None else fold_weights[places]
        shift = task_outputs.shifted(targets, outputs, fold_weights)
        outputs, blended[-1] = outputs + shift, (blended[-1] + shift).astype(np.float32)
        temperature = None
    else:  # a single kind is calibrated already
        temperature = kinds[used_kinds[0]].temperature if len(used_kinds) == 1 else None
    calibration, loss = task_outputs.calibrated(
        targets, outputs, training, fold_weights, network.schema, temperature
    )
    learned = {
        "options": (options if both else options.of_kinds(used_kinds)).model_dump(),
        "training": training.model_dump(),
        **calibration.model_dump(mode="json"),
    }
    candidate = LSTMEnsemble.from_config(network.get_config() | learned)
    candidate.set_weights(blended)
    best_epochs = np.reshape(trained.best_epochs, (len(kinds), -1))[used_kinds].ravel()
    # Only relations to numbers are smooth or sharp. For histories, the kinds read and learn
    # different things, see `Schema.row` and `Offset`.
    schema, has_numbers = network.schema, len(network.embed.slots.numeric)
    are_alike = has_numbers and not (both or (schema.history and schema.target))
    loss_name = schema.task.traits.loss
    return candidate, {
        "best_epoch": int(np.median(best_epochs)),
        "best_epochs": best_epochs.tolist(),
        **calibration.in_history,
        f"out_of_fold_{loss_name}": loss,
        "kinds": [
            {
                "frequency_scale": kind.frequency_scale,
                loss_name: kind.loss,
                "temperature": kind.temperature,
                "share": kind.share,
            }
            for kind in kinds
        ],
        "asked_for": asked_for(kinds) if are_alike else "",
        "objective": training.objective.kind,
    }


def fingerprint_network(model: Any) -> str:
    """Hash what a candidate has learned: its weights and its calibration."""
    learned = [*model.get_weights(), model.calibration.numbers]
    return sha256(b"".join(array.tobytes() for array in learned))


def predict(model: Any, sequences: Sequences) -> np.ndarray:
    """Predict with a candidate, see `score.score`."""
    return score(scorer_of(model), sequences)


def scorer_of(model: Any) -> SavedNetwork:
    """Return what scores with a candidate: what is read from its file."""
    return model if isinstance(model, OwnNetwork) else Scorer.of(model)


def _out_of_fold_outputs(
    outputs: Sequence[np.ndarray], held_out: Sequence[np.ndarray], members_per_kind: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Average the out-of-fold outputs of each kind, which has `members_per_kind` members.

    Returns:
        The numbers of the rows that are in a fold, and for each kind their outputs, (rows, o).
    """
    fold_rows, places = np.unique(np.concatenate(held_out[:members_per_kind]), return_inverse=True)
    count = np.bincount(places)
    kind_outputs = []
    for start in range(0, len(outputs), members_per_kind):
        columns = np.concatenate(outputs[start : start + members_per_kind]).T
        kind_outputs.append(
            np.stack([np.bincount(places, column) / count for column in columns], 1)
        )
    return fold_rows, kind_outputs
