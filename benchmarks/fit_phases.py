"""Where the time of a fit goes.

    python benchmarks/fit_phases.py [SET ...]

Prints the seconds and the share of each phase, the epochs, their median best one, and the kinds'
shares. SET, the default and the seconds are those of `fit_time.py`; the import, a phase too, is
that of a process of its own.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fit_time import SIX, clocks, rows_of, timed, warm_up  # before Keras
from tables import markdown

# isort: split

import numpy as np

from tabular_lstm import LSTMClassifier, estimator
from tabular_lstm.network import build, fit, member_training, members, plan

# What is timed, and as which phase. A phase's time is without that of the phases that it calls.
PHASES: tuple[tuple[Any, str, str], ...] = (
    (estimator, "learn_schema", "schema"),
    (estimator, "to_sequences", "schema"),
    (build, "build", "building"),
    (members.Members, "__init__", "building"),
    (members, "_graph", "tracing"),
    (members.Members, "train_epoch", "steps"),
    (members.Members, "outputs", "evaluation"),
    (member_training, "fold_losses", "losses"),
    (members.Members, "keep", "keeping"),
    (fit, "_calibrated", "calibration"),
)


class Watch:
    """Charges each moment to the phase that runs."""

    def __init__(self) -> None:
        self.spent: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        self.phases, self.since = ["rest"], clocks()
        for owner, name, phase in PHASES:
            setattr(owner, name, self.watched(phase, getattr(owner, name)))
        graph, batches = members._graph, plan.Plan.batches

        def graph_and_first_call(*of_graph: Any) -> Callable[..., Any]:
            # In its first call TensorFlow optimizes a graph.
            made = graph(*of_graph)
            first = iter([self.watched("tracing", made)])

            def call(*arguments: Any) -> Any:
                return next(first, made)(*arguments)

            return call

        def drawn(of: plan.Plan) -> Iterator[np.ndarray]:
            following = self.watched("batches", partial(next, batches(of), None))
            while (epoch := following()) is not None:
                yield epoch

        for owner, name, function in (
            (members, "_graph", graph_and_first_call),
            (plan.Plan, "batches", drawn),
        ):
            setattr(owner, name, function)

    def charge(self) -> None:
        """Charge what has passed since the last time."""
        now = clocks()
        self.spent[self.phases[-1]] += now - self.since
        self.since = now

    def watched(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function whose calls are charged to a phase."""

        def call(*arguments: Any, **named: Any) -> Any:
            self.charge()
            self.phases.append(phase)
            try:
                return function(*arguments, **named)
            finally:
                self.charge()
                self.phases.pop()

        return call


def main(names: list[str]) -> None:
    """Print a table of the sets."""
    code = "import tabular_lstm.network.fit, time; print(time.process_time())"
    python = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True)
    _, wall = timed(python)
    print(f"import: {float(python().stdout):.2f} s ({wall:.2f})")
    warm_up()
    watch = Watch()
    table = []
    for data in names or SIX:
        rows, labels = rows_of(data)
        watch.charge()
        watch.spent.clear()
        model = LSTMClassifier(random_state=0).fit(rows, labels)
        watch.charge()
        whole = np.sum([*watch.spent.values()], axis=0)
        history = model.history_
        table.append(
            {
                "set": f"{data}, {len(rows)} x {rows.shape[1]}",
                "fit": f"{whole[0]:.2f} s ({whole[1]:.2f})",
                **{
                    phase: f"{watch.spent[phase][0]:.2f} ({watch.spent[phase][1]:.2f})"
                    for phase in (*dict.fromkeys(phase for *_, phase in PHASES), "batches", "rest")
                },
                "epochs": len(history["loss"]),
                "best": history["best_epoch"],
                "shares": " ".join(f"{kind['share']:.2f}" for kind in history["kinds"]),
            }
        )
        print(*table[-1].values(), sep=" | ", flush=True)
    print(markdown(table))


if __name__ == "__main__":
    main(sys.argv[1:])
