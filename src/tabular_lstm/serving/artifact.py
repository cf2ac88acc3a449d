"""An artifact: the bytes of a saved network, known by their SHA-256."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tabular_lstm.files import sha256


@dataclass(frozen=True)
class Artifact:
    """A saved network: what was hashed is what is loaded.

    Attributes:
        content: The bytes of a `.keras` file.
        file: Where they were read, for messages.
    """

    content: bytes
    file: str

    @cached_property
    def sha256(self) -> str:
        """Hash the content."""
        return sha256(self.content)

    @cached_property
    def network(self) -> Any:
        """Load the network; nothing in the file is executed.

        Raises:
            DataError: See `tabular_lstm.network.saved.load_network`.
        """
        from tabular_lstm.network.saved import load_network  # noqa: PLC0415

        return load_network(self.content, self.file)
