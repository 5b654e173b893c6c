"""`incumbent mcp`, asked by the protocol's own client over stdin and stdout."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent, Tool

from project.canonical import digest_folder
from project.records.evidence import Verdict
from registry.store import Registry
from tests.places import decide, submit, win

T = TypeVar("T")
COMMAND = ["-c", "from incumbent.cli import main; main()", "mcp"]
READ = {
    "status",
    "registry_why",
    "registry_show",
    "registry_versions",
    "history",
    "registry_verify",
    "gateway_deployments",
    "decide",
    "data_check",
    "drift_check",
    "plan",
}
WRITE = {"data_import", "run", "submit"}
FOR_NOBODY = {"promote", "rollback", "registry_sign", "registry_alias", "judge_ballots", "review"}


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A project with a champion and a challenger that was held, and scores beside and outside."""
    folder = tmp_path / "bank"
    folder.mkdir()
    (folder / "params.yaml").write_text(
        "registry: {family: bank}\n"
        "curation: {collect: {sources: [{kind: file, path: datasets/sources/old.jsonl}]}}\n"
    )
    os.chdir(folder)
    with Registry.here() as registry:
        win(registry, "first", tmp_path)
        decide(registry, submit(registry, "second", tmp_path), Verdict.HOLD)
    scores = [{"champion": 0.4 + n % 5 / 100, "challenger": 0.5} for n in range(90)]
    for place in (folder, tmp_path / "elsewhere", tmp_path / "private"):
        place.mkdir(exist_ok=True)
        lines = (
            json.dumps({"item": f"i{n}"} | {side: {"rougeL": score} for side, score in one.items()})
            for n, one in enumerate(scores)
        )
        (place / "scores.jsonl").write_text("\n".join(lines))
    (folder / "rows.jsonl").write_text('{"prompt": "is it open?", "completion": "it is"}\n' * 2)
    (folder / "way-out").symlink_to(tmp_path / "private")
    return folder


def asked(folder: Path, *options: str, ask: Callable[[Client], Awaitable[T]]) -> T:
    """What a client gets of a server that was started for the folder."""
    arguments = [*COMMAND, "--project", str(folder), *options]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))

    async def session() -> T:
        async with Client(stdio_client(server)) as client:
            return await ask(client)

    return asyncio.run(session())


def texts(answered: CallToolResult) -> list[str]:
    return [one.text for one in answered.content if isinstance(one, TextContent)]


async def tools_of(client: Client) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


def test_an_agent_learns_of_a_project_and_changes_nothing(bank: Path) -> None:
    calls: dict[str, dict[str, Any]] = {
        "status": {},
        "registry_why": {"number": "v2"},
        "registry_versions": {"limit": 1, "before": None},
        "registry_verify": {},
        "decide": {"scores": "scores.jsonl"},
    }

    async def ask(client: Client) -> tuple[set[str], dict[str, CallToolResult]]:
        answers = {name: await client.call_tool(name, given) for name, given in calls.items()}
        return set(await tools_of(client)), answers

    before = digest_folder(bank)
    offered, answers = asked(bank, ask=ask)
    assert offered == READ
    assert {name: one.is_error for name, one in answers.items()} == dict.fromkeys(calls, False)
    told = {name: json.loads(texts(one)[0]) for name, one in answers.items()}
    assert told["status"]["champion"]["number"] == 1
    assert told["registry_why"]["version"] == "bank v2"
    assert [version["number"] for version in told["registry_versions"]] == [2]
    assert told["decide"]["verdict"] == "PROMOTE"
    # A check that failed is an answer, and its exit code is told: here an artifact is missing.
    assert told["registry_verify"]["problems"]
    assert texts(answers["registry_verify"])[1:] == ["exit code 1."]
    assert digest_folder(bank) == before


