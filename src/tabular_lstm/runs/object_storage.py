"""Object storage: get, put, create and list, each with a time limit and a clear error.

Only this file imports obstore, which the extra `object-storage` installs.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.runs import StorageOptions

RETRIES = 6
# How often a create is tried if it found nothing, or if its outcome is not known.
CREATES = 5
NO_BUCKET = "NoSuchBucket"
# Where obstore asks for credentials if none are given: a service on Amazon's machines.
NOBODY = "/latest/api/token"
STATUS = re.compile(r"status code: (\d{3})")
CODE = re.compile(r"<Code>(\w+)</Code>")
KIND = re.compile(r"kind: (\w+)")
KINDS = {"Connect": "it could not be reached", "Timeout": "it did not answer in time"}
RIGHTS = "Allow these credentials to read, write, list and delete there, or use others"
NO_CREDENTIALS = "there are no credentials"
# What to do, by a part of the reason; the first that fits counts, and "" fits any.
WAYS_OUT = {
    NO_BUCKET: "Create the bucket, or name another one in storage.url",
    "RequestTimeTooSkewed": "Correct the clock of this machine",
    "answered 401": RIGHTS,
    "answered 403": RIGHTS,
    NO_CREDENTIALS: "Add storage to credentials.yml, or set AWS_ACCESS_KEY_ID and the like",
    "": "Check storage.url, its options and the storage",
}


class ObjectStorage:
    """The objects below a URL.

    Args:
        wanted: A block with a `url`.
        credentials: Credentials for obstore, such as `access_key_id` and `secret_access_key`.
            Default: the variables of the environment.
        below: A folder that is added to the URL.

    Raises:
        DataError: An option, or a name in the credentials, is unknown to obstore.
    """

    def __init__(self, storage: StorageOptions, credentials: Mapping[str, str], below: str) -> None:
        self.url = f"{str(storage.url).rstrip('/')}/{below}"
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        seconds = timedelta(seconds=storage.timeout)
        options: dict[str, Any] = {"checksum_algorithm": "SHA256", **storage.options}
        options |= {name: str(value) for name, value in credentials.items()}
        with self._one_message("it could not be opened"):
            self._store = S3Store(
                bucket,
                prefix=prefix,
                client_options={"allow_http": True, "timeout": seconds, "connect_timeout": seconds},
                retry_config={"max_retries": RETRIES, "retry_timeout": 2 * seconds},
                **options,
            )

    def get(self, key: str) -> bytes | None:
        """Read an object; None if it does not exist."""
        with self._one_message(f"{key} was not read"):
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError as error:
                if NO_BUCKET in _why(error):
                    raise
                return None

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, whole or not at all; the server checks its SHA-256."""
        with self._one_message(f"{key} was not written"):
            obstore.put(self._store, key, content)

    def create(self, key: str, content: bytes) -> bytes:
        """Write an object if it does not exist; return the content that is there now.

        The answer may be lost after the object was written, and a server may answer that the object
        exists while another write is not done yet (HTTP 409). So the object is read back.

        Raises:
            DataError: The object was not written, or this is not known.
        """
        for attempt in range(CREATES):
            try:
                obstore.put(self._store, key, content, mode="create")
                return content
            except (BaseError, FileNotFoundError) as error:
                failed = error
            if not attempt and _fits(_why(failed)):  # no bucket, no rights: nothing was written
                break
            if (stored_content := self.get(key)) is not None:
                return stored_content
            time.sleep(0.2 * 2**attempt)
        raise self._failed(f"{key} was not created", failed)

    def keys(self, below: str, after: str | None = None) -> list[str]:
        """List the objects below a folder, sorted; only those after a key, if it is given."""
        with self._one_message(f"{below}/ was not listed"):
            chunks = obstore.list(self._store, below, offset=after, chunk_size=1000)
            return sorted(entry["path"] for chunk in chunks for entry in chunk)

    def delete(self, keys: list[str]) -> None:
        """Delete objects."""
        with self._one_message(f"{len(keys)} objects were not deleted"):
            if keys:
                obstore.delete(self._store, keys)

    @contextlib.contextmanager
    def _one_message(self, failure: str) -> Iterator[None]:
        """Turn any error into a message of our own, because its text may contain a secret."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise self._failed(failure, error) from None

    def _failed(self, failure: str, error: Exception) -> DataError:
        why = _why(error)
        return DataError(
            f"{self.url}: {failure}: {why}. {WAYS_OUT[_fits(why)]}, and run the command again."
        )


def _fits(why: str) -> str:
    """Return the key of `WAYS_OUT`; "" if it is not known what to do."""
    return next(part for part in WAYS_OUT if part in why)


def _why(error: Exception) -> str:
    """Say why something failed, in words that contain no secret."""
    text = str(error)
    if NOBODY in text:
        return NO_CREDENTIALS
    if words := [match[1] for pattern in (STATUS, CODE) if (match := pattern.search(text))]:
        return f"it answered {' '.join(words)}"
    if kind := KIND.search(text):
        return KINDS.get(kind[1], "the connection broke")
    return type(error).__name__
