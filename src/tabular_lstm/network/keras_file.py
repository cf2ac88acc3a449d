"""Read a `.keras` file of this project without Keras: only JSON and arrays are accepted.

It is a ZIP archive of three members: `config.json`, which names the class and its arguments,
`metadata.json`, and the weights as HDF5. The file of a custom network has one more member, see
`tabular_lstm.network.own_network`. Keras does not compress the members or the weights, so a
file takes at most as much memory as disk space.
"""

import io
import json
import zipfile
from typing import Annotated, Any, ClassVar

import h5py
import numpy as np
from pydantic import Field, ValidationError

from tabular_lstm.errors import DataError
from tabular_lstm.frozen import Frozen, Stored, first_fault, unless, validated
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.network.own_network import SETTINGS, OwnNetwork, SavedNetwork
from tabular_lstm.network.scorer import EmbedWeights, ReadOutWeights, RecurWeights, Scorer, Slots
from tabular_lstm.parameters.hyperparameters import Ensemble, TrainingOptions
from tabular_lstm.rows.schema import Schema

NETWORK = "tabular_lstm>LSTMEnsemble"
WEIGHTS = "model.weights.h5"
MEMBERS = ["config.json", "metadata.json", WEIGHTS]
# For each layer's name in the file: the shapes of its weights, in the order of their creation.
Shapes = dict[str, list[tuple[int, ...]]]


class NoNetworkError(DataError):
    """The file does not contain a loadable network of this project."""


class Arguments(Stored, Calibration):
    """The arguments of `LSTMEnsemble` in the file; any other argument is refused."""

    newest_format: ClassVar[int] = 2  # see `Schema.file_format`

    name: str = "ensemble"
    layout: Schema = Field(alias="schema")
    options: Ensemble
    training: TrainingOptions | None = None  # None if untrained
    row_options: Ensemble | None = unless(None)

    @property
    def calibration(self) -> Calibration:
        """Return the arguments that are the calibration."""
        return Calibration(**{name: getattr(self, name) for name in Calibration.model_fields})


class Configuration(Frozen):
    """What `config.json` holds; anything else that Keras would build or compile is refused."""

    module: str
    class_name: str
    registered_name: str
    config: Arguments
    compile_config: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    build_config: Annotated[dict[str, Any], Field(max_length=0)] | None = None


