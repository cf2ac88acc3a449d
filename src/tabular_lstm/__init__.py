"""From a CSV of labelled rows to a trained, judged and saved LSTM classifier."""

__version__ = "0.1.0"
