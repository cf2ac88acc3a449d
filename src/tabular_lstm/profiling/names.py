"""What the name of a column suggests: an identifier, a code, a label, a weight."""

import re

THINGS = {
    "account", "animal", "applicant", "application", "case", "child", "client", "customer",
    "device", "employee", "family", "household", "individual", "machine", "member", "passenger",
    "participant", "patient", "person", "player", "policy", "pupil", "respondent", "student",
    "subject", "user", "worker",
}  # fmt: skip
# What also may be in several rows, but as often has one row, or is one of a few categories.
MORE_THINGS = {
    "bank", "batch", "bird", "branch", "center", "centre", "class", "classroom", "clinic",
    "cluster", "community", "company", "cow", "district", "doctor", "dog", "driver", "farm", "firm",
    "herd", "hospital", "judge", "lake", "litter", "nest", "physician", "plot", "practice", "prov",
    "provider", "river", "school", "sensor", "shop", "site", "station", "store", "study", "subj",
    "teacher", "team", "town", "tree", "vehicle", "village", "well",
}  # fmt: skip
IDENTIFIERS = {"id", "ids", "uuid", "guid", "key", "identifier", "identity"}
SHORT_IDENTIFIERS = {"eid", "hhid", "idno", "idnr", "idnum", "mrn", "pid", "sid", "uid"}
NUMBERED = {"no", "nr", "num", "number", "code"}
# Of names in one word, such as schoolid.
ENDS = ("id", "no", "nr", "num")
INDEX = {
    "index",
    "idx",
    "row",
    "rows",
    "rownum",
    "rownumber",
    "rowid",
    "rownames",
    "unnamed",
    "obs",
    "seq",
}
CODES = {
    "code", "codes", "type", "kind", "class", "pclass", "category", "cat", "region", "zone", "zip",
    "zipcode", "postcode", "postal", "state", "country", "county", "district", "area", "sex",
    "gender", "race", "ethnicity", "religion", "group", "grp", "color", "colour", "brand", "model",
    "status", "origin", "department", "dept", "sector", "industry", "occupation", "occup", "job",
    "site", "center", "centre", "hospital", "species", "treatment", "treat", "trt", "arm", "ward",
    "channel", "plan", "version", "marital", "precinct", "province", "fips", "tract",
}  # fmt: skip
LABELS = {
    "label", "labels", "target", "outcome", "class", "y", "diagnosis", "churn", "churned",
    "exited", "attrition", "survived", "default", "defaulted", "fraud", "isfraud", "spam",
    "response", "responded", "subscribed", "result", "died", "death", "dead", "mortality",
    "disease", "event", "status", "approved", "accepted", "admitted", "readmitted", "hired",
    "converted", "clicked", "click", "purchase", "purchased", "relapse", "income", "deny", "denied",
    "rejected", "admit", "approve", "accept", "success", "failure", "failed", "bankrupt",
    "bankruptcy", "delinquent", "malignant", "stroke", "cancelled", "canceled", "dropout",
    "recidivism", "infected", "presence",
}  # fmt: skip
# Said of a person more often than predicted.
TRAITS = {"sex", "gender", "male", "female", "race", "sexcode"}
# Names that say "to be predicted" whatever the table is about.
SURE_LABELS = {"label", "labels", "target", "outcome", "class", "y"}
WEIGHTS = re.compile(
    r"(?:sample|case|instance|survey|sampling|row|obs|observation|final)_?(?:weight|weights|wt|wgt)"
    r"|fnlwgt|pweight|fweight"
)
# Pairs of letters that stand for words of the two sets below.
LETTERS = [{"y", "n"}, {"t", "f"}, {"+", "-"}]
POSITIVE = {
    "yes", "y", "true", "t", "positive", "pos", "+", "malignant", "sick", "ill", "diseased",
    "disease", "present", "died", "dead", "death", "churn", "churned", "fraud", "spam", "default",
    "defaulted", "bad", "failure", "failed", "fail", "abnormal", "relapse", "recurrence", "event",
    "case", "success", "won", "ja", "oui", "si", "win", "accept", "accepted", "approved",
}  # fmt: skip
NEGATIVE = {
    "no", "n", "false", "f", "negative", "neg", "-", "benign", "healthy", "well", "absent",
    "alive", "survived", "none", "normal", "ham", "loyal", "stayed", "control", "censored",
    "legit", "nein", "rejected", "refused", "lost",
}  # fmt: skip


