"""The report, of real retrainings: what it says, in which order, and that it is safe to open."""

import html
import json
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.environments import output_folder, run_command
from tabular_lstm.judging.baselines import MODELS
from tabular_lstm.judging.drawing import TITLES
from tabular_lstm.judging.importance import Importance
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.monitoring.reference import Reference, category_cells, one_of, profile_of
from tabular_lstm.rows.examples import NO_SEQUENCES, Examples
from tabular_lstm.serving import report
from tabular_lstm.serving.decision import Decision, Provenance
from tabular_lstm.task import CLASSES, NUMBER
from tests.helpers.browser import in_a_browser, measured, needs_browser
from tests.helpers.outputs import FIGURES
from tests.helpers.pages import Parsed
from tests.helpers.project import ROOT, Project
from tests.helpers.tables import HOSTILE_CELL, HOSTILE_NAME

QUARANTINED = 45
FIRST = "The five checks|The models compared|The data|The features|The figures|Small print"
HEADINGS = (
    "The five checks|The models compared|What changed in the data since the champion|"
    "The features|The figures|Quarantined rows|How to roll back|Small print"
)


@dataclass
class Run:
    """A retraining's outputs."""

    folder: Path
    run_id: str

    def read(self, output: str) -> str:
        (path,) = (self.folder / output / self.run_id).iterdir()
        return path.read_text()

    @property
    def figures(self) -> dict[str, str]:
        """The SVG files by name."""
        files = (self.folder / "08_reporting/figures" / self.run_id).glob("*/*.svg")
        return {file.stem: file.read_text() for file in files}

    @property
    def page(self) -> str:
        return self.read("08_reporting/report.html")

    @property
    def decision(self) -> dict[str, Any]:
        return json.loads(self.read("08_reporting/decision.json"))

    @property
    def judgement(self) -> dict[str, Any]:
        return self.decision["judgement"]

    @property
    def inputs(self) -> dict[str, Any]:
        """What `page_of` takes, to be changed at will."""
        quarantined = self.folder / "02_intermediate/quarantined_rows.csv" / self.run_id
        importance = self.read("07_model_output/permutation_importance.json")
        return {
            "basis": self.decision,
            "metrics": json.loads(self.read("08_reporting/metrics.json")),
            "verdict": json.loads(self.read("08_reporting/verdict.json")),
            "quarantined_rows": pd.read_csv(quarantined / "quarantined_rows.csv"),
            "figures": self.figures,
            "reference": Reference.model_validate_json(self.read("07_model_output/reference.json")),
            "importance": Importance.model_validate_json(importance),
        }


def page_of(inputs: dict[str, Any]) -> str:
    """Write the page, the decision given as it is on disk."""
    decision = Decision.model_validate(inputs["basis"])
    assert decision.judgement is not None
    env = decision.environment
    provenance = Provenance(
        **decision.model_dump(
            include={"run_id", "time", "environment", "packages", "git_commit", "parameters"}
        ),
        outputs=output_folder(env),
        run_command=run_command(env),
        code_sha256=decision.judgement.inputs.code,
        parameters_sha256=decision.judgement.inputs.parameters,
    )
    no_rows: Any = Examples(NO_SEQUENCES, pd.Series(), schema=None)
    made_from = decision.judgement.data, inputs["quarantined_rows"], inputs["reference"], provenance
    data = report.describe_data(*made_from, no_rows)
    shown = {name: inputs[name] for name in ("metrics", "verdict", "figures", "importance")}
    return report.page(decision, data, **shown)


@pytest.fixture
def runs(three_retrainings: Project) -> list[Run]:
    """A first promotion, one over that champion, and a rejection of a hostile file."""
    data = three_retrainings.path / "data"
    ids = sorted(path.name for path in (data / "08_reporting/report.html").iterdir())
    return [Run(data, run_id) for run_id in ids]


def text(run: Run) -> str:
    return Parsed(run.page).text


