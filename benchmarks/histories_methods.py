"""The methods of `histories.py`: each is trained on the train side of a fold and predicts its test.

- `lstm`: the network, through the project's own nodes.
- `catboost_row`: eight CatBoosts, see `bagged.py`, on the row alone.
- `catboost`: the same on the row and what an expert makes of its history, `histories_expert.py`.
- `catboost_change`: of numbers whose earlier labels are known, the same of the label less the last
  one that is known; trees lead to no value that they have not seen.
- `linear`: logistic regression, or ridge regression, on what the expert makes.
- `gru`: a GRU in Keras as a tutorial has it.
- `lifestream`: the supervised encoder of pytorch-lifestream, see `histories_lifestream.py`.
- `last`: the last known label, of classes how often it was each; a floor.

Eight CatBoosts have a customer's rows in one fold, as the network has.
"""

import ast
import inspect
import subprocess
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bagged
import histories_expert
import histories_gru
import histories_lifestream
import histories_panel
import numpy as np
import pandas as pd
import peers
from bagged import catboost_bagged
from histories_expert import LAST_LABEL, features_of
from histories_panel import CUSTOMER, LABEL, TIME, Panel

import tabular_lstm
from tabular_lstm.parameters import Network, Reshaping, Training
from tabular_lstm.parameters.task import CLASSES, NUMBER
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows.number_format import POINT

LIFESTREAM = Path(__file__).resolve().parents[1] / ".venv-torch/bin/python"
SOURCE = Path(tabular_lstm.__file__).parent
# What a trained network depends on.
OF_NETWORK = (
    "network/[!k]*.py",
    "network/kinds.py",
    "rows/histories.py",
    "rows/timeline.py",
    "rows/schema_fit.py",
    "rows/sequences.py",
    "parameters/hyperparameters.py",
    "parameters/history.py",
)


@dataclass(frozen=True)
class Predicted:
    """Predictions of the test rows.

    Attributes:
        values: (rows,) the probability of class 1 or the number; of more classes (rows, classes).
        loss: That of the out-of-fold predictions, NaN where there is none.
    """

    values: np.ndarray
    loss: float = np.nan


