"""A JSON file that holds one value of a type of this project."""

from typing import Any

from kedro.utils import load_obj
from kedro_datasets.json import JSONDataset
from pydantic import BaseModel, ValidationError

from tabular_lstm.errors import DataError


class TypedJSONDataset(JSONDataset):  # type: ignore[misc]
    """A pydantic model as JSON: `save` takes an instance, `load` gives one.

    Args:
        model: Where the model's class is, such as `tabular_lstm.rows.schema.Schema`.
        arguments: Those of Kedro's `json.JSONDataset`.
    """

    def __init__(self, *, model: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._model: type[BaseModel] = load_obj(model)

    def load(self) -> BaseModel:
        """Read the value.

        Raises:
            DataError: The file holds something else; names the first fault.
        """
        try:
            return self._model.model_validate(super().load())
        except ValidationError as error:
            fault = error.errors()[0]
            raise DataError(
                f"{self._get_load_path()}: expected a {self._model.__name__} as JSON; "
                f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}."
            ) from error

    def save(self, data: BaseModel) -> None:
        """Write the value."""
        super().save(data.model_dump(mode="json"))
