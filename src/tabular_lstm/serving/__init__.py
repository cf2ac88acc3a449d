"""Serving: which model is in service ("serves"), by which decision, and its file. No Kedro."""
