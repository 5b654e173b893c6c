"""Two versions compared, and the lineage of all of them drawn."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from project.canonical import canonical_json, digest_bytes, digest_folder
from project.records.adapters import Adapter, AdapterVersion
from project.records.evidence import Verdict
from registry.store import Registry
from registry.version_search import FamilyTree, family_tree
from review.versions.lineage_routes import branches_of, graph, lanes_of
from tests.conftest import BASE, sealed_set
from tests.places import DATASET, decide, submit, win
from tests.review.conftest import Browser
from tests.review.many_versions import submit_many


def trained(
    registry: Registry,
    folder: Path,
    name: str,
    parent: AdapterVersion | None = None,
    rate: float = 0.1,
) -> AdapterVersion:
    """A version with its recipe, that went on from another one."""
    files = folder / name
    files.mkdir()
    recipe = canonical_json({"adapter": {"r": 8}, "sft": {"params": {"rate": rate}}})
    (files / "recipe.json").write_bytes(recipe + b"\n")
    (files / "adapter_model.safetensors").write_bytes(name.encode())
    adapter = Adapter(
        files=digest_folder(files),
        base=BASE,
        recipe=digest_bytes(recipe),
        dataset=DATASET.digest,
        parent=parent.adapter.files if parent else None,
    )
    return registry.submit(adapter, files, f"made {name}", DATASET)


# --- compared -----------------------------------------------------------------------------------


def compared(client: Browser, a: int, b: int) -> dict[str, object]:
    answer = client.get(f"/api/versions/compare?a={a}&b={b}")
    assert answer.status_code == 200, answer.text
    assert client.get(f"/versions/compare?a={a}&b={b}").status_code == 200
    found: dict[str, object] = answer.json()
    return found


def test_the_settings_that_differ_are_named(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    trained(registry, tmp_path, "a", rate=0.1)
    trained(registry, tmp_path, "b", rate=0.2)
    found = compared(client, 1, 2)
    assert found["recipe"] == [{"name": "sft.rate", "a": "0.1", "b": "0.2"}]
    assert (found["recipe_same"], found["recipe_known"]) == (1, True)


def test_measurements_of_one_opponent_may_stand_side_by_side(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    for name in "ab":
        decide(registry, submit(registry, name, tmp_path), Verdict.HOLD)
    found = compared(client, 1, 2)
    assert (found["differing"], found["direct"]) == ([], None)
    assert found["command"] == "incumbent decide --scores FILE"


def test_measurements_of_two_opponents_are_not_compared(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    decide(registry, submit(registry, "a", tmp_path), Verdict.HOLD)
    win(registry, "b", tmp_path)
    other = sealed_set("how is a mortgage paid back early", "which branch is open on sunday")
    decide(registry, submit(registry, "c", tmp_path), Verdict.HOLD, other)
    found = compared(client, 1, 3)
    assert found["differing"] == ["other eval items", "another opponent"]
    assert "must not be compared" in client.get("/versions/compare?a=1&b=3").text


def test_a_version_that_was_measured_against_the_other_one_says_so(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    decide(registry, submit(registry, "b", tmp_path), Verdict.HOLD)
    found = compared(client, 1, 2)
    assert (found["direct"], found["command"]) == (2, "incumbent registry reevaluate 2")


def test_what_was_never_measured_is_compared_by_its_facts(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    submit(registry, "b", tmp_path)
    assert compared(client, 1, 2)["measures"] == []
    assert compared(client, 1, 1)["recipe"] == []


@pytest.mark.parametrize(
    ("query", "status"), [("a=1&b=9", 404), ("a=1&b=0", 422), ("a=x&b=1", 422)]
)
def test_two_that_there_are_not_are_refused(
    client: Browser, registry: Registry, tmp_path: Path, query: str, status: int
) -> None:
    submit(registry, "a", tmp_path)
    assert client.get(f"/versions/compare?{query}").status_code == status
    assert client.get(f"/api/versions/compare?{query}").status_code == status


def test_the_form_asks_for_two(client: Browser) -> None:
    assert client.get("/versions/compare").status_code == 200
    assert 'value="7"' in client.get("/versions/compare?b=7").text


# --- lineage ------------------------------------------------------------------------------------


@pytest.fixture
def tree(registry: Registry, tmp_path: Path) -> FamilyTree:
    """v2, v3 and v4 come from v1, v5 from v4, v6 from the base; v1 and v4 were promoted."""
    first = trained(registry, tmp_path, "a")
    decide(registry, first)
    registry.promote(1, "it won")
    trained(registry, tmp_path, "b", first)
    trained(registry, tmp_path, "c", first)
    fourth = trained(registry, tmp_path, "d", first)
    decide(registry, fourth)
    registry.promote(4, "it won")
    trained(registry, tmp_path, "e", fourth)
    trained(registry, tmp_path, "f")
    return family_tree(registry, None)


def test_each_version_knows_where_it_comes_from(tree: FamilyTree) -> None:
    found = {one.standing.version.number: one.parent for one in tree.members}
    assert found == {6: None, 5: 4, 4: 1, 3: 1, 2: 1, 1: None}


def test_a_parent_outside_of_the_picture_is_still_named(
    registry: Registry, tree: FamilyTree
) -> None:
    newest = family_tree(registry, 2)
    assert [one.parent for one in newest.members] == [None, 4]
    assert newest.total == 6
    assert len(graph(newest).nodes) == 2


def test_champions_stand_on_one_line_and_the_others_beside_it(tree: FamilyTree) -> None:
    drawn = {node.number: node for node in graph(tree).nodes}
    assert drawn[4].x == drawn[1].x < drawn[2].x == drawn[3].x
    assert [drawn[n].shape for n in (1, 4, 5)] == ["promoted", "champion", "other"]
    assert [node.y for node in graph(tree).nodes] == sorted(node.y for node in drawn.values())


def rows_of(lane: int, lanes: Sequence[int], tree: FamilyTree) -> list[range]:
    rows = {one.standing.version.number: row for row, one in enumerate(tree.members)}
    branches = branches_of(tree.members, rows)
    return [range(b.rows[0], b.end) for b, own in zip(branches, lanes, strict=True) if own == lane]


def test_no_two_lines_share_a_lane_and_a_row(tree: FamilyTree) -> None:
    rows = {one.standing.version.number: row for row, one in enumerate(tree.members)}
    lanes = lanes_of(branches_of(tree.members, rows))
    for lane in set(lanes):
        taken = [row for span in rows_of(lane, lanes, tree) for row in span]
        assert len(taken) == len(set(taken))


def test_sixty_are_drawn_unless_all_are_asked_for(client: Browser, registry: Registry) -> None:
    submit_many(registry, 61)
    assert "/lineage?all=true" in client.get("/lineage").text
    assert len(client.get("/api/lineage").json()["versions"]) == 60
    assert len(client.get("/api/lineage?all=true").json()["versions"]) == 61
    assert client.get("/lineage?all=true").text.count("<circle") == 61


def test_the_changes_of_the_champion_are_in_its_twin(client: Browser, tree: FamilyTree) -> None:
    moves = client.get("/api/lineage").json()["moves"]
    assert [(move["champion"], move["displaced"]) for move in moves] == [(1, None), (4, 1)]


def test_an_empty_family_has_an_empty_lineage(client: Browser) -> None:
    assert client.get("/lineage").status_code == 200
    assert client.get("/api/lineage").json()["versions"] == []