@dataclass(frozen=True)
class Side:
    """The rows of a fold that a model of single rows is fitted on, and those it predicts."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def of(cls, panel: Panel, fold: int) -> "Side":
        """Take them."""
        train, test = panel.labelled(fold), panel.labelled(fold, test=True)
        labels = panel.rows[LABEL].to_numpy()[train]
        labels = labels if panel.kind == NUMBER else labels.astype(int)
        return cls(train, test, labels, pd.factorize(panel.rows[CUSTOMER][train])[0])


def lstm_sets(panel: Panel, fold: int) -> tuple[Any, Any, Any]:
    """Give schema, train set and test set of a fold, as the nodes make them."""
    train, test = (panel.rows[panel.labelled(fold, side)] for side in (False, True))
    if panel.kind != NUMBER:
        train, test = (rows.astype({LABEL: int}) for rows in (train, test))
    history = panel.rows[~panel.labelled()]
    summary: Any = SimpleNamespace(lineage=None, marks=POINT)
    schema = nodes.learn_schema(train, history, summary, panel.columns, Reshaping())
    sets = [
        nodes.reshape(nodes.split_features_from_label(rows, schema, panel.columns, history), schema)
        for rows in (train, test)
    ]
    return schema, sets[0], sets[1]


def lstm(panel: Panel, fold: int) -> Predicted:
    """The network with its defaults."""
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    schema, train_set, test_set = lstm_sets(panel, fold)
    training = Training()
    candidate, _ = train(
        build(schema, Network(), training.seed),
        train_set.sequences,
        train_set.labels.to_numpy(),
        training,
        groups=train_set.groups,
    )
    values = predict(candidate, test_set.sequences)
    return Predicted(values[..., 0] if panel.kind == NUMBER and values.ndim > 1 else values)


def gru(panel: Panel, fold: int) -> Predicted:
    """See `histories_gru.py`."""
    return Predicted(histories_gru.predictions(panel, *lstm_sets(panel, fold)))


def lifestream(panel: Panel, fold: int) -> Predicted | None:
    """See `histories_lifestream.py`; None where its environment is not made."""
    if not LIFESTREAM.exists():
        return None
    schema, train_set, test_set = lstm_sets(panel, fold)
    groups, labels = train_set.groups, train_set.labels.to_numpy()
    arrays = {
        "train": train_set.sequences.dense(),
        "test": test_set.sequences.dense(),
        "labels": labels,
        "groups": np.arange(len(labels)) if groups is None else groups,
        "categories": [len(schema.categories.get(name, [])) for name in schema.features],
        "mean": schema.mean,
        "deviation": np.sqrt(schema.variance),
        "classes": len(panel.columns.task.classes),
    }
    with tempfile.TemporaryDirectory() as scratch:
        given, written = Path(scratch) / "in.npz", Path(scratch) / "out.npy"
        np.savez(given, **arrays)
        program = str(histories_lifestream.__file__)
        command = [str(LIFESTREAM), program, str(given), str(written)]
        subprocess.run(command, check=True, capture_output=True)
        return Predicted(np.load(written))


def fitted(model: Any, panel: Panel, rows: pd.DataFrame, of: Side, labels: np.ndarray) -> Any:
    """Fit a model that takes groups, or one that does not, and predict."""
    known = {"groups": of.groups} if isinstance(model, bagged.Bagged) else {}
    model = model.fit(rows[of.train], labels, **known)
    if panel.kind == NUMBER:
        return model, model.predict(rows[of.test])
    given = model.predict_proba(rows[of.test])
    return model, given if panel.kind == CLASSES else given[:, 1]


def catboosts(panel: Panel, fold: int, rows: pd.DataFrame) -> Predicted:
    """Fit eight CatBoosts on some features."""
    of, categories = Side.of(panel, fold), rows.select_dtypes("category").columns.tolist()
    model = catboost_bagged(categories, panel.kind == NUMBER)
    model, values = fitted(model, panel, rows, of, of.labels)
    return Predicted(values, model.loss)


def catboost_row(panel: Panel, fold: int) -> Predicted:
    """On the row alone, with the order where it is a number."""
    rows = panel.rows[panel.features]
    is_number = panel.rows[TIME].dtype.kind == "f"
    return catboosts(panel, fold, rows.assign(order=panel.rows[TIME]) if is_number else rows)


def catboost(panel: Panel, fold: int) -> Predicted:
    """On what an expert makes."""
    return catboosts(panel, fold, features_of(panel))


def catboost_change(panel: Panel, fold: int) -> Predicted | None:
    """On what an expert makes, of the change since the last label; the mean where none is."""
    rows = features_of(panel)
    if panel.kind != NUMBER or LAST_LABEL not in rows:
        return None
    of = Side.of(panel, fold)
    base = rows[LAST_LABEL].fillna(of.labels.mean()).to_numpy()
    model = catboost_bagged(rows.select_dtypes("category").columns.tolist(), number=True)
    model, change = fitted(model, panel, rows, of, of.labels - base[of.train])
    return Predicted(base[of.test] + change, model.loss)


def linear(panel: Panel, fold: int) -> Predicted:
    """On what an expert makes."""
    rows, of = features_of(panel), Side.of(panel, fold)
    model = peers.linear(rows.select_dtypes("category").columns.tolist(), panel.kind == NUMBER)
    return Predicted(fitted(model, panel, rows, of, of.labels)[1])


def last(panel: Panel, fold: int) -> Predicted | None:
    """Of numbers the last known label; of two classes their share, drawn to that of all."""
    rows, of = features_of(panel), Side.of(panel, fold)
    if LAST_LABEL not in rows or panel.kind == CLASSES:
        return None
    rows, mean = rows[of.test], of.labels.mean()
    if panel.kind == NUMBER:
        return Predicted(rows[LAST_LABEL].fillna(mean).to_numpy())
    known = rows["labels known"]
    positive = (rows["label: mean"] * known).fillna(0)
    return Predicted(((positive + mean) / (known + 1)).to_numpy())


@dataclass(frozen=True)
class Method:
    """A method, and what its results depend on beside its own function."""

    predict: Callable[[Panel, int], Predicted | None]
    others: tuple[ModuleType | Callable[..., Any], ...] = ()
    of_network: bool = False

    @property
    def version(self) -> str:
        """Hash the code that its results depend on, without comments and texts of functions."""
        code = (self.predict, histories_panel, *self.others)
        texts = [textwrap.dedent(inspect.getsource(one)) for one in code]
        if self.of_network:
            files = [file for pattern in OF_NETWORK for file in sorted(SOURCE.glob(pattern))]
            texts += [file.read_text() for file in files]
        return sha256("\n".join(map(code_of, texts)).encode()).hexdigest()[:8]


def code_of(text: str) -> str:
    """Give code without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(getattr(value, "value", None), str)


OF_TREES = (histories_expert, bagged, peers.catboost, peers.Named, Side, fitted, catboosts)
METHODS = {
    "lstm": Method(lstm, (lstm_sets,), of_network=True),
    "catboost_row": Method(catboost_row, OF_TREES),
    "catboost": Method(catboost, OF_TREES),
    "catboost_change": Method(catboost_change, OF_TREES),
    "linear": Method(linear, (histories_expert, peers.linear, peers.one_hot, Side, fitted)),
    "gru": Method(gru, (histories_gru, lstm_sets)),
    "lifestream": Method(lifestream, (histories_lifestream, lstm_sets)),
    "last": Method(last, (histories_expert, Side)),
}
