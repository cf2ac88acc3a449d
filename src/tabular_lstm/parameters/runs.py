"""The blocks that say what a run decides, keeps, scores, whom it tells and where it is tracked."""

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StrictInt, model_validator

from tabular_lstm.frozen import Count, Number, Parameters, Positive, Share
from tabular_lstm.parameters.hyperparameters import NotNegative

# Options that obstore has and conf does not, since they are secret.
SECRET = re.compile("key|token|secret|password", re.IGNORECASE)
ENDPOINT = re.compile(r"https?://[\w.:\[\]-]+(/[^@\s]*)?", re.ASCII)
# 1, 2 and 75 mean something else.
ExitCode = Literal[0] | Annotated[StrictInt, Field(ge=3, le=74)]


class Tolerance(Parameters):
    """By how much a candidate may be worse than a champion.

    Attributes:
        log_loss: In nats, of classes.
        roc_auc: Of 1, of classes.
        rmse, mae: Of a number, in standard deviations of the label on the test rows.
    """

    log_loss: NotNegative = 0.02
    roc_auc: NotNegative = 0.02
    rmse: NotNegative = 0.02
    mae: NotNegative = 0.02


class Promotion(Parameters):
    """When a candidate becomes the champion, and what is kept.

    Attributes:
        confidence: One-sided, of every comparison on the test rows: a candidate that is worse by
            more than the tolerance is promoted in about 1 - confidence of cases at most.
        row_ratio: Lowest and highest number of valid rows, in multiples of the champion's.
        max_label_share_change: How far the share of a class, of two the positive one, may be from
            the champion's.
        max_label_shift: How far the mean of a number may be from the champion's, in the standard
            deviations that the label had for it.
        max_repeated_test_rows: Share of test rows that may have the features of a train row of
            another key. More are allowed where features have so few values that rows are alike.
        min_test_rows_per_class: Test rows of each class, or groups with such, that it takes to
            promote; of a number, test rows or groups in all.
        max_champion_fall: By how much the champion's ROC AUC may be below that of its promotion; of
            a number, its RMSE above, in the standard deviations that the label had then. If it is
            clearly more, or the champion clearly worse than one that knows nothing, nothing is
            promoted.
        refuse_possible_leaks: Whether to promote nothing where a feature alone gives the label of
            the train rows away. Default: no, it is only named.
        keep_champions: Champions that can be rolled back to, the one that serves included; a
            candidate is compared with each of them that stands.
        keep_candidates: Newest runs whose outputs are kept beside the champions'; decisions always.
        start_over: Whether to judge without the champions, as where labels mean something else.
    """

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    tolerance: Tolerance = Tolerance()
    row_ratio: tuple[Share, Annotated[Number, Field(ge=1)]] = (0.75, 2.0)
    max_label_share_change: Share = 0.1
    max_label_shift: NotNegative = 0.5
    max_repeated_test_rows: Share = 0.1
    min_test_rows_per_class: Count = 20
    max_champion_fall: Share = 0.1
    refuse_possible_leaks: bool = False
    keep_champions: Count = 5
    keep_candidates: Count = 10
    start_over: bool = False


class Retraining(Parameters):
    """What a retraining does beside deciding.

    Attributes:
        force: Whether to train even where the same data, parameters and code were judged already.
        exit_on_rejection: Exit code of a run that rejects its candidate: 0, or one from 3 to 74,
            which mean nothing else. Default: 0, as it did what it is for.
    """

    force: bool = False
    exit_on_rejection: ExitCode = 0


class Report(Parameters):
    """The report's title: the data and what they are for. Default: none, the file is named."""

    title: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Scoring(Parameters):
    """What the predictions say of each row beside what is predicted.

    Attributes:
        pass_through: Columns that are copied from the rows, beside key and label.
        reasons: How many features to name that moved the prediction. Default: none.
        force: Whether to score even where nothing is new.
    """

    pass_through: list[str] = []
    reasons: Annotated[StrictInt, Field(ge=0)] = 0
    force: bool = False


class Rollback(Parameters):
    """Run id of the champion in the promotion log to restore. Default: the one before."""

    run_id: str | None = None


