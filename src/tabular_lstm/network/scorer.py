"""What scoring needs of an ensemble, without TensorFlow: schema, options, calibration, weights."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from tabular_lstm.network.outputs import Calibration
from tabular_lstm.parameters.hyperparameters import Ensemble
from tabular_lstm.rows.histories import Compact
from tabular_lstm.rows.schema import SCORES, Schema

# Slots --------------------------------------------------------------------------------------------

# Standard deviations from the mean at which a number is clipped.
CLIP = 5.0
# Summaries of each number, and of each score, in a history: the last known one, the one before it,
# the mean.
WIDE = 3
FLOAT32 = np.finfo(np.float32)
# Values of the slots that are prepared at once.
BLOCK_VALUES = 2**15


@dataclass(frozen=True, eq=False)
class Slots:
    """Where the numbers and the categories lie among the slots, and how each is read.

    A slot is a feature's place in a sequence of shape (steps, features_per_step), laid flat. N
    of the S slots hold a number and C a category; the others are padding.
    """

    steps: int
    features_per_step: int
    numeric: np.ndarray  # the slots of numbers, (N,)
    categorical: np.ndarray  # the slots of categories, (C,)
    center: np.ndarray  # what is subtracted from each number, float32 (N, 1)
    scale: np.ndarray  # what it is then multiplied by, float32 (N, 1)
    unknown: np.ndarray  # number of categories of each slot; also an unknown category's place, (C,)
    offsets: np.ndarray  # where each slot's vectors begin, and where the last slot's end, (C + 1,)
    places: np.ndarray  # each slot's place in [numeric, categorical, a zero for padding], (S,)
    scores: bool  # whether the embedding reads the scores too
    scored: np.ndarray  # the slots of numbers that have normal scores too, (M,)
    # For each such number, ascending values and their scores, float32 (2, M, K); between two values
    # the score is linear, and the last value is repeated.
    knots: np.ndarray

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """Read the slots off the schema."""
        counts = np.array([len(schema.categories.get(name, [])) for name in schema.features])
        numeric, categorical = np.flatnonzero(counts == 0), np.flatnonzero(counts)
        # Any unit is possible: 1 / standard deviation must stay within float32.
        with np.errstate(divide="ignore"):
            scale = 1 / np.sqrt(np.array(schema.variance)[numeric, None])
        # A category feature of m categories has m + 2 vectors: the last two are for a category
        # that is not in the schema, and for a missing one.
        unknown = counts[categorical]
        places = np.full(schema.steps * schema.features_per_step, len(counts))
        places[np.concatenate([numeric, categorical])] = np.arange(len(counts))
        scored, knots = _scored(schema)
        center = np.array(schema.mean) - [schema.origin.get(name, 0) for name in schema.features]
        return cls(
            steps=schema.steps,
            features_per_step=schema.features_per_step,
            numeric=numeric,
            categorical=categorical,
            center=center[numeric, None].astype(np.float32),
            scale=np.clip(scale, FLOAT32.tiny, FLOAT32.max).astype(np.float32),
            unknown=unknown,
            offsets=np.cumsum([0, *(unknown + 2)]),
            places=places,
            scores=schema.scores,
            scored=scored,
            knots=knots,
        )

    @property
    def wide(self) -> int:
        """The number of a history's summaries."""
        return WIDE * (len(self.numeric) + len(self.scored))

    @property
    def forms(self) -> int:
        """The number of forms in which the embedding reads a number."""
        return 1 + self.scores

    def standardize(self, values: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Standardize and clip numbers, and leave NaN: float32 (N, n) to (N, n).

        `which`: their places among the N numeric features. Default: all.
        """
        with np.errstate(over="ignore"):  # what overflows is clipped
            z = (values - self.center[which]) * self.scale[which]
            return np.asarray(np.clip(z, -CLIP, CLIP))

    def score(self, values: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Return the normal scores of numbers, and leave NaN: float32 (M, n) to (M, n).

        `which`: their places among the M numbers with scores. Default: all.

        A skewed number, such as an income, says more by its score: what is ten times as much lies
        at the same distance whether it is small or large.

        Source: Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021
        (the quantile transformation).
        """
        starts = self.knots[0, which]
        values = np.clip(values, starts[:, :1], starts[:, -1:])
        piece = (values[:, None] >= starts[:, 1:-1, None]).sum(1, dtype=np.uint8)
        piece = piece + np.arange(0, starts.size, len(SCORES))[:, None]
        start, score, slope = (table.ravel()[piece] for table in self._pieces[:, which])
        return np.asarray((values - start) * slope + score, np.float32)

    def number_forms(self, values: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Return the forms of numbers: float32 (N, n) to (forms, N, n), with the value last.

        A number without scores has its value in both forms. `which`: see `standardize`.
        """
        z = self.standardize(values, which)
        if not self.scores:
            return z[None]
        forms: np.ndarray = np.stack([z, z])
        places = self.score_places[which]
        forms[0, places >= 0] = self.score(values[places >= 0], places[places >= 0])
        return forms

    @cached_property
    def score_places(self) -> np.ndarray:
        """Each number's place among the M that have scores, or -1: int (N,)."""
        places = np.full(len(self.places), -1)
        places[self.scored] = np.arange(len(self.scored))
        return np.asarray(places[self.numeric])

    @cached_property
    def _pieces(self) -> np.ndarray:
        """The knots, and the slope of the score after each: 0 from the last value on: (3, M, K).

        In float64, because two knots may lie close together, and far from 0.
        """
        knots = self.knots.astype(float)
        widths, steps = np.diff(knots, append=knots[..., -1:])
        slopes = np.divide(steps, widths, out=np.zeros_like(steps), where=widths > 0)
        return np.concatenate([knots, slopes[None]])

    def prepared(self, table: np.ndarray) -> np.ndarray:
        """Return the slots as training takes them: float32 (rows, S) to (rows, M + S).

        The scores come first, then the slots, with numbers standardized.
        """
        scored, slots = len(self.scored), table.shape[1]
        numbers = scored + self.numeric
        prepared = np.take(table, np.append(self.scored, np.arange(slots)), 1)
        # By block of rows, so that a long table takes no further copies.
        size = max(1, BLOCK_VALUES // slots)
        for start in range(0, len(table), size):
            block = prepared[start : start + size]
            block[:, :scored] = self.score(block[:, :scored].T).T
            block[:, numbers] = self.standardize(block[:, numbers].T).T
        return prepared

    def category_index(self, values: np.ndarray, which: Any = slice(None)) -> np.ndarray:
        """Return each category's row in the table of vectors: (C, n) to (C, n).

        `which`: their places among the C categorical features. Default: all.
        """
        unknown = self.unknown[which, None]
        is_known = (values >= 0) & (values < unknown)
        place = np.where(np.isnan(values), unknown + 1, np.where(is_known, values, unknown))
        return np.asarray(place.astype(np.int64) + self.offsets[:-1][which, None])

    def summaries(self, histories: Compact, dtype: DTypeLike) -> np.ndarray:
        """Compute `build.summaries` in NumPy, in a dtype: (`wide`, n)."""
        places, rows = histories.places, histories.rows.T
        z = np.concatenate([self.standardize(rows[self.numeric]), self.score(rows[self.scored])])
        z = z[:, np.maximum(places, 0)]
        is_known = (places >= 0) & ~np.isnan(z)
        z = np.where(is_known, z, 0).astype(dtype)
        rank = np.cumsum(is_known[:, :, ::-1], 2)[:, :, ::-1]
        last = [np.where(rank == place, z, 0).sum(2) for place in (1, 2)]
        return np.concatenate([*last, z.sum(2) / np.maximum(rank[:, :, 0], 1)])


def _scored(schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return `Slots.scored` and `Slots.knots`: equal quantiles have the mean of their scores.

    A number of two values has none: its score would be linear in the number.
    """
    scored, knots = [], []
    for slot, name in enumerate(schema.features):
        quantiles = np.array(schema.quantiles.get(name, [])) - schema.origin.get(name, 0)
        quantiles = quantiles.astype(np.float32)
        # Version 0.1.0 took smaller numbers for 0, as TensorFlow does.
        quantiles[np.abs(quantiles) < FLOAT32.tiny] = 0
        values, value_places = np.unique(quantiles, return_inverse=True)
        if len(values) > 2:
            scores = np.bincount(value_places, SCORES) / np.bincount(value_places)
            repeated = (0, len(SCORES) - len(values))
            scored.append(slot)
            knots.append(np.pad([values, scores], ((0, 0), repeated), "edge"))
    by_number = np.reshape(knots, (len(knots), 2, len(SCORES))).astype(np.float32)
    return np.array(scored, int), by_number.swapaxes(0, 1)


# Scorer -------------------------------------------------------------------------------------------


class EmbedWeights(NamedTuple):
    """float32: (k, N, 1, f), (k, N, 2f + forms + 1, d), (k, N, 1, d), (k, all categories, d)."""

    frequency: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    vectors: np.ndarray


class RecurWeights(NamedTuple):
    """float32, with 2 directions: (k, 2, inputs, 4u), (k, 2, u, 4u), (k, 2, 4u)."""

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


class ReadOutWeights(NamedTuple):
    """float32: (k, 4u, o), (k, o)."""

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Scorer:
    """The weights and settings of an ensemble of k members; the arrays are read-only.

    Sizes: N numeric features, f frequencies, d dimensions of a feature's vector, u units of an
    LSTM, o outputs; see `tabular_lstm.network.build`.

    Attributes:
        training: The ensemble's `Training` parameters as plain JSON, for the record.
        calibration: It turns the ensemble's outputs into predictions and decisions.
        recur: The LSTM layers; the first one reads the input.
        row: For histories, the members that read a row and its past features: the outputs are the
            sum of both. Default: none, as in version 0.1.0.
    """

    schema: Schema
    options: Ensemble
    training: dict[str, Any] | None
    calibration: Calibration
    embed: EmbedWeights
    recur: tuple[RecurWeights, ...]
    read_out: ReadOutWeights
    row: "Scorer | None" = None

    @classmethod
    def of(cls, network: Any) -> "Scorer":
        """Copy the current weights and settings of an `LSTMEnsemble`."""
        return cls(
            network.schema,
            network.options,
            network.training,
            network.calibration,
            EmbedWeights(*_copied(network.embed)),
            tuple(RecurWeights(*_copied(recur)) for recur in network.recur),
            ReadOutWeights(*_copied(network.read_out)),
            network.row and cls.of(network.row),
        )

    @property
    def outputs(self) -> int:
        """The number of outputs of a member for one row, o."""
        return self.schema.task.outputs

    @cached_property
    def slots(self) -> Slots:
        """What the schema says about each slot."""
        return Slots.of(self.schema)


def _copied(layer: Any) -> list[np.ndarray]:
    arrays = [np.asarray(weight).astype(np.float32) for weight in layer.weights]
    for array in arrays:
        array.flags.writeable = False
    return arrays
