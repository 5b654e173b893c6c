"""Every how-to works as it stands."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documentation.walk import walk

HOW_TO = ROOT / "docs/how-to"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["ballots", "label-studio"])
def test_a_page_that_needs_no_training_works_as_it_stands(page: str, tmp_path: Path) -> None:
    walk(HOW_TO / f"{page}.md", tmp_path / "reader")
