"""Runs: what Kedro runs before, between and after the nodes."""
