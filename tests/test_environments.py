"""An environment has outputs of its own, and a name that is no path."""

import pytest

from tabular_lstm.environments import output_folder, refuse_no_name
from tabular_lstm.errors import DataError


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        (None, "data"),
        ("base", "data"),
        ("local", "data"),
        ("tutorial", "data/tutorial"),
        ("another", "data/another"),
    ],
)
def test_an_environment_has_a_folder_of_its_own(env: str | None, folder: str) -> None:
    assert output_folder(env) == folder


@pytest.mark.parametrize(
    "env", ["../other", "/tmp", "a b", "01_raw", "-x", ".hidden", "a;b", "a\nb", "conf/", ".."]
)
def test_a_path_is_no_environment(env: str) -> None:
    with pytest.raises(DataError, match="expected the name of a folder in conf, of letters"):
        refuse_no_name(env, "conf")


@pytest.mark.parametrize("env", [None, "base", "local", "tutorial", "north.2", "wine_red"])
def test_a_name_is_one(env: str | None) -> None:
    refuse_no_name(env, "conf")
