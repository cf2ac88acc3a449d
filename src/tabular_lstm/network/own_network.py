"""A network of one's own, which conf names: built by a function, saved whole, computed by Keras.

Its `.keras` file is Keras' own with one member more, `Settings`. So scoring and rollback import
nothing of the user's, and a function that changes changes no champion. Keras and TensorFlow are
imported only where such a network is built or computes.
"""

import importlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field

from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.frozen import Stored, validated
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.network.scorer import Scorer, Slots
from tabular_lstm.parameters.hyperparameters import NetworkOptions, TrainingOptions
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow, refuse_without_tensorflow

SETTINGS = "tabular_lstm.json"  # the member of the file
# Rows that Keras computes at once.
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
        function = _imported(str(options.build), name)
        keras.utils.set_random_seed(seed)
        try:
            model = function(schema, shape, seed)
        except Exception as error:
            raise DataError(
                f"{name}: the function failed for the shape {shape}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(model, keras.Model):
            raise DataError(f"{name}: expected a functional Keras model, got {type(model)}.")
        try:
            built = cls.of(model, Settings(schema=schema, options=options), name)
            _refuse_foreign(built.configuration)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise DataError(f"{name}: {error}") from error
        expected = (None, *shape), (None, schema.task.outputs)
        if (got := (model.input_shape, model.output_shape)) != expected:
            raise DataError(
                f"{name}: expected a model from {expected[0]} to {expected[1]}, (rows, steps, "
                f"features_per_step) to (rows, outputs of the task), got {got[0]} to {got[1]}."
            )
        return built

    @classmethod
    def of(cls, model: Any, settings: Settings, name: str) -> Self:
        """Save a Keras model with its settings."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.keras"
            model.save(path)
            with zipfile.ZipFile(path, "a") as archive:
                dumped = settings.model_dump_json(by_alias=True, exclude={"options": {"ensemble"}})
                archive.writestr(SETTINGS, dumped)
            return cls(settings, path.read_bytes(), name)

    @classmethod
    def read(cls, content: bytes, file: str) -> Self:
        """Read a file's bytes without Keras; nothing in the file is executed.

        Raises:
            ValueError: The file has a class or a function that is not Keras' own; or it is not
                such a file, which may raise other errors too.
        """
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            settings = validated(Settings.model_validate_json, archive.read(SETTINGS))
        network = cls(settings, content, file)
        _refuse_foreign(network.configuration)
        return network

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""
        return self.settings.layout

    @property
    def calibration(self) -> Calibration:
        """What turns outputs into predictions and decisions."""
        return self.settings.calibration

    @property
    def configuration(self) -> Any:
        """Keras' configuration of the model."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return json.loads(archive.read("config.json"))

    @cached_property
    def model(self) -> Any:
        """The Keras model, see `loaded`."""
        return self.loaded()

    def loaded(self) -> Any:
        """Load another copy of the Keras model.

        Raises:
            DataError: TensorFlow is not installed, or Keras cannot load the model.
        """
        build = self.settings.options.build
        refuse_without_tensorflow(f"{self.file}: a network of kind keras, built by {build},")
        import_tensorflow()
        import keras  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.keras"
            path.write_bytes(self.content)
            try:
                model = keras.saving.load_model(path, compile=False, safe_mode=True)
            except Exception as error:  # Keras raises many types
                raise DataError(
                    f"{self.file}: Keras {keras.__version__} cannot load the network: {error}"
                ) from error
        model.jit_compile = False  # XLA would compile longer than most scorings take
        return model

    def inputs(self, sequences: np.ndarray) -> np.ndarray:
        """Give what the model gets of sequences: float32 (rows, steps, features_per_step).

        These are the sequences: NaN where missing, a category as its place in the schema's list, an
        unknown category as the place after the last. With `standardized` the numbers are
        standardized and clipped at five standard deviations, the places lie evenly from -1, the
        first category, to 1, an unknown one, and what is missing is 0.
        """
        if not self.settings.options.standardized:
            return sequences
        slots, values = Slots.of(self.schema), sequences.reshape(len(sequences), -1).T.copy()
        values[slots.numeric] = slots.standardize(values[slots.numeric])
        unknown, places = slots.unknown[:, None], values[slots.categorical]
        values[slots.categorical] = 2 * places / unknown - 1
        return np.asarray(np.nan_to_num(values.T.reshape(sequences.shape), nan=0.0))

    def computed(self, sequences: np.ndarray) -> np.ndarray:
        """Compute the outputs for sequences, float64 (rows, o), see `computed_by`."""
        return computed_by(self.model, self.inputs(sequences))

    def save(self, path: Path) -> None:
        """Write the file."""
        replace(path, self.content)

    def count_params(self) -> int:
        """Count the weights."""
        return int(self.model.count_params())

    def get_weights(self) -> list[np.ndarray]:
        """Give the weights, in Keras' order."""
        return list(self.model.get_weights())


# A network that is read from a file.
SavedNetwork = Scorer | OwnNetwork


def computed_by(model: Any, inputs: np.ndarray) -> np.ndarray:
    """Compute a model's outputs for what it gets, in blocks: float64 (rows, o)."""
    starts = range(0, len(inputs), BLOCK)
    blocks = [model.predict_on_batch(inputs[start : start + BLOCK]) for start in starts]
    return np.concatenate([np.empty((0, model.output_shape[1])), *blocks])


def _imported(path: str, name: str) -> Callable[..., Any]:
    """Import the function with this path."""
    module, _, function = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
    except Exception as error:  # whatever the module does
        raise DataError(
            f"{name}: expected the path of a function, such as churn.networks.build, in a module "
            f"that can be imported; {type(error).__name__}: {error}"
        ) from error


def _refuse_foreign(configuration: Any) -> None:
    """Refuse a configuration of anything but a functional model of Keras' own classes.

    Raises:
        ValueError: Names the layer, and its class or function.
    """
    kind = configuration.get("class_name") if isinstance(configuration, dict) else configuration
    if kind != "Functional":
        raise ValueError(f"expected a functional model, keras.Model(inputs, outputs), got {kind}")
    _refuse_foreign_part(configuration, "")


def _refuse_foreign_part(part: Any, layer: str) -> None:
    if isinstance(part, list):
        for one in part:
            _refuse_foreign_part(one, layer)
    if not isinstance(part, dict):
        return
    if (kind := part.get("class_name")) is not None and kind not in PLAIN:
        inner, registered = part.get("config"), part.get("registered_name")
        layer = str(inner.get("name", layer)) if isinstance(inner, dict) else layer
        is_of_keras = str(part.get("module")).partition(".")[0] == "keras"
        if not is_of_keras or kind in RUN_CODE or registered not in (None, kind):
            found = inner if isinstance(inner, str) else registered or kind
            raise ValueError(
                f"layer '{layer}' has {found}, expected classes and functions of Keras alone, "
                "and none that runs other code"
            )
    for one in part.values():
        _refuse_foreign_part(one, layer)
