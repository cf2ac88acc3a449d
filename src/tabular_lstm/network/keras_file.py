"""A `.keras` file of this project, read without Keras: JSON and arrays, and anything else refused.

It is a ZIP archive of three members: `config.json`, which names the class and its arguments,
`metadata.json`, and the weights as HDF5.
"""

import contextlib
import io
import json
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from tabular_lstm import archives
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Ensemble, Training
from tabular_lstm.rows.schema import Schema, parts_of

NETWORK = "tabular_lstm>LSTMEnsemble"
KEYS = {"module", "class_name", "registered_name", "config"}
ARGUMENTS = {"name", "schema", "options", "training", "temperature", "threshold"}
WEIGHTS = "model.weights.h5"
MEMBERS = ["config.json", "metadata.json", WEIGHTS]
FLOAT32 = 4  # bytes
# By the layer's name in the file, the shapes of its weights in the order in which it makes them.
Shapes = dict[str, list[tuple[int, ...]]]


class NoNetworkError(DataError):
    """A file that holds no network of this project which can be loaded."""


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """What a file holds.

    Attributes:
        arguments: Those of `LSTMEnsemble`, schema and options as plain JSON among them.
        weights: By the name of each layer in the file, from the input on, its float32 arrays, see
            `weight_shapes`; they cannot be written to.
    """

    arguments: dict[str, Any]
    schema: Schema
    options: Ensemble
    weights: dict[str, list[np.ndarray]]


def read_keras_file(content: bytes, file: str) -> SavedNetwork:
    """Read the configuration and the weights of an ensemble; nothing in the file is executed.

    A file that names another class, brings more along or would take more memory than a small
    multiple of its own size is refused before any of that is read.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.

    Raises:
        NoNetworkError: The file holds something else, or is no whole `.keras` file.
    """
    with blamed_on(file), zipfile.ZipFile(io.BytesIO(content)) as archive:
        archives.refuse_what_unpacks(archive, MEMBERS, len(content))
        config = json.loads(archive.read("config.json"))
        found = config.get("registered_name") or config.get("class_name")
        if found == NETWORK:
            schema, options = _checked_configuration(config, len(content))
            with _weights(archive, len(content)) as weights:
                arrays = _arrays(weights, weight_shapes(schema, options))
            return SavedNetwork(config["config"], schema, options, arrays)
    raise NoNetworkError(
        f"{file}: expected a network of kind ensemble ({NETWORK}), got {found!r}. "
        "It was not loaded: a .keras file of another class can run code."
    )


@contextlib.contextmanager
def blamed_on(file: str) -> Iterator[None]:
    """Say of whatever fails that the file is not whole."""
    try:
        yield
    except Exception as error:  # h5py and Keras raise what they like
        raise NoNetworkError(
            f"{file}: expected a whole .keras file of this project, which cannot be loaded: {error}"
        ) from error


