"""Outputs kept in object storage: the storage has the originals, and the folder here is a copy.

An output is an object, named by its path below the environment's folder. The promotion log has one
object for each decision, `promotions/00000001.json`. An object is created only if none with this
number exists: this is the commit. A run has read the log up to some number, and may create only the
next number.
"""

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.config import AbstractConfigLoader
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from pydantic import ValidationError

from tabular_lstm.datasets.kedro_private import folder_of_versions
from tabular_lstm.errors import DataError
from tabular_lstm.files import opened, replace, writing
from tabular_lstm.parameters.runs import StorageOptions
from tabular_lstm.runs.lock import LockedError, claim_run_id, lock_file
from tabular_lstm.runs.notify import read_credentials
from tabular_lstm.serving.manifest import MANIFEST, Manifest, finished_runs
from tabular_lstm.serving.promotion_log import (
    CANDIDATES,
    DECISIONS,
    FINGERPRINTS,
    LOG,
    REFERENCES,
    by_age,
    is_run_id,
    next_run_id,
    read_log,
    restorable,
)

if TYPE_CHECKING:
    from tabular_lstm.runs.object_storage import ObjectStorage

CLAIMS, PROMOTIONS = ".runs", "promotions"
# How many of the newest decisions are copied here.
DECISIONS_HERE = 100
OF_CHAMPION = (CANDIDATES, DECISIONS, FINGERPRINTS, REFERENCES)
AT_ONCE = 8


