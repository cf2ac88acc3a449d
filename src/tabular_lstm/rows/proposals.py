"""A value of conf in a line of YAML."""

import json
import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Without quotes YAML takes them for something else.
NO_TEXT = {"yes", "no", "y", "n", "on", "off", "true", "false", "null", "none"}


def in_yaml(value: Any) -> str:
    """Write a value of conf in a line of YAML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{in_yaml(name)}: {in_yaml(v)}' for name, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NO_TEXT:
        return value
    written = json.dumps(value, ensure_ascii=False)
    # YAML refuses some characters that are not seen, and takes others for line ends.
    return "".join(c if c.isprintable() else _escaped(c) for c in written)


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 2**16 else f"\\U{ord(letter):08x}"
