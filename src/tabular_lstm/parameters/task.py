"""The task: what is predicted of a row, and what its label's values are.

Each room that treats tasks differently has one table with an entry for each `kind`: `rows.labels`,
`network.outputs`, `judging.measures`, `serving.answers`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, StrictBool, StrictFloat, StrictInt, StrictStr

from tabular_lstm.frozen import Frozen

Kind = Literal["two classes", "classes", "number"]
TWO_CLASSES, CLASSES, NUMBER = get_args(Kind)


# YAML reads an unquoted yes or no as a boolean; strict types refuse booleans as text or number.
def _quoted(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("YAML reads an unquoted yes, no, true or false as a boolean; quote it")
    if not isinstance(value, int | float | str):
        raise ValueError("expected a text or a number; if this is one, quote it")
    return value


Value = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_quoted)]
Class = StrictBool | Value


class Task(Frozen):
    """What is predicted.

    Attributes:
        kind: `two classes`; `classes`, three or more; or `number`.
        classes: The label's values. In valid rows, a value is replaced by its place here: of two
            classes, the negative one by 0 and the positive one by 1. Empty for a number.
    """

    kind: Kind
    classes: tuple[Class, ...] = ()

    @classmethod
    def of_classes(cls, classes: Sequence[Class]) -> "Task":
        """Make the task of predicting these classes, two or more."""
        return cls(kind=TWO_CLASSES if len(classes) == 2 else CLASSES, classes=tuple(classes))

    @property
    def in_words(self) -> str:
        """Say in words what is predicted."""
        return {CLASSES: f"{len(self.classes)} classes", NUMBER: "a number"}.get(
            self.kind, self.kind
        )

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a row: see `network.outputs`."""
        return {TWO_CLASSES: 1, CLASSES: len(self.classes), NUMBER: 5}[self.kind]
