"""Figures, and HTML pages that need neither an internet connection nor JavaScript."""

import io
import re
import textwrap
import warnings
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from tabular_lstm.errors import counted, printable, shown
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.parameters import BLOCKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

# Titles by figure file name, in the order of the report; each task has some of these figures.
FIGURES = {
    "partial_dependence": "How the prediction depends on a feature",
    "learning_curves": "Learning curves",
    "roc_curve": "ROC curve",
    "precision_recall_curve": "Precision and recall",
    "predicted_and_true": "Predicted and true values",
    "calibration_curve": "Calibration",
    "confusion_matrix": "Confusion matrix of the candidate",
    "class_confusions": "Confusion matrix of the candidate",
    "importance_chart": "Permutation importance",
}
# The report has one more figure.
TITLES = FIGURES | {"intervals": "The models compared"}
WIDTH = 5.0  # inches, each 96 pixels of a browser
HEIGHT, LEGEND_LINE, BAR = 3.5, 0.18, 0.21
INK, GREY, LIGHT = "#1f2328", "#777777", "#e3e6ea"
SKY = "#56B4E9"
# Maximum length of a name from the user's file; the middle of a longer name is left out.
NAME = 26
SHOWN = 30  # bars
LINE = 52  # characters that fit on a line across the figure
STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "font.size": 10,
    # It comes with matplotlib; a browser without it uses its own font.
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    # A dollar sign in a name from the user's file does not start a formula.
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#b6bcc3",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.labelsize": 9,
    "xtick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    # In points: a curve of 100,000 rows becomes a few hundred line segments that look the same.
    "path.simplify_threshold": 0.3,
    # Text stays text: the browser has characters that our font lacks, such as Chinese ones.
    "svg.fonttype": "none",
    # Names within the file depend on the drawing instead of being random.
    "svg.hashsalt": "tabular-lstm",
}


def can_draw() -> bool:
    """Return whether matplotlib is installed; an installation that only scores lacks it."""
    return find_spec("matplotlib") is not None


@contextmanager
def style() -> Iterator[None]:
    """Apply our style, whatever the user's matplotlibrc says, and restore the settings after."""
    # The import takes half a second or more; a run that draws nothing does not need it.
    from matplotlib import style as styles  # noqa: PLC0415

    with warnings.catch_warnings(), styles.context(["default", STYLE]):
        warnings.filterwarnings("ignore", message="Glyph")  # see svg.fonttype
        yield


# Runs a drawing function within `style`, which matplotlib reads at each addition.
styled = style()


def new_figure(height: float, panels: int = 1) -> "tuple[Figure, list[Axes]]":
    """Make a figure of this height in inches, with panels stacked vertically."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, height))
    return figure, list(figure.subplots(panels, 1, squeeze=False)[:, 0])


def new_axes(x: str, y: str, height: float = HEIGHT, lines: int = 0) -> "tuple[Figure, Axes]":
    """Make a figure with extra height for the `lines` of a legend."""
    figure, (axes,) = new_figure(height + LEGEND_LINE * lines)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def new_unit_square(x: str, y: str, lines: int) -> "tuple[Figure, Axes]":
    """Make a figure whose axes both go from 0 to 1, with a legend of `lines`."""
    figure, axes = new_axes(x, y, lines=lines)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return figure, axes


def new_bars(values: Mapping[str, float], x: str, color: str) -> "tuple[Figure, Axes]":
    """Draw a horizontal bar for each value, the first on top; `x` names the axis."""
    lines = max(3, len(values))
    figure, (axes,) = new_figure(1.0 + BAR * lines)
    figure.supxlabel(
        wrapped(x), fontsize="medium"
    )  # below the whole figure: names may take half the width
    axes.barh(range(len(values)), list(values.values()), color=color, height=0.7)
    name_rows(axes, list(values))
    axes.set_ylim(lines - 0.4, -0.6)
    return figure, axes


def draw_cells(
    axes: "Axes", values: np.ndarray, most: float, size: float, texts: Iterable[str]
) -> None:
    """Draw a matrix, the first row on top; cells are darker the closer they are to `most`."""
    axes.pcolormesh(values, cmap="Blues", vmin=0, vmax=most, edgecolors="white", linewidth=3)
    for ((row, column), value), text in zip(np.ndenumerate(values), texts, strict=True):
        place = {"x": column + 0.5, "y": row + 0.5, "ha": "center", "va": "center"}
        axes.text(s=text, fontsize=size, color="white" if value > 0.55 * most else INK, **place)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()


def share_interval(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of `count` rows."""
    from scipy.stats import binomtest  # noqa: PLC0415

    rows = max(1, round(count))
    ends = binomtest(round(share * rows), rows).proportion_ci(0.95, "wilson")
    return float(ends.low), float(ends.high)