def only_run(project: Project) -> Run:
    """The one run of a project."""
    (folder,) = (project.path / "data/08_reporting/report.html").iterdir()
    return Run(project.path / "data", folder.name)


def section(shown: str, heading: str) -> str:
    """The text from a heading to the next."""
    (found,) = [part for part in shown.split("§ ") if part.startswith(heading)]
    return found


def test_the_verdict_comes_first_and_all_else_in_its_order(runs: list[Run]) -> None:
    for run, word in zip(runs, ["Promoted", "Promoted", "Rejected"], strict=True):
        verdict, *sections = text(run).split("§ ")
        assert "class 1 of diabetes, environment base" in verdict
        assert verdict.startswith(f"{word}: run {run.run_id} ")
        assert (run.decision["reason"] in verdict) is (word == "Rejected")
        area = run.judgement["candidate"]["roc_auc"]
        assert f"candidate the model of this run {area:.3f} " in verdict
        predicted = run.read("07_model_output/baseline_predictions.json")
        losses = json.loads(predicted)["losses"]
        best = min(losses, key=losses.__getitem__)
        assert run.judgement["best_baseline"] == best
        assert f"{MODELS[best].words} best of the baselines by out-of-fold loss" in verdict
        # The first run has no champion to compare with or to return to, and no bad row.
        expected = (FIRST if run is runs[0] else HEADINGS).split("|")
        quarantined = run.judgement["data"]["quarantined_rows"]
        expected = [name for name in expected if quarantined or name != "Quarantined rows"]
        for shown, heading in zip(sections, expected, strict=True):
            assert shown.startswith(heading)
    first = text(runs[0])
    begin = f"The new model, from run {runs[0].run_id}, is now serving. It is the first model"
    assert begin in first
    # Each feature has its missing cells, its range and a histogram.
    rows = pd.read_csv(ROOT / "data/01_raw/diabetes.csv")
    features = section(first, "The features")
    assert all(f"{name} number " in features for name in rows.columns[:-1])
    unmeasured = f"{100 * (rows['insulin'] == 0).mean():.1f} %"
    assert f"insulin number {unmeasured} 14 to 850 " in features
    assert runs[0].page.count('<span class="bars">') == len(rows.columns) - 1


def test_the_first_screen_has_all_models_and_what_drives_the_prediction(runs: list[Run]) -> None:
    for run in runs:
        verdict = text(run).partition("§ ")[0]
        models = {"candidate": run.judgement["candidate"], **run.judgement["baselines"]}
        for name, metrics in models.items():
            area, loss = (f"{metrics[metric]:.3f}" for metric in ("roc_auc", "log_loss"))
            row = verdict.partition(f" {MODELS[name].words} ")[2][:150]
            measured_there = re.findall(r" (\d+\.\d+) \S+ to \S+", row)[:3]
            assert measured_there == [area, loss, f"{100 * metrics['accuracy']:.1f}"]
        importance = json.loads(run.read("07_model_output/permutation_importance.json"))
        five = [*importance["features"].items()][:5]
        drivers = verdict.partition("What drives the prediction ")[2]
        expected = " ".join(f"{name} {max(0, lost['mean']):.3f}" for name, lost in five)
        if run is not runs[2]:  # the third has a name that is shortened
            assert drivers.startswith(f"{expected} What the candidate uses")
        widths = [float(share) for share in re.findall(r'<i style="width:([0-9.]+)%">', run.page)]
        assert widths[0] == 100
        assert widths == sorted(widths, reverse=True)
        assert importance["dependence"].keys() == dict(five).keys()
    # An earlier label has no curve.
    inputs = runs[0].inputs
    name, *_ = curves = inputs["importance"].dependence
    others = {other: curve for other, curve in curves.items() if other != name}
    inputs["importance"] = inputs["importance"].model_copy(update={"dependence": others})
    assert "drawn below, but not for what only earlier rows have" in Parsed(page_of(inputs)).text
    assert "earlier rows have" not in text(runs[0])


