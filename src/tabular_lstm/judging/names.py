"""The names of models, metrics and figures that people see, each written once."""

CANDIDATE = "candidate"
# By the name that predictions have for it; a champion's is its run id there.
MODELS = {
    CANDIDATE: "candidate",
    "champion": "champion",
    "logistic_regression": "logistic regression",
    "hist_gradient_boosting": "gradient boosting",
    "majority_class": "majority class",
}
METRICS = {"log_loss": "log loss", "roc_auc": "ROC AUC", "accuracy": "accuracy"}
# By the name of the figure's entry in the catalog, in the order in which they are shown.
FIGURES = {
    "learning_curves": "Learning curves",
    "roc_curve": "ROC curve",
    "precision_recall_curve": "Precision and recall",
    "calibration_curve": "Calibration",
    "confusion_matrix": "Confusion matrix of the candidate",
    "importance_chart": "Permutation importance",
    "score_distribution": "Probabilities by class",
}
SCORING_FIGURES = {
    "scored_probabilities": "Probabilities of the scored rows",
    "quarantine_reasons": "Why rows are in quarantine",
}
TUNING_FIGURES = {
    "tuning_history": "Trials in their order",
    "tuning_importances": "What the log loss of trials depends on",
    "tuning_slices": "Trials by parameter",
}
# The report has one figure more.
TITLES = (
    FIGURES | SCORING_FIGURES | TUNING_FIGURES | {"intervals": "The candidate beside the others"}
)
