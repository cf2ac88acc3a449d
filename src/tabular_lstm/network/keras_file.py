"""Read a `.keras` file of this project without Keras: only JSON and arrays are accepted.

It is a ZIP archive of three members: `config.json`, which names the class and its arguments,
`metadata.json`, and the weights as HDF5. Keras does not compress the members or the weights, so a
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
from tabular_lstm.network.scorer import EmbedWeights, ReadOutWeights, RecurWeights, Scorer, Slots
from tabular_lstm.parameters.hyperparameters import Ensemble, TrainingOptions
from tabular_lstm.rows.schema import SCORES, Schema

NETWORK = "tabular_lstm>LSTMEnsemble"
WEIGHTS = "model.weights.h5"
MEMBERS = ["config.json", "metadata.json", WEIGHTS]
# A schema's fields for the label: the first two for two classes; one of the others for other tasks.
LABEL_FIELDS = ("positive_class", "negative_class", "classes", "target")
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


def read_keras_file(content: bytes, file: str) -> Scorer:
    """Read an ensemble from the bytes of a `.keras` file; nothing in the file is executed.

    Args:
        content: The bytes of the file.
        file: Its name, for messages.

    Raises:
        NoNetworkError: The file has another class or more than the network, needs more memory than
            its own size, or is not a complete `.keras` file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(archive, len(content))
            config = json.loads(archive.read("config.json"))
            class_name = config.get("registered_name") or config.get("class_name")
            if class_name == NETWORK:
                arguments = validated(Configuration.model_validate, config).config
                _check_schema(arguments.layout)
                if (arguments.layout.row is None) != (arguments.row_options is None):
                    raise ValueError("expected a schema of rows and row_options, or neither")
                if arguments.format != arguments.layout.file_format:
                    raise ValueError(f"a network of this schema has no format {arguments.format}")
                _check_calibration(arguments)
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


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse an archive with other members, or with members that are larger than the file."""
    members = archive.infolist()
    if sorted(member.filename for member in members) != MEMBERS:
        raise ValueError(f"expected {', '.join(MEMBERS)} in it, got {archive.namelist()}")
    if (needed := sum(member.file_size for member in members)) > size:
        raise ValueError(f"its members take {needed} bytes, and the whole file has {size}")


def _check_schema(schema: Schema) -> None:
    """Refuse a schema that defines no sequence, or has impossible means, variances, quantiles."""
    count = len(schema.features)
    if not 0 <= schema.padded_slots < schema.features_per_step or len({*schema.features}) < count:
        raise ValueError(
            f"{schema.steps} steps of {schema.features_per_step} are no shape for {count} features"
        )
    numbers = [*schema.mean, *schema.variance, *schema.origin.values()]
    if not (len(schema.mean) == len(schema.variance) == count and np.isfinite(numbers).all()):
        raise ValueError(
            f"expected a number as mean and variance of each of {count} features, and as any origin"
        )
    for name, quantiles in schema.quantiles.items():
        rises = np.isfinite(quantiles).all() and (np.diff(quantiles) >= 0).all()
        if not (rises and len(quantiles) in (0, len(SCORES)) and name in schema.features):
            raise ValueError(f"expected {len(SCORES)} rising quantiles of a feature, got '{name}'")
    label_fields = {name for name in LABEL_FIELDS if getattr(schema, name) is not None}
    if label_fields not in ({*LABEL_FIELDS[:2]}, {LABEL_FIELDS[2]}, {LABEL_FIELDS[3]}):
        raise ValueError(
            f"expected of the label two classes, classes, or a target, got {label_fields}"
        )
    if schema.classes is not None and len({*schema.classes}) < max(3, len(schema.classes)):
        raise ValueError(f"expected three or more different classes, got {schema.classes}")
    if schema.row is not None:
        if schema.history is None or schema.row.history is not None or schema.row.row is not None:
            raise ValueError("expected the schema of rows in a schema of histories alone")
        _check_schema(schema.row)
    if schema.target and not np.isfinite([schema.target.mean, schema.target.deviation]).all():
        raise ValueError(f"expected numbers of the label, got {schema.target}")


def _check_calibration(arguments: Arguments) -> None:
    """Refuse a calibration that does not fit the schema's task."""
    task, count = arguments.layout.task, len(arguments.layout.task.classes)
    if missing := {"temperature", "threshold"} - arguments.model_fields_set:
        raise ValueError(f"config.{min(missing)}: Field required")
    for name in ("costs", "residuals", "coverage"):
        if getattr(arguments, name) is not None and name not in task.traits.learned:
            raise ValueError(f"config.{name}: expected no value if the task is {task.kind}")
    if arguments.costs is not None and [len(row) for row in arguments.costs] != [count] * count:
        raise ValueError(f"config.costs: expected a row of {count} costs for each of the classes")
    steps = np.diff([0, *(arguments.residuals or ())])
    if not np.isfinite(arguments.calibration.numbers).all() or (steps < 0).any():
        raise ValueError("config: expected numbers as costs, and residuals that do not fall")


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
        if mismatched := sorted(datasets.keys() ^ declared.keys()):
            raise ValueError(f"{WEIGHTS}: {mismatched[0]} is missing or not declared")
        for name, shape in declared.items():
            dataset = datasets[name]
            if (dataset.dtype, dataset.shape) != (np.float32, shape):
                raise ValueError(
                    f"{name} in {WEIGHTS}: expected float32 {shape}, as config.json declares, got "
                    f"{dataset.dtype} {dataset.shape}"
                )
            if dataset.nbytes != dataset.id.get_storage_size() or dataset.external:
                raise ValueError(f"{name} is not in {WEIGHTS} as Keras writes an array")
        if (needed := sum(dataset.nbytes for dataset in datasets.values())) > len(content):
            raise ValueError(f"the weights take {needed} bytes, and their file has {len(content)}")
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
    names = [name for name in schema.features if schema.categories.get(name)]
    numeric = len(schema.features) - len(names)
    vectors = sum(len(schema.categories[name]) + 2 for name in names)
    k, f, d = options.count, options.frequencies, options.dimensions
    waves = 2 * f + 2 + schema.scores
    numbers = [(k, numeric, 1, f), (k, numeric, waves, d), (k, numeric, 1, d)]
    shapes: Shapes = {"embed": [*numbers, (k, vectors, d)]}
    inputs = schema.features_per_step * d
    for place, u in enumerate(options.units):
        name = f"layers/recur_{place}" if place else "layers/recur"
        shapes[name] = [(k, 2, inputs, 4 * u), (k, 2, u, 4 * u), (k, 2, 4 * u)]
        inputs = 2 * u
    outputs = schema.task.outputs
    wide = Slots.of(schema).wide if schema.history else 0
    shapes["layers/read_out"] = [(k, 2 * inputs + wide, outputs), (k, outputs)]
    if schema.row is not None and row_options is not None:
        row_shapes = weight_shapes(schema.row, row_options)
        shapes |= {f"layers/lstm_ensemble/{layer}": row_shapes[layer] for layer in row_shapes}
    return shapes
