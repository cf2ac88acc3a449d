"""Profiling: find what an undescribed CSV holds, and propose conf for it. No Kedro."""
