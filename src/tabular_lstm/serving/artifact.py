"""An artifact: the bytes of a saved network, identified by their SHA-256."""

import io
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.network.keras_file import read_keras_file
from tabular_lstm.network.own_network import OwnNetwork, SavedNetwork
from tabular_lstm.network.score import score
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.histories import Sequences
from tabular_lstm.rows.timeline import valid_sequences
from tabular_lstm.tensorflow_import import import_tensorflow


@dataclass(frozen=True)
class Artifact:
    """The bytes of a `.keras` file and its path; the hashed bytes are the loaded bytes.

    Attributes:
        run_id: The run that trained it, if known from the promotion log.
    """

    content: bytes = field(repr=False)  # megabytes
    file: str
    run_id: str | None = None

    @classmethod
    def read(cls, path: Path) -> "Artifact":
        """Read a file whole.

        Raises:
            FileNotFoundError: The file does not exist.
            DataError: The path is a folder, or this user may not read it.
        """
        try:
            return cls(path.read_bytes(), str(path))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DataError(
                f"{path}: {error.strerror}. Expected a .keras file that this user may read."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the bytes, not the values computed from them."""
        return Artifact, (self.content, self.file, self.run_id)

    @cached_property
    def sha256(self) -> str:
        """Hash the content."""
        return sha256(self.content)

    @cached_property
    def network_sha256(self) -> str:
        """Hash all but the metadata: files of one network differ there, such as in their dates."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            learned = sorted({*archive.namelist()} - {"metadata.json"})
            return sha256(b"".join(map(archive.read, learned)))

    @cached_property
    def network(self) -> Any:
        """Build the `LSTMEnsemble` without Keras' loader: nothing in the file is executed.

        A user's own network is the `OwnNetwork`.
        """
        saved = self.scorer
        if isinstance(saved, OwnNetwork):
            return saved
        import_tensorflow()  # only here, because it takes seconds
        from tabular_lstm.network.build import LSTMEnsemble  # noqa: PLC0415

        schema, options = saved.schema.model_dump(), saved.options.model_dump()
        calibration = saved.calibration.model_dump(mode="json")
        row_options = saved.row and saved.row.options.model_dump()
        network = LSTMEnsemble(schema, options, saved.training, row_options, **calibration)
        parts = [saved] if saved.row is None else [saved, saved.row]
        layers = [layer for part in parts for layer in (part.embed, *part.recur, part.read_out)]
        network.set_weights([*chain(*layers)])
        return network

    @cached_property
    def scorer(self) -> SavedNetwork:
        """Read what scoring needs, without TensorFlow; see `read_keras_file` for its errors."""
        return read_keras_file(self.content, self.file)

    def sequences(self, examples: Examples) -> Sequences:
        """Turn the rows of examples into sequences by the network's own schema.

        Raises:
            DataError: See `scorer` and `tabular_lstm.rows.timeline.valid_sequences`.
        """
        return valid_sequences(examples.rows, self.scorer.schema, *examples.earlier_rows)

    def score(self, sequences: Sequences) -> np.ndarray:
        """Predict sequences, see `tabular_lstm.network.outputs.Outputs.predictions`."""
        return score(self.scorer, sequences)

    def no_prediction(self, rows: str, advice: str) -> DataError:
        """Return the error for rows without a prediction; `advice` says what to do."""
        output_name = self.scorer.schema.task.traits.prediction
        return DataError(
            f"{self.file}: the champion, run {self.run_id}, gives no {output_name} for {rows}: "
            "some of its weights are not numbers, or a network of kind keras does not replace a "
            f"missing value. {advice}."
        )
