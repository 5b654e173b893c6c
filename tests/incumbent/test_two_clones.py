"""Two machines, one project: git, PostgreSQL, an object store for the adapters and for the rows."""

import json
import re
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

from incumbent.init.new_folder import start
from tests.incumbent.clones import ROWS, Clone, lay_out, read_longer, words, write_rows
from tests.incumbent.setting_effects.models import save_base

pytest_plugins = ["tests.servers"]
# Not `curate`, which looks once at the eval sets that the first look has frozen, nor `compare`,
# whose figures are in no cache of DVC.
COSTLY = ("collect", "validate", "reward", "sft", "train", "generate", "score")
RAN = re.compile(rf"^({'|'.join(COSTLY)}) ", re.MULTILINE)


@pytest.fixture
def first(postgresql: str, object_store: str, tmp_path: Path, warm_bin: Path) -> Clone:
    """A machine on which a project was begun; others reach its repository, and not its folder."""
    save_base(tmp_path / "base", words(200), 0)
    registry = {"database": postgresql, "artifacts": object_store, "push_versions": True}
    clone = Clone(tmp_path / "ann", tmp_path / "ann" / ".incumbent", warm_bin)
    clone.folder.mkdir()
    with chdir(clone.folder):
        lay_out(tmp_path / "base", registry)
        rows = object_store.replace("artifacts", "rows")
        start([Path(ROWS)], "Start", clone.folder, rows)
    origin = str(tmp_path / "origin.git")
    clone.run("git", "init", "-q", "--bare", "-b", "main", origin)
    clone.run("git", "remote", "add", "origin", origin)
    return clone


@contextmanager
def switched_off(machine: Clone) -> Iterator[None]:
    """Nothing of it can be read: not its state, its cache, or its outputs."""
    away = machine.folder.rename(machine.folder.with_name("away"))
    try:
        yield
    finally:
        away.rename(machine.folder)


def rows_of_versions(machine: Clone) -> list[str]:
    """Where the rows of each version are; all else of the registry is whole."""
    assert "in an unbroken chain" in machine.run("incumbent", "registry", "verify")
    found = json.loads(machine.run("incumbent", "registry", "verify", "--data", "--json"))
    return [one["rows"] for one in found["versions"]]


@pytest.mark.slow
def test_a_clone_on_another_machine_goes_on_where_the_first_one_stopped(
    first: Clone, tmp_path: Path
) -> None:
    made = first.run_and_submit()
    assert "sums v1 is the champion now" in made
    assert "yet (" not in made  # all was sent
    first.commit("the first champion")
    found = first.digests()
    second = Clone(tmp_path / "bob", tmp_path / "state-of-bob", first.programs)
    with switched_off(first):
        Clone(tmp_path, second.state, first.programs).run("git", "clone", "-q", "origin.git", "bob")
        second.run("dvc", "pull", "--allow-missing")
        ran = second.run("incumbent", "run")
        assert "sums v1 is the champion already; nothing changed" in ran
        assert RAN.findall(ran) == []  # all that is costly was fetched
        assert second.digests() == found
        told = json.loads(second.run("incumbent", "history", "--json"))
        assert [event["kind"] for event in told] == ["submit", "open", "decide", "promote"]
        write_rows(second.folder, 200)
        second.run("dvc", "add", ROWS)
        read_longer(second.folder)
        assert "sums v2 is the champion now" in second.run_and_submit()
        second.commit("more rows")
    assert "sums v1" in first.run("incumbent", "rollback", "--reason", "worse in use")
    assert rows_of_versions(first) == rows_of_versions(second) == ["remote", "remote"]
