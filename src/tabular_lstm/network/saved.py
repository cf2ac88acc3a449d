"""Load a saved network into Keras safely: a file that holds anything else is refused before."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tabular_lstm.errors import DataError
from tabular_lstm.network.keras_file import blamed_on, read_keras_file
from tabular_lstm.tensorflow_import import import_tensorflow


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

    read_keras_file(content, file)
    with _written(content, file) as path, blamed_on(file):
        return keras.saving.load_model(path, safe_mode=True)


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
