"""The page: what it says first, what it draws, what it says where there is nothing to draw."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tabular_lstm.judging.drawing import to_svg
from tabular_lstm.monitoring import health
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.health import draw_over_time
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.browser import measured, needs_browser
from tests.helpers.healths import Found, found, run_at
from tests.helpers.pages import Parsed

HEADINGS = ["Scorings", "Champions", "What moved in the newest scoring"]
HOSTILE = "</script><script>document.title='mine'</script><img src=x onerror=alert(1)>"


def text(page: Found) -> str:
    return Parsed(page.page).text


def section(page: Found, heading: str) -> str:
    (part,) = [part for part in text(page).split("§ ") if part.startswith(heading)]
    return part


def figures(page: Found) -> list[str]:
    """What the figures say to readers who do not see them."""
    elements = Parsed(page.page).elements
    return [str(attributes["alt"]) for tag, attributes in elements if tag == "img"]


def test_an_alarm_comes_first_with_what_to_do_and_who_serves() -> None:
    page = found()

    first, *sections = text(page).split("§ ")

    assert first.startswith("✗ Alarm ")
    assert page.health.newest
    for name, shift in page.health.newest.moved.items():
        assert f"{name}: {shift.sentence}" in first
    command = "kedro run --env patients --pipelines retraining"
    assert "What to do. Look at what moved: if it is a mistake, correct the rows and score" in first
    assert f"; if it is intended, retrain on newly labelled rows: {command}" in first
    assert f"The champion of run {run_at(1)} serves." in first
    assert "8 scorings and 2343 labels so far; 3 of the labels belong to no scored row," in first
    for shown, heading in zip(sections, HEADINGS, strict=True):
        assert shown.startswith(heading)


def test_a_scoring_that_cannot_tell_does_not_say_that_the_champion_is_well() -> None:
    page = found(drift_from=None, labels_until=0)
    first = text(page).partition("§ ")[0]
    assert "✓ The champion is healthy" in first
    assert "What to do" not in first
    assert page.health.newest
    few = page.health.newest.model_copy(update={"smallest_shift": None})
    assert "Nothing is known yet" in text(page.having(newest=few))


@pytest.mark.parametrize(
    ("task", "metrics"),
    [(TWO_CLASSES, ["log loss", "ROC AUC"]), (NUMBER, ["RMSE", "MAE"])],
)
def test_each_task_has_its_metrics(task: str, metrics: list[str]) -> None:
    page = found(task, drift_from=None)
    scorings, champions = section(page, "Scorings"), section(page, "Champions")
    for metric in metrics:
        assert f"{metric[0].upper()}{metric[1:]}" in scorings
    value = {NUMBER: "41,200 39,550 to 42,850"}.get(task)
    assert (value or "0.8") in champions
    drawn = to_svg(draw_over_time(page.health), "")
    for metric, better in zip(
        metrics, ("lower", "lower" if task == NUMBER else "higher"), strict=True
    ):
        assert f"{metric}, {better} is better" in drawn


def test_what_moved_is_drawn_the_clearest_first_with_its_distances() -> None:
    page = found()
    newest = page.health.newest
    assert newest
    moved = section(page, "What moved in the newest scoring")
    assert f"400 rows of run {newest.run_id} were compared with the rows of the" in moved
    names = [re.findall(r"^Distribution of (.*), in the", said)[0] for said in figures(page)[1:]]
    assert names == [*newest.moved]
    wage = newest.features["wage"]
    assert (
        f"wage: {wage.sentence}. PSI {wage.psi:.2g}, KS {wage.ks:.2g}; missing 1.65 % → " in moved
    )
    assert "PSI 4.5; missing 0 % → 0 %." in moved  # of a category, which has no KS


def test_at_most_eight_distributions_and_thirty_scorings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "draw_distribution", lambda profile, shift: None)
    monkeypatch.setattr(health, "to_svg", lambda figure, title: "<svg/>")
    page = found()
    assert page.health.newest
    assert page.reference
    shift, column = page.health.newest.features["wage"], page.reference.features["wage"]
    many = [f"wage {number}" for number in range(12)]
    newest = page.health.newest.model_copy(
        update={"features": dict.fromkeys(many, shift), "scores": {}}
    )
    wider = page.reference.model_copy(update={"features": dict.fromkeys(many, column)})
    scorings = [
        scoring.model_copy(update={"run_id": f"{scoring.run_id}{number}"})
        for number in range(10)
        for scoring in page.health.scorings
    ]
    page = replace(page.having(newest=newest, scorings=scorings), reference=wider)
    assert len(figures(page)) == 1 + 8
    listed = section(page, "Scorings")
    assert listed.count(" scored ") == 30
    assert "And 50 earlier ones." in listed


def test_where_there_is_nothing_to_draw_a_sentence_says_so() -> None:
    nothing = found(scorings=0)
    assert "Nothing is known yet" in text(nothing)
    assert "None yet." in section(nothing, "Scorings")
    assert "has scored no rows." in section(nothing, "What moved in")

    single = found(scorings=1, drift_from=None, labels_until=0)
    compared = section(single, "What moved in")
    assert f"400 rows of run {run_at(3)} were compared with" in compared
    assert "; nothing moved" in compared
    assert figures(nothing) == figures(single) == []


def test_without_a_reference_the_reason_is_said() -> None:
    compared = found(drift_from=None, labels_until=0)
    why = "the champion's run left no reference"
    newest = Drift(run_id=run_at(10), champion=run_at(1), not_compared=why)
    scorings = [scoring.model_copy(update={"moved": None}) for scoring in compared.health.scorings]
    page = replace(compared.having(newest=newest, scorings=scorings), reference=None)
    assert "Nothing is known yet" in text(page)
    assert f"Nothing was compared: {why}." in section(page, "What moved in")
    assert section(page, "Scorings").count("not compared") == 8


def test_names_and_sentences_of_others_are_text() -> None:
    hostile = found(wage=HOSTILE, region="$a_b$ & <b>")
    assert hostile.reference
    profiles = dict(hostile.reference.features)
    region = profiles["$a_b$ & <b>"]
    profiles["$a_b$ & <b>"] = region.model_copy(update={"categories": (HOSTILE,) * 4})
    reference = hostile.reference.model_copy(update={"features": profiles})
    page = replace(hostile, title=HOSTILE, reference=reference)
    assert page.health.newest
    features = {name: page.health.newest.features[name] for name in (HOSTILE, "$a_b$ & <b>")}
    newest = page.health.newest.model_copy(update={"features": features, "scores": {}})
    champions = [one.model_copy(update={"alarm": HOSTILE}) for one in page.health.champions]

    page = page.having(
        newest=newest, champions=champions, alarm=f"{HOSTILE}\u202e", command=HOSTILE
    )

    elements = Parsed(page.page).elements
    assert {tag for tag, _ in elements}.isdisjoint({"script", "b", "svg"})
    assert all(str(a["src"]).startswith("data:image/svg") for tag, a in elements if tag == "img")
    assert HOSTILE in text(page)
    assert "\u202e" not in page.page
    assert "default-src 'none'" in page.page


@pytest.mark.long
@pytest.mark.browser
@needs_browser
def test_nothing_is_cut_off_or_on_top_of_another(tmp_path: Path) -> None:
    long = "monthly_gross_wage_of_the_main_employment_in_cents"
    page = found(CLASSES, scorings=20, drift_from=1, wage=long)
    path = tmp_path / "page.html"
    path.write_text(page.page)

    for width in (1200, 400):
        layout = measured(path, width)
        assert layout["width"] == width
        assert layout["wide"] == []
        assert layout["texts"] == []
        assert len(layout["pixels"]) == len(figures(page)) == 8
