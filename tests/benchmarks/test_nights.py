"""A few nights, replayed: each ends as its cause asks for, and the site can be read."""

import re
from pathlib import Path

import nights
import pytest
from kedro.framework.project import pipelines


@pytest.mark.long
@pytest.mark.no_cover  # its runs are tested elsewhere
def test_each_night_ends_as_its_cause_asks_for_and_every_link_leads_somewhere(
    tmp_path: Path,
) -> None:
    site = tmp_path / "site"
    nights.main(["--few", "--folder", str(site)])
    pipelines.set_requested(None)
    index = (site / "index.html").read_text()
    assert "11 nights:\neach ended as it should" in index
    for cause in (
        nights.UNIT,
        nights.LEAK,
        nights.GONE,
        nights.SWAPPED,
        nights.KILLED,
        nights.BACK,
    ):
        assert index.count(cause.words) == 1
    links = re.findall(r'href="([^"]+)"', index)
    assert len(links) > 40
    assert all((site / link).stat().st_size for link in links)
    assert "insulin_prescribed" in (site / "night_05_retraining.txt").read_text()


def test_a_night_that_ends_otherwise_is_named() -> None:
    asked = nights.Asked(nights.DONE, "Promoted")
    ended = nights.Ended("retraining", nights.DONE, "", "Rejected run", asked)
    assert not nights.Night(1, "", [ended], {}).as_asked
