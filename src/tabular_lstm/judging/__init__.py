"""Judging: how good a model is compared with others, and whether it may be promoted."""