def test_the_checks_are_told_by_mark_word_and_sentence(runs: list[Run]) -> None:
    for run in runs:
        checks = section(text(run), "The five checks")
        for check in run.judgement["checks"]:
            mark = "✓ passed" if check["passed"] else "✗ failed"
            looked_at = check.get("roc_auc" if check["name"] == "drift" else "compared")
            if check["name"] in {"drift", "champion"} and check["passed"] and not looked_at:
                mark = "nothing to check"
            sentence = check["sentence"]
            assert f"{mark} {sentence[0].upper()}{sentence[1:]}." in checks
    checks = section(text(runs[1]), "The five checks")
    for numbers in runs[1].judgement["checks"][3]["compared"][runs[0].run_id].values():
        if isinstance(numbers, dict) and "detectable" in numbers:
            assert f"{numbers['difference']:+.4f}" in checks
            assert f"{numbers['at_worst']:+.4f}" in checks
    for words in ("Tolerance: log loss 1, ROC AUC 1", "Looks at these test rows: 2"):
        assert words in checks


def test_a_rejection_says_what_keeps_serving_and_what_changed(runs: list[Run]) -> None:
    _, second, rejected = runs
    judgement, shown = rejected.judgement, text(rejected)
    assert f"The model from run {second.run_id} keeps serving." in shown
    assert "2 checks failed; the first one gave the reason" in shown
    for champion in judgement["champions"]:
        why = f"{champion['run_id']}: {champion['not_compared']}."
        assert why in section(shown, "The five checks")
    changed = section(shown, "What changed in the data since the champion")
    valid = judgement["data"]["valid_rows"]
    assert f"Quarantined rows {QUARANTINED} 0 +{QUARANTINED}" in changed
    assert f"Valid rows {valid} 768 {valid - 768}" in changed
    assert f"New features {HOSTILE_NAME} Features gone none" in changed
    way_back = section(shown, "How to roll back")
    assert "Nothing needs to be rolled back" in way_back
    assert "kedro run --pipelines rollback" in way_back


@pytest.mark.long
@pytest.mark.parametrize("task", [CLASSES])
def test_the_page_of_classes_speaks_of_each_class(served: Project) -> None:
    run = only_run(served)
    shown = text(run)
    assert "size, 3 classes, environment base" in shown
    assert "ROC AUC higher is better, mean of the classes (macro)" in shown
    for word in ("ositive", "hreshold"):
        assert word not in shown.partition("Parameters")[0]
    by_class = section(shown, "The models compared").partition("class by class")[2]
    data, measured = section(shown, "The data"), run.judgement["candidate"]
    for number, (name, rates) in enumerate(measured["by_class"].items()):
        rows = sum(measured["confusion_matrix"][number])
        assert f"{name} {rows:g} {rates['precision']:.3f} {rates['recall']:.3f}" in by_class
        assert f"{name} size {100 * run.judgement['data']['label']['levels'][name]:.1f} %" in data
    figures = {"partial_dependence", "calibration_curve", "class_confusions"}
    assert {*run.figures} == {"learning_curves", "importance_chart"} | figures
    assert all(f'alt="{TITLES[name]}. ' in run.page for name in run.figures)


