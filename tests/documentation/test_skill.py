"""The skill for coding agents names commands that there are, with options that they have."""

import re
from typing import Any

import yaml

from incumbent.cli import app
from incumbent.command_tree import every_verb
from tests.conftest import ROOT

SKILL = ROOT / "skills" / "incumbent" / "SKILL.md"
COMMAND = re.compile(r"(?:^\$ |`)incumbent ([^`\n#]+)", re.MULTILINE)
VERBS: dict[str, Any] = dict(every_verb(app))


def test_the_skill_says_what_it_is_for_and_when() -> None:
    _, head, body = SKILL.read_text().split("---\n", 2)
    front = yaml.safe_load(head)
    assert set(front) == {"name", "description"}
    assert front["name"] == SKILL.parent.name
    assert len(front["description"]) < 1024
    assert len(body.splitlines()) < 100


def test_every_command_of_the_skill_is_there_with_its_options() -> None:
    commands = [found.split() for found in COMMAND.findall(SKILL.read_text())]
    assert len(commands) > 20
    for words in commands:
        names = (" ".join(words[:count]) for count in (2, 1))
        verb = VERBS[next(name for name in names if name in VERBS)]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words
        required = [one for one in verb.params if one.required and one.param_type_name == "option"]
        if "--json" in words:
            assert all(one.opts[0] in words for one in required), words


def test_what_is_asked_of_agents_is_answered_in_json() -> None:
    """Whatever stands in a block is for agents; what changes the registry stands in none."""
    typed = re.findall(r"^\$ incumbent (.+)$", SKILL.read_text(), re.MULTILINE)
    assert all("--json" in command for command in typed)
    assert not [command for command in typed if re.match("promote|rollback|submit|run", command)]
