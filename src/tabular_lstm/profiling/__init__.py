"""Profiling: what a CSV nobody has described yet holds, and which conf fits it. No Kedro."""
