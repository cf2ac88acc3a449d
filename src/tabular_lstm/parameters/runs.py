"""The blocks for promotion, retraining, scoring, monitoring, and the environment of a run."""

import re
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, StrictInt, model_validator

from tabular_lstm.errors import unknown_name
from tabular_lstm.exit_codes import ALARM, DONE, UNTRUSTED_DATA, ExitCode
from tabular_lstm.frozen import Count, Number, Parameters, Positive, Share, matching, unless
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.columns import TIME
from tabular_lstm.parameters.hyperparameters import NotNegative

# An option that was removed, but that conf of version 0.1.0 may have: see `runs.guards`.
POSSIBLE_LEAKS = "refuse_possible_leaks"
NO_WEBHOOK = "let command post to it, such as [curl, --fail, --json, '@-', URL]"
# Options of obstore that conf refuses, because they are secret.
SECRET = re.compile("key|token|secret|password", re.IGNORECASE)
ENDPOINT = re.compile(r"https?://[\w.:\[\]-]+(/[^@\s]*)?", re.ASCII)

# For each metric, by how much a candidate may be worse than another model.
Tolerance = dict[str, NotNegative]


def _of_each_metric(tolerance: Tolerance) -> Tolerance:
    """Add the default tolerances of the metrics that are not named."""
    usual = {name: m.tolerance for name, m in METRICS.items() if m.tolerance is not None}
    if unknown := [name for name in tolerance if name not in usual]:
        raise ValueError(unknown_name(unknown[0], [*usual]))
    return usual | tolerance


def without_option(values: Any, option: str) -> Any:
    """Remove an option from a block of conf; a value that is not a block is returned unchanged."""
    return {n: v for n, v in values.items() if n != option} if isinstance(values, dict) else values


class PromotionOptions(Parameters):
    """When a candidate becomes the champion, and what is kept.

    Attributes:
        confidence: One-sided confidence of every comparison on the test rows: a candidate that is
            worse by more than the tolerance is promoted in at most about 1 - confidence of cases.
        tolerance: By how much a candidate may be worse than a champion or the linear baseline:
            `log_loss`, in nats, and `roc_auc`; for a number, `rmse` and `mae`, in standard
            deviations of the label on the test rows. Default: 0.02 each.
        row_ratio: Lowest and highest number of valid rows, in multiples of the champion's.
        max_label_share_change: How far the share of a class (with two classes, the positive one)
            may be from the champion's.
        max_label_shift: How far the mean of a number may be from the champion's, in standard
            deviations of the champion's labels.
        max_repeated_test_rows: Largest share of test rows with the same features as a train row of
            another key. More are allowed if the features have so few values that identical rows are
            common.
        min_test_rows_per_class: Minimum number of test rows of each class, or of groups with such
            rows, for a promotion; for a number, of test rows or groups in total.
        max_champion_fall: The largest allowed drop in the champion's ROC AUC after its promotion;
            for a number, the largest rise in its RMSE, in standard deviations of the label at
            promotion. If the change is clearly larger, or the champion is clearly worse than a
            model without features, nothing is promoted.
        keep_champions: How many champions a rollback can restore, including the serving one; a
            candidate is compared with each of them that is still comparable.
        keep_candidates: How many of the newest runs keep their outputs, in addition to the
            champions; decisions are always kept.
        start_over: Whether to judge without the champions, such as when labels have a new meaning.
        hold: Whether to judge candidates but promote none. The first run without it judges again.
    """

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    tolerance: Annotated[Tolerance, AfterValidator(_of_each_metric)] = Field(
        {}, validate_default=True
    )
    row_ratio: tuple[Share, Annotated[Number, Field(ge=1)]] = (0.75, 2.0)
    max_label_share_change: Share = 0.1
    max_label_shift: NotNegative = 0.5
    max_repeated_test_rows: Share = 0.1
    min_test_rows_per_class: Count = 20
    max_champion_fall: Share = 0.1
    keep_champions: Count = 5
    keep_candidates: Count = 10
    start_over: bool = False
    hold: bool = unless(False)

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_gone(cls, values: Any) -> Any:
        return without_option(values, POSSIBLE_LEAKS)


class RetrainingOptions(Parameters):
    """When a retraining trains, and how it exits.

    Attributes:
        force: Whether to train even if the same data and parameters have already been judged.
        new_code: Whether to train if only the code or a package version has changed, as after an
            upgrade. Default: no.
        exit_on_untrusted_data: Exit code if check 1 of the gate rejects the data: a code from 3 to
            74, or 0, as for other rejections. Default: 65, EX_DATAERR of sysexits.h.
        exit_on_rejection: Exit code of a run that rejects its candidate for another reason: 0, or a
            code from 3 to 74 that has no other meaning. Default: 0, because the run did not fail.
    """

    force: bool = False
    new_code: bool = False
    exit_on_untrusted_data: ExitCode = UNTRUSTED_DATA
    exit_on_rejection: ExitCode = DONE


class ReportOptions(Parameters):
    """The report's title: the data and their purpose. Default: the file's name."""

    title: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ScoringOptions(Parameters):
    """What a scoring writes for each row, in addition to the prediction.

    Attributes:
        pass_through: Columns to copy from the rows, in addition to key and label.
        reasons: How many of the features that moved the prediction most to name. Default: none.
        force: Whether to score even if rows, champion, parameters and code are the same as before.
    """

    pass_through: list[str] = []
    reasons: Annotated[StrictInt, Field(ge=0)] = 0
    force: bool = False