class Engine(Parameters):
    """Where scoring, groups of members, long fits of baselines and a tuning's trials run.

    Attributes:
        kind: `local`, in this process with its threads; or `dask`, which takes the extra `cluster`.
        workers: Processes of one thread each to start on this machine, where no address is given.
        address: Of a Dask scheduler that is there, such as `tcp://scheduler:8786`.
    """

    kind: Literal["local", "dask"] = "local"
    workers: Count | None = None
    address: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        given = [name for name in ("workers", "address") if getattr(self, name) is not None]
        if len(given) != (1 if self.kind == "dask" else 0):
            raise ValueError(
                "expected workers, how many to start on this machine, or the address of a "
                "scheduler, one of them, with kind: dask, and none with kind: local; got "
                f"{' and '.join(given) or 'none'} with kind: {self.kind}"
            )
        if "@" in (self.address or ""):
            raise ValueError("address: expected no user or password, which Dask does not take")
        return self


class Monitoring(Parameters):
    """When rows are called other than those that the champion was trained on, and what follows.

    Attributes:
        false_alarms: Share of runs in which rows that are as they were raise an alarm, 0.001
            to 0.2.
        smallest_change: Share of the rows; what moved by less is no alarm.
        ignore: Columns that are not watched, such as a date that moves on by itself.
        on_drift: `warn`, or `stop`: no manifest of a scoring, no promotion by a retraining.
        exit_on_alarm: Exit code of a run that ends with an alarm: 0, or one from 3 to 74.
    """

    false_alarms: Annotated[Number, Field(ge=0.001, le=0.2)] = 0.01
    smallest_change: Share = 0.01
    ignore: list[str] = []
    on_drift: Literal["warn", "stop"] = "warn"
    exit_on_alarm: ExitCode = 0


Event = Literal["promoted", "rejected", "unchanged", "rolled_back", "scored", "alarm", "failed"]
EVENTS: tuple[Event, ...] = get_args(Event)


class Notify(Parameters):
    """Who is told how a run ended that decides, scores or fails.

    Attributes:
        command: Program and arguments, run in the project's folder, without a shell; it gets the
            outcome as JSON on its standard input, and what it prints is dropped. Default: none.
        webhook: Name of an entry in `credentials.yml` with the `url` that the same JSON is posted
            to, and, if needed, `headers`. Or the URL itself, where it is no secret. Default: none.
        events: Ends to tell of. Default: all but `unchanged`.
        timeout: Seconds after which one that does not answer is given up.
    """

    secret = True
    command: Annotated[list[str], Field(min_length=1)] | None = None
    webhook: Annotated[str, Field(min_length=1)] | None = None
    events: list[Event] = [event for event in EVENTS if event != "unchanged"]
    timeout: Annotated[Positive, Field(le=600)] = 10.0


class Mlflow(Parameters):
    """Where MLflow keeps what each retraining and rollback decided. It takes the extra `mlflow`.

    Attributes:
        tracking_uri: Of a tracking server, or `sqlite:///` and a path from the project's folder.
            Where it is a secret, the name of an entry in `credentials.yml` with the `uri`.
            Default: none, nothing is tracked.
        experiment: Its name. Default: `tabular-lstm`, and `-` with the environment's name if it is
            not the base one.
        registered_model: Of which each candidate becomes a version. Default: the same.
        timeout: Seconds after which MLflow is given up.
    """

    secret = True
    tracking_uri: Annotated[str, Field(min_length=1)] | None = None
    experiment: Annotated[str, Field(min_length=1)] | None = None
    registered_model: Annotated[str, Field(min_length=1)] | None = None
    timeout: Annotated[Positive, Field(le=3600)] = 120.0


class Storage(Parameters):
    """Where what runs write is kept beside this machine. It takes the extra `object-storage`.

    Credentials are the entry `storage` of `credentials.yml` or, without one, the environment's
    `AWS_...`.

    Attributes:
        url: `s3://bucket/prefix`, of Amazon S3 or what speaks its language. Default: none, all is
            kept on this machine alone.
        options: Of obstore's `S3Store`, such as `endpoint` and `region`; no secrets.
        timeout: Seconds that a request may take. One that can be repeated is, for twice as long.
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
