"""Pages opened in a real browser."""

import os
import shutil
import subprocess
import tempfile

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
        return subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                f"--user-data-dir={profile}",
                f"--virtual-time-budget={virtual_seconds}000",
                *options,
                "--dump-dom",
                address,
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
