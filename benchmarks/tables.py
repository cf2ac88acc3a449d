"""Tables of measured numbers."""

from typing import Any


def markdown(table: list[dict[str, Any]]) -> str:
    """Write a table as Markdown."""
    lines = [list(table[0]), ["---"] * len(table[0]), *(map(str, row.values()) for row in table)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
