"""A folder in which something serves, made of real networks and a real log, without any run."""

from pathlib import Path

from tabular_lstm.files import sha256
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log_file import append
from tabular_lstm.serving.store import Store
from tests.helpers.logs import promotion, run
from tests.helpers.networks import ensemble_of, schema_of


class House:
    """A folder with candidates, a promotion log and a champion."""

    def __init__(
        self, path: Path, run_command: str = "kedro run", schema: Schema | None = None
    ) -> None:
        self.schema = schema or schema_of()
        self.file = path / "06_models/champion.keras"
        self.log = path / "08_reporting/promotions.jsonl"
        self.store = Store(self.file, self.file.with_name("candidate.keras"), self.log, run_command)

    def candidate(self, letter: str, seed: int) -> bytes:
        """Save a real network as the candidate of a run."""
        path = self.kept(letter)
        path.parent.mkdir(parents=True)
        ensemble_of(self.schema, seed).save(path)
        return path.read_bytes()

    def kept(self, letter: str) -> Path:
        return self.store.candidates / run(letter) / "candidate.keras"

    def promote(self, letter: str, seed: int, before: str | None = None) -> bytes:
        """Let a run promote its candidate."""
        content = self.candidate(letter, seed)
        self.record(letter, content, before)
        self.store.put(Artifact(content, letter))
        return content

    def record(self, letter: str, content: bytes, before: str | None = None) -> None:
        """Write the promotion of a run to the log, and nothing else."""
        append(self.log, promotion(letter, before).model_copy(update={"sha256": sha256(content)}))
