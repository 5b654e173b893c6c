"""Every version of a registry that earlier code made has a review page."""

import shutil
from pathlib import Path

import pytest

from review.app import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.places import Place
from tests.registries import make
from tests.review.conftest import Browser

OLD = sorted(path.name for path in make.ROOT.iterdir() if (path / "registry.db").exists())


@pytest.mark.parametrize("name", OLD)
def test_old_versions_have_a_page_and_its_json(name: str, tmp_path: Path) -> None:
    shutil.copytree(make.ROOT / name, tmp_path / name)
    Path("params.yaml").write_text("{}")
    with Place(tmp_path / name).open() as registry:
        ann = Browser(create_app(Site(registry, ReviewParams(), b"s" * 32)), "ann")
        for version in registry.versions(with_deleted=True):
            page = ann.get(f"/review/{version.number}")
            assert (page.status_code, version.label in page.text) == (200, True), page.text
            assert ann.get(f"/api/review/{version.number}").status_code == 200
