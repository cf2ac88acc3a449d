"""Serving: which model serves, which decision promoted it, and its file. Does not use Kedro."""