@pytest.mark.parametrize("task", [NUMBER])
def test_the_page_of_a_number_speaks_in_its_unit(served: Project) -> None:
    run = only_run(served)
    shown = text(run)
    assert "price, a number, environment base" in shown
    for word in ("ositive", "hreshold", "ROC AUC", "nats", "robabilit"):
        assert word not in shown.partition("Parameters")[0]
    beside = section(shown, "The models compared")
    for metrics in (run.judgement["candidate"], run.judgement["baselines"]["mean"]):
        assert f" {metric_text('rmse', metrics['rmse'])} " in shown.partition("§ ")[0]
        assert (
            f" {100 * metrics['coverage']:.1f} % {metric_text('width', metrics['width'])} "
            in beside
        )
    assert "which should contain 90 % of the labels" in beside
    label = run.judgement["data"]["label"]
    assert f"mean ± deviation {metric_text('rmse', label['mean'])} ± " in shown
    common = {"partial_dependence", "learning_curves", "importance_chart"}
    assert {*run.figures} == common | {"predicted_and_true"}
    assert all(f'alt="{TITLES[name]}. ' in run.page for name in run.figures)

    # What it may lose is told in deviations.
    inputs = run.inputs
    judgement = inputs["basis"]["judgement"]
    lost = {"difference": 1234.5678, "at_worst": 2.5, "at_best": -1e-7, "detectable": 1e7}
    before = {"run_id": "2026-01-01T00.00.00.000Z", "sha256": "ab" * 32}
    then = {**judgement["data"], "label": {**label, "mean": label["mean"] - label["deviation"] / 2}}
    metrics = judgement["candidate"] | {"rmse": 0.25}
    judgement["champions"] = [before | {"data": then, "metrics": metrics}]
    judgement["checks"][3] |= {"compared": {before["run_id"]: {"rmse": lost, "mae": lost}}}
    shown = Parsed(page_of(inputs)).text
    assert "RMSE +1,235 worse +2.5 worse +1 deviations 10,000,000" in shown
    assert "in standard deviations of the label" in shown
    assert "+0.50 deviations" in section(shown, "What changed in the data")


@pytest.mark.parametrize(
    ("failed", "change", "words"),
    [
        ("floor", {}, "not good enough compared with simple models"),
        ("floor", {"enough_rows": False}, "too few test rows to judge the new model on"),
        ("drift", {}, "does much worse on these rows than when it was promoted"),
        ("artifact", {}, "saved file does not give the results"),
        ("champion", {}, "test rows are too few to rule that out"),
        ("champion", {"seen_worse": True}, "does worse than one that"),
        ("champion", {"compared": {}}, "could not be compared with the serving one"),
    ],
)
def test_each_reason_to_reject_has_its_words(
    runs: list[Run], failed: str, change: dict[str, Any], words: str
) -> None:
    inputs = runs[1].inputs
    decision = inputs["basis"]
    decision["action"] = "rejected"
    for check in decision["judgement"]["checks"]:
        if check["name"] == failed:
            check |= {"passed": False, **change}
    if "compared" in change:
        decision["judgement"]["champions"][0] |= {"metrics": None, "not_compared": "it is gone"}
    assert words in Parsed(page_of(inputs)).text


def test_what_the_file_and_the_conf_say_stays_text(runs: list[Run]) -> None:
    inputs = runs[2].inputs
    inputs["basis"]["reason"] = HOSTILE_CELL
    inputs["basis"]["parameters"]["report"] = {"title": HOSTILE_CELL}
    inputs["basis"]["environment"] = "nightly"
    inputs["basis"]["judgement"]["data"]["possible_leaks"] = {HOSTILE_NAME: 1.0}
    parsed = Parsed(page_of(inputs))
    assert HOSTILE_NAME in section(parsed.text, "Quarantined rows")
    assert section(parsed.text, "Quarantined rows").count(HOSTILE_CELL) == 40  # cell and reason
    assert parsed.text.startswith("Rejected: " + HOSTILE_CELL)
    verdict = parsed.text.partition("§ ")[0]
    assert HOSTILE_CELL in verdict
    assert f"Possible leak: {HOSTILE_NAME[:39]}… (1.000). This feature alone reveals" in verdict
    assert "Possible leak" not in text(runs[2])
    assert "<script" not in page_of(inputs)
    # Commands and paths are those of the environment.
    assert "kedro run --env nightly --pipelines rollback" in parsed.text
    assert "data/nightly/02_intermediate/quarantined_rows.csv" in parsed.text


