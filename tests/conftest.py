"""Fixtures that every test may ask for."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of real public data sets: $FLANREPRO_MIRROR, else ../shared/data beside the checkout.

    Nobody needs it to work on the package, so its tests are skipped without it; in CI, where it
    has to be there, they fail instead: a skip would hide that nothing real was read.
    """
    named = os.environ.get("FLANREPRO_MIRROR")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared" / "data"
    if folder.is_dir():
        return folder.resolve()
    where = "FLANREPRO_MIRROR names" if named else "FLANREPRO_MIRROR is unset; looked for"
    reason = f"no real data: {where} {folder}, which is no folder"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}. CI=true makes this a failure.", pytrace=False)
    pytest.skip(reason)
