"""The tables."""


def main() -> None:
    """Write them."""
