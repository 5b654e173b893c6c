"""Which training rows came and went against the champion, as far as they are on this machine."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from project.canonical import digest_bytes, digest_folder
from project.child_processes import cached_file
from project.files import write_bytes
from project.paths import rows_of
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import Check, DatasetVersion, GateReport, Row, Severity, Split
from project.records.record import write_records
from registry.store import Registry
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site
from tests.conftest import BASE
from tests.places import Place, submit
from tests.registries import make
from tests.review.conftest import Browser
from tests.review.test_data_pages import gate
from tests.review.test_items import row
from training.recipe import LearntRows

OLD = [row("kept"), row("gone", "who is gone?")]
NEW = [row("kept"), row("come", "who comes? <b>x</b> ann@example.com")]
FOLDER, FILE = "a" * 32, "b" * 32


def trained(
    registry: Registry, folder: Path, name: str, rows: Sequence[Row], dvc: str | None = None
) -> AdapterVersion:
    """A version that has learnt these rows, of a dataset that DVC may know."""
    files = folder / name
    files.mkdir()
    (files / "adapter_model.safetensors").write_bytes(name.encode())
    (files / "recipe.json").write_text("{}")
    dataset = DatasetVersion(
        rows=digest_bytes(name.encode()),
        splits={Split.TRAIN: len(rows)},
        sources=("t",),
        contract="c" * 64,
        dvc_revision=dvc,
    )
    check = Check(name="all", severity=Severity.WARNING, passed=True, limit="0", observed="0")
    report = GateReport(
        dataset_rows=dataset.rows, contract="c" * 64, row_count=len(rows), checks=(check,)
    )
    adapter = Adapter(
        files=digest_folder(files), base=BASE, recipe=digest_bytes(b"{}"), dataset=dataset.digest
    )
    return registry.submit(adapter, files, "made", dataset, report, LearntRows.of(rows))


def cache(folder: str, file: str, rows: Sequence[Row]) -> None:
    """As DVC keeps a curated folder."""
    listed = [{"md5": file, "relpath": "train.jsonl"}]
    write_bytes(cached_file(Path(), f"{folder}.dir"), json.dumps(listed).encode())
    write_records(cached_file(Path(), file), rows)


@pytest.fixture
def two(registry: Registry, tmp_path: Path) -> None:
    """A champion and a challenger; the rows of today are the challenger's."""
    registry.promote(trained(registry, tmp_path, "a", OLD, f"{FOLDER}.dir").number, "1", force=True)
    trained(registry, tmp_path, "b", NEW)
    write_records(rows_of(Split.TRAIN), NEW)


@pytest.mark.usefixtures("two")
def test_the_review_leads_to_the_rows_that_were_added(client: Browser) -> None:
    assert 'href="/review/2/rows">1 added</a>' in client.get("/review/2").text
    page = client.get("/review/2/rows").text
    assert "<code>come</code>" in page
    assert "who comes?" in page
    assert "kept" not in page


@pytest.mark.usefixtures("two")
def test_an_added_row_is_text_without_personal_data(client: Browser) -> None:
    page = client.get("/review/2/rows").text
    assert "<b>x</b>" not in page
    assert "ann@example.com" not in page


@pytest.mark.usefixtures("two")
def test_a_row_that_fails_a_check_of_private_data_is_named_alone(client: Browser) -> None:
    gate(
        Check(
            name="no contacts",
            severity=Severity.CRITICAL,
            passed=False,
            limit="0",
            observed="1",
            column="contact_data",
            failing_rows=("come",),
        )
    )
    write_records(rows_of(Split.TRAIN), NEW)
    page = client.get("/review/2/rows").text
    assert "<code>come</code>" in page
    assert "who comes?" not in page


@pytest.mark.usefixtures("two")
def test_removed_rows_are_read_from_the_cache_of_dvc(client: Browser) -> None:
    cache(FOLDER, FILE, OLD)
    page = client.get("/review/2/rows?which=removed").text
    assert "who is gone?" in page
    assert "not on this machine" not in page


@pytest.mark.usefixtures("two")
def test_rows_that_are_elsewhere_are_counted_and_the_page_says_how_to_fetch_them(
    client: Browser,
) -> None:
    page = client.get("/review/2/rows?which=removed").text
    assert "1 row is of a dataset that is not on this machine" in page
    assert "dvc fetch --all-commits datasets/curated" in page


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("file", ["../../../../../etc/passwd", "", None, "b" * 31])
def test_a_file_of_the_cache_that_names_no_checksum_is_not_followed(
    client: Browser, file: str | None
) -> None:
    cache(FOLDER, FILE, OLD)
    listed = [{"md5": file, "relpath": "train.jsonl"}]
    write_bytes(cached_file(Path(), f"{FOLDER}.dir"), json.dumps(listed).encode())
    found = client.get("/api/review/2/rows?which=removed").json()
    assert (found["total"], found["elsewhere"]) == (0, 1)


def test_fifty_rows_are_on_a_page(client: Browser, registry: Registry, tmp_path: Path) -> None:
    rows = [row(f"r{n}") for n in range(60)]
    trained(registry, tmp_path, "a", rows)
    write_records(rows_of(Split.TRAIN), rows)
    pages = [client.get(f"/api/review/1/rows?page={n}").json() for n in (1, 2, 3)]
    assert [len(page["rows"]) for page in pages] == [50, 10, 0]
    assert pages[0]["against"] is None


def test_a_version_whose_rows_nobody_recorded_says_so(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    answer = client.get("/review/1/rows")
    assert answer.status_code == 409
    assert "it was not recorded which rows test v1 has learnt" in answer.text


# --- a registry that earlier code made ------------------------------------------------------------

# Every version of a registry that earlier code made has a review page.


def test_every_version_has_a_page_and_its_json(tmp_path: Path) -> None:
    shutil.copytree(make.ROOT / "0.1.0", tmp_path / "kept")
    Path("params.yaml").write_text("{}")
    with Place(tmp_path / "kept").open() as registry:
        ann = Browser(create_app(Site(registry, ReviewParams(), b"s" * 32)), "ann")
        for version in registry.versions(with_deleted=True):
            page = ann.get(f"/review/{version.number}")
            assert (page.status_code, version.label in page.text) == (200, True), page.text
            assert ann.get(f"/api/review/{version.number}").status_code == 200
