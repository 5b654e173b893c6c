"""teams.yaml: what is wrong in it is told by file, line and field."""

from pathlib import Path

import pytest

from monitoring.teams.team_project import read_teams
from project.errors import InputError


def test_paths_are_seen_from_the_file() -> None:
    Path("teams").mkdir()
    file = Path("teams/teams.yaml")
    file.write_text("at_once: 2\nprojects:\n  - {path: ../bank, quota: 3}\n  - path: /srv/shop\n")
    teams = read_teams(file)
    assert [one.path.resolve() for one in teams.projects] == [
        Path("bank").resolve(),
        Path("/srv/shop"),
    ]
    assert (teams.at_once, [one.quota for one in teams.projects]) == (2, [3, 7])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "projects: Field required", id="empty"),
        pytest.param("projects: []\n", ":1: projects", id="no-project"),
        pytest.param("projects:\n - path: a\n   quta: 1\n", ":3: projects.0.quta", id="slip"),
        pytest.param("projects:\n - path: a\n   quota: -1\n", ":3: projects.0.quota", id="quota"),
        pytest.param("projects: [{path: a}]\nat_once: 0\n", ":2: at_once", id="at-once"),
        pytest.param(
            "projects: [{path: a}, {path: a}]\n", "a is there twice among the projects", id="twice"
        ),
        pytest.param("projects: [{path: a}]\nhealth: here\n", ":2: health", id="health"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(text: str, told: str) -> None:
    Path("teams.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_teams(Path("teams.yaml"))
    assert str(caught.value).startswith("teams.yaml")
    assert told in str(caught.value)
