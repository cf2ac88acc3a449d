"""What tests of the estimators share."""

import os
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

# An estimator that learns what the checks ask for in half the time of another small one.
QUICKEST: dict[str, Any] = {
    **{"members": 1, "epochs": 10, "learning_rate": 0.05, "features_per_step": 5},
    **{"dropout": 0.0, "feature_dropout": 0.0},
}
UNCHECKED = {
    "check_array_api_input": "skips itself: SCIPY_ARRAY_API has to be set before SciPy's import",
}
# What holds instead, and to which bits, is tested in tests/network/test_weights.py.
NOT_TO_THE_BIT = {
    "check_sample_weight_equivalence_on_dense_data": "a row twice is in another place of another "
    "shuffle, and in two folds, so only the loss and its expected gradient are those of weight 2",
}


def with_all_checks(estimator: Any) -> pytest.MarkDecorator:
    """Run all checks of scikit-learn on an estimator."""
    failing = NOT_TO_THE_BIT | ({} if "SCIPY_ARRAY_API" in os.environ else UNCHECKED)
    return parametrize_with_checks([estimator], expected_failed_checks=lambda _: failing)


def same_bits(one: Any, other: Any) -> bool:
    """Tell whether two arrays hold the same bits."""
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()
