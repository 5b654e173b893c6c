"""Every version of a registry that earlier code made has a review page."""

import shutil
from pathlib import Path

from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.places import Place
from tests.registries import make
from tests.review.conftest import Browser


def test_every_version_has_a_page_and_its_json(tmp_path: Path) -> None:
    shutil.copytree(make.ROOT / "0.1.0", tmp_path / "kept")
    Path("params.yaml").write_text("{}")
    with Place(tmp_path / "kept").open() as registry:
        ann = Browser(create_app(Site(registry, ReviewParams(), b"s" * 32)), "ann")
        for version in registry.versions(with_deleted=True):
            page = ann.get(f"/review/{version.number}")
            assert (page.status_code, version.label in page.text) == (200, True), page.text
            assert ann.get(f"/api/review/{version.number}").status_code == 200
