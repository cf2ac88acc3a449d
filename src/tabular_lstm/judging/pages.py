"""Write pages: HTML that needs no internet connection and no JavaScript."""

from base64 import b64encode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from tabular_lstm.errors import counted, printable, shown
from tabular_lstm.judging.metrics import written


def template(room: str, name: str) -> Template:
    """Return a room's template, which may include `head.html.jinja`.

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
    environment.filters |= {"counted": counted, "shown": shown, "written": _write_metric}
    return environment.get_template(name)


def images(figures: dict[str, str]) -> dict[str, str]:
    """Encode each SVG as Base64, so that its scripts do not run and images do not share ids."""
    return {name: b64encode(svg.encode()).decode() for name, svg in figures.items()}


def _write_metric(value: float, metric: str, form: str = ".3f") -> str:
    return written(metric, value, form)


def _printable_value(value: object) -> object:
    """Write invisible characters of a text as escapes, except line ends."""
    return "\n".join(map(printable, value.split("\n"))) if type(value) is str else value
