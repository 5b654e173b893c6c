"""`incumbent review`: what it prints, and what it writes for --add-user."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.verbs.serve import sign_in_text
from project.errors import InputError
from review.frame.users_file import UsersFile
from review.review_settings import ReviewParams

PASSWORD = "a long enough password"


def params_of(**review: object) -> ReviewParams:
    Path("params.yaml").write_text("registry: {family: bank}\nreview: {users: users.yaml}\n")
    return ReviewParams.model_validate(review)


def test_a_user_is_added_by_a_password_that_is_typed_twice() -> None:
    params_of()
    done = CliRunner().invoke(app, ["review", "--add-user", "ann"], input=f"{PASSWORD}\n" * 2)
    assert done.exit_code == 0
    assert PASSWORD not in done.output
    assert "of at least 12 characters" in done.output
    assert "keep it out of git, by a line in .gitignore" in done.output
    users = UsersFile(Path("users.yaml"), b"s")
    assert (users.verified("ann", PASSWORD), users.verified("ann", "another one")) == (True, False)


def test_without_a_file_for_users_the_next_step_is_said() -> None:
    Path("params.yaml").write_text("registry: {family: bank}\n")
    done = CliRunner().invoke(app, ["review", "--add-user", "ann"])
    assert isinstance(done.exception, InputError)
    assert "put `users: users.yaml` there" in str(done.exception)


def test_a_file_of_users_that_is_not_there_says_what_makes_it() -> None:
    with pytest.raises(InputError, match=r"users\.yaml: .*`incumbent review --add-user NAME`"):
        UsersFile(Path("users.yaml"), b"s")


@pytest.mark.parametrize(
    ("review", "words"),
    [
        ({}, "The address works once and signs you in as ann"),
        ({}, "You may do everything"),
        ({"users": "users.yaml"}, "names and passwords of users.yaml"),
        ({"users": "users.yaml"}, "Everybody who signs in may do everything"),
        ({"proxy": {}, "url": "http://review.example.com"}, "is not https"),
    ],
)
def test_the_start_says_how_people_get_in_and_what_they_may_do(
    review: dict[str, object], words: str
) -> None:
    assert words in " ".join(sign_in_text(params_of(**review), "ann"))


def test_a_file_of_roles_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("roles.yaml").write_text("promote: [ann]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    assert "roles.yaml says who may do what." in sign_in_text(params_of(), "ann")
