"""Whether the rows of every version can be fetched again: real git, real DVC, a real `dvc gc`."""

import json
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from incumbent.reproducing.rows_check import RowsLocation, StoredRows, check_rows, where
from project.child_processes import DvcError, dvc
from project.errors import InputError
from project.records.data import DatasetVersion
from project.records.events import RowErasure
from registry.reader import RegistryReader
from registry.store import Registry
from tests.incumbent.shared_project import REMOTE, lay_out, name_remote, submit
from tests.incumbent.tiny_project import called
from tests.places import submit as submit_elsewhere

FOLDER, FILE, OTHER = "f" * 32 + ".dir", "a" * 32, "b" * 32
NOWHERE = StoredRows(frozenset(), {FOLDER: frozenset({FILE})})
WHOLE = StoredRows(frozenset({FOLDER}), {})
UNLISTED = StoredRows(frozenset(), {FOLDER: None})


def erasure(*files: str, versions: tuple[int, ...] = ()) -> RowErasure:
    return RowErasure(rows=("r",), artifacts=(), versions=versions, files=files or None)


# --- one version -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "own", "erasures", "expected"),
    [
        (WHOLE, NOWHERE, [], RowsLocation.REMOTE),
        (NOWHERE, WHOLE, [], RowsLocation.CACHE),
        (NOWHERE, NOWHERE, [], RowsLocation.LOST),
        (UNLISTED, UNLISTED, [], RowsLocation.LOST),
        (NOWHERE, NOWHERE, [erasure(FILE)], RowsLocation.ERASED),
        (NOWHERE, NOWHERE, [erasure(OTHER)], RowsLocation.LOST),
        (UNLISTED, UNLISTED, [erasure(FILE)], RowsLocation.LOST),
        (UNLISTED, UNLISTED, [erasure(versions=(1,))], RowsLocation.ERASED),
        (UNLISTED, UNLISTED, [erasure(versions=(2,))], RowsLocation.LOST),
        (
            NOWHERE,
            StoredRows(frozenset(), {FOLDER: frozenset()}),
            [erasure(OTHER)],
            RowsLocation.LOST,
        ),
    ],
    ids=[
        "at the remote",
        "here alone",
        "a file is nowhere",
        "not even the list is anywhere",
        "the file was erased",
        "another file was erased",
        "nobody knows whether it was erased",
        "it had learnt what was erased",
        "another version had",
        "all files are somewhere but other ones",
    ],
)
def test_where_the_rows_of_a_version_are(
    registry: Registry,
    tmp_path: Path,
    shared: StoredRows,
    own: StoredRows,
    erasures: list[RowErasure],
    expected: RowsLocation,
) -> None:
    version = submit_elsewhere(registry, "a", tmp_path)
    dataset = DatasetVersion(
        rows="d" * 64, splits={}, sources=(), contract="c" * 64, dvc_revision=FOLDER
    )
    assert where(version, dataset, shared, own, erasures) is expected


def test_of_a_version_that_dvc_did_not_track_nothing_is_known(
    registry: Registry, tmp_path: Path
) -> None:
    version = submit_elsewhere(registry, "a", tmp_path)
    assert where(version, None, WHOLE, WHOLE, []) is RowsLocation.UNKNOWN


# --- a project ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 3 learnt the same rows, which are at the remote; those of 2 are here alone."""
    folder = tmp_path_factory.mktemp("team") / "project"
    folder.mkdir()
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("INCUMBENT_HOME", str(folder / ".incumbent"))
        lay_out()
        submit("a", "first")
        dvc("push")
        submit("b", "second")
        submit("c", "first")
    return folder


@pytest.fixture
def project(made_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, with its remote, that a test may spoil; the current folder."""
    shutil.copytree(made_project.parent, tmp_path / "team", symlinks=True)
    folder = tmp_path / "team" / "project"
    monkeypatch.setenv("INCUMBENT_HOME", str(folder / ".incumbent"))
    monkeypatch.chdir(folder)
    name_remote(".dvc/config.local")  # the tags know that of the project that it is a copy of
    yield folder


def places() -> list[str]:
    with RegistryReader.here() as reader:
        return [str(found.rows) for found in check_rows(reader)]


def data_files() -> dict[Path, int]:
    """Of the project and its cache, with the time of their last change."""
    places = (Path("datasets"), Path(".dvc/cache"), Path("../remote"))
    files = (path for place in places for path in place.rglob("*") if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}


def cached(root: str, text: str) -> Path:
    """The file of a cache or a remote that holds a text."""
    return next(
        path for path in Path(root).rglob("*") if path.is_file() and path.read_text() == text
    )


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_each_version_says_where_its_rows_are(capsys: pytest.CaptureFixture[str]) -> None:
    before = data_files()
    code, said, _ = called(capsys, "registry", "verify", "--data")
    assert data_files() == before  # nothing is fetched into the project
    flat = " ".join(said.split())
    assert code == 0
    assert "bank v1 1 train, 1 dev at storage" in flat and flat.count("at storage") == 2
    assert "bank v2 1 train, 1 dev only in this machine's cache" in flat
    remote = Path(f"../{REMOTE}").resolve()
    mending = f"dvc remote add --local -f -d storage {remote} && dvc push --all-tags"
    assert mending in said


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_gc_with_all_tags_keeps_every_versions_rows_and_without_them_verify_names_what_is_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dvc("push", "--all-tags")
    dvc("gc", "--workspace", "--all-tags", "--cloud", "--force")
    assert places() == ["remote", "remote", "remote"]
    dvc("gc", "--workspace", "--cloud", "--force")
    code, printed, _ = called(capsys, "registry", "verify", "--data", "--json")
    found = json.loads(printed)["versions"]
    assert code == 1
    assert [(one["number"], one["rows"]) for one in found] == [
        (1, "remote"),
        (2, "lost"),
        (3, "remote"),
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_one_version_is_checked_alone_and_a_deleted_one_is_missed_by_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.rmtree(Path(".dvc/cache"))
    code, said, _ = called(capsys, "registry", "verify", "--data", "2")
    assert code == 1
    assert "LOST" in said and "v1" not in said
    with Registry.here() as registry:
        registry.delete(2, "nobody needs it")
    assert places() == ["remote", "remote"]
    with RegistryReader.here() as reader, pytest.raises(InputError, match="bank v2 was deleted"):
        check_rows(reader, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_rows_that_were_damaged_at_the_remote_are_not_there() -> None:
    file = cached(f"../{REMOTE}", "first")
    file.chmod(0o644)
    file.write_text("other")
    assert places() == ["cache", "cache", "cache"]


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_without_a_remote_it_says_that_only_this_machine_has_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("config", "config.local"):
        Path(".dvc", name).write_text("")
    code, said, _ = called(capsys, "registry", "verify", "--data")
    assert code == 0
    assert said.count("cache") == 3
    assert "DVC has no default remote: only this machine has the rows" in " ".join(said.split())


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_a_remote_that_is_not_there_is_no_loss_but_a_failure() -> None:
    """Its disk may not be mounted."""
    Path(f"../{REMOTE}").rename("../unmounted")
    with RegistryReader.here() as reader, pytest.raises(DvcError, match="is not there: mount its"):
        check_rows(reader)
