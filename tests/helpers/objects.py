"""An object storage in memory, for what needs no server."""

from pathlib import Path


class Objects(dict[str, bytes]):
    """A storage in memory, with what `ObjectStorage` has."""

    url = "s3://bucket/of/data"

    def put(self, key: str, content: Path) -> None:
        self[key] = content.read_bytes()

    def create(self, key: str, content: bytes) -> bytes:
        return self.setdefault(key, content)

    def keys(self, below: str = "", after: str | None = None) -> list[str]:  # type: ignore[override]
        return sorted(key for key in self if key.startswith(f"{below}/") and key > (after or ""))

    def delete(self, keys: list[str]) -> None:
        for key in keys:
            del self[key]
