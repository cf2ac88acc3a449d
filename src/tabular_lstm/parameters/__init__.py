"""Typed parameters: an unknown name or an invalid value fails before any node runs.

The nodes' arguments are annotated with these models, so Kedro builds the models from the blocks of
`conf/*/parameters_*.yml`. An environment replaces a whole block; a value missing from the new block
gets the default given here.
"""

from tabular_lstm.frozen import Parameters
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
    ValidationOptions,
)
from tabular_lstm.parameters.runs import (
    EngineOptions,
    MlflowOptions,
    MonitoringOptions,
    NotifyOptions,
    OverviewOptions,
    PromotionOptions,
    ReportOptions,
    RetrainingOptions,
    RollbackOptions,
    ScoringOptions,
    StorageOptions,
)

# Blocks that change neither a candidate nor a decision.
OF_RUNS: dict[str, type[Parameters]] = {
    "engine": EngineOptions,
    "retraining": RetrainingOptions,
    "report": ReportOptions,
    "rollback": RollbackOptions,
    "scoring": ScoringOptions,
    "monitoring": MonitoringOptions,
    "notify": NotifyOptions,
    "overview": OverviewOptions,
    "mlflow": MlflowOptions,
    "storage": StorageOptions,
}
BLOCKS: dict[str, type[Parameters]] = {
    "columns": ColumnsOptions,
    "validation": ValidationOptions,
    "split": SplitOptions,
    "reshaping": ReshapingOptions,
    "network": NetworkOptions,
    "training": TrainingOptions,
    "evaluation": EvaluationOptions,
    "promotion": PromotionOptions,
    **OF_RUNS,
}
