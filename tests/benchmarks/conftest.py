"""The programs of benchmarks/ import each other by name, as when one of them is run."""

import sys

from tests.helpers.project import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
