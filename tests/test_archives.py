"""An archive is refused by its directory, before a member is read."""

import io
import zipfile

import pytest

from tabular_lstm.archives import refuse_what_unpacks


def refuse(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        refuse_what_unpacks(archive, ["b", "a"], len(content))


def zipped(how: int, *names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as file:
        for name in names:
            file.writestr(name, bytes(1000))
    return content.getvalue()


def test_members_that_are_stored_as_they_are_pass() -> None:
    refuse(zipped(zipfile.ZIP_STORED, "a", "b"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(zipfile.ZIP_DEFLATED, "a", "b"), "a is compressed, from 1000 bytes to"),
        (zipped(zipfile.ZIP_STORED, "a", "b", "c"), "expected a, b in it, got"),
        (zipped(zipfile.ZIP_STORED, "a"), "expected a, b in it, got"),
    ],
)
def test_other_archives_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        refuse(content)
