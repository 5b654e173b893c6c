"""The tree of verbs: what is in sight, where each verb is, and what is said of a wrong guess."""

import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from incumbent.cli import MORE, app
from incumbent.command_tree import LazyVerb, every_verb, examples, tree
from incumbent.options import LARGEST, version_number
from project.errors import InputError
from registry.store import Registry
from tests.incumbent.tiny_project import called
from tests.places import submit

ROOT: Any = get_command(app)
LAZY = {" ".join(path): one for path, one in tree(ROOT) if isinstance(one, LazyVerb)}
WITHOUT_PROJECT = {
    "init",
    "plan",
    "decide",
    "judge ballots",
    "data check",
    "data preview",  # of a file
    "search recipes",
    "registry keygen",
    "drift check",
    "drift scheduler",  # of many teams' projects
    "docs",
    "project doctor",
    "project settings",
    "mcp",
}
ONLY_HERE = ("data preview", "drift scheduler --once", "drift scheduler --check")
NO_PROJECT = "error: here is no project: `incumbent init DIR` makes one\n"


# --- its shape ----------------------------------------------------------------------------------


def test_at_most_twelve_verbs_are_in_sight_in_three_panels_and_the_rest_is_groups() -> None:
    shown = [one for one in ROOT.commands.values() if not one.hidden]
    daily = [one for one in shown if one.rich_help_panel != MORE]
    assert all(isinstance(one, LazyVerb) for one in daily)
    assert len(daily) <= 12
    assert len({verb.rich_help_panel for verb in daily}) == 3
    assert len({one.rich_help_panel for one in shown}) == 4
    assert [name for name, one in ROOT.commands.items() if one.hidden] == ["docs", "stage"]


def test_every_verb_is_in_one_place() -> None:
    places = Counter(verb.place.removesuffix("*") for verb in LAZY.values())
    assert [place for place, count in places.items() if count > 1] == []
    assert not set(ROOT.commands) & {name.rpartition(" ")[2] for name in LAZY if " " in name}


