"""What a decision and a scoring cost with outputs in object storage, beside a local disk.

`python benchmarks/object_storage.py s3://models/NEW http://127.0.0.1:8333`, with a SeaweedFS on
loopback as docs/production.md starts it, and its user in AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. In turns it runs rollbacks, and scorings of a part of rows, as processes of
their own, in two projects that differ in the block `storage` alone; then it writes log entries, and
brings the parts of ten million rows there. With that it predicts, and does not measure, how fast
many workers score, by the processor time that `scale.py` found.
"""

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml
from processes import run
from projects import PROJECT, RUN, project_copy, serve

from tabular_lstm.files import sha256
from tabular_lstm.parameters import Reshaping, Storage, Task
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.object_storage import ObjectStorage
from tabular_lstm.serving.champion_history import CANDIDATES, LOG
from tabular_lstm.serving.prediction_parts import ROWS_OF_A_PART
from tabular_lstm.serving.promotion_log import LogEntry, append

ROUNDS, ENTRIES, ROWS = 5, 50, ROWS_OF_A_PART
# Of a scoring of so many rows, the seconds of workers and of the command: README.md.
MANY, OF_WORKERS, OF_COMMAND = 10**7, 44.4, 2.2
AT_LENGTH = (16, 64)
ROLLBACK = ["-m", "kedro", "run", "--pipelines", "rollback", "--params", f"rollback.run_id={RUN}"]
SCORING = ["-m", "kedro", "run", "--pipelines", "scoring", "--params"]
SCORING += ["scoring.force=true,rows_to_score=rows.csv"]


def keep(project: Path, url: str, endpoint: str) -> None:
    """Let what a project writes be kept in a storage, beginning with who serves."""
    wanted = {"url": url, "options": {"endpoint": endpoint, "region": "us-east-1"}}
    (project / "conf/local/parameters.yml").write_text(yaml.dump({"storage": wanted}))
    storage = ObjectStorage(Storage.model_validate(wanted), {}, "data")
    candidate = f"{CANDIDATES}/{RUN}/candidate.keras"
    storage.put(candidate, project / "data" / candidate)
    storage.create("promotions/00000001.json", (project / "data" / LOG).read_bytes())


def entries(outputs: Path, commit: Callable[[bytes], None] | None) -> list[float]:
    """Write log entries, and give the seconds of each."""
    took = []
    for number in range(ENTRIES):
        entry = LogEntry(
            run_id=f"2026-01-02T00.00.{number:02}.000Z",
            time=RUN,
            action="rejected",
            reason="to measure",
            served_before=None,
            serves_now=None,
            sha256=None,
            inputs=None,
            test_rows_sha256=None,
            decision_sha256=sha256(b""),
            line_before=None,
        )
        began = time.perf_counter()
        append(outputs / LOG, entry, commit)
        took.append(time.perf_counter() - began)
    return took


def uploads(part: Path, outputs: KeptOutputs, folder: Path) -> list[float]:
    """Bring the parts of many rows to the storage; give seconds of processor time of each round."""
    took = []
    for number in range(ROUNDS):
        run_id = f"2026-01-03T00.00.{number:02}.000Z"
        predictions = folder / "07_model_output/predictions" / run_id
        predictions.mkdir(parents=True)
        for place in range(-(-MANY // ROWS)):
            shutil.copy(part, predictions / f"part-{place:05}.parquet")
        began = time.process_time()
        outputs.push(run_id)
        took.append(time.process_time() - began)
    return took


def tell_predicted(upload: float) -> None:
    """Say how fast many workers are beside one: the parts go up once all are scored."""
    for count in AT_LENGTH:
        disk, storage = (
            (OF_WORKERS + after) / (max(OF_WORKERS / count, OF_COMMAND) + after)
            for after in (0.0, upload)
        )
        print(
            f"predicted, not measured: {count} workers with a core each score {MANY:,} rows at "
            f"most {disk:.1f} times as fast as one, with a storage {storage:.1f} times"
        )


def schema_of(rows: pd.DataFrame) -> Schema:
    """Learn eight numbers and a label of two classes."""
    return learn_schema(
        rows,
        categorical=[],
        missing={},
        reshaping=Reshaping(),
        label="diabetes",
        task=Task.of_classes((0, 1)),
    )


def main(url: str, endpoint: str) -> None:
    """Print medians."""
    took = dict[str, list[float]]()
    rows = pd.read_csv(PROJECT / "data/01_raw/diabetes.csv").drop(columns="diabetes")
    options: dict[str, str | bool] = {"endpoint": endpoint, "region": "us-east-1"}
    with project_copy() as disk, project_copy() as kept:
        for project in (disk, kept):
            serve(project, schema_of(rows))
            many = rows.iloc[[place % len(rows) for place in range(ROWS)]]
            many.to_csv(project / "rows.csv", index=False)
        keep(kept, url, endpoint)
        for _ in range(ROUNDS):
            for what, command in (("rollback", ROLLBACK), (f"scoring of {ROWS:,} rows", SCORING)):
                for where, project in (("disk", disk), ("storage", kept)):
                    took.setdefault(f"{what}, {where}", []).append(run(command, project).seconds)
        took["log entry, disk"] = entries(disk / "alone", None)
        alone = Storage(url=f"{url}/alone", options=options)
        (kept / "alone/.runs").mkdir(parents=True)
        outputs = KeptOutputs(ObjectStorage(alone, {}, "data"), kept / "alone")

        def commit(line: bytes) -> None:
            outputs.pull_log()  # as each run does
            outputs.commit(line)

        took["log entry, storage, the log read before and after"] = entries(kept / "alone", commit)
        part = next(kept.glob("data/07_model_output/predictions/*/part-00000.parquet"))
        took[f"parts of {MANY:,} rows to the storage, processor time"] = uploads(
            part, outputs, kept / "alone"
        )
    for what, seconds in took.items():
        spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
        print(f"{what}: median {statistics.median(seconds):.3f} s of {len(seconds)}, {spread}")
    tell_predicted(statistics.median(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
