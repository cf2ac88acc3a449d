"""Where the time of a fit goes.

    python benchmarks/fit_phases.py [SET ...]

Prints the seconds and the share of each phase, the epochs, their median best one, and the kinds'
shares. SET, the default and the seconds are those of `fit_time.py`; the import, a phase too, is
that of a process of its own.
"""

import subprocess
import sys
import time
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
    (member_training, "fold_losses", "losses"),
    (fit, "_calibrated", "calibration"),
)
# What threads do at once in the steps, as which phase: each gets its share of the steps' seconds by
# the time that it took in all threads. In its first call TensorFlow optimizes a graph.
INSIDE = (("_train", "steps"), ("_outputs_of", "evaluation"))
FIRST_CALL = "tracing"
ALL_PHASES = (*dict.fromkeys(phase for *_, phase in PHASES), "evaluation", "batches", "rest")


class Watch:
    """Charges each moment to the phase that runs."""

    def __init__(self) -> None:
        self.spent: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
        self.phases, self.since = ["rest"], clocks()
        for owner, name, phase in PHASES:
            setattr(owner, name, self.watched(phase, getattr(owner, name)))
        self.inside: list[tuple[str, float]] = []
        for name, phase in INSIDE:
            setattr(members.Members, name, self.in_threads(phase, getattr(members.Members, name)))
        graph, batches = members._graph, plan.Plan.batches

        def graph_and_first_call(*of_graph: Any) -> Callable[..., Any]:
            made = graph(*of_graph)
            first = iter([self.in_threads(FIRST_CALL, made)])

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

    def in_threads(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function, called by several threads, whose seconds are noted."""

        def call(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.inside.append((phase, time.perf_counter() - began))

        return call

    def finish(self) -> np.ndarray:
        """Share the steps' seconds out, and give the fit's."""
        self.charge()
        took: dict[str, float] = defaultdict(float)
        for phase, seconds in self.inside:
            took[phase] += seconds
        whole, steps = took["steps"] + took["evaluation"], self.spent["steps"].copy()
        for phase in ("evaluation", FIRST_CALL):
            share = steps * took[phase] / whole
            self.spent[phase] += share
            self.spent["steps"] -= share
        seconds_of_fit: np.ndarray = np.sum([*self.spent.values()], axis=0)
        return seconds_of_fit


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
        watch.inside.clear()
        model = LSTMClassifier(random_state=0).fit(rows, labels)
        whole = watch.finish()
        history = model.history_
        table.append(
            {
                "set": f"{data}, {len(rows)} x {rows.shape[1]}",
                "fit": f"{whole[0]:.2f} s ({whole[1]:.2f})",
                **{
                    phase: f"{watch.spent[phase][0]:.2f} ({watch.spent[phase][1]:.2f})"
                    for phase in ALL_PHASES
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