class KeptOutputs:
    """The outputs of an environment in object storage and their copies here, for one run.

    All methods raise a DataError if the storage fails, or if a file here cannot be written.
    """

    def __init__(self, storage: "ObjectStorage", outputs: Path) -> None:
        self._storage, self._outputs = storage, outputs
        self._run_id = ""
        self._entries = 0  # in the log when this run read it
        self._pushed: set[Path] = set()  # files that this run has copied to the storage

    @classmethod
    def of(
        cls,
        storage: StorageOptions,
        loader: AbstractConfigLoader,
        outputs: Path,
        relative_outputs: str,
    ) -> "KeptOutputs | None":
        """Return the outputs of an environment; None if conf names no storage.

        `relative_outputs` is the folder of the outputs, relative to the project's folder and to the
        storage's URL.

        Raises:
            DataError: The extra is not installed, or an option is unknown to obstore.
        """
        if storage.url is None:
            return None
        if find_spec("obstore") is None:
            raise DataError(
                "storage.url is set, but the package obstore is not installed. Install the extra: "
                "pip install 'tabular-lstm[object-storage]'; or set storage.url: null."
            )
        from tabular_lstm.runs.object_storage import ObjectStorage  # noqa: PLC0415

        credentials = read_credentials(loader).get("storage") or {}
        if not isinstance(credentials, Mapping):
            raise DataError(
                "credentials.yml: storage: expected names with their values. Correct the file."
            )
        return cls(ObjectStorage(storage, credentials, relative_outputs), outputs)

    def claim(self, run_id: str) -> str:
        """Claim this run id, or the next one that is free here and in the storage; return it."""
        mine = os.urandom(16).hex().encode()
        while self._storage.create(f"{CLAIMS}/{run_id}", mine) != mine:
            run_id = claim_run_id(self._outputs / CLAIMS, next_run_id(run_id))
        self._run_id = run_id
        return run_id

    # From the storage -----------------------------------------------------------------------

    def pull(self, catalog: Any, pipeline: Pipeline, parameters: Mapping[str, Any]) -> None:
        """Copy missing inputs of a run here: log, champions, and scorings for a monitoring."""
        self.pull_log()
        log, keep = catalog.load("champions").log, parameters["promotion"].keep_champions
        keys = [_key(DECISIONS, entry.run_id) for entry in log[-DECISIONS_HERE:]]
        for run in {*restorable(log, keep), parameters["rollback"].run_id} - {None}:
            keys += [_key(output, run) for output in OF_CHAMPION]
        # If there are decisions without a log, a guard asks for the log.
        self._pull(keys if log else self._storage.keys(DECISIONS))
        if "finished_scorings" in pipeline.inputs():
            self._pull_scorings(catalog, ["scoring_drift"], self._finished_scorings(catalog))

    def pull_log(self) -> None:
        """Replace the promotion log here by the log of the storage.

        Raises:
            DataError: The log here has other decisions; or a stored entry is missing or damaged.
        """
        path = self._outputs / LOG
        with self._alone():
            lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
            first_number = max(len(lines), 1)
            keys = self._storage.keys(PROMOTIONS, after=_log_key(first_number - 1))
            stored_lines = self._all(self._storage.get, keys)
            for number, (key, line) in enumerate(
                zip(keys, stored_lines, strict=True), first_number
            ):
                if key != _log_key(number) or not line.endswith(b"\n"):
                    raise DataError(
                        f"{self._storage.url}: {_log_key(number)} is missing or damaged. "
                        "Restore that object from a copy."
                    )
            if lines and stored_lines[:1] != lines[-1:]:
                raise DataError(
                    f"{path}, line {len(lines)}: not in {self._storage.url}/{PROMOTIONS}. Either "
                    "the log here comes from runs without this storage, or the storage has lost "
                    f"decisions. If the storage is right, move {self._outputs} elsewhere; "
                    "otherwise use another storage.url, or restore the missing objects: each is a "
                    "line of the log."
                )
            new_lines = stored_lines[1:] if lines else stored_lines
            if new_lines:
                replace(path, b"".join([*lines, *new_lines]))
            self._entries = len(lines) + len(new_lines)

    def pull_scoring_like(
        self, catalog: Any, other_outputs: Iterable[str], is_same: Callable[[Manifest], bool]
    ) -> bool:
        """Copy the newest scoring if `is_same` holds for its manifest; return whether it does."""
        for run in self._finished_scorings(catalog)[-1:]:
            predictions = self._key(catalog.get("predictions").folder)
            content = self._storage.get(f"{predictions}/{run}/{MANIFEST}")
            with contextlib.suppress(ValidationError):  # readers of the predictions get the error
                if is_same(Manifest.model_validate_json(content or b"")):
                    self._pull_scorings(catalog, other_outputs, [run])
                    return True
        return False

    def _finished_scorings(self, catalog: Any) -> list[str]:
        """Return the finished scorings in the storage, the newest last.

        A scoring that finished here but did not reach the storage is copied there.
        """
        predictions = catalog.get("predictions").folder
        keys = self._storage.keys(self._key(predictions))
        stored_runs = {Path(key).parent.name for key in keys if key.endswith(f"/{MANIFEST}")}
        local_runs = {*finished_runs(predictions, timestamp := generate_timestamp())}
        for run in local_runs - stored_runs:
            self.push(run)
        return by_age(filter(is_run_id, stored_runs | local_runs), timestamp)

    def _pull_scorings(
        self, catalog: Any, other_outputs: Iterable[str], runs: Collection[str]
    ) -> None:
        """Copy the outputs of scorings here, their manifests last."""
        folders = [folder_of_versions(catalog.get(name)) for name in other_outputs]
        outputs = [catalog.get("predictions").folder, *filter(None, folders)]
        keys = [key for output in outputs for key in self._storage.keys(self._key(output))]
        self._pull(key for key in keys if {*Path(key).parts} & {*runs})

    def pull_overview(self, pages: Iterable[str]) -> None:
        """Copy here what the overview reads except attempts: log, champion, newest `pages`."""
        (self._outputs / CLAIMS).mkdir(parents=True, exist_ok=True)
        self.pull_log()
        log = read_log(self._outputs / LOG)
        runs = {log[-1].run_id, log[-1].serves_now or log[-1].run_id} if log else set()
        self._pull(_key(output, run) for run in runs for output in (CANDIDATES, DECISIONS))
        self._all(self._bring, [f"08_reporting/{page}" for page in pages])

    def renew(self, folder: Path, is_final: Callable[[Path], bool] = lambda _: False) -> None:
        """Copy all objects below a folder here, except those whose files here are final."""
        paths = {key: self._outputs / key for key in self._storage.keys(self._key(folder))}
        self._all(self._bring, [k for k, p in paths.items() if not (p.exists() and is_final(p))])

    def _pull(self, keys: Iterable[str]) -> None:
        """Copy missing objects here; those that the storage does not have either are skipped."""
        with self._alone():
            missing = {key for key in keys if not (self._outputs / key).exists()}
            self._manifests_last(self._bring, missing)

    def _bring(self, key: str) -> None:
        if (content := self._storage.get(key)) is not None:
            replace(self._outputs / key, content)

    # To the storage -------------------------------------------------------------------------

    def push(self, run_id: str | None = None) -> None:
        """Copy all files of a run to the storage, manifests last."""
        folders = self._outputs.glob(f"[0-9]*/*/{run_id or self._run_id}")
        run_files = {path for folder in folders for path in folder.rglob("[!.]*") if path.is_file()}
        self._manifests_last(self.put, new_files := run_files - self._pushed)
        self._pushed |= new_files

    def put(self, path: Path) -> None:
        """Copy a file to the storage; it replaces an object with its name."""
        self._storage.put(self._key(path), path)

    def commit(self, line: bytes) -> None:
        """Commit a decision: store everything that it is based on, then create its log entry.

        The entry's number follows the entries that this run read, even if the log here has more.

        Raises:
            LockedError: Another run decided meanwhile.
        """
        self.push()
        decided = json.loads(line)
        files = f"{CANDIDATES}/{decided['serves_now']}"
        if decided["action"] == "rolled_back" and not self._storage.keys(files):
            self.push(decided["serves_now"])  # another clone deleted it from the storage as too old
        entry_number = self._entries + 1
        try:
            stored_line = self._storage.create(_log_key(entry_number), line)
        except DataError as error:
            raise DataError(
                f"{error} If the decision of run {self._run_id} did reach the storage, "
                "the next run will find it. Nothing else was changed."
            ) from error
        if stored_line != line:
            # It may come from a newer version, in another format.
            first_decision = json.loads(stored_line)
            raise LockedError(
                f"{self._storage.url}/{_log_key(entry_number)}: run {first_decision['run_id']} "
                f"decided first ({first_decision['action']}). Run {self._run_id} did not know of "
                "this decision and has decided nothing. Run it again."
            )
        try:
            self.pull_log()
        except DataError as error:
            raise DataError(
                f"The decision of run {self._run_id} stands. However: {error}"
            ) from error

    def delete_versions(
        self, outputs: Iterable[Path], old: Callable[[Iterable[str]], list[str]]
    ) -> list[str]:
        """Delete the versions of old runs, which `old` selects, and return these runs."""
        keys = [key for output in outputs for key in self._storage.keys(self._key(output))]
        runs = {key: next(filter(is_run_id, Path(key).parts), "") for key in keys}
        deleted_runs = old({*runs.values()} - {""})
        self._storage.delete([key for key in keys if runs[key] in deleted_runs])
        return deleted_runs

    # Both -----------------------------------------------------------------------------------

    def _key(self, path: Path) -> str:
        if not path.is_relative_to(self._outputs):
            raise DataError(
                f"{path}: expected a path below {self._outputs}, because {self._storage.url} keeps "
                "only that folder. Correct the path in the catalog."
            )
        return path.relative_to(self._outputs).as_posix()

    def _manifests_last(self, function: Callable[[Any], Any], files: set[Any]) -> None:
        manifests = {file for file in files if Path(file).name == MANIFEST}
        for group in (files - manifests, manifests):
            self._all(function, group)

    @staticmethod
    def _all(function: Callable[[Any], Any], arguments: Iterable[Any]) -> list[Any]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(function, arguments))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for another run that is copying to the same folder."""
        with writing(self._outputs), opened(self._outputs / CLAIMS) as descriptor:
            lock_file(descriptor, wait=True)
            yield


def _log_key(number: int) -> str:
    return f"{PROMOTIONS}/{number:08}.json"


def _key(output: str, run: str) -> str:
    return f"{output}/{run}/{Path(output).name}"