def refuse_what_unpacks(content: bytes) -> None:
    """Refuse a `.keras` file that is more in memory than on disk, before any of it is unpacked.

    Keras compresses neither the archive's members nor the weights in them.

    Raises:
        ValueError: Names the member or the weights, and both sizes; or it has other members.
        zipfile.BadZipFile: It is no archive.
        OSError: They are not HDF5.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archives.refuse_what_unpacks(archive, MEMBERS, len(content))
        with _weights(archive, len(content)):
            pass


@contextlib.contextmanager
def _weights(archive: zipfile.ZipFile, size_of_file: int) -> Iterator[dict[str, Any]]:
    """Give the arrays of the weights by name, none of them read, each of the size it says."""
    with h5py.File(io.BytesIO(archive.read(WEIGHTS))) as file:
        found = {}

        def check(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                found[name] = item
                _refuse_what_is_not_there(name, item)

        file.visititems(check)
        sizes = [item.nbytes for item in found.values()]
        archives.refuse_more(sum(sizes), f"the weights in {WEIGHTS} take", size_of_file)
        yield found


def _refuse_what_is_not_there(name: str, item: Any) -> None:
    if item.shape is None:
        raise ValueError(f"{name} in {WEIGHTS}: expected an array, got none")
    size, stored = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
    if size != stored or item.chunks or item.external or item.is_virtual or item.attrs:
        raise ValueError(
            f"{name} in {WEIGHTS}, {item.dtype} {item.shape}, takes {size} bytes, and "
            f"{stored} in the file, where Keras writes an array as it is"
        )


def _arrays(weights: dict[str, Any], shapes: Shapes) -> dict[str, list[np.ndarray]]:
    """Read the weights, where they are those that the configuration declares."""
    declared = {
        f"{layer}/vars/{place}": shape
        for layer, of_layer in shapes.items()
        for place, shape in enumerate(of_layer)
    }
    if more := sorted(weights.keys() ^ declared.keys()):
        raise ValueError(
            f"{WEIGHTS}: expected the weights that config.json declares, and "
            f"{'; '.join(f'{name} is {_there(name in weights)}' for name in more[:3])}"
        )
    for name, shape in declared.items():
        found = weights[name]
        if (found.dtype, found.shape) != (np.float32, shape):
            raise ValueError(
                f"{name} in {WEIGHTS}: expected float32 {shape}, as config.json declares, got "
                f"{found.dtype} {found.shape}"
            )
    return {
        layer: [_read(weights[f"{layer}/vars/{place}"]) for place in range(len(of_layer))]
        for layer, of_layer in shapes.items()
    }


def _there(is_in_the_file: bool) -> str:
    return "there and not declared" if is_in_the_file else "declared and not there"


def _read(weight: Any) -> np.ndarray:
    array: np.ndarray = weight[()]
    array.flags.writeable = False
    return array


def _checked_configuration(config: dict[str, Any], size: int) -> tuple[Schema, Ensemble]:
    """Refuse a network that is more than its arguments, or whose weights are not all in the file.

    Args:
        config: What config.json holds.
        size: Of the file, in bytes.
    """
    arguments = config["config"]
    for names, known in ((config, KEYS), (arguments, ARGUMENTS)):
        if more := sorted({name for name, value in names.items() if value} - known):
            raise ValueError(f"config.json: expected {', '.join(sorted(known))}, got {more} too")
    _check_calibration(**{name: arguments[name] for name in ("temperature", "threshold")})
    schema = Schema.model_validate(arguments["schema"])
    options = Ensemble.model_validate(arguments["options"])
    Training.model_validate(arguments["training"] or {})  # none of a network as it was built
    _check_schema(schema)
    shapes = weight_shapes(schema, options)
    declared = sum(math.prod(shape) for layer in shapes.values() for shape in layer)
    archives.refuse_more(FLOAT32 * declared, "the weights it declares take", size)
    return schema, options


def _check_schema(schema: Schema) -> None:
    count = len(schema.features)
    if not count or not 0 <= schema.padded_slots < schema.features_per_step:
        raise ValueError(
            f"{schema.steps} steps of {schema.features_per_step} are no shape for {count} features"
        )
    if len({*schema.features}) < count:
        raise ValueError("config.json: expected each feature once, got one twice")
    if more := sorted(schema.categories.keys() - schema.features):
        raise ValueError(f"config.json: got categories of {more[0]!r}, which is no feature")
    parts = [part for name in schema.dates for part in parts_of(name)]
    if more := sorted({*parts} - {*schema.features} | {*parts} & {*schema.categories}):
        raise ValueError(f"config.json: expected {more[0]!r} as a number, as there are dates of it")
    for name, numbers in (("mean", schema.mean), ("variance", schema.variance)):
        if len(numbers) != count or not np.isfinite(numbers).all():
            raise ValueError(
                f"config.json: expected as {name} a number for each of {count} features, got "
                f"{np.isfinite(numbers).sum()}"
            )


def _check_calibration(temperature: Any, threshold: Any) -> None:
    for name, value in (("temperature", temperature), ("threshold", threshold)):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"config.json: expected a number as {name}, got {value!r}")
    if temperature <= 0:
        raise ValueError(f"config.json: expected a temperature above 0, got {temperature}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"config.json: expected a threshold from 0 to 1, got {threshold}")


def weight_shapes(schema: Schema, options: Ensemble) -> Shapes:
    """Give the shapes of an ensemble's weights without building it, see `layers`.

    Returns:
        By the layer's name in the file: of `embed` frequency, kernel, bias and vectors; of each
        `recur` kernel, recurrent and bias; of `read_out` kernel and bias.
    """
    names = [name for name in schema.features if schema.categories.get(name)]
    numeric = len(schema.features) - len(names)
    vectors = sum(len(schema.categories[name]) + 2 for name in names)
    k, f, d = options.count, options.frequencies, options.dimensions
    numbers = [(k, numeric, 1, f), (k, numeric, 2 * f + 2, d), (k, numeric, 1, d)]
    shapes: Shapes = {"embed": [*numbers, (k, vectors, d)]}
    inputs = schema.features_per_step * d
    for place, u in enumerate(options.units):
        name = f"layers/recur_{place}" if place else "layers/recur"
        shapes[name] = [(k, 2, inputs, 4 * u), (k, 2, u, 4 * u), (k, 2, 4 * u)]
        inputs = 2 * u
    shapes["layers/read_out"] = [(k, 2 * inputs, 1), (k, 1)]
    return shapes
