"""Pages opened in a real browser."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("REQUIRE_BROWSER"),
    reason="needs a browser: apt-get install chromium",
)


def in_a_browser(
    address: str, *options: str, virtual_seconds: int = 30
) -> subprocess.CompletedProcess[str]:
    """Open a page in headless Chromium: what became of it is on stdout, as HTML."""
    assert CHROMIUM, "REQUIRE_BROWSER is set and there is no chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={profile}", f"--virtual-time-budget={virtual_seconds}000"]
        command += [*options, "--dump-dom", address]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)


# In a frame of some width: how wide the page is, which boxes are wider than they may be, and which
# texts of a figure lie on each other or leave it.
MEASURE = """<!doctype html>
<iframe id="page" src="%s" style="width: %dpx; height: 20000px; border: 0"></iframe>
<div id="figure" style="width: %dpx"></div><pre id="found"></pre>
<script>
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1
  && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1
  || a.bottom <= b.top + 3 || b.bottom <= a.top + 3;
window.onload = () => {
  const page = document.getElementById("page").contentDocument, found = {texts: []};
  found.width = page.documentElement.scrollWidth;
  found.wide = [...page.querySelectorAll(".box, pre, figure, p, dd, h1, h2")]
    .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.outerHTML.slice(0, 200));
  found.pixels = [...page.querySelectorAll("img")].map(image => image.clientWidth);
  const figure = document.getElementById("figure");
  for (const image of page.querySelectorAll("img")) {
    figure.style.width = image.clientWidth + "px";
    const svg = new TextDecoder().decode(
      Uint8Array.from(atob(image.src.split(",")[1]), letter => letter.charCodeAt(0)));
    figure.innerHTML = svg.slice(svg.indexOf("<svg"));
    const drawn = figure.querySelector("svg");
    drawn.setAttribute("width", "100%%"); drawn.removeAttribute("height");
    const whole = drawn.getBoundingClientRect();
    const texts = [...drawn.querySelectorAll("text")].map(text =>
      [text.textContent, text.getBoundingClientRect()]);
    texts.forEach(([text, box], place) => {
      if (!inside(box, whole)) found.texts.push("leaves the figure: " + text);
      if (text.length && box.height < 10) found.texts.push("too small: " + text);
      for (const [other, at] of texts.slice(place + 1))
        if (!apart(box, at)) found.texts.push("on each other: " + text + " | " + other);
    });
    figure.innerHTML = "";
  }
  document.getElementById("found").textContent = JSON.stringify(found);
};
</script>"""


def measured(page: Path, width: int) -> dict[str, Any]:
    """Lay a page out in a window of so many pixels, and measure it: see `MEASURE`."""
    frame = page.with_name(f"frame_{width}.html")
    frame.write_text(MEASURE % (page.as_uri(), width, width))
    finished = in_a_browser(frame.as_uri(), "--allow-file-access-from-files")
    (found,) = re.findall('<pre id="found">(.*?)</pre>', finished.stdout, re.DOTALL)
    return json.loads(html.unescape(found))