def words_of(name: str) -> list[str]:
    """Give the words of a name in lower case.

    Examples:
        >>> words_of("CustomerID"), words_of("date_of.birth")
        (['customer', 'id'], ['date', 'of', 'birth'])
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return [word for word in re.split(r"[^a-z0-9+]+", parted) if word]


def names_an_identifier(name: str) -> bool:
    """Tell whether a column is called as those are that say which thing a row is about.

    Examples:
        >>> names = ("id", "PassengerId", "customerid", "PID", "townid", "humid", "paid")
        >>> [names_an_identifier(name) for name in names]
        [True, True, True, True, True, False, False]
    """
    words = words_of(name)
    if _names_surely(words) or SHORT_IDENTIFIERS & {*words[-1:]}:
        return True
    return len(words) == 1 and _in_one_word(words[0], MORE_THINGS)


def _names_surely(words: list[str]) -> bool:
    """Tell whether the words of a name are an identifier of whatever it is, or a thing's."""
    if IDENTIFIERS & {*words[:1], *words[-1:]}:
        return True
    if len(words) > 1 and words[-1] in NUMBERED:
        return words[-2] in THINGS
    return len(words) == 1 and _in_one_word(words[0], THINGS)


def _in_one_word(word: str, things: set[str]) -> bool:
    return any(word.removesuffix(end) in things for end in ENDS if word.endswith(end))


def names_a_thing(name: str) -> bool:
    """Tell whether a column is called as what may be in several rows: a patient, a customer.

    Examples:
        >>> names = ("id", "subject", "patient_id", "region_id", "pid", "students")
        >>> [names_a_thing(name) for name in names]
        [True, True, True, False, False, False]
    """
    words = words_of(name)
    if len(words) > 1 and _names_surely(words):
        return bool({*words} & THINGS)
    return _names_surely(words) or (len(words) == 1 and words[0] in THINGS)


def may_name_a_thing(name: str) -> bool:
    """Tell whether a column is called as what also may be in several rows, if its cells are so.

    Examples:
        >>> names = ("nr", "schoolid", "School", "plot_no", "pid", "zip_code", "years_at_firm")
        >>> [may_name_a_thing(name) for name in names]
        [True, True, True, True, True, False, False]
    """
    words = words_of(name)
    is_numbered = words[-1:] != ["code"] and bool({*words[-1:]} & NUMBERED)
    is_thing = len(words) <= 2 and bool({*words[-1:]} & MORE_THINGS)
    return is_numbered or is_thing or names_an_identifier(name)


def names_an_index(name: str) -> bool:
    """Tell whether a column is called as one that numbers the rows."""
    return bool({*words_of(name)} & INDEX) or not name.strip()


def names_a_year(name: str) -> bool:
    """Tell whether a column is called as a year."""
    return "year" in name.lower() or "yr" in words_of(name)


def names_a_code(name: str) -> bool:
    """Tell whether a column is called as one whose whole numbers are codes and no amounts."""
    return bool({*words_of(name)[-1:]} & CODES)


def names_a_label(name: str) -> bool:
    """Tell whether a word in the name of a column is one for what is often predicted."""
    words = words_of(name)
    return bool({*words[:1], *words[-1:]} & LABELS)


def names_a_trait(name: str) -> bool:
    """Tell whether a column is called as what is known of a person before."""
    return bool({*words_of(name)} & TRAITS)


def names_a_weight(name: str) -> bool:
    """Tell whether a column is called as the weight of its row."""
    return WEIGHTS.fullmatch("_".join(words_of(name))) is not None