def test_what_is_refused_says_why_and_nothing_is_done(bank: Path, tmp_path: Path) -> None:
    outside = "leads out of"
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("submit", {}, "a person starts `incumbent mcp --allow-writes`"),
        *((name, {"number": 2}, "No tool promotes, approves, votes") for name in FOR_NOBODY),
        ("registry_why", {}, "'number' is a required property"),
        ("registry_why", {"number": 2, "force": True}, "'force' was unexpected"),
        ("registry_versions", {"limit": "many"}, "limit: 'many' is not of type 'integer'"),
        ("registry_why", {"number": "--help"}, "'--help' is no version such as 3 or v3"),
        ("decide", {"scores": str(tmp_path / "private" / "scores.jsonl")}, outside),
        ("decide", {"scores": "../private/scores.jsonl"}, outside),
        ("decide", {"scores": "way-out/scores.jsonl"}, outside),
        ("decide", {"logs": [".", "*/*.jsonl"], "from": "jsonl"}, outside),
        ("decide", {"scores": "scores.jsonl", "policy": "../elsewhere/scores.jsonl"}, outside),
        ("decide", {"scores": "scores\0.jsonl"}, "null"),
        ("data_check", {"files": ["rows.jsonl", "way-out"]}, outside),
        ("drift_check", {"reference": "rows.jsonl", "current": "/etc/passwd"}, outside),
        ("plan", {"base": "/etc"}, outside),
        ("decide", {"scores": "absent.jsonl"}, "absent.jsonl"),
    ]
    elsewhere = {"scores": str(tmp_path / "elsewhere" / "scores.jsonl")}

    async def ask(client: Client) -> tuple[list[CallToolResult], CallToolResult]:
        refused = [await client.call_tool(name, given) for name, given, _ in wrong]
        return refused, await client.call_tool("decide", elsewhere)

    before = digest_folder(bank)
    refused, allowed = asked(bank, "--allow-files", str(tmp_path / "elsewhere"), ask=ask)
    for (name, given, why), answered in zip(wrong, refused, strict=True):
        assert answered.is_error, (name, given)
        assert why in texts(answered)[0], (name, given)
    assert not allowed.is_error
    assert digest_folder(bank) == before


def assert_each_takes_what_its_verb_declares(tools: Mapping[str, Tool]) -> None:
    assert set(tools) == READ | WRITE
    for tool in tools.values():
        assert tool.annotations
        assert tool.annotations.read_only_hint is (tool.name in READ)
        taken = set(tool.input_schema["properties"])
        assert not {"json", "promote", "exit_verdict", "write", "demo"} & taken
    decided = tools["decide"].input_schema["properties"]
    assert decided["from"]["enum"][0] == "lm-eval"
    assert (decided["look"]["type"], decided["look"]["minimum"]) == ("integer", 1)
    assert decided["systems"]["maxItems"] == 2
    assert tools["run"].input_schema["required"] == ["until"]
    why = tools["registry_why"]
    assert why.input_schema["required"] == ["number"]
    assert why.description == "Say in a paragraph why a version was or was not promoted."


def test_with_writes_allowed_an_agent_imports_rows_and_still_promotes_nothing(bank: Path) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("data_import", {"files": ["rows.jsonl"]}),
        ("submit", {"promote": True}),
        ("promote", {"number": 2}),
        ("run", {}),
    ]

    async def ask(client: Client) -> tuple[dict[str, Tool], list[CallToolResult]]:
        answers = [await client.call_tool(name, given) for name, given in calls]
        return await tools_of(client), answers

    tools, (imported, *refused) = asked(bank, "--allow-writes", ask=ask)
    assert_each_takes_what_its_verb_declares(tools)
    assert not imported.is_error
    assert (bank / "datasets" / "sources" / "rows.jsonl").exists()
    why = ("'promote' was unexpected", "No tool promotes", "'until' is a required property")
    for answered, words in zip(refused, why, strict=True):
        assert answered.is_error
        assert words in texts(answered)[0]


def test_outside_of_a_project_it_offers_what_needs_none(tmp_path: Path) -> None:
    async def ask(client: Client) -> tuple[dict[str, Tool], CallToolResult]:
        return await tools_of(client), await client.call_tool("status", {})

    there, status = asked(tmp_path, ask=ask)
    assert set(there) == {"decide", "data_check", "drift_check", "plan"}
    assert texts(status) == [f"{tmp_path} is no project: `incumbent init DIR` makes one"]
    assert list(tmp_path.iterdir()) == []
