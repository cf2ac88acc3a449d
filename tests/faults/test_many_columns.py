"""A table with far more columns than rows: a whole run, to a verdict and what each feature says."""

import re

import numpy as np
import pandas as pd

from tests.helpers.commands import here, succeeds
from tests.helpers.outputs import document
from tests.helpers.project import TINY, Project, declare
from tests.helpers.tables import LABEL

FEATURES = 1500


def test_1500_columns_of_300_rows_run_to_a_verdict_and_the_worth_of_each(project: Project) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, FEATURES)).round(4))
    table.columns = [f"f{place}" for place in range(FEATURES)]
    told = table["f3"] + table["f700"] > 0
    table.assign(**{LABEL: told.astype(int)}).to_csv(project.raw, index=False)
    columns = {"label": LABEL, "positive_class": 1, "negative_class": 0}
    declare(project, **TINY, columns=columns)

    succeeds(here("run"))

    assert len(document(project, "08_reporting/verdict.json")) == 5
    importance = document(project, "07_model_output/permutation_importance.json")
    assert len(importance["features"]) == FEATURES
    assert importance["shuffles"] == TINY["evaluation"]["importance_repeats"]
    (folder,) = project.versions("08_reporting/figures")
    chart = (folder / "importance_chart.svg").read_text()
    texts = re.findall(r">([^<>]+)</text>", chart)
    assert len([text for text in texts if re.fullmatch(r"f\d+", text)]) == 30
    assert "30 of 1500 features" in " ".join(texts)
