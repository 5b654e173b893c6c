"""The tutorial is typed as it stands, from a file of questions to an answer of the champion."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documentation.walk import walk


@pytest.mark.slow
def test_it_works_as_it_stands(warm_bin: Path, tmp_path: Path) -> None:
    walk(ROOT / "docs/start/tutorial.md", tmp_path / "reader", warm_bin)
