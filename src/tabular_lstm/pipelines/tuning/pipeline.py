"""Wiring: raw rows → train rows → train set → study → best parameters and figures."""

from kedro.pipeline import Node, Pipeline

from tabular_lstm.pipelines import data_processing, reshaping
from tabular_lstm.pipelines.tuning.nodes import draw_tuning, search_parameters
from tabular_lstm.tuning.trials import best_of


def create_pipeline() -> Pipeline:
    """Compose the pipeline from `data_processing` and the train side of `reshaping`.

    A split by time keeps the boundary of the last decision, so that tuning does not use rows that a
    retraining judges on.
    """
    processed = data_processing.create_pipeline(bounded=True)
    reshaped = reshaping.create_pipeline().to_outputs("schema", "train_set")
    tuned = Pipeline(
        [
            Node(
                search_parameters,
                inputs=[
                    "schema",
                    "params:network",
                    "params:training",
                    "params:tuning",
                    "engine",
                    "train_set",
                    "study_database",
                ],
                outputs="study",
                name="search_parameters",
            ),
            Node(
                best_of,
                inputs=["study", "params:network", "params:training", "params:tuning", "run_id"],
                outputs="best_parameters",
                name="choose_best",
            ),
            Node(
                draw_tuning,
                inputs="study",
                outputs="tuning_figures",
                name="draw_tuning",
            ),
        ],
        namespace="tuning",
        prefix_datasets_with_namespace=False,
    )
    return processed + reshaped + tuned
