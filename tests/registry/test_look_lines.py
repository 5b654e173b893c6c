"""Looks are known where git carries the project, whichever registry took them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.look_decision import publish_look
from project.child_processes import GitError
from project.errors import InputError
from project.records.adapters import Adapter
from registry.alpha_ledger.look_bytes import LOOKS, note_looks, refuse_unknown
from registry.audit import problems
from registry.chain_anchor import check_anchors, keep_anchor, read_anchors
from registry.store import Registry
from tests.conftest import SEALED, evidence_of
from tests.places import DATASET

Make = Callable[[str], tuple[Adapter, Path]]
pytestmark = pytest.mark.attack
LACKS_ONE = "tells of 1 look at this project's sealed items that this registry lacks: another"


def look(registry: Registry, make: Make, name: str) -> int:
    """As `incumbent submit` takes one; the look's number."""
    refuse_unknown(registry.looks_elsewhere())
    adapter, folder = make(name)
    version = registry.submit(
        adapter.model_copy(update={"dataset": DATASET.digest}), folder, name, DATASET
    )
    pins = evidence_of(adapter.files, None).pins
    assert pins is not None
    counted = registry.count_look(version.number, pins, SEALED, policy="9" * 64, alpha=0.05)
    note_looks(registry.look_lines())
    return counted.number


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def test_another_registry_on_the_same_data_gets_no_first_look(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    assert [look(registry, make_adapter, name) for name in "ab"] == [1, 2]
    with Registry(tmp_path / "another", "test") as another:
        with pytest.raises(InputError, match="tells of 2 looks at this project's sealed items"):
            look(another, make_adapter, "c")
        another.adopt_looks(another.looks_elsewhere(), "they were ours")
        assert look(another, make_adapter, "c") == 3
        assert list(problems(another)) == []
    with pytest.raises(InputError, match=LACKS_ONE):  # it knows of the new one, too
        look(registry, make_adapter, "d")


def test_another_family_of_the_registry_goes_on_with_the_looks_that_it_counted(
    registry: Registry, make_adapter: Make
) -> None:
    assert look(registry, make_adapter, "a") == 1
    with Registry(Path("registry"), "another-family") as family:
        assert look(family, make_adapter, "b") == 2
    assert look(registry, make_adapter, "c") == 3


def test_a_backup_of_before_the_look_gives_it_not_back(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    look(registry, make_adapter, "a")
    shutil.copytree("registry", tmp_path / "backup")
    look(registry, make_adapter, "b")
    with (
        Registry(tmp_path / "backup", "test") as restored,
        pytest.raises(InputError, match=LACKS_ONE),
    ):
        look(restored, make_adapter, "c")


@pytest.mark.parametrize("attributes", ["", "-diff", "diff=none", "filter=none -text"])
def test_a_line_that_was_deleted_is_found_where_git_has_it(
    registry: Registry, make_adapter: Make, tmp_path: Path, attributes: str
) -> None:
    git("init", "-q")
    git("config", "diff.none.textconv", "true")  # as if the file were empty
    git("config", "filter.none.clean", "true")
    Path(".gitattributes").write_text(f"*.jsonl {attributes}\n")
    look(registry, make_adapter, "a")
    LOOKS.unlink()
    with (
        Registry(tmp_path / "another", "test") as another,
        pytest.raises(InputError, match="adopt-looks"),
    ):
        look(another, make_adapter, "b")


def test_an_anchor_names_the_look_that_another_registry_took(
    registry: Registry, make_adapter: Make, tmp_path: Path
) -> None:
    Path("params.yaml").write_text("registry: {anchor: anchors.jsonl}\n")
    look(registry, make_adapter, "a")
    publish_look(registry, keep_anchor)
    LOOKS.unlink()
    with Registry(tmp_path / "another", "test") as another:
        look(another, make_adapter, "b")
        (problem,) = check_anchors(another, read_anchors("anchors.jsonl")).problems
    assert problem.endswith(f"it is of look 1 at eval set {SEALED.items.digest[:12]}")
    assert check_anchors(registry, read_anchors("anchors.jsonl")).problems == ()


def test_a_history_that_git_cannot_read_is_not_taken_for_none(
    registry: Registry, make_adapter: Make
) -> None:
    git("init", "-q")
    look(registry, make_adapter, "a")
    Path(".git/refs/heads/broken").write_text("1" * 40 + "\n")
    with pytest.raises(GitError, match="bad object"):
        look(registry, make_adapter, "b")


def test_a_line_that_is_none_is_named(registry: Registry, make_adapter: Make) -> None:
    look(registry, make_adapter, "a")
    LOOKS.write_text(LOOKS.read_text() + '{"event": "first"}\n')
    with pytest.raises(InputError, match=r"looks\.jsonl:2"):
        look(registry, make_adapter, "b")
