"""Kedro's hooks: guards before the nodes; log lines, MLflow and notifications after them."""

import contextlib
import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tabular_lstm import __version__
from tabular_lstm.datasets.kedro_private import folder_of_versions, unsaved, use_own_version
from tabular_lstm.datasets.tables import own_entry
from tabular_lstm.engine import Engine
from tabular_lstm.environments import output_folder, run_command, with_model
from tabular_lstm.errors import DataError, printable
from tabular_lstm.exit_codes import DONE, FAILED, TRY_LATER, Severity
from tabular_lstm.files import FULL, not_written, writing
from tabular_lstm.monitoring.health import Health
from tabular_lstm.parameters.runs import Event
from tabular_lstm.runs import attempts, guards
from tabular_lstm.runs.attempts import Attempt
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.lock import LockedError, claim_run_id, locked
from tabular_lstm.runs.models import refuse_other_model
from tabular_lstm.runs.notify import RunEnd, notify, read_credentials, read_options
from tabular_lstm.runs.output_folders import delete_run, prune, renew_latest
from tabular_lstm.runs.provenance import provenance
from tabular_lstm.serving.champion import refuse_other_task
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.manifest import read_manifest
from tabular_lstm.serving.prediction_parts import AlarmError
from tabular_lstm.serving.promotion_log import LOG, Inputs, champion_of
from tabular_lstm.tensorflow_import import refuse_without_tensorflow

# Run log ------------------------------------------------------------------------------------------

