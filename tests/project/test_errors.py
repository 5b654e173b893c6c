"""What an error says that somebody should install."""

import json
from pathlib import Path
from typing import Any

import pytest

from project.errors import address_of, installed_from


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        (None, ""),
        ({"url": "file:///a/clone", "dir_info": {"editable": True}}, "file:///a/clone"),
        (
            {"url": "https://example.com/i.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "git+https://example.com/i.git@c0ffee",
        ),
    ],
)
def test_an_extra_is_installed_from_where_incumbent_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, place: str
) -> None:
    metadata = tmp_path / "incumbent-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: incumbent\nVersion: 0.1.0\n")
    if origin:
        (metadata / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = address_of(installed_from())
    assert found == place