class RollbackOptions(Parameters):
    """Run ID, in the promotion log, of the champion to restore. Default: the previous champion."""

    run_id: str | None = None


class EngineOptions(Parameters):
    """Where scoring, the training of groups of members, and long baseline fits run.

    Attributes:
        kind: `local`, in this process with its threads, or `dask`, which needs the extra `cluster`.
        workers: How many single-threaded processes to start on this machine if no `address` is
            given.
        address: Address of a running Dask scheduler, such as `tcp://scheduler:8786`.
    """

    kind: Literal["local", "dask"] = "local"
    workers: Count | None = None
    address: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        named_options = [name for name in ("workers", "address") if getattr(self, name) is not None]
        if len(named_options) != (1 if self.kind == "dask" else 0):
            raise ValueError(
                "with kind: dask, expected either workers, how many to start on this machine, or "
                "the address of a scheduler; with kind: local, neither; got "
                f"{' and '.join(named_options) or 'none'} with kind: {self.kind}"
            )
        if "@" in (self.address or ""):
            raise ValueError("address: expected no user or password, which Dask does not take")
        return self


class MonitoringOptions(Parameters):
    """When drift raises an alarm: the rows differ from those that the champion was trained on.

    Attributes:
        false_alarms: Share of runs that raise an alarm although the rows have not changed, 0.001
            to 0.2.
        smallest_change: Smallest share of the rows that must have moved for an alarm.
        ignore: Columns that are not monitored, such as a date that increases with time.
        on_drift: `warn`, or `stop`: a scoring gets no manifest, and a retraining promotes nothing.
        exit_on_alarm: Exit code of a run with both an alarm and a result: 0, or a code from 3 to
            74.
    """

    false_alarms: Annotated[Number, Field(ge=0.001, le=0.2)] = 0.01
    smallest_change: Share = 0.01
    ignore: list[str] = []
    on_drift: Literal["warn", "stop"] = "warn"
    exit_on_alarm: ExitCode = ALARM


Event = Literal["promoted", "rejected", "unchanged", "rolled_back", "scored", "alarm", "failed"]
EVENTS: tuple[Event, ...] = get_args(Event)


class NotifyOptions(Parameters):
    """How to notify someone when a run decides, scores or fails.

    Attributes:
        command: Program and arguments, run in the project's folder, without a shell. The program
            gets one line of JSON on its standard input; its output is discarded. Default: none.
        events: Outcomes that send a notification. Default: all but `unchanged`.
        timeout: Total number of seconds that the command may take.
    """

    secret = True
    command: Annotated[list[str], Field(min_length=1)] | None = None
    events: list[Event] = [event for event in EVENTS if event != "unchanged"]
    timeout: Annotated[Positive, Field(le=600)] = 10.0

    @model_validator(mode="before")
    @classmethod
    def _no_webhook(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("webhook") is not None:
            raise ValueError(f"webhook is gone: {NO_WEBHOOK}")
        return without_option(values, "webhook")


class OverviewOptions(Parameters):
    """When the overview calls a model stale.

    Attributes:
        stale_after: Longest time without a finished run of a kind, such as `36 hours`. Default:
            twice the median time between the model's last six runs of that kind, at least a day.
    """

    stale_after: Annotated[str, matching(TIME.pattern, "a time such as '36 hours'")] | None = None


class MlflowOptions(Parameters):
    """Where MLflow tracks each decision. It needs the extra `mlflow`.

    Attributes:
        tracking_uri: URI of a tracking server, or `sqlite:///` and a path from the project's
            folder. If the URI is secret, the name of an entry in `credentials.yml` that holds the
            `uri`. Default: none, nothing is tracked.
        experiment: Name of the experiment. Default: `tabular-lstm`; in an environment other than
            base, `tabular-lstm-` and the environment's name.
        registered_model: Each candidate becomes a version of this model. Default: `experiment`.
        timeout: Seconds to wait for an answer from MLflow.
    """

    secret = True
    tracking_uri: Annotated[str, Field(min_length=1)] | None = None
    experiment: Annotated[str, Field(min_length=1)] | None = None
    registered_model: Annotated[str, Field(min_length=1)] | None = None
    timeout: Annotated[Positive, Field(le=3600)] = 120.0


class StorageOptions(Parameters):
    """Object storage for the outputs of runs. It needs the extra `object-storage`.

    Credentials come from the entry `storage` of `credentials.yml` or, without this entry, from the
    environment variables `AWS_...`.

    Attributes:
        url: `s3://bucket/prefix`, in Amazon S3 or a compatible storage. Default: none, outputs are
            kept only on this machine.
        options: Options of obstore's `S3Store`, such as `endpoint` and `region`; no secrets.
        timeout: Seconds for a request. A request that can be repeated is retried for up to twice as
            long.
    """

    secret = True
    url: Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/[\w=-][\w.=-]*)*/?$")] | None = (
        None
    )
    options: dict[str, str | bool] = {}
    timeout: Annotated[Positive, Field(le=600)] = 30.0

    @model_validator(mode="after")
    def _no_secrets(self) -> Self:
        if secret := [name for name in self.options if SECRET.search(name)]:
            raise ValueError(
                f"options.{secret[0]}: expected in the entry storage of credentials.yml"
            )
        if not ENDPOINT.fullmatch(str(self.options.get("endpoint", "https://amazon"))):
            raise ValueError("options.endpoint: expected http:// or https:// and a host, no user")
        return self