def test_the_page_neither_fetches_nor_runs_anything_and_its_figures_have_words(
    runs: list[Run],
) -> None:
    for run in runs:
        page = run.page
        assert len(page.encode()) < 500_000
        assert "<script" not in page
        elements = Parsed(page).elements
        used = {tag for tag, _ in elements}
        assert not used & {"link", "iframe", "object", "a", "base", "svg"}
        for _, attributes in elements:
            assert not {"href", "srcset", "action", "onload", "onerror"} & set(attributes)
        assert not re.search(r"url\(|@import", page)
        (policy,) = [a["content"] for _, a in elements if "http-equiv" in a]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        images = [attributes for tag, attributes in elements if tag == "img"]
        for name, image in zip(["intervals", *FIGURES], images, strict=True):
            assert str(image["alt"]).startswith(f"{TITLES[name]}. ")
            kind, _, coded = str(image["src"]).partition(",")
            assert kind == "data:image/svg+xml;base64"
            assert name == "intervals" or b64decode(coded).decode() == run.figures[name]


def test_a_wide_table_and_long_cells_do_not_make_the_page_large(runs: list[Run]) -> None:
    inputs = runs[2].inputs
    wide = {f"{number} {HOSTILE_NAME}" * 20: ["&" * 5000] * 50 for number in range(1000)}
    inputs["quarantined_rows"] = pd.DataFrame({"row": "1", "reason": "<" * 9000, **wide})
    inputs["basis"]["judgement"]["data"]["features"] = [*wide]
    page = page_of(inputs)
    assert len(page.encode()) < 1_000_000
    shown = Parsed(page).text
    assert "Only the first 40 of 1002 columns are shown." in shown
    assert "and 980 more" in section(shown, "What changed in the data")


def test_what_moved_is_told_first_and_the_clearest_before_others(runs: list[Run]) -> None:
    shown = text(runs[1])
    assert "ALARM" not in shown
    assert "Nothing moved far enough to raise an alarm" in shown
    for run in runs[::2]:
        assert "PSI" not in text(run)
    assert "Not compared: " in section(text(runs[2]), "What changed in the data")

    shift = {"psi": 1.5, "ks": 0.25, "missing": (0.0, 0.5), "outside": (0.0, 0.125)}
    shift |= {"moved": True, "counts": ()}
    inputs = runs[1].inputs
    inputs["basis"]["judgement"]["drift"] |= {
        "features": {
            "still": shift | {"moved": False, "statistic": 1.0, "sentence": "as it was"},
            "amount": shift | {"statistic": 30.0, "sentence": "all is 18 times as much"},
            HOSTILE_NAME: shift | {"statistic": 40.0, "sentence": HOSTILE_CELL, "ks": None},
        },
        "scores": {"probability of 1": shift | {"statistic": 9.0, "sentence": "less than it was"}},
    }
    page = page_of(inputs)
    verdict, checks, *_ = Parsed(page).text.split("§ ")
    assert "ALARM" in verdict
    assert f"'{HOSTILE_NAME[:39]}…': {HOSTILE_CELL}; 'amount': all is 18 times as much" in verdict
    assert "⚠ passed, with an alarm" in checks
    assert HOSTILE_CELL not in page
    changed = section(Parsed(page).text, "What changed in the data")
    places = [changed.index(name) for name in (HOSTILE_CELL, " amount ", "probability", "still")]
    assert places == sorted(places)
    assert "all is 18 times as much 1.500 0.250 0.0 % now 50.0 % 0.0 % now 12.5 %" in changed
    assert f"{HOSTILE_CELL} 1.500 0.0 % now" in changed


