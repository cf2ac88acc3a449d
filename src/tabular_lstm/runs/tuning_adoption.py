"""Hooks of a tuning: run one at a time, log the result, and adopt it in conf.

Adopted parameters are in one file of the environment, `parameters_tuned.yml`, which only a tuning
writes. Kedro merges this file with the environment's other files, so no other file may have its
blocks.
"""

import json
import logging
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf

from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError
from tabular_lstm.files import not_written, replace
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.lock import Lock
from tabular_lstm.tuning.trials import BestParameters

logger = logging.getLogger(__name__)

FILE = "parameters_tuned.yml"
WRITTEN_BY = "# Written by kedro run --pipelines tuning"
BLOCKS = {"network", "training"}
READ = {".yml", ".yaml", ".json"}  # what Kedro reads of conf, with OmegaConf


class TuningHooks:
    """Registered in settings.py; Kedro calls the methods."""

    _lock: Lock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Remember where conf is."""
        self._context = context

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Lock the studies, so that one tuning at a time writes them.

        Raises:
            DataError: Another tuning is at work.
        """
        self.end()
        if "best_parameters" not in pipeline.all_outputs():
            return
        lock = Path(catalog.load("study_database")).with_name("tuning.lock")
        try:
            self._lock = Lock.take(lock, run_params["run_id"])
        except OSError as error:
            raise not_written(error, lock) from error

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Log the best parameters, and adopt them if `tuning.adopt` is set."""
        try:
            if "best_parameters" in pipeline.all_outputs():
                found = catalog.load("best_parameters")
                if found.run_id == run_params["run_id"]:  # not from an earlier tuning
                    self._log(found)
        finally:
            self.end()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self.end()

    def _log(self, found: BestParameters) -> None:
        logger.info("%s", found.sentence())
        if not found.better:
            return
        loader, env = self._context.config_loader, self._context.env
        if check_parameters(loader["parameters"])["tuning"].adopt:
            path = adopt(found, Path(loader.conf_source), env)
            command = f"{run_command(env)} --pipelines retraining"
            logger.info("Adopted in %s. The next retraining trains with it: %s", path, command)
        else:
            logger.info(
                "To adopt it in %s, without new trials: run this command again with "
                "--params tuning.adopt=true. The parameters: %s",
                *(FILE, json.dumps(found.model_dump(mode="json", include=BLOCKS))),
            )

    def end(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def adopt(found: BestParameters, conf: Path, env: str | None) -> Path:
    """Write the blocks with the best parameters to the environment's file of tuned parameters.

    Without an environment, the file is written to `local`.

    Raises:
        DataError: The file was not written by a tuning, or the environment has these blocks in
            another file; nothing was written.
    """
    folder, blocks = conf / (env or "local"), found.model_dump(mode="json", include=BLOCKS)
    path = folder / FILE
    try:
        old = path.read_text() if path.exists() else WRITTEN_BY
        if not old.startswith(WRITTEN_BY):
            raise DataError(f"{path} was not written by a tuning; move it away")
        for file in sorted({*folder.rglob("parameters*"), *folder.glob("parameters*/**/*")}):
            if file != path and file.suffix in READ and not BLOCKS.isdisjoint(OmegaConf.load(file)):
                raise DataError(f"{file} has network or training already")
        written = f"run {found.run_id}: {found.loss} {found.best.log_loss:.4f}"
        replace(path, f"{WRITTEN_BY}, {written}\n\n{_yaml(blocks)}".encode())
    except (DataError, OSError) as error:
        by_hand = f"Not adopted: {error}. To do it by hand:", *_yaml(blocks).splitlines()
        raise DataError(*by_hand) from error
    return path


def _yaml(blocks: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(blocks, sort_keys=False, default_flow_style=None)
    return text