def read_keras_file(content: bytes, file: str) -> SavedNetwork:
    """Read a network from the bytes of a `.keras` file; nothing in the file is executed.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.

    Raises:
        NoNetworkError: The file has another class or more than the network, needs more memory than
            its own size, or is not a complete `.keras` file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            is_own = SETTINGS in archive.namelist()
            _check_members(archive, len(content), [*MEMBERS, SETTINGS] if is_own else MEMBERS)
            if is_own:
                return OwnNetwork.read(content, file)
            config = json.loads(archive.read("config.json"))
            class_name = config.get("registered_name") or config.get("class_name")
            if class_name == NETWORK:
                arguments = validated(Configuration.model_validate, config).config
                _check_arguments(arguments)
                schema, row_options, row = arguments.layout, arguments.row_options, None
                shapes = weight_shapes(schema, arguments.options, row_options)
                weights, own = _weights(archive.read(WEIGHTS), shapes), len(shapes)
                if schema.row is not None and row_options is not None:
                    own -= len(weight_shapes(schema.row, row_options))
                    layers = _layers(weights[own:])
                    row = Scorer(schema.row, row_options, None, Calibration(), **layers)
                settings = arguments.options, config["config"].get("training")
                layers = _layers(weights[:own])
                return Scorer(schema, *settings, arguments.calibration, **layers, row=row)
    except Exception as error:  # zipfile and h5py raise many kinds of errors
        fault = first_fault(error) if isinstance(error, ValidationError) else error
        raise NoNetworkError(
            f"{file}: expected a whole .keras file of this project, which cannot be loaded: {fault}"
        ) from error
    raise NoNetworkError(
        f"{file}: expected a network of kind ensemble ({NETWORK}), got {class_name!r}. "
        "It was not loaded: a .keras file of another class can run code."
    )


def _layers(weights: list[list[np.ndarray]]) -> dict[str, Any]:
    embed, *recur, read_out = weights
    layers = EmbedWeights(*embed), tuple(RecurWeights(*w) for w in recur), ReadOutWeights(*read_out)
    return dict(zip(("embed", "recur", "read_out"), layers, strict=True))


def _refuse_unless(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _check_members(archive: zipfile.ZipFile, size: int, expected: list[str]) -> None:
    """Refuse an archive with other members, or with members that are larger than the file."""
    members = archive.infolist()
    are_ours = sorted(member.filename for member in members) == expected
    _refuse_unless(are_ours, f"expected {', '.join(expected)} in it, got {archive.namelist()}")
    needed = sum(member.file_size for member in members)
    _refuse_unless(
        needed <= size, f"its members take {needed} bytes, and the whole file has {size}"
    )


def _check_arguments(arguments: Arguments) -> None:
    """Refuse arguments of another format, or whose shapes are impossible or take much memory."""
    schema = arguments.layout
    _refuse_unless(
        (schema.row is None) == (arguments.row_options is None),
        "expected a schema of rows and row_options, or neither",
    )
    _refuse_unless(
        arguments.format == schema.file_format,
        f"a network of this schema has no format {arguments.format}",
    )
    for layout in (schema, schema.row or schema):
        _refuse_unless(
            0 <= layout.padded_slots < layout.features_per_step,
            f"{layout.steps} steps of {layout.features_per_step} do not fit "
            f"{len(layout.features)} features",
        )


def _weights(content: bytes, shapes: Shapes) -> list[list[np.ndarray]]:
    """Read the weights of each layer, and check that the configuration declares them.

    Raises:
        ValueError: The file has other weights, or an array is compressed, was never written, or
            lies in another file.
    """
    declared = {
        f"{layer}/vars/{place}": shape
        for layer, layer_shapes in shapes.items()
        for place, shape in enumerate(layer_shapes)
    }
    with h5py.File(io.BytesIO(content)) as file:
        datasets: dict[str, Any] = {}
        # Links are not visited, so that weights in another file are not accepted.
        file.visititems(
            lambda name, dataset: datasets.update(
                {name: dataset} if isinstance(dataset, h5py.Dataset) else {}
            )
        )
        mismatched = sorted(datasets.keys() ^ declared.keys())
        _refuse_unless(
            not mismatched, f"{WEIGHTS}: {', '.join(mismatched[:1])} is missing or not declared"
        )
        for name, shape in declared.items():
            dataset = datasets[name]
            _refuse_unless(
                (dataset.dtype, dataset.shape) == (np.float32, shape),
                f"{name} in {WEIGHTS}: expected float32 {shape}, as config.json declares, got "
                f"{dataset.dtype} {dataset.shape}",
            )
            _refuse_unless(
                dataset.nbytes == dataset.id.get_storage_size() and not dataset.external,
                f"{name} is not in {WEIGHTS} as Keras writes an array",
            )
        needed, size = sum(dataset.nbytes for dataset in datasets.values()), len(content)
        _refuse_unless(
            needed <= size, f"the weights take {needed} bytes, and their file has {size}"
        )
        arrays = {name: datasets[name][()] for name in declared}
    for array in arrays.values():
        array.flags.writeable = False
    return [
        [arrays[f"{layer}/vars/{place}"] for place in range(len(layer_shapes))]
        for layer, layer_shapes in shapes.items()
    ]


def weight_shapes(schema: Schema, options: Ensemble, row_options: Ensemble | None = None) -> Shapes:
    """Return the shapes of an ensemble's weights without building it, see `build`.

    Returns:
        By the layer's name in the file. `embed` has frequency, kernel, bias and vectors; each
        `recur` has kernel, recurrent and bias; `read_out` has kernel and bias. Then those of the
        members that read rows.
    """
    slots = Slots.of(schema)
    numeric, vectors = len(slots.numeric), int(slots.offsets[-1])
    k, f, d = options.count, options.frequencies, options.dimensions
    waves = 2 * f + slots.forms + 1
    numbers = [(k, numeric, 1, f), (k, numeric, waves, d), (k, numeric, 1, d)]
    shapes: Shapes = {"embed": [*numbers, (k, vectors, d)]}
    inputs = schema.features_per_step * d
    for place, u in enumerate(options.units):
        name = f"layers/recur_{place}" if place else "layers/recur"
        shapes[name] = [(k, 2, inputs, 4 * u), (k, 2, u, 4 * u), (k, 2, 4 * u)]
        inputs = 2 * u
    outputs = schema.task.outputs
    wide = slots.wide if schema.history else 0
    shapes["layers/read_out"] = [(k, 2 * inputs + wide, outputs), (k, outputs)]
    if schema.row is not None and row_options is not None:
        row_shapes = weight_shapes(schema.row, row_options)
        shapes |= {f"layers/lstm_ensemble/{layer}": row_shapes[layer] for layer in row_shapes}
    return shapes
