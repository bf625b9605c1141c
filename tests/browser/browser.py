"""The Chromium that tests and measurements drive: where it is, and how it is started without a window."""

import os
import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--headless=new",
    # As root in a container there is no sandbox; pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_browser() -> str | None:
    """The one that FLUME_TEST_BROWSER names, else the first that is on the PATH."""
    named = os.environ.get("FLUME_TEST_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)
