"""How-tos that load no model, or start servers: each works as it stands."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documentation.walk import walk

pytest_plugins = ["tests.servers"]

HOW_TO = ROOT / "docs/how-to"
EXAMPLES = ROOT / "tests/evaluation/other_logs/test_documented_examples.py"


def test_a_page_says_whether_a_test_types_it() -> None:
    """In its first line; and what it says is true."""
    files = [*Path(__file__).parent.glob("test_*.py"), EXAMPLES]
    named = r'"(?:docs/start/)?([a-z0-9-]+)(?:\.md)?"'
    typed = {page for file in files for page in re.findall(named, file.read_text())}
    for page in (*HOW_TO.glob("*.md"), *(ROOT / "docs/start").glob("*.md")):
        said = "A test types" if page.stem in typed else "No test types"
        assert page.read_text().splitlines()[2].startswith(said), page


@pytest.mark.slow
@pytest.mark.parametrize("page", ["annotation-tools", "hardware"])
def test_it_works_as_it_stands(page: str, warm_bin: Path, tmp_path: Path) -> None:
    walk(HOW_TO / f"{page}.md", tmp_path / "reader", warm_bin)


@pytest.mark.slow
def test_registry_and_artifacts_go_to_servers(
    postgresql: str, object_store: str, warm_bin: Path, tmp_path: Path
) -> None:
    keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    variables = {key: os.environ[key] for key in keys} | {
        "DATABASE": postgresql,
        "ARTIFACTS": object_store,
        "ROWS": str(tmp_path / "rows"),
    }
    walk(HOW_TO / "team.md", tmp_path / "reader", warm_bin, variables)
