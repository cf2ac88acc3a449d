"""A candidate as MLflow loads it gives what `load_champion` gives."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm import load_champion
from tabular_lstm.errors import DataError
from tabular_lstm.serving import pyfunc
from tests.helpers.champions import champion_path
from tests.helpers.project import ROOT, Project


@pytest.fixture
def rows() -> pd.DataFrame:
    frame = pd.read_csv(ROOT / "data/01_raw/rows_to_score.csv")
    return frame.set_index(frame.index + 100)


def test_it_gives_the_champion_s_probabilities_and_decisions(
    served: Project, rows: pd.DataFrame
) -> None:
    model, champion = pyfunc._load_pyfunc(str(champion_path(served))), load_champion(served.path)
    scored = model.predict(rows)
    assert np.array_equal(scored["probability"], champion.predict_proba(rows)[:, 1])
    assert np.array_equal(scored["decision"], champion.predict(rows))
    assert scored.index.equals(rows.index)


def test_a_row_is_refused_as_by_the_champion(served: Project, rows: pd.DataFrame) -> None:
    model = pyfunc._load_pyfunc(str(champion_path(served)))
    with pytest.raises(DataError, match="no column 'glucose'"):
        model.predict(rows.drop(columns="glucose"))
