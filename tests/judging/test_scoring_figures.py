"""The figures of a scoring hold what was counted."""

import numpy as np

from tabular_lstm.judging import figures


def test_decisions_are_bars_the_commonest_on_top() -> None:
    decisions = {f"class {number}": number for number in range(40)}
    figure = figures.scored_decisions(decisions)
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [*range(39, 9, -1)]  # type: ignore[attr-defined]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"class {number}" for number in range(39, 9, -1)]
    assert figure.get_supxlabel() == "rows of this decision; 30 of 40 classes"


def test_numbers_are_a_histogram() -> None:
    bins = [*range(50)]
    (axes,) = figures.scored_numbers(bins, (-5.0, 5.0)).axes
    values, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]
    assert list(values) == bins
    np.testing.assert_allclose(edges, np.linspace(-5, 5, 51))
