"""Load a saved network safely: a file that holds anything else is refused."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tabular_lstm.errors import DataError
from tabular_lstm.tensorflow_import import import_tensorflow

NETWORK = "tabular_lstm>LSTMEnsemble"


def load_network(content: bytes, file: str) -> Any:
    """Load this project's ensemble from the bytes of a `.keras` file.

    Keras' safe mode refuses code that a file brings along; here a file that names any other
    class is refused before Keras sees it.

    Raises:
        DataError: The file holds something else, or is no whole `.keras` file.
    """
    import_tensorflow()
    import keras  # noqa: PLC0415

    import tabular_lstm.network.build  # noqa: F401, PLC0415  registers the class

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            config = json.loads(archive.read("config.json"))
        found = config.get("registered_name") or config.get("class_name")
        if found == NETWORK:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "artifact.keras"
                path.write_bytes(content)
                return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises what it likes
        raise DataError(
            f"{file}: expected a whole .keras file of this project, Keras cannot load it: {error}"
        ) from error
    raise DataError(
        f"{file}: expected a network of kind ensemble ({NETWORK}), got {found!r}. "
        "It was not loaded: a .keras file of another class can run code."
    )
