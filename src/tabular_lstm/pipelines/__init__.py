"""The pipelines, one folder each: nodes.py holds pure functions, pipeline.py the wiring."""
