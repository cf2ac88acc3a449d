"""How many threads a method may take: as many as OMP_NUM_THREADS says, which most libraries read.

CatBoost, LightGBM and PyTorch are told, since they do not read it or count for themselves.
"""

import os


def threads() -> int:
    """Give the number; -1, all cores, where the variable is not set."""
    return int(os.environ.get("OMP_NUM_THREADS", "-1"))
