"""Monitoring: whether the champion is well, by its rows, its predictions and late labels."""
