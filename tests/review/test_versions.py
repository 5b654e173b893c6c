"""The list of versions and the page of one: all that the registry knows, whoever wrote it."""

import json
from pathlib import Path

import pytest

from project.canonical import digest_folder
from project.records.adapters import Adapter
from project.records.evidence import Verdict
from registry.store import Registry
from registry.version_search import VersionFilter, search
from tests.conftest import BASE
from tests.places import DATASET, decide, submit, win
from tests.review.conftest import Browser
from tests.review.many_versions import submit_many
from tests.review.test_versions_lineage import trained

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def story(registry: Registry, tmp_path: Path) -> Registry:
    """v1 displaced, v2 champion, v3 held, v4 rejected, v5 undecided, v6 deleted, v7 forced once."""
    submit_all = [submit(registry, name, tmp_path) for name in "abcdefg"]
    registry.promote(7, "an emergency", force=True)
    registry.rollback("it was none", 7)
    for number in (1, 2):
        decide(registry, submit_all[number - 1])
        registry.promote(number, "it won")
    decide(registry, submit_all[2], Verdict.HOLD)
    decide(registry, submit_all[3])
    registry.reject(4, f"impolite {SCRIPT}")
    registry.delete(6, "not needed")
    return registry


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        (VersionFilter(), [7, 6, 5, 4, 3, 2, 1]),
        (VersionFilter(verdict="PROMOTE"), [4, 2, 1]),
        (VersionFilter(verdict="undecided"), [7, 6, 5]),
        (VersionFilter(promoted=True), [7, 2, 1]),
        (VersionFilter(promoted=False, deleted=False), [5, 4, 3]),
        (VersionFilter(rejected=True), [4]),
        (VersionFilter(deleted=True), [6]),
        (VersionFilter(text="v3"), [3]),
        (VersionFilter(text="A-BASE"), [7, 6, 5, 4, 3, 2, 1]),
        (VersionFilter(text="100%"), []),
        (VersionFilter(verdict="HOLD", rejected=True), []),
    ],
)
def test_versions_are_found_by_what_came_of_them(
    story: Registry, chosen: VersionFilter, numbers: list[int]
) -> None:
    found = search(story, chosen, limit=50)
    assert [one.version.number for one in found.versions] == numbers
    assert found.total == len(numbers)


def test_each_version_says_what_came_of_it(story: Registry) -> None:
    found = {one.version.number: one for one in search(story, VersionFilter(), limit=50).versions}
    assert (found[2].champion, found[2].promoted, found[2].forced) == (True, True, False)
    assert (found[7].champion, found[7].promoted, found[7].forced) == (False, True, True)
    assert (found[3].verdict, found[5].verdict) == (Verdict.HOLD, None)


def test_a_page_has_fifty_versions_and_says_where_the_others_are(
    client: Browser, registry: Registry
) -> None:
    submit_many(registry, 51)
    first = client.get("/api/versions").json()
    assert (first["total"], first["pages"], len(first["versions"])) == (51, 2, 50)
    assert "/versions?promoted=no&amp;page=2" in client.get("/versions?promoted=no").text
    assert "v1</a>" in client.get("/versions?page=2").text
    assert "no such page" in client.get("/versions?page=9").text


def test_deleted_versions_are_left_out_unless_asked_for(client: Browser, story: Registry) -> None:
    assert client.get("/api/versions").json()["total"] == 6
    assert client.get("/api/versions?deleted=all&verdict=&text=").json()["total"] == 7


@pytest.mark.parametrize(
    "query",
    ["page=0", f"page={10**30}", "verdict=MAYBE", "text=a%00b", "text=" + "x" * 201, "promoted=2"],
)
@pytest.mark.parametrize("path", ["/versions", "/api/versions"])
def test_nonsense_is_refused_and_breaks_nothing(client: Browser, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 422


# --- one version --------------------------------------------------------------------------------


def test_a_version_tells_what_it_is_and_what_happened(client: Browser, story: Registry) -> None:
    page = client.get("/versions/1").text
    adapter = story.version(1).adapter
    for told in (
        adapter.files,
        BASE.name,
        "incumbent registry export 1 --to DIR",
        "/review/1",
        "/dossier/1",
    ):
        assert told in page
    assert "look 1 at the sealed eval set" in page
    assert "was champion until v2 replaced it" in page


def test_its_twin_says_the_same(client: Browser, story: Registry) -> None:
    found = client.get("/api/versions/4").json()
    assert found["standing"]["rejected"] is True
    assert [one["kind"] for one in found["history"]] == ["reject", "decide", "open", "submit"]
    assert found["papers"]["dataset"]["rows"] == DATASET.rows
    assert found["decisions"][0]["look"] == 2


@pytest.mark.parametrize("path", ["/versions/{}", "/api/versions/{}", "/versions/{}/card"])
@pytest.mark.parametrize(("number", "api"), [("8", 404), ("0", 422), (str(10**20), 422)])
def test_a_version_that_there_is_not_is_not_found(
    client: Browser, story: Registry, path: str, number: str, api: int
) -> None:
    status = api if path.startswith("/api") else 404
    assert client.get(path.format(number)).status_code == status


def test_a_record_that_is_gone_is_said_and_the_rest_is_shown(
    client: Browser, story: Registry
) -> None:
    story.artifacts.blobs.delete(DATASET.digest)
    answer = client.get("/versions/2")
    assert answer.status_code == 200
    assert "cannot be read" in answer.text
    assert story.version(2).adapter.files in answer.text


def test_an_adapter_that_training_went_on_from_is_a_link(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path, "child", win(registry, "a", tmp_path))
    assert client.get("/api/versions/2").json()["parent"] == 1
    assert '<a href="/versions/1">v1</a>' in client.get("/versions/2").text


def test_the_model_card_is_text_whatever_it_says(client: Browser, story: Registry) -> None:
    page = client.get("/versions/4/card")
    card = client.get("/api/versions/4/card")
    assert page.status_code == 200
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.text.startswith("---\n")


def test_names_reasons_and_prompts_are_untrusted(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"hostile")
    base = BASE.model_copy(update={"name": SCRIPT, "revision": SCRIPT})
    adapter = Adapter(
        files=digest_folder(folder),
        base=base,
        recipe="c" * 64,
        dataset=DATASET.digest,
        system_prompt=f"{SCRIPT}\nשלום",
    )
    registry.actor = SCRIPT
    registry.submit(adapter, folder, SCRIPT, DATASET)
    registry.reject(1, SCRIPT)
    submit(registry, "b", tmp_path)
    pages = ("/", "/versions", "/versions/1", "/versions/1/card", "/history", "/lineage")
    for path in (*pages, "/versions/compare?a=1&b=2", f"/versions?text={SCRIPT}"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert SCRIPT not in answer.text, path


def test_the_openapi_page_describes_every_twin(client: Browser) -> None:
    paths = json.loads(client.get("/api/openapi.json").text)["paths"]
    for path in ("home", "versions", "versions/{number}", "versions/compare", "history", "lineage"):
        answer = paths[f"/api/{path}"]["get"]["responses"]["200"]
        assert "$ref" in answer["content"]["application/json"]["schema"]
