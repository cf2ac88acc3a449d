"""The commands of tabular-lstm: run, run-models, overview, profile. Your own: `@cli.command()`."""

from tabular_lstm.cli import cli, run

__all__ = ["cli", "run"]