logger = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """Collects each warning of this project once, while the log is open."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warnings: dict[str, None] = {}
        self._part = ""

    def __enter__(self) -> "RunLog":
        logging.getLogger("tabular_lstm").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tabular_lstm").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        self._warnings[record.getMessage()] = None

    def node(self, name: str) -> None:
        """Log the pipeline of a node if it differs from the node before."""
        part, self._part = self._part, name.partition(".")[0]
        logger.log(logging.DEBUG if part == self._part else logging.INFO, "Running %s", name)

    def repeat_warnings(self, verdict: Sequence[str], last_line: str) -> None:
        """Log the warnings once more, for readers of the end of the log, and the verdict.

        What the last line says is not repeated; it may begin a warning with a small letter.
        """
        lines = [
            f"Warning of this run: {warning}"
            for warning in self._warnings
            if warning[1:] not in last_line
        ]
        said = "\n".join([*self._warnings, last_line])
        for line in [*lines, *(sentence for sentence in verdict if sentence not in said)]:
            logger.info("%s", line)


# Hooks --------------------------------------------------------------------------------------------

STARTS = "tabular-lstm %s: run %s of environment %s, to %s/"
NOTHING_DECIDED = "This run did not decide which model serves. To decide: %s --pipelines retraining"
# Keys of click's `meta`: the hooks of a command's run, which know how it ended; and that the run is
# one of `run-models`, which notifies once, and for which a model that waits has not failed.
HOOKS, OF_MANY = "tabular_lstm.hooks", "tabular_lstm.of_many"


def _of_many() -> bool:
    return OF_MANY in getattr(click.get_current_context(silent=True), "meta", {})


def _saved_by(pipeline: Pipeline) -> set[str]:
    """Return the entries that a run saves, with all their transcoded names (`…@file`)."""
    saved = {name.partition("@")[0] for name in pipeline.all_outputs()}
    return {name for name in pipeline.datasets() if name.partition("@")[0] in saved}


class RunHooks:
    """The project's hooks; Kedro calls the methods.

    Attributes:
        attempt: The last run, and how it ended. None if it has not begun.
    """

    attempt: Attempt | None

    def __init__(self) -> None:
        self._until_end = contextlib.ExitStack()  # locks and workers
        self._judged: Champions | None = None  # those that a retraining may only repeat

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, and tell the command where to ask how the run ended."""
        self.attempt, self._began = None, time.monotonic()
        self._kept: KeptOutputs | None = None
        self._context, self._loader, self._run_id = context, context.config_loader, ""
        runtime_params = self._loader.runtime_params
        self._env = with_model(context.env, runtime_params.get("model"))
        self._outputs = Path(context.project_path) / output_folder(self._env)
        # Faulty conf does not say which models there are, so a name may be mistyped.
        self._is_traced = _of_many() or self._outputs.exists()
        if command := click.get_current_context(silent=True):
            command.meta[HOOKS] = self
            command.call_on_close(self.end)  # after Ctrl-C too, for which Kedro calls no hook
        self._parameters = guards.check_parameters(self._loader["parameters"], runtime_params)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Refuse what cannot run or is nothing new; else prepare what the nodes need."""
        if "session_id" in run_params:  # of a KedroServiceSession; no other session has one
            raise DataError(guards.NO_SERVER)
        self.end()  # a notebook's run that Ctrl-C ended
        self._is_traced = _of_many()
        refuse_other_model(self._loader, self._env, pipeline)
        self._is_traced = True
        guards.refuse_other_paths(self._loader, pipeline)
        guards.refuse_part(pipeline, run_params, run_command(self._env))
        if "candidate@network" in pipeline.datasets():
            refuse_without_tensorflow("Training")
        self._open(run_params["run_id"])
        try:
            names = run_params["pipeline_names"]
            self._begin(pipeline, catalog, attempts.pipeline_of(names, pipeline.all_outputs()))
            if guards.decides(pipeline):
                self._prepare_to_decide(pipeline, catalog)
            elif self._kept:
                self._kept.pull(catalog, pipeline, self._parameters)
            if guards.scores(pipeline):
                self._prepare_to_score(catalog)
            for name in _saved_by(pipeline):
                use_own_version(catalog.get(name), self._run_id)
            if guards.decides(pipeline) and guards.retrains(pipeline):
                log, promotion = catalog.load("champions").log, self._parameters["promotion"]
                prune(catalog, pipeline, log, promotion, self._run_id, self._kept)
        except BaseException as error:
            (self._outputs / ".runs" / self._run_id).unlink(missing_ok=True)  # it wrote nothing
            self.end()
            if isinstance(error, guards.NothingNewError):
                self._close_unchanged(error)
            raise

    def _open(self, run_id: str) -> None:
        """Choose the run's id, and open the log."""
        places, self._judged = (self._outputs, output_folder(self._env)), None
        self._kept = KeptOutputs.of(self._parameters["storage"], self._loader, *places)
        self._run_id = claim_run_id(self._outputs / ".runs", run_id)
        self._log = self._until_end.enter_context(RunLog())

    def _begin(self, pipeline: Pipeline, catalog: Any, name: str) -> None:
        """Log the start, and give the nodes the run id, the engine and the provenance."""
        if self._kept:
            self._run_id = self._kept.claim(self._run_id)
        self.attempt = Attempt(run_id=self._run_id, pipeline=name)
        if name:
            self._until_end.enter_context(attempts.at_work(self._outputs, self.attempt, self._kept))
        catalog.save("run_id", self._run_id)
        env, outputs = self._env or "base", output_folder(self._env)
        logger.info(STARTS, __version__, self._run_id, env, outputs)
        engine = contextlib.closing(Engine(self._parameters["engine"]))
        catalog.save("engine", self._until_end.enter_context(engine))
        if "provenance" in pipeline.inputs():
            of_run = provenance(
                self._run_id,
                Path(self._context.project_path),
                self._env,
                self._parameters,
                self._entry("raw_rows"),
            )
            catalog.save("provenance", of_run)

    def _entry(self, name: str) -> dict[str, Any]:
        """Return the configuration of an entry that only a project's own conf can have."""
        entries = self._loader["catalog"]
        if name not in entries:
            raise DataError(
                f"The catalog has no entry '{name}', which says where the rows are. Add one, or "
                "create an environment for a file: kedro profile FILE --env NAME."
            )
        return own_entry(entries[name])

    def _prepare_to_decide(self, pipeline: Pipeline, catalog: Any) -> None:
        """Take the lock; check the log and, for a retraining, whether anything is new."""
        with writing(self._outputs):
            self._until_end.enter_context(locked(self._outputs / "retraining.lock", self._run_id))
            if self._kept:
                self._kept.pull(catalog, pipeline, self._parameters)
                catalog.get("promotions").commit = self._kept.commit
            start_over = self._parameters["promotion"].start_over
            champions = catalog.load("champions")
            if not start_over:
                self._refuse_older_log(champions)
            if guards.retrains(pipeline):
                self._prepare_to_retrain(catalog, champions, start_over)

    def _prepare_to_retrain(self, catalog: Any, champions: Champions, start_over: bool) -> None:
        """Refuse what could not be judged, and rows and conf that have been judged before."""
        guards.refuse_what_cannot_be_judged(self._parameters["split"])
        if start_over:
            return
        if champion_of(champions.log):  # report a damaged file before hours of training
            catalog.get("champion").load()
        raw_rows = catalog.load("raw_rows")
        guards.refuse_lost_features(champions, raw_rows, self._parameters["columns"])
        if not self._parameters["retraining"].force:
            inputs = catalog.load("provenance").inputs(raw_rows.sha256())
            self._refuse_nothing_new(champions, inputs)
            self._judged = champions

    def _refuse_nothing_new(self, champions: Champions, inputs: Inputs) -> None:
        retraining, hold = self._parameters["retraining"], self._parameters["promotion"].hold
        guards.refuse_nothing_new(champions, inputs, retraining, hold)

    def _refuse_older_log(self, champions: Champions) -> None:
        if not (self._kept and champions.log):  # the log of a storage is the newest one
            log, command = self._outputs / LOG, run_command(self._env)
            guards.refuse_older_log(champions, log, self._run_id, command)

    def _prepare_to_score(self, catalog: Any) -> None:
        """Delete what killed scorings left, pin the champion, and check whether anything is new."""
        self._refuse_older_log(catalog.load("champions"))
        self._until_end.enter_context(guards.clear_unfinished(catalog))
        catalog.get("predictions@manifest").run_id = self._run_id
        champion = catalog.get("champion").pin()
        refuse_other_task(champion, self._parameters["columns"], run_command(self._env))
        conditions = guards.conditions(self._parameters, self._entry("rows_to_score"))
        catalog.save("scoring_conditions", conditions)
        if not self._parameters["scoring"].force:
            inputs = catalog.load("rows_to_score").hashes(self._parameters["columns"].key)
            stops = self._parameters["monitoring"].on_drift == "stop"
            if self._kept is None or self._kept.pull_scoring_like(
                catalog,
                guards.VERSIONED,
                lambda manifest: manifest.same_as(inputs, champion.sha256, conditions),
            ):
                guards.refuse_scored_before(
                    catalog, inputs, champion, conditions, stops, self._run_id
                )

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Log which node runs."""
        self._log.node(node.name)

    @hook_impl
    def after_node_run(self, catalog: CatalogProtocol[Any, Any], outputs: dict[str, Any]) -> None:
        """Refuse a retraining without new rows that count, before the rows are saved."""
        if self._judged and (summary := outputs.get("data_summary")):
            inputs = catalog.load("provenance").inputs(summary.sha256, summary.rows_sha256)
            self._refuse_nothing_new(self._judged, inputs)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Renew the copies of reports; then log the end, notify and mirror."""
        try:
            if self._kept:
                self._kept.push()
            decides, outputs = guards.decides(pipeline), pipeline.all_outputs()
            level = logging.DEBUG if decides else logging.INFO
            renew_latest(catalog, pipeline, self._run_id, level, self._kept)
            verdict = catalog.load("verdict") if "verdict" in outputs else []
            if decides:
                self._close_decision(catalog, verdict)
            elif verdict:
                self._log.repeat_warnings(verdict, "")
            if "report" in pipeline.outputs():  # no decision is made of it
                logger.info("Report: %s", self._file_of(catalog, "report"))
                logger.info(NOTHING_DECIDED, run_command(self._env))
            if guards.scores(pipeline):
                self._close_scoring(catalog)
            if "health" in outputs:
                self._close_monitoring(catalog.load("health"))
            elif self.attempt and self.attempt.outcome is None:
                self._end_attempt(outcome="done", severity="done", exit_code=DONE)
        finally:
            self.end()

    def _close_decision(self, catalog: Any, verdict: Sequence[str]) -> None:
        """Mirror to MLflow before the lock is released, so that decisions arrive in order."""
        decision = catalog.load("decision")
        message = printable(decision.closing_line(str(self._file_of(catalog, "report"))))
        self._log.repeat_warnings(verdict, message)
        if decision.action == "promoted":
            logger.info("It passed the gate: %s", decision.reason)
        if self._parameters["mlflow"].tracking_uri is not None:
            self._mirror(catalog)
        self._close(
            decision.action,
            message,
            decision.alarm,
            exit_code=decision.exit_code(self._parameters["retraining"]),
            severity=decision.severity,
            rows=decision.judgement.data.rows if decision.judgement else None,
            decision=decision.model_dump(mode="json"),
        )

    def _mirror(self, catalog: Any) -> None:
        from tabular_lstm.runs import tracking  # noqa: PLC0415

        folders = {name: folder_of_versions(catalog.get(name)) for name in tracking.MIRRORED}
        tracking.mirror(
            self._parameters["mlflow"],
            read_credentials(self._loader),
            self._context.project_path,
            self._env,
            catalog.load("champions").log,
            {name: folder for name, folder in folders.items() if folder},
        )

    def _close_scoring(self, catalog: Any) -> None:
        folder = guards.folder_of(catalog) / self._run_id
        said = f"{catalog.load('scoring_summary').sentence()} Predictions: {folder}"
        manifest = read_manifest(folder)
        alarm, document = catalog.load("scoring_drift").alarm, manifest.model_dump(mode="json")
        self._close("scored", printable(said), alarm, rows=manifest.rows, manifest=document)

    def _close_monitoring(self, health: Health) -> None:
        alarm = health.closing_line() if health.alarm else None
        self._close(
            "alarm" if alarm else "measured",
            printable(health.sentence()),
            alarm,
            rows=health.serving.labelled_rows,
        )

    def _file_of(self, catalog: Any, name: str) -> Path | None:
        """Return the file of this run's version of an entry; None without versions."""
        folder = folder_of_versions(catalog.get(name))
        return folder and folder / self._run_id / folder.name

    @hook_impl(trylast=True)
    def on_pipeline_error(
        self, error: Exception, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Release the lock; name a file that could not be written, because Kedro does not.

        A run that found nothing new leaves nothing.

        Raises:
            DataError: Names the file.
        """
        if isinstance(error, guards.NothingNewError):
            delete_run(catalog, pipeline, self._run_id)
            (self._outputs / ".runs" / self._run_id).unlink(missing_ok=True)
            self._close_unchanged(error)
        self.end()
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, DataError | OSError):
            cause = cause.__cause__
        name = unsaved(error)
        if isinstance(cause, OSError) and (name or cause.errno in FULL):
            # A node's temporary file is gone with the run.
            path = (name and self._file_of(catalog, name)) or name or tempfile.gettempdir()
            raise DataError(f"{not_written(cause, path)} The champion has not changed.") from error

    def _close_unchanged(self, error: guards.NothingNewError) -> None:
        self._close(
            "unchanged",
            printable(f"Unchanged: {error}"),
            error.alarm,
            error.exit_code,
            error.severity,
        )

    def _close(
        self,
        event: Event | Literal["measured"],
        message: str,
        alarm: str | None,
        exit_code: int = DONE,
        severity: Severity = "done",
        rows: int | None = None,
        **document: Any,
    ) -> None:
        """Notify, and log an alarm, then the end; an alarm's exit code gives way to `exit_code`."""
        alarm_line = printable(f"ALARM: {alarm}") if alarm else ""
        if event != "measured":
            self.notify(event, f"{message} {alarm_line}".rstrip(), alarm=bool(alarm), **document)
        if alarm:
            logger.warning(alarm_line)
            exit_code = exit_code or self._parameters["monitoring"].exit_on_alarm
            severity = "alarm" if severity == "done" else severity
        self._end_attempt(
            outcome=event,
            alarm=alarm,
            severity=severity,
            exit_code=exit_code,
            message=message,
            rows=rows,
        )
        logger.info(message)

    def fail(self, fault: BaseException, message: str, pipelines: Sequence[str]) -> None:
        """Notify that the run failed, and record it, even if the run did not begin."""
        alarm = str(fault) if isinstance(fault, AlarmError) else None
        self.notify("failed", message, bool(alarm))
        if self.attempt is None:
            name = attempts.pipeline_of(pipelines) if self._is_traced else ""
            self.attempt = Attempt(run_id=self._run_id or generate_timestamp(), pipeline=name)
            self._kept = None  # it may be what failed
        outcome, code = "failed", FAILED
        if isinstance(fault, LockedError):
            outcome, code = "locked", TRY_LATER
        elif why := attempts.why_waiting(self._outputs, self.attempt.pipeline, fault, self._kept):
            outcome, code, message = "waiting", DONE if _of_many() else FAILED, why
        self._end_attempt(
            outcome=outcome, severity=outcome, exit_code=code, message=message, alarm=alarm
        )

    def _end_attempt(self, **end: Any) -> None:
        """Record how the run ended; if this cannot be written, only warn."""
        assert self.attempt is not None  # noqa: S101  it has begun
        end["seconds"] = round(time.monotonic() - self._began, 1)
        self.attempt = self.attempt.model_copy(update=end)
        if self.attempt.pipeline:
            try:
                attempts.save(self._outputs, self.attempt, self._kept)
            except DataError as error:
                logger.warning("How this run ended could not be recorded: %s", error)

    def notify(
        self, event: Event, message: str, alarm: bool = False, **document: dict[str, Any]
    ) -> None:
        """Notify that the run ended; the document is `decision` or `manifest`.

        An end with an alarm is notified once: as `alarm` if conf lists this event, else as the
        event without the alarm.
        """
        if _of_many():
            return
        options = read_options(self._loader)
        notify(
            RunEnd(
                event="alarm" if alarm and "alarm" in options.events else event,
                environment=self._env or "base",
                run_id=self._run_id or None,
                message=message,
                **document,
            ),
            options,
            self._context.project_path,
        )

    def end(self) -> None:
        """Release the locks, and end the workers."""
        self._until_end.close()
