"""A folder in which something serves, made of real networks and a real log, without any run."""

from pathlib import Path
from typing import Any

from tabular_lstm.files import sha256
from tabular_lstm.rows.schema import Schema
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import read_champion
from tabular_lstm.serving.promotion_log import append, champion_of, read_log
from tests.helpers.logs import promotion, run
from tests.helpers.networks import ensemble_of, schema_of


class House:
    """A folder with candidates and a promotion log."""

    def __init__(
        self, path: Path, run_command: str = "kedro run", schema: Schema | None = None
    ) -> None:
        self.path, self.schema, self.run_command = path, schema or schema_of(), run_command
        self.candidates = path / "06_models/candidate.keras"
        self.log = path / "08_reporting/promotions.jsonl"

    def champion(self) -> Artifact:
        return read_champion(self.path, self.run_command)

    @property
    def file(self) -> Path:
        """The file of the champion."""
        return self.candidates / str(champion_of(read_log(self.log))) / "candidate.keras"

    def kept(self, letter: str) -> Path:
        return self.candidates / run(letter) / "candidate.keras"

    def promote(
        self, letter: str, seed: int, before: str | None = None, **calibration: Any
    ) -> bytes:
        """Let a run promote a real network."""
        path = self.kept(letter)
        path.parent.mkdir(parents=True)
        ensemble_of(self.schema, seed, calibration).save(path)
        return self.record(letter, path.read_bytes(), before)

    def record(self, letter: str, content: bytes, before: str | None = None) -> bytes:
        """Write the promotion of a run to the log, and nothing else."""
        append(self.log, promotion(letter, before).model_copy(update={"sha256": sha256(content)}))
        return content