@pytest.mark.parametrize("columns", ["60", "80"])
def test_help_names_every_verb_and_group_whole(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for path, group in tree(ROOT):
        if not isinstance(group, LazyVerb):
            words = CliRunner().invoke(app, [*path, "--help"]).stdout.split()
            assert set(group.commands) <= set(words)


def test_the_help_of_a_verb_is_the_sentence_by_which_it_is_listed() -> None:
    for name, verb in every_verb(app):
        assert verb.help, name
        assert verb.help == verb.callback.__doc__.partition("\n\n")[0], name


HEAVY = {
    *("alembic", "apscheduler", "asyncio", "datasets", "dvc", "evaluate", "fastapi", "fsspec"),
    *("great_expectations", "httpx2", "jinja2", "numpy", "openpyxl", "pandas", "pyarrow", "regex"),
    *("scipy", "sklearn", "sqlalchemy", "starlette", "torch", "transformers", "trl"),
}
HELPED = """
import sys
from typer.testing import CliRunner
from incumbent.cli import app
for line in sys.stdin:
    words = line.split()
    done = CliRunner().invoke(app, [*words, "--help"])
    assert (done.exit_code, "Usage" in done.output) == (0, True), (line, done.output)
print(*sys.modules)
"""


def test_no_verbs_help_loads_a_heavy_library() -> None:
    """Of their modules, not of their time: a machine may be busy."""
    asked = [sys.executable, "-c", HELPED]
    done = subprocess.run(
        asked, input="\n".join(LAZY), stdout=subprocess.PIPE, text=True, check=True
    )
    assert {*done.stdout.split()} & HEAVY == set()


@pytest.mark.parametrize("path", LAZY)
def test_help_tells_the_options_that_the_verb_has(path: str) -> None:
    verb = LAZY[path]
    assert options_of(verb.declared) == options_of(verb.loaded)


@pytest.mark.parametrize("path", [path for path in LAZY if path != "stage"])
def test_help_ends_with_commands_that_can_be_typed(path: str) -> None:
    """As far as the command line goes; a folder or a version need not be there."""
    typed = [line for line in examples(LAZY[path].place).splitlines() if line]
    assert typed, "no line of the docstring begins with a dollar sign"
    for line in typed:
        dollar, program, *words = shlex.split(line)
        assert [dollar, program, *words[: len(path.split())]] == ["$", "incumbent", *path.split()]
        LAZY[path].declared.make_context(path, words[len(path.split()) :])
    shown = CliRunner().invoke(app, [*path.split(), "--help"], terminal_width=80).stdout
    assert typed[-1].split()[-1] in shown
    assert "<" not in shown.replace("<bool>", "").replace("<=", "")  # no type of Python's


def options_of(command: Any) -> list[tuple[object, ...]]:
    return [
        (one.name, one.opts, one.secondary_opts, one.required, one.help, one.default)
        for one in command.params
    ]


# --- a wrong guess ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("versions", "`incumbent registry versions`"),
        ("data versions", "`incumbent registry versions`"),
        ("show", "`incumbent registry show` or `incumbent gateway experiment show`"),
        ("experiment", "`incumbent gateway experiment`"),
        ("drift-check", "`incumbent drift check`"),
        ("registry verfy", "`incumbent registry verify`"),
        ("promot", "`incumbent promote`"),
        ("registry promote", "`incumbent promote`"),
        ("project stage", "`incumbent stage`"),
    ],
)
def test_a_wrong_guess_is_told_where_the_verb_is(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = f"error: there is no `incumbent {typed}`: did you mean {meant}?\n"
    assert called(capsys, *typed.split(), "3", "--json") == (2, "", told)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("help", "there is no `incumbent help`: type `incumbent --help`, or --help behind a verb"),
        ("version", "there is no `incumbent version`: type `incumbent --version`"),
        ("decide --look two", "'--look': is no whole number"),
        ("decide --look 0", "'--look': must be greater than or equal to 1"),
        ("decide --from cvs", "'--from': 'cvs' is not one of 'lm-eval'"),
    ],
)
def test_a_slip_is_answered_in_words_of_ours(
    typed: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, _, said = called(capsys, *typed.split())
    assert (code, told in said) == (2, True), said


def test_what_is_like_no_verb_is_sent_to_the_help() -> None:
    with pytest.raises(InputError, match="`incumbent data --help` lists what there is"):
        CliRunner().invoke(app, ["data", "xyzzy"], prog_name="incumbent", catch_exceptions=False)


# --- outside of a project -----------------------------------------------------------------------


def required(verb: Any) -> list[str]:
    """Arguments with which a verb gets beyond its options."""
    given: list[str] = []
    for one in verb.params:
        if one.required:
            name = [one.opts[0]] if one.param_type_name == "option" else []
            given += [*name, "2027-01-01" if one.name == "until" else "1"]
    return given


def test_every_verb_that_needs_a_project_says_so_in_one_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = {
        name: [*name.split(), *required(verb)]
        for name, verb in every_verb(app)
        if name not in WITHOUT_PROJECT
    }
    for name, call in (calls | {one: one.split() for one in ONLY_HERE}).items():
        assert called(capsys, *call) == (2, "", NO_PROJECT), name
    assert list(Path().iterdir()) == []
    assert len(calls) > 40


def test_the_others_are_named() -> None:
    assert {name for name, verb in LAZY.items() if verb.place.endswith("*")} == WITHOUT_PROJECT


# --- a version ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["3", "v3"])
def test_a_version_is_said_by_its_number_with_a_v_or_without(text: str) -> None:
    assert version_number(text) == 3


@pytest.mark.parametrize("text", ["", "v", "0", "v0", "-1", "3.0", "V3", "vv3", str(LARGEST + 1)])
def test_what_is_no_version_is_bad_usage(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, _, told = called(capsys, "registry", "show", "--", text)
    assert (code, "is no version such as 3 or v3" in told) == (2, True)


def test_every_verb_takes_a_version_so() -> None:
    takes = {
        (name, one.name)
        for name, verb in every_verb(app)
        for one in verb.params
        if one.type_descriptor.parameter_info.parser is version_number
    }
    options = {
        ("rollback", "to"),
        ("registry alias", "to"),
        ("registry alias", "expect"),
        ("registry versions", "before"),
        ("search merge", "challenger"),
    }
    numbered = {(name, "number") for name, verb in every_verb(app) if has(verb, "number")}
    of_experiments = {("gateway experiment show", "number"), ("gateway experiment stop", "number")}
    assert takes == options | (numbered - of_experiments)
    assert len(takes) > 14


def has(verb: Any, name: str) -> bool:
    return any(one.name == name for one in verb.params)


# --- a shell that completes ---------------------------------------------------------------------


@pytest.fixture
def versions(tmp_path: Path) -> None:
    """A project with two versions and a pipeline."""
    Path("params.yaml").write_text("registry: {family: bank}\n")
    Path("dvc.yaml").write_text("stages: {train: {cmd: x}, compare: {cmd: x}}\n")
    with Registry.here() as registry:
        for name in "ab":
            submit(registry, name, tmp_path)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("re", ["review", "registry"]),
        ("st", ["status"]),
        ("gateway ex", ["experiment"]),
        ("gateway experiment st", ["start", "stop"]),
        ("registry reprod", ["reproduce"]),
        ("registry show --c", ["--card"]),
        ("registry show ", ["1", "2"]),
        ("promote v", ["v1", "v2"]),
        ("rollback --to ", ["1", "2"]),
        ("run --until ", ["train", "compare"]),
        ("stage tr", ["train"]),
        ("search recipes bri", ["brief"]),
        ("project settings registry", ["registry"]),
        ("decide --from ins", ["inspect"]),
    ],
)
def test_bash_completes(
    typed: str, completed: list[str], versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completion(typed, monkeypatch) == completed


def test_outside_of_a_project_there_is_no_version_to_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert completion("registry show ", monkeypatch) == []
    assert list(Path().iterdir()) == []


def completion(typed: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash would show, as the function that `--install-completion` writes asks for it."""
    monkeypatch.setenv("_INCUMBENT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"incumbent {typed}")
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split(" "))))
    done = CliRunner().invoke(app, prog_name="incumbent", catch_exceptions=False)
    return [line for line in done.stdout.splitlines() if line]
