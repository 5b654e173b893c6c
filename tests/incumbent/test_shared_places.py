"""Where a team shares a new project: each place is tried, and told of, before anything is made."""

from pathlib import Path

import pytest
import yaml

from incumbent.init.usable_registry import SharedPlaces
from project.child_processes import complaint_in
from project.errors import InputError
from registry.registry_settings import RegistryParams
from tests.incumbent.tiny_project import called
from tests.places import Place, submit


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


# --- the registry ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "artifacts", "complaint"),
    [
        ("postgresql://u@h/x", None, r"--registry needs --artifacts: .*lies on this machine alone"),
        (None, "s3://bucket/x", r"--artifacts needs --registry: .*nobody else would find"),
        ("postgresql://u:secret@h/x", "/a", r"--registry: .*\$INCUMBENT_DATABASE, which wins"),
        ("sqlite:///own.db", "/a", "another file in every clone: name it by its whole path"),
        ("bank", "/a", "--registry: is no URL of a PostgreSQL database"),
        ("mysql://u@h/x", "/a", "--registry: is no URL of a PostgreSQL database"),
        ("sqlite:////tmp/x.db", "own", "--artifacts: would be another folder in every clone"),
        ("sqlite:////tmp/x.db", "s3://key:secret@bucket/x", "--artifacts: .*with its password"),
        ("sqlite:////tmp/x.db", "/dev/null/x", "--artifacts: .*could not be written"),
        ("postgresql://u@127.0.0.1:1/x", "{}/art", "cannot open the registry's database"),
    ],
)
def test_what_others_would_not_reach_is_refused_with_the_reason(
    tmp_path: Path, database: str | None, artifacts: str | None, complaint: str
) -> None:
    places = SharedPlaces(database=database, artifacts=artifacts and artifacts.format(tmp_path))
    with pytest.raises(InputError, match=complaint) as refused:
        places.tried("bank")
    assert "secret" not in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_family_that_is_in_the_registry_already_is_somebodys_project(tmp_path: Path) -> None:
    place = Place(tmp_path, sqlite(tmp_path), str(tmp_path / "artifacts"))
    with place.open() as registry:
        submit(registry, "a", tmp_path)
    places = SharedPlaces(database=place.database, artifacts=place.artifacts)
    with pytest.raises(InputError, match=r"versions of test in it already: .*`git clone`"):
        places.tried("test")
    assert places.tried("another") == places


def test_trying_the_store_leaves_nothing_in_it(tmp_path: Path) -> None:
    SharedPlaces(database=sqlite(tmp_path), artifacts=str(tmp_path / "artifacts")).tried("bank")
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


# --- DVC's remote ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "complaint"),
    [
        (" ", "--remote: name a folder that others reach, or a URL"),
        ("https://teller:secret@h/rows", "--remote: .*`dvc remote modify --local storage`"),
    ],
)
def test_a_remote_that_cannot_be_is_refused_before_dvc_is_asked(
    remote: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        SharedPlaces(remote=remote).tried("bank")


def test_what_dvc_says_comes_without_its_advice_and_without_passwords() -> None:
    said = (
        "WARNING: slow\nERROR: unexpected error - cannot ask https://teller:secret@h/rows\n\n"
        "Having any troubles? Hit us up"
    )
    assert complaint_in(said) == "cannot ask https://h/rows"
    lacking = "ERROR: unexpected error - s3 is supported, but requires 'dvc-s3' to be installed"
    assert complaint_in(lacking).endswith("to be installed: pip install dvc-s3")
    assert complaint_in("") == "DVC failed without a word"


@pytest.mark.slow
def test_an_address_that_dvc_cannot_use_is_refused_in_its_words_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, said = called(capsys, "init", "own", "--sample", "--remote", "pigeon://coop")
    assert code == 2
    assert "--remote: DVC cannot use pigeon://coop: Unsupported URL type" in said
    assert not Path("own").exists()


@pytest.mark.slow
def test_the_sample_is_shared_as_any_project_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ("--registry", sqlite(tmp_path), "--artifacts", str(tmp_path / "artifacts"))
    code, said, _ = called(capsys, "init", "own", "--sample", "--remote", "rows", *shared)
    assert code == 0
    section = yaml.safe_load(Path("own/params.yaml").read_text())["registry"]
    assert RegistryParams.model_validate(section) == RegistryParams(
        family="api-summaries",
        database=sqlite(tmp_path),
        artifacts=str(tmp_path / "artifacts"),
        push_versions=True,
    )
    assert f"url = {tmp_path / 'rows'}" in Path("own/.dvc/config").read_text()
    assert "git clone URL own && cd own && dvc pull --allow-missing && incumbent run" in said