def in_full(count: float) -> str:
    """Write a number of rows, or a sum of weights."""
    return f"{round(float(count), 1):,g}" if count < 1e6 else f"{count:,.0f}"


def amount_formatter() -> "EngFormatter":
    """Make a formatter that abbreviates large numbers: 10 k, 1.5 M."""
    from matplotlib.ticker import EngFormatter  # noqa: PLC0415

    formatter = EngFormatter()
    formatter.ENG_PREFIXES = {0: "", 3: "k", 6: "M"}
    return formatter


def to_svg(figure: "Figure", title: str) -> str:
    """Write a figure with its title above it; the same figure always gives the same text."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    with style():
        figure.suptitle(wrapped(title), x=0.02, ha="left", fontsize=11, fontweight="bold")
        svg_file = io.StringIO()
        metadata = {"Title": title, "Creator": None, "Date": None, "Format": None, "Type": None}
        # Not `savefig`, which draws the figure twice: first for its layout, then to the file.
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(svg_file, metadata=metadata)
    return svg_file.getvalue()


def wrapped(text: str) -> str:
    """Break a sentence into lines that fit."""
    return textwrap.fill(text, LINE)


def short(name: object, width: int = NAME) -> str:
    """Leave out the middle of a long name, and write invisible characters as escapes."""
    text = shown(name, 40 * width)
    if len(text) <= width:
        return text
    left = width // 2
    return f"{text[:left]}…{text[left + 1 - width :]}"


def name_rows(axes: "Axes", names: list[str]) -> None:
    """Label the positions 0, 1, … on the vertical axis."""
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.grid(visible=False, axis="y")


def add_legend(figure: "Figure") -> None:
    """Add a legend below the plot, with one line for each entry, narrow enough for a phone."""
    figure.legend(loc="outside lower left", ncols=1)


# Pages --------------------------------------------------------------------------------------------

# Conf in a sentence, such as promotion.row_ratio or columns.ignore: [day].
CONF = re.compile(
    rf"((?:--params )?(?<![\w./])(?:{'|'.join(BLOCKS)})"
    r"(?:(?:\.\w+)+(?:=[\w.]*\w|: (?:\[[^]]*\]|\{[^}]*\}+|[^.:;()]+(?=\. |$)))?|: \{[^}]*\}+))"
)


def template(room: str, name: str) -> Template:
    """Return a template of a subpackage; it may include `head.html.jinja`.

    Cells come from the user's file, so everything is escaped unless it is marked `safe`.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("tabular_lstm", folder) for folder in (room, "judging")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable_value,
    )
    environment.filters |= {
        "counted": counted,
        "shown": shown,
        "written": _write_metric,
        "text_and_conf": CONF.split,  # in turns
    }
    return environment.get_template(name)


def images(figures: dict[str, str]) -> dict[str, str]:
    """Encode each SVG as Base64, so that scripts do not run and images do not share IDs."""
    return {name: b64encode(svg.encode()).decode() for name, svg in figures.items()}


def _write_metric(value: float, metric: str, form: str = ".3f") -> str:
    return metric_text(metric, value, form)


def _printable_value(value: object) -> object:
    """Write invisible characters in a text as escapes, except line ends."""
    return "\n".join(map(printable, value.split("\n"))) if type(value) is str else value
