"""The base of the typed values that cross from one room to another and are kept as JSON."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value with named fields that cannot be changed; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