def test_conf_in_a_sentence_is_in_a_code_font(runs: list[Run]) -> None:
    inputs, objective = runs[2].inputs, "training: {objective: {kind: f1}}"
    leaks = "columns.ignore: ['a, b', <i>]", "columns.known_in_time: ['a, b', <i>]"
    asked = f"If known only after the label: {leaks[0]}. Or, if known before it: {leaks[1]}"
    apart = (
        "Name the column: columns.group: Home town. Or, if the rows are independent: "
        "split.independent: [Home town]"
    )
    inputs["basis"]["reason"] = f"{asked}. See docs/monitoring.md and columns.csv;"
    inputs["basis"]["judgement"]["checks"][0]["sentence"] = apart
    limit = (
        "More than promotion.max_champion_fall = 0.1. Raise this limit, or --params "
        "promotion.start_over=true judges without the champion"
    )
    inputs["basis"]["judgement"]["checks"][1]["sentence"] = limit
    inputs["verdict"] = [f"To find more of them, write {objective}"]
    page = page_of(inputs)
    shown = Parsed(page).text
    for sentence in (asked, apart, limit, *inputs["verdict"]):
        assert sentence in shown
    codes = [html.unescape(code) for code in re.findall("<code>(.*?)</code>", page)]
    expected = [
        *leaks,
        *("columns.group: Home town", "split.independent: [Home town]"),
        *("promotion.max_champion_fall", "--params promotion.start_over=true"),
        objective,
    ]
    assert [*dict.fromkeys(code for code in codes if code in expected)] == expected
    assert "docs/<code>" not in page


def test_categories_that_are_counted_together_are_said_to_be(runs: list[Run]) -> None:
    codes = [f"c{number:03}" for number in range(459)]
    places = np.repeat(np.arange(459.0), 2)
    inputs = runs[0].inputs
    inputs["reference"] = inputs["reference"].model_copy(
        update={
            "features": {
                "few": profile_of("category", places % 5, codes[:5]),
                "many": profile_of("category", np.append(places, [7] * 99), codes),
            }
        }
    )
    features = section(Parsed(page_of(inputs)).text, "The features")
    assert re.search(r"few category 0.0 % c00\d, c00\d, c00\d and 2 more ", features)
    cells = category_cells(codes)
    (largest,) = [cell for cell in cells if "c007" in cell]
    assert one_of(largest).startswith(f"'{largest[0]}' or '{largest[1]}'")
    counted = f"459 categories, counted in {len(cells)} groups; the largest: {one_of(largest)}"
    assert f"many category 0.0 % {counted} " in features
    explained = "very many categories, several are counted together: a bar of the histogram is"
    assert explained in features
    assert explained not in text(runs[0])
    assert one_of(("a", "b", "c", "d")) == "'a' or 'b' or 2 others"


def test_a_number_of_one_value_has_no_range(runs: list[Run]) -> None:
    inputs = runs[0].inputs
    values = {"seconds": 1.7e9, "level": 5.0}
    inputs["reference"] = inputs["reference"].model_copy(
        update={
            "features": {name: profile_of("number", np.full(9, v)) for name, v in values.items()}
        }
    )
    features = section(Parsed(page_of(inputs)).text, "The features")
    assert "seconds number 0.0 % 1,700,000,000 1,700,000,000 ± 0 " in features
    assert "level number 0.0 % 5 5 ± 0 " in features


@pytest.mark.browser
@needs_browser
def test_a_browser_without_a_network_opens_the_page_also_on_a_narrow_screen(
    runs: list[Run], tmp_path: Path
) -> None:
    path, run = tmp_path / "page.html", runs[2]
    path.write_text(run.page)
    no_network = "--host-resolver-rules=MAP * ~NOTFOUND"
    finished = in_a_browser(path.as_uri(), no_network, "--enable-logging=stderr")
    # What the page writes to its console, errors and refused requests among it.
    assert "CONSOLE" not in finished.stderr
    # As the file's names and cells would change it.
    assert f"<title>Rejected: run {run.run_id}</title>" in finished.stdout
    assert finished.stdout.count("<img ") == 1 + len(FIGURES)
    path.write_text(runs[1].page)
    layout = measured(path, 400)
    assert (layout["width"], layout["wide"]) == (400, [])
