"""Judging: how good a model is beside others on the same rows, and whether it may be promoted."""
