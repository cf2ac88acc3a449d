"""What the words in the names and the cells of columns say."""

import re

WORDS = {
    role: frozenset(words.split())
    for role, words in {
        # Things that a row may be about, and that several rows may share.
        "thing": """
            account animal applicant case child client customer device employee family household
            individual machine member participant patient person player pupil student subject user
            worker""",
        "identifier": """
            eid guid hhid hospitalid id identifier identity idno idnr idnum ids key mrn pid schoolid
            shopid sid siteid storeid studyid townid uid uuid""",
        "numbered": "code no nr num number",
        "row number": "idx index obs row rowid rownames rownum rownumber rows seq unnamed",
        # Whole numbers in such columns are codes and not amounts.
        "code": """
            area arm brand category center centre class code codes color colour country county
            department district ethnicity gender group grp hospital industry job kind marital model
            occupation origin postal postcode precinct province race region religion sector sex
            site species state status treat treatment trt type zip zipcode zone""",
        # Names of codes, even if there are many.
        "surely a code": """
            code codes county no nr num number plz postal postcode precinct zip zipcode""",
        "label": """
            accepted admit admitted approved attrition bankrupt canceled cancelled churn churned
            class clicked converted dead death default defaulted denied deny diagnosis died disease
            event exited failed failure fraud hired income infected label labels malignant
            mortality outcome presence purchase purchased readmitted relapse response result spam
            status stroke subscribed success survived target y""",
        # Names of labels in any table.
        "surely a label": "class label labels outcome target y",
        # Columns of classes or numbers with such a name are mostly predicted.
        "predicted": """
            category charges cost costs demand diagnosis grade medv mpg price prices quality rating
            rent revenue salary sales score severity species stage strength vote wage yield""",
        "date": "date day month time timestamp week year",
        # Times and numbers that may grow from one row to the next row of a thing.
        "order": """
            age date day days decade hour hours minute minutes month months occasion period quarter
            round session start time timestamp tstart visit visits wave week weeks year years""",
        # Traits that describe a person and are rarely predicted.
        "trait": "female gender male race sex",
        "positive": """
            + abnormal accepted approved bad case churned dead default died disease event fail
            failed failure fraud ill ja malignant oui pos positive present relapse si sick spam
            success t true win won y yes""",
        "negative": """
            - absent alive benign censored control f false ham healthy legit lost n neg negative
            nein no none normal refused rejected survived well""",
        # Units that may follow a number without a blank.
        "unit": """
            bhp bp cc chf cl cm d db dl eur ft g gb gbp h ha hp hr hrs hz in k kb kg km kmh kmph
            kmpl kw kwh l lb lbs m mb mg mi min ml mm mph ms nm oz pt px rpm s sec t tb usd v w x
            y yr yrs""",
        # Signs for "not measured" in any column.
        "sign": "? - -- --- . .. * #n/a <na> n.a. n.a -nan nil",
    }.items()
}
# Texts for "not measured" in columns of numbers and dates.
PLACEHOLDERS = WORDS["sign"] | {
    "unknown", "missing", "not available", "not measured", "not known", "undefined", "unk", "none",
    "no data", "tbd", "#value!", "#div/0!", "#ref!", "#null!", "0000-00-00", "undetermined",
}  # fmt: skip
# Pairs of one-character labels of two classes.
LETTERS = [{"y", "n"}, {"t", "f"}, {"+", "-"}]
# Endings of one-word names, such as id in schoolid.
ENDS = ("id", "no", "nr", "num")


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: "CustomerID" has customer and id, "%" has none."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return [word for word in re.split(r"[^\w+]|_", parted) if word]


def names_an_identifier(name: str) -> bool:
    """Return whether a column is named like an identifier, such as patient_id, patientno or PID."""
    words = words_of(name)
    if WORDS["identifier"] & {*words[:1], *words[-1:]}:
        return True
    if len(words) > 1:
        return words[-1] in WORDS["numbered"] and words[-2] in WORDS["thing"]
    return any(f"{thing}{end}" in words for thing in WORDS["thing"] for end in ENDS)


def names_a_thing(name: str) -> bool:
    """Return whether a column is named like a thing with several rows, such as a patient."""
    if len(words_of(name)) > 1:
        return names_an_identifier(name) and has_word(name, "thing")
    return names_an_identifier(name) or has_word(name, "thing")


def names_a(name: str, role: str) -> bool:
    """Return whether the last word of a name is one of the role's words."""
    return bool({*words_of(name)[-1:]} & WORDS[role])


def has_word(name: str, role: str) -> bool:
    """Return whether any word of a name is one of the role's words."""
    return bool({*words_of(name)} & WORDS[role])
