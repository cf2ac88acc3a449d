"""Expect an error of this project, whether or not Kedro wrapped it on the way."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kedro.io import DatasetError

from tabular_lstm.errors import DataError


@contextmanager
def raises_data_error(match: str | None = None) -> Iterator[pytest.ExceptionInfo[DataError]]:
    """Expect a `DataError`, as `pytest.raises` does.

    Kedro wraps what a dataset's `load` and `save` raise in its own `DatasetError`.
    """
    with pytest.raises(DataError, match=match) as caught, _unwrapped():
        yield caught


@contextmanager
def _unwrapped() -> Iterator[None]:
    try:
        yield
    except DatasetError as error:
        if isinstance(error.__cause__, DataError):
            raise error.__cause__ from None
        raise
