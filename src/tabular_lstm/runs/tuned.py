"""Around a tuning: one at a time, what it found as lines of conf, and those lines adopted."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from tabular_lstm.datasets.study import StudyDataset
from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError
from tabular_lstm.runs.adopted import adopt, folder_of, not_tuned, places
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.lock import Lock
from tabular_lstm.tuning.found import BestParameters
from tabular_lstm.tuning.search import refuse_without_optuna

logger = logging.getLogger(__name__)

BUSY = "Two at once would both write its studies"


class TuningHooks:
    """Registered in settings.py; Kedro calls the methods."""

    _lock: Lock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where conf is."""
        self._context = context

    @hook_impl(wrapper=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> Any:
        """Let one tuning at a time write the studies.

        Raises:
            DataError: Another one is at work; the extra is not installed; the network is one that
                has no out-of-fold predictions; or the study would be another run's.
        """
        self.end()  # a run that was interrupted told nobody
        self._refuse_parts(pipeline, run_params)
        if "study" in pipeline.all_outputs():
            refuse_without_optuna()
            self._refuse_tutorial()
            study = catalog.get("study")
            if isinstance(study, StudyDataset):
                self._take(study.folder, run_params["run_id"])
        try:
            return (yield)
        except BaseException:
            self.end()
            raise

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Say what was found and how to adopt it, or adopt it."""
        try:
            if "best_parameters" in pipeline.all_outputs():
                self._say(catalog.load("best_parameters"))
        finally:
            self.end()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close it."""
        self.end()

    def _refuse_parts(self, pipeline: Pipeline, run_params: dict[str, Any]) -> None:
        """Stop where the best would be chosen in a study of whatever rows and parameters."""
        outputs, parts = pipeline.all_outputs(), run_params["only_missing_outputs"]
        if "best_parameters" in outputs and (parts or "study" not in outputs):
            raise DataError(
                "The best parameters are chosen in the study of these rows and parameters: run "
                f"the whole, which trains nothing anew: {run_command(run_params['env'])} "
                "--pipelines tuning."
            )

    def _refuse_tutorial(self) -> None:
        network = self._parameters()["network"]
        if network.kind != "ensemble":
            raise DataError(
                f"network.kind = {network.kind}: it has no out-of-fold predictions, by which "
                "parameters are compared; a tuning expects kind ensemble."
            )

    def _take(self, folder: Path, run_id: str) -> None:
        try:
            self._lock = Lock.take(folder / "tuning.lock", run_id, BUSY)
        except OSError as error:
            raise DataError(f"{error.filename or folder}: {error.strerror}") from error

    def _say(self, found: BestParameters) -> None:
        logger.info("%s", found.sentence())
        if not found.better:
            if self._parameters()["tuning"].adopt:
                logger.info("Nothing is adopted: conf is as it was")
            return
        loader, env = self._context.config_loader, self._context.env
        project, conf = Path(self._context.project_path), Path(loader.conf_source)
        if self._parameters()["tuning"].adopt:
            files = adopt(found, conf, env)
            logger.info(
                "Adopted in %s. The next retraining trains with it: %s --pipelines retraining",
                _listed(files, project),
                run_command(env),
            )
            return
        given = not_tuned(loader.runtime_params or {}, found)
        alone = f" (of --params alone: {', '.join(given)})"
        again = (
            ", or run this command again with --params tuning.adopt=true, which trains nothing anew"
        )
        logger.info(
            "To adopt it, write this to %s%s:\n%s",
            _listed(places(folder_of(conf, env)).values(), project),
            alone if given else "" if env == "base" else again,
            found.conf(),
        )

    def _parameters(self) -> dict[str, Any]:
        return check_parameters(self._context.config_loader["parameters"])

    def end(self) -> None:
        """Let the next tuning in."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _listed(files: Iterable[Path], project: Path) -> str:
    near = (file.relative_to(project) if file.is_relative_to(project) else file for file in files)
    return " and ".join(dict.fromkeys(map(str, near)))
