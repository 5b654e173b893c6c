"""Duties out of files that are empty, cut or being edited: nobody gains one by that."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from incumbent.cli import app as command
from project.records.adapters import AdapterVersion
from project.settings import PARAMS
from registry.roles import PATIENCE, Duty, RulesInUse
from registry.store import Registry
from review.frame.access_control import AccessControl
from review.page_server import create_app
from review.site import Site
from tests.places import decide, submit, win
from tests.review.conftest import Browser, Browsers

ROLES = "submit: [sam]\nvote: [ann]\npromote: [bob]\nadminister:\n- bob\ndelete: [bob]\n"
SETTINGS = "registry:\n  family: test\n  four_eyes: true\n  roles: roles.yaml\n"
pytestmark = pytest.mark.attack


class Seconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def challenger(registry: Registry, tmp_path: Path) -> AdapterVersion:
    """Version 2, which sam submitted and which won against champion 1."""
    win(registry, "first", tmp_path)
    registry.actor = "sam"
    return decide(registry, submit(registry, "second", tmp_path))


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def site(site: Site, seconds: Seconds) -> Site:
    """The site of a server that began with roles and four eyes."""
    Path("roles.yaml").write_text(ROLES)
    PARAMS.write_text(SETTINGS)
    rules = RulesInUse(seconds)
    rules.now()
    return replace(site, rules=rules)


def may(app: FastAPI, name: str) -> set[str]:
    gate: AccessControl = app.state.gate
    return {duty for duty in get_args(Duty) if gate.person(name, "s").may(duty)}


def approve(browser: Browser, registry: Registry) -> int:
    made = registry.decision_made(2)
    assert made is not None
    form = {"champion": 1, "decision": made.decision, "reason": "mine"}
    return browser.send_form("/review/2/approve", **form).status_code


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "vote: [ann]\n", "promote:\n"])
def test_an_emptied_or_cut_file_of_roles_makes_no_voter_a_promoter(
    browser: Browsers, registry: Registry, challenger: AdapterVersion, text: str
) -> None:
    Path("roles.yaml").write_text(text)
    assert approve(browser("ann"), registry) == 409
    assert registry.history(kind="promote")[-1].version == 1


@pytest.mark.parametrize("text", ["", "registry:\n  family: test\n", "registry: [", "review: {}\n"])
def test_emptied_or_cut_settings_leave_roles_and_four_eyes_as_they_were(
    browser: Browsers, registry: Registry, challenger: AdapterVersion, text: str
) -> None:
    PARAMS.write_text(text)
    assert approve(browser("ann"), registry) == 409
    Path("roles.yaml").write_text("promote: [bob, sam]\n")
    assert approve(browser("sam"), registry) == 409  # who submitted it
    assert approve(browser("bob"), registry) == 303


@pytest.mark.parametrize("file", [Path("roles.yaml"), PARAMS], ids=str)
def test_no_beginning_of_a_file_gives_anybody_a_duty_that_the_whole_file_does_not(
    app: FastAPI, file: Path
) -> None:
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        assert may(app, "ann") <= {"vote"}, whole[:end]
        assert may(app, "bo") == may(app, "anybody") == set(), whole[:end]


@pytest.mark.parametrize("broken", ["", "promote: [bob", "promote: bob\n"])
def test_what_stood_last_counts_while_a_file_is_edited_and_then_nobody_has_a_duty(
    app: FastAPI, seconds: Seconds, broken: str
) -> None:
    Path("roles.yaml").write_text(broken)
    assert may(app, "bob") == {"promote", "administer", "delete"}
    seconds.now = PATIENCE + 1
    assert may(app, "bob") == may(app, "ann") == set()
    Path("roles.yaml").write_text(ROLES)
    assert may(app, "bob") == {"promote", "administer", "delete"}


def test_a_file_of_roles_that_is_gone_gives_nobody_a_duty(app: FastAPI, seconds: Seconds) -> None:
    Path("roles.yaml").unlink()
    may(app, "bob")
    seconds.now = PATIENCE + 1
    assert may(app, "bob") == may(app, "ann") == set()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """What the command answers ann, in the project of this folder."""
    PARAMS.write_text(SETTINGS)
    Path("roles.yaml").write_text("submit: [ann]\npromote: [ann]\nadminister: [ann]\n")
    monkeypatch.setenv("INCUMBENT_ACTOR", "ann")
    with Registry.here() as registry:
        registry.four_eyes = False
        win(registry, "first", tmp_path)
        decide(registry, submit(registry, "second", tmp_path))

    def answer(*words: str) -> str:
        done = CliRunner().invoke(command, [*words])
        return f"{done.exception}" if done.exception else "done"

    return answer


@pytest.mark.parametrize("text", ["", "vote: [ann]\n", "promote:\n"])
@pytest.mark.parametrize(
    "words",
    [("promote", "2", "--reason", "r"), ("rollback", "--reason", "r")],
    ids=lambda words: words[0],
)
def test_the_command_reads_the_same_roles(
    here: Callable[..., str], words: tuple[str, ...], text: str
) -> None:
    Path("roles.yaml").write_text(text)
    assert "ann may not promote: that is for nobody" in here(*words)


def test_the_page_begins_with_the_rules_that_stood_before_its_first_request(
    registry: Registry, tmp_path: Path
) -> None:
    from review.page_server import site_here

    PARAMS.write_text(SETTINGS)
    Path("roles.yaml").write_text(ROLES)
    with site_here() as site:
        PARAMS.write_text("")
        assert may(create_app(site), "ann") == {"vote"}
