"""Serving: which model serves, by which decision, and what it is. No Kedro."""
