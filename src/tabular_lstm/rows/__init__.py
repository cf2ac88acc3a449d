"""Rows: text cells → checked values → slots of a sequence. No Kedro, no TensorFlow."""
