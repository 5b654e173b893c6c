"""`incumbent gateway experiment`: what people type, and what they read."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.verbs.experiment import start
from incumbent.verbs.show import print_version
from project.errors import InputError
from registry.experiment_events import Observation, put_observations, running_experiment
from registry.store import Registry
from tests.places import submit, win


@pytest.fixture
def project(tmp_path: Path) -> None:
    """A project with a champion, v1, and another version, v2."""
    Path("params.yaml").write_text("registry: {family: bank}\n")
    with Registry.here() as registry:
        win(registry, "a", tmp_path)
        submit(registry, "b", tmp_path)


def say(*words: str) -> str:
    done = CliRunner().invoke(app, ["gateway", "experiment", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def rated(number: int, users: int, champion: float, challenger: float) -> None:
    """Users in turn in each arm; of both the first ones are content."""
    found = []
    for at in range(users):
        arm, rate = ("challenger", challenger) if at % 2 else ("champion", champion)
        value = float(at % 20 // 2 < rate * 10)
        for metric, worth in (("errors", 0.0), ("rating", value)):
            fields = {"experiment": number, "unit": f"{at:064}", "arm": arm, "metric": metric}
            fields |= {"value": worth, "at": "2026-01-01T00:00:00.000Z"}
            found.append(Observation.model_validate(fields))
    with Registry.here() as registry:
        put_observations(registry.engine, found)


def test_an_experiment_is_opened_shown_and_stopped(project: None) -> None:
    assert "no experiments" in say("list")
    opened = say("start", "2", "--mode", "ab", "--share", "0.5", "--reason", "friday")
    number = opened.split()[1]
    assert "v2 against v1, for 50% of the users, judged by rating" in opened
    assert "running" in say("list")
    assert "nothing is shown about v2 yet" in say("show", number)
    assert "has ended: stopped" in say("stop", number, "--reason", "enough seen")
    assert "ended by tester: enough seen" in say("show", number)
    assert "has ended: stopped" in say("stop", number)


def test_plain_words_come_first_and_then_the_figures(project: None) -> None:
    number = say("start", "2", "--share", "0.5").split()[1]
    rated(int(number), 600, 0.9, 0.6)
    lines = say("show", number).splitlines()
    assert lines[0].startswith(f"experiment {number} · running")
    assert lines[2].startswith("v2 is worse: the users' rating is 60.0%, the champion's 90.0%")
    assert any(line.startswith("rating") and line.endswith("25") for line in lines)
    assert any("90.0% of 300" in line and "-30.0 (" in line for line in lines)


def test_a_version_shows_the_experiments_that_it_was_in(
    project: None, capsys: pytest.CaptureFixture[str]
) -> None:
    number = say("start", "2", "--mode", "ab", "--share", "0.5").split()[1]
    say("stop", number, "--reason", "enough\x1b[31m seen")
    print_version(2, as_json=False)
    assert f"{number}, ab against v1, stopped: enough [31m seen" in capsys.readouterr().out
    print_version(2, as_json=True)
    (shown,) = json.loads(capsys.readouterr().out)["experiments"]
    assert shown["ended"]["detail"]["verdict"] == "stopped"


def test_programs_get_the_same_as_json(project: None) -> None:
    number = say("start", "2", "--share", "0.5").split()[1]
    rated(int(number), 100, 0.9, 0.8)
    told = json.loads(say("show", number, "--json"))
    assert told["verdict"] is None
    assert told["result"]["users"] == {"champion": 50, "challenger": 50}
    assert told["result"]["metric"]["means"]["champion"] == 0.9
    assert told["conclusions"][0] == "nothing is shown about v2 yet"
    (listed,) = json.loads(say("list", "--json"))
    assert listed == {key: told[key] for key in ("number", "version", "opened", "ended")}


def test_arms_that_cannot_be_compared_are_named_first(project: None) -> None:
    number = say("start", "2", "--share", "0.1").split()[1]
    rated(int(number), 200, 0.9, 0.9)
    assert "do not trust this: users did not fall to the arms" in " ".join(
        say("show", number).split()
    )


@pytest.mark.parametrize(
    ("mode", "share", "alpha", "problem"),
    [
        ("canary", 0.0, 0.05, "--share: is above 0"),
        ("canary", 1.0, 0.05, "the champion answers the others"),
        ("shadow", 1.1, 0.05, "--share"),
        ("ab", float("nan"), 0.05, "--share"),
        ("ab", 0.5, 0.0, "--alpha"),
        ("ab", 0.5, 0.9, "--alpha"),
    ],
)
def test_what_would_test_nothing_is_refused(
    project: None, mode: Any, share: float, alpha: float, problem: str
) -> None:
    with pytest.raises(InputError) as refused:
        start(2, mode, share, "rating", alpha, "to see")
    assert problem in str(refused.value)
    with Registry.here() as registry:
        assert running_experiment(registry) is None


def test_a_version_whose_base_no_pool_holds_is_refused(project: None) -> None:
    Path("params.yaml").write_text(
        "registry: {family: bank}\n"
        "serving:\n"
        "  backend: vllm\n"
        "  pools: [{base: another-base, replicas: ['http://127.0.0.1:8000/v1']}]\n"
    )
    with pytest.raises(InputError, match="no pool holds the base of bank v2"):
        start(2, "canary", 0.1, "rating", 0.05, "to see")
