"""Load a saved network safely: a file that holds anything else, or unpacks to more, is refused."""

import contextlib
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabular_lstm import archives
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Ensemble
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tensorflow_import import import_tensorflow

NETWORK = "tabular_lstm>LSTMEnsemble"
KEYS = {"module", "class_name", "registered_name", "config"}
WEIGHTS = "model.weights.h5"
MEMBERS = ["config.json", "metadata.json", WEIGHTS]
FLOAT32 = 4  # bytes


class NoNetworkError(DataError):
    """A file that holds no network of this project which can be loaded."""


def load_network(content: bytes, file: str) -> Any:
    """Load this project's ensemble from the bytes of a `.keras` file.

    Keras' safe mode refuses code that a file brings along; here a file that names any other
    class is refused before Keras sees it, and so is one that would take more memory than a small
    multiple of its own size.

    Raises:
        NoNetworkError: The file holds something else, or is no whole `.keras` file.
        DataError: No temporary file can be written, from which Keras loads it.
    """
    import_tensorflow()
    import keras  # noqa: PLC0415

    import tabular_lstm.network.build  # noqa: F401, PLC0415  registers the class

    with _blamed_on(file), zipfile.ZipFile(io.BytesIO(content)) as archive:
        archives.refuse_what_unpacks(archive, MEMBERS, len(content))
        config = json.loads(archive.read("config.json"))
        found = config.get("registered_name") or config.get("class_name")
        if found == NETWORK:
            _check_weights(archive, len(content))
            _check_configuration(config, len(content))
    if found != NETWORK:
        raise NoNetworkError(
            f"{file}: expected a network of kind ensemble ({NETWORK}), got {found!r}. "
            "It was not loaded: a .keras file of another class can run code."
        )
    with _written(content, file) as path, _blamed_on(file):
        return keras.saving.load_model(path, safe_mode=True)


@contextlib.contextmanager
def _blamed_on(file: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Keras raises what it likes
        raise NoNetworkError(
            f"{file}: expected a whole .keras file of this project, which cannot be loaded: {error}"
        ) from error


@contextlib.contextmanager
def _written(content: bytes, file: str) -> Iterator[Path]:
    """Give the content as a temporary file.

    Raises:
        DataError: The temporary folder is full, or not there.
    """
    with contextlib.ExitStack() as until:
        folder = "the temporary folder"
        try:
            folder = until.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / "artifact.keras"
            path.write_bytes(content)
        except OSError as error:
            raise DataError(
                f"{error.filename or folder}: {error.strerror}. {file} is loaded from a temporary "
                f"file of {len(content)} bytes, which cannot be written. Make space there, or name "
                "another folder in the variable TMPDIR."
            ) from error
        yield path


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
        _check_weights(archive, len(content))


def _check_weights(archive: zipfile.ZipFile, size_of_file: int) -> None:
    import h5py  # noqa: PLC0415

    sizes = []

    def refuse(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            size, stored = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
            sizes.append(size)
            if size != stored or item.chunks or item.external or item.is_virtual or item.attrs:
                raise ValueError(
                    f"{name} in {WEIGHTS}, {item.dtype} {item.shape}, takes {size} bytes, and "
                    f"{stored} in the file, where Keras writes an array as it is"
                )

    with h5py.File(io.BytesIO(archive.read(WEIGHTS))) as weights:
        weights.visititems(refuse)
    archives.refuse_more(sum(sizes), f"the weights in {WEIGHTS} take", size_of_file)


def _check_configuration(config: dict[str, Any], size: int) -> None:
    """Refuse a network that is more than its arguments, or whose weights are not all in the file.

    Args:
        config: What config.json holds.
        size: Of the file, in bytes.
    """
    more = {name for name, value in config.items() if value} - KEYS
    if more:
        raise ValueError(f"config.json: expected {', '.join(sorted(KEYS))}, got {sorted(more)} too")
    _check_calibration(**{name: config["config"][name] for name in ("temperature", "threshold")})
    schema = Schema.model_validate(config["config"]["schema"])
    options = Ensemble.model_validate(config["config"]["options"])
    if not 0 <= schema.padded_slots < schema.features_per_step:
        raise ValueError(
            f"{schema.steps} steps of {schema.features_per_step} are no shape for "
            f"{len(schema.features)} features"
        )
    archives.refuse_more(
        FLOAT32 * count_weights(schema, options), "the weights it declares take", size
    )


def _check_calibration(temperature: Any, threshold: Any) -> None:
    for name, value in (("temperature", temperature), ("threshold", threshold)):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"config.json: expected a number as {name}, got {value!r}")
    if temperature <= 0:
        raise ValueError(f"config.json: expected a temperature above 0, got {temperature}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"config.json: expected a threshold from 0 to 1, got {threshold}")


def count_weights(schema: Schema, options: Ensemble) -> int:
    """Count the weights of an ensemble without building it, see `layers`."""
    names = [name for name in schema.features if schema.categories.get(name)]
    numeric = len(schema.features) - len(names)
    vectors = sum(len(schema.categories[name]) + 2 for name in names)
    f, d = options.frequencies, options.dimensions
    embed = numeric * (f + (2 * f + 2) * d + d) + vectors * d
    inputs, recur = schema.features_per_step * d, 0
    for u in options.units:
        recur += 2 * (inputs + u + 1) * 4 * u
        inputs = 2 * u
    read_out = 4 * options.units[-1] + 1
    return options.members * (embed + recur + read_out)
