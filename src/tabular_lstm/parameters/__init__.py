"""Typed parameters: an unknown name or an impossible value fails before any node runs.

The arguments of nodes have these models as annotations, so Kedro builds the models from the blocks
of `conf/*/parameters_*.yml`. An environment replaces a whole block; a value that is not in the new
block gets its default from here.
"""

from tabular_lstm.frozen import Parameters
from tabular_lstm.parameters.columns import (
    CLASSES,
    NUMBER,
    ROLES,
    TASKS,
    TWO_CLASSES,
    Class,
    Columns,
    DateFormat,
    History,
    Kind,
    Moment,
    Split,
    Task,
    Value,
    forms_of,
    in_utc,
    in_words,
    read_differently,
)
from tabular_lstm.parameters.hyperparameters import (
    CostMatrix,
    Coverage,
    Ensemble,
    Evaluation,
    Network,
    NotNegative,
    Objective,
    Reshaping,
    Training,
    Validation,
    fault_of_task,
)
from tabular_lstm.parameters.runs import (
    Engine,
    Event,
    Mlflow,
    Monitoring,
    Notify,
    Promotion,
    Report,
    Retraining,
    Rollback,
    Scoring,
    Storage,
    Tolerance,
)

__all__ = [
    "BLOCKS",
    "CLASSES",
    "NUMBER",
    "OF_RUNS",
    "ROLES",
    "TASKS",
    "TWO_CLASSES",
    "Class",
    "Columns",
    "CostMatrix",
    "Coverage",
    "DateFormat",
    "Engine",
    "Ensemble",
    "Evaluation",
    "Event",
    "History",
    "Kind",
    "Mlflow",
    "Moment",
    "Monitoring",
    "Network",
    "NotNegative",
    "Notify",
    "Objective",
    "Parameters",
    "Promotion",
    "Report",
    "Reshaping",
    "Retraining",
    "Rollback",
    "Scoring",
    "Split",
    "Storage",
    "Task",
    "Tolerance",
    "Training",
    "Validation",
    "Value",
    "fault_of_task",
    "forms_of",
    "in_utc",
    "in_words",
    "read_differently",
]

# Blocks that change no candidate and no decision.
OF_RUNS = (
    *(Engine, Retraining, Report, Rollback, Scoring, Monitoring),
    *(Notify, Mlflow, Storage),
)
OF_MODELS = (Columns, Validation, Split, Reshaping, Network, Training, Evaluation, Promotion)
BLOCKS: dict[str, type[Parameters]] = {b.__name__.lower(): b for b in (*OF_MODELS, *OF_RUNS)}
