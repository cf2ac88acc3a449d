"""A custom network, named in conf: built by a function, saved whole, run by Keras.

Its `.keras` file is Keras' own with one member more, `Settings`. So scoring and rollback import
no user code, and changing the function does not change a champion. Keras and TensorFlow are
imported only where such a network is built or run.
"""

import importlib
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from tabular_lstm.errors import DataError
from tabular_lstm.frozen import Stored, validated
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.network.scorer import Scorer, Slots
from tabular_lstm.parameters.hyperparameters import NetworkOptions, TrainingOptions
from tabular_lstm.rows.histories import table_of
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow

SETTINGS = "tabular_lstm.json"  # the member of the file
# Rows that Keras predicts at once.
BLOCK = 4096
# Classes of Keras that run code from a file or from the configuration, and functions by their name.
RUN_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "function"}
# What Keras' configurations have besides classes: plain values.
PLAIN = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}


class Settings(Stored):
    """What the project keeps beside Keras' model; `training` is None in an untrained one."""

    layout: Schema = Field(alias="schema")
    options: NetworkOptions
    training: TrainingOptions | None = None
    calibration: Calibration = Calibration()


@dataclass(frozen=True, eq=False)
class OwnNetwork:
    """A functional Keras model of Keras' own layers, with what turns its outputs into predictions.

    Attributes:
        settings: Schema, options, training and calibration.
        content: The bytes of its `.keras` file.
        file: The file, or the function that built it, for messages.
    """

    settings: Settings
    content: bytes = field(repr=False)
    file: str

    @classmethod
    def built(cls, schema: Schema, options: NetworkOptions, seed: int) -> Self:
        """Call the function `options.build` with (schema, shape, seed).

        The shape is (steps, features_per_step). Keras' global seed is set before, because layers
        take their seeds from it.

        Raises:
            DataError: There is no such function, it fails, or what it returns is not a functional
                model of Keras' own layers from (rows, *shape) to (rows, `schema.task.outputs`).
        """
        import_tensorflow()
        import keras  # noqa: PLC0415

        name, shape = f"network.build = {options.build}", (schema.steps, schema.features_per_step)
        module, _, function = str(options.build).rpartition(".")
        keras.utils.set_random_seed(seed)
        try:
            model = getattr(importlib.import_module(module), function)(schema, shape, seed)
            if not isinstance(model, keras.Model):
                raise TypeError(f"it returned {model!r:.60}")
            built = cls.of(model, Settings(schema=schema, options=options), name)
            shapes, expected = (
                (model.input_shape, model.compute_output_shape(model.input_shape)),
                ((None, *shape), (None, schema.task.outputs)),
            )
            if shapes != expected:
                raise ValueError(
                    f"its model is from {shapes[0]} to {shapes[1]}, expected from {expected[0]}, "
                    f"(rows, steps, features_per_step), to {expected[1]}, (rows, outputs)"
                )
        except (Exception, SystemExit) as error:  # whatever the function does
            raise DataError(
                f"{name}: expected the path of a function of (schema, shape, seed) that returns a "
                f"functional Keras model, see docs/extending.md. {type(error).__name__}: {error}"
            ) from error
        return built

    @classmethod
    def of(cls, model: Any, settings: Settings, file: str) -> Self:
        """Save a Keras model with its settings, and read it back, see `read`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.keras"
            model.save(path)
            with zipfile.ZipFile(path, "a") as archive:
                dumped = settings.model_dump_json(by_alias=True, exclude={"options": {"ensemble"}})
                archive.writestr(SETTINGS, dumped)
            return cls.read(path.read_bytes(), file)

    @classmethod
    def read(cls, content: bytes, file: str) -> Self:
        """Read a file's bytes without Keras; nothing in the file is executed.

        Raises:
            ValueError: The model is not functional, or has a class or a function that is not Keras'
                own. What is no such file may raise other errors.
        """
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            settings = validated(Settings.model_validate_json, archive.read(SETTINGS))
            configuration = json.loads(archive.read("config.json"))
        if (kind := configuration["class_name"]) != "Functional":
            raise ValueError(f"expected keras.Model(inputs, outputs), got a model of class {kind}")
        for layer, found in _foreign(configuration):
            raise ValueError(f"layer '{layer}' has {found}, which is not from Keras or runs code")
        return cls(settings, content, file)

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""
        return self.settings.layout

    @property
    def calibration(self) -> Calibration:
        """What turns outputs into predictions and decisions."""
        return self.settings.calibration

    @cached_property
    def model(self) -> Any:
        """The Keras model, see `loaded`."""
        return self.loaded()

    def loaded(self) -> Any:
        """Load another copy of the Keras model.

        Raises:
            DataError: TensorFlow is not installed, or Keras cannot load the model.
        """
        import_tensorflow(f"{self.file}: a network of kind keras")
        import keras  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.keras"
            path.write_bytes(self.content)
            try:
                return keras.saving.load_model(path, compile=False, safe_mode=True)
            except Exception as error:  # Keras raises many types
                raise DataError(
                    f"{self.file}: Keras {keras.__version__} cannot load the network: {error}"
                ) from error

    def inputs(self, sequences: np.ndarray) -> np.ndarray:
        """Return what the model gets of sequences: float32 (rows, steps, features_per_step).

        These are the sequences: NaN where missing, a category as its place in the schema's list, an
        unknown category as the place after the last. With `standardized` the numbers are
        standardized and clipped at five standard deviations, the places lie evenly from -1, the
        first category, to 1, an unknown one, and what is missing is 0.
        """
        if not self.settings.options.standardized:
            return sequences
        slots, values = Slots.of(self.schema), table_of(sequences).T.copy()
        values[slots.numeric] = slots.standardize(values[slots.numeric])
        unknown, places = slots.unknown[:, None], values[slots.categorical]
        values[slots.categorical] = 2 * places / unknown - 1
        return np.asarray(np.nan_to_num(values.T.reshape(sequences.shape), nan=0.0))

    @cached_property
    def _graph(self) -> Any:
        return graph_of(self.model)

    def computed(self, sequences: np.ndarray, model: Any = None) -> np.ndarray:
        """Compute the outputs for sequences, in blocks: float64 (rows, o).

        `model`: another model than its own. Default: its own.
        """
        graph, inputs = graph_of(model) if model else self._graph, self.inputs(sequences)
        blocks = (graph(inputs[start : start + BLOCK]) for start in range(0, len(inputs), BLOCK))
        return np.concatenate([np.empty((0, self.schema.task.outputs)), *blocks])

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_bytes(self.content)

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights, in Keras' order."""
        return list(self.model.get_weights())


# A network that is read from a file.
SavedNetwork = Scorer | OwnNetwork


def graph_of(model: Any) -> Any:
    """Compile a model for any number of rows."""
    import tensorflow as tf  # noqa: PLC0415

    return tf.function(model, input_signature=[tf.TensorSpec(model.input_shape, tf.float32)])


def _foreign(part: Any, layer: str = "") -> Iterator[tuple[str, str]]:
    """Yield the layer and the class or function of what a configuration has besides Keras' own."""
    if isinstance(part, dict):
        inner, kind, registered = map(part.get, ("config", "class_name", "registered_name"))
        layer = str(inner.get("name", layer)) if isinstance(inner, dict) else layer
        is_plain = kind is None or kind in PLAIN
        is_of_keras = str(part.get("module")).partition(".")[0] == "keras"
        if not is_plain and (not is_of_keras or kind in RUN_CODE or registered not in (None, kind)):
            yield layer, inner if isinstance(inner, str) else str(registered or kind)
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _foreign(one, layer)
