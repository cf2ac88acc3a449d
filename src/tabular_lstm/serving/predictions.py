"""Predictions: a stream of parts with scored rows, each with the model that scored it."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass

from tabular_lstm.engine import Workers
from tabular_lstm.errors import DataError
from tabular_lstm.progress import Progress, progress_bar
from tabular_lstm.rows.checking import CheckedRows
from tabular_lstm.serving.manifest import Conditions, FileOfRows, Manifest
from tabular_lstm.serving.scored import EFFECT, REASON, ScoredPart, ScoringTask
from tabular_lstm.serving.scored_parts import scored_parts
from tabular_lstm.serving.tally import Tally

# The columns that a prediction has; no column that is copied may have such a name.
ROW = ("file", "row")
DECIDED = ("probability", "decision")
SOURCE = ("champion", "champion_sha256", "run_id", "scored_at")


@dataclass(frozen=True)
class Predictions:
    """A scoring that is done while its parts are taken.

    Attributes:
        checked: The rows.
        scoring: How they are scored.
        conditions: What else the predictions rest on.
        tally: Counts what passes.
        workers: Who checks and scores, see `scored_parts`. Default: this process.
    """

    checked: CheckedRows
    scoring: ScoringTask
    conditions: Conditions
    tally: Tally
    workers: Workers | None = None

    @property
    def run_id(self) -> str:
        """Give the id of the run that scores."""
        return self.scoring.run_id

    def parts(self) -> Generator[ScoredPart]:
        """Score the rows, once, and give the parts in the order of the rows.

        Raises:
            DataError: See `scored_parts` and `CheckedRows.counted`.
        """
        with contextlib.ExitStack() as until:
            # Closed here, not when the process ends, where threads can do nothing any more.
            scored = until.enter_context(
                contextlib.closing(scored_parts(self.scoring, self.checked.read, self.workers))
            )
            parts = until.enter_context(
                contextlib.closing(
                    self.checked.counted(scored, lambda part: [of.checked for of in part.blocks])
                )
            )
            progress: Progress | None = None
            for part in parts:
                if progress is None:
                    expected = part.blocks[0].checked.expected
                    progress = until.enter_context(progress_bar("Scored", expected, " rows"))
                for block in part.blocks:
                    self.tally.add(block)
                yield part
                progress.update(sum(block.checked.count for block in part.blocks))

    def manifest(self, parts: list[FileOfRows]) -> Manifest:
        """Say what was scored, once all parts are taken and written to these files.

        Raises:
            ValueError: Rows were lost or doubled.
        """
        source, rows = self.checked.source, self.tally.rows_by_file
        files = zip(source.names, source.hashes().items(), strict=True)
        inputs = [
            FileOfRows(file=file, rows=rows[name], sha256=sha256) for name, (file, sha256) in files
        ]
        return Manifest(
            run_id=self.run_id,
            scored_at=self.scoring.scored_at.isoformat().replace("+00:00", "Z"),
            champion=self.scoring.scored_by,
            rows=rows.total(),
            scored_rows=self.tally.scored_rows,
            quarantined_rows=self.checked.quarantine.rows,
            inputs=tuple(inputs),
            parts=tuple(parts),
            parameters=self.conditions.parameters,
            code_sha256=self.conditions.code_sha256,
        )


def refuse_names(copied: dict[str, str], rows: str) -> None:
    """Stop where a column that is copied has the name of one that a prediction has.

    Args:
        copied: For each column that is copied, why.
        rows: The path of the rows, for the message.

    Raises:
        DataError: Names it, and says what to do.
    """
    own = {*ROW, *DECIDED, *SOURCE}
    for name, why in copied.items():
        if name in own or name.startswith((REASON, EFFECT)):
            raise DataError(
                f"{rows}: column '{name}' would be copied to the predictions, which have a column "
                f"of that name. {why}. Rename it in the rows, or leave it out with load_args: "
                "{usecols: [...]} of rows_to_score in the catalog."
            )
