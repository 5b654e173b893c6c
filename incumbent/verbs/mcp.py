"""`incumbent mcp`: what verbs answer as JSON, as tools of coding agents, by the Model Context
Protocol. Each tool is made of its verb's own declaration, and each call runs the verb.
"""

import asyncio
import glob
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from incumbent.options import saying_what_stays, version_number
from project.errors import InputError
from project.settings import PARAMS

if TYPE_CHECKING:
    from mcp.server import Server
    from mcp.types import CallToolResult, Tool

# What is not offered of any verb: a tool answers in JSON, its caller reads the verdict there, and
# nobody but the policy or a person promotes.
UNOFFERED = {"as_json", "exit_verdict", "promote"}
LARGEST_ANSWER = 200_000  # characters; a larger one would fill an agent's whole window
KINDS = {bool: "boolean", int: "integer", float: "number"}
ABOUT = (
    "Incumbent keeps versions of a fine-tuned model: an adapter is promoted only if it is "
    "measurably better than the champion. To learn whether one may be promoted, and why not, call "
    "`status`, then `registry_why` with its number; `decide` judges two files of results. No tool "
    "promotes, approves, votes, rolls back or signs: the policy does, or a person."
)


@dataclass(frozen=True)
class AgentTool:
    """A verb that agents may call."""

    verb: str  # the words that call it
    left_out: frozenset[str] = frozenset()  # its parameters that no agent may set
    required: frozenset[str] = frozenset()  # those that an agent must set, though a person need not
    paths: frozenset[str] = frozenset()  # texts that may name a file
    elsewhere: frozenset[str] = frozenset()  # paths that may lie in a folder allowed at the start
    writes: str = ""  # what it changes

    @property
    def name(self) -> str:
        return self.verb.replace(" ", "_")


AGENT_TOOLS = (
    AgentTool("status"),
    AgentTool("registry why"),
    AgentTool("registry show", left_out=frozenset({"card"})),
    AgentTool("registry versions"),
    AgentTool("history"),
    # Its anchors may lie anywhere, and rows are fetched to be counted.
    AgentTool("registry verify", left_out=frozenset({"number", "anchor", "data"})),
    AgentTool("gateway deployments"),
    AgentTool(
        "decide", left_out=frozenset({"write", "demo"}), elsewhere=frozenset({"logs", "scores"})
    ),
    AgentTool("data check"),
    AgentTool("drift check"),
    AgentTool("plan", paths=frozenset({"base"})),
    AgentTool("data import", writes="Writes rows into the project's datasets."),
    # Without a stage to end at it would submit and promote, if the policy says so.
    AgentTool("run", required=frozenset({"until"}), writes="Runs stages of the pipeline."),
    AgentTool("submit", writes="Makes a version, and spends a look at the sealed eval set."),
)


def serve_agents(
    ctx: typer.Context,
    project: Annotated[
        Path, typer.Option(help="The project's folder. No tool reads files outside of it.")
    ] = Path(),
    allow_files: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Another folder in which the two files of `decide` may lie."
        ),
    ] = None,
    allow_writes: Annotated[
        bool,
        typer.Option("--allow-writes", help="Offer `data import`, `run --until` and `submit` too."),
    ] = False,
) -> None:
    """Answer coding agents over stdin and stdout, by the Model Context Protocol (MCP).

    Raises InputError for a folder that there is not.

    $ incumbent mcp --project bank
    """
    folders = [folder.resolve() for folder in (project, *(allow_files or ()))]
    for folder in folders:
        if not folder.is_dir():
            raise InputError("is no folder", file=folder)
    desk = AgentDesk(ctx.find_root().command, folders[0], tuple(folders), allow_writes)
    server = server_of(desk)
    print(f"waiting for a coding agent on stdin; {desk}; Ctrl-C ends it", file=sys.stderr)
    with saying_what_stays("interrupted: the agent gets no more answers"):
        asyncio.run(over_stdio(server))


async def over_stdio(server: "Server[Any]") -> None:
    # Imported here because it is in an extra, and takes a second.
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def server_of(desk: "AgentDesk") -> "Server[Any]":
    # Imported here as above.
    from importlib.metadata import version

    from mcp.server import Server
    from mcp.types import CallToolRequestParams, ListToolsResult

    async def list_tools(context: object, asked: object) -> ListToolsResult:
        return ListToolsResult(tools=list(desk.tools()))

    async def call_tool(context: object, asked: CallToolRequestParams) -> "CallToolResult":
        try:
            return await desk.call(asked.name, asked.arguments or {})
        except (InputError, OSError, ValueError) as error:  # the last two of a path that is none
            return answer(str(error), is_error=True)

    return Server(
        "incumbent",
        version=version("incumbent"),
        instructions=ABOUT,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def answer(*texts: str, is_error: bool = False) -> "CallToolResult":
    from mcp.types import CallToolResult, TextContent

    content = [TextContent(text=text) for text in texts if text]
    return CallToolResult(content=[*content], is_error=is_error)


@dataclass(frozen=True)
class AgentDesk:
    """Where agents ask: the verbs, the project, the folders that may be read, and whether a tool
    may write.
    """

    verbs: Any  # the root of the command's tree
    project: Path
    readable: tuple[Path, ...]  # the project first
    writes: bool

    def __str__(self) -> str:
        tools = ", ".join(tool.name for tool in self.offered())
        here = "" if self.in_project else "no "
        return f"{here}project in {self.project}, so its tools are {tools}"

    @property
    def in_project(self) -> bool:
        return (self.project / PARAMS).exists()

    def offered(self) -> Iterator[AgentTool]:
        """Outside of a project those alone that need none."""
        for tool in AGENT_TOOLS:
            needs_none = self.declaration(tool.verb).place.endswith("*")
            if (self.in_project or needs_none) and (self.writes or not tool.writes):
                yield tool

    def declaration(self, verb: str) -> Any:
        command = self.verbs
        for word in verb.split():
            command = command.commands[word]
        return command

    def parameters(self, tool: AgentTool) -> dict[str, Any]:
        """What a caller may set, by the names that a caller uses."""
        declared = self.declaration(tool.verb).loaded.params
        kept = (param for param in declared if param.name not in UNOFFERED | tool.left_out)
        return {called(param): param for param in kept}

    def tools(self) -> Iterator["Tool"]:
        from mcp.types import Tool, ToolAnnotations

        for tool in self.offered():
            parameters = self.parameters(tool)
            told = self.declaration(tool.verb).loaded.help
            yield Tool(
                name=tool.name,
                description=f"{told} {tool.writes}".strip(),
                input_schema=input_schema(parameters, tool),
                annotations=ToolAnnotations(
                    read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
                ),
            )

    async def call(self, name: str, arguments: Mapping[str, Any]) -> "CallToolResult":
        """What the verb answered. Raises InputError for what is not offered, wrong arguments, and
        paths that lead out of the folders.
        """
        tool = self.chosen(name)
        parameters = self.parameters(tool)
        given = {key: value for key, value in arguments.items() if value is not None}
        refuse_unfit(given, input_schema(parameters, tool), name)
        for key in given:
            if is_path(parameters[key]) or key in tool.paths:
                self.refuse_outside(
                    given[key], key, elsewhere=parameters[key].name in tool.elsewhere
                )
        words = [*tool.verb.split(), "--json", *typed(given, parameters)]
        code, printed, told = await self.run(words)
        return verb_answer(tool.verb, code, printed, told)

    def chosen(self, name: str) -> AgentTool:
        """Raises InputError, which says who may do it instead."""
        offered = {tool.name: tool for tool in self.offered()}
        if name in offered:
            return offered[name]
        for tool in AGENT_TOOLS:
            if tool.name == name and tool.writes and not self.writes:
                raise InputError(f"{name} writes: a person starts `incumbent mcp --allow-writes`")
            if tool.name == name:
                raise InputError(f"{self.project} is no project: `incumbent init DIR` makes one")
        there = ", ".join(offered)
        raise InputError(
            f"there is no tool {name}; there are {there}. No tool promotes, approves, votes, rolls "
            "back or signs: the policy does, or a person"
        )

    def refuse_outside(self, value: str | list[str], key: str, *, elsewhere: bool) -> None:
        """Raises InputError for a path, or a link below it, that leads out of the folders."""
        folders = self.readable if elsewhere else self.readable[:1]
        for path in [value] if isinstance(value, str) else value:
            for place in places_below(self.project, path):
                if not any(place.resolve().is_relative_to(folder) for folder in folders):
                    told = " or ".join(map(str, folders))
                    raise InputError(f"{path} leads out of {told}: {place.resolve()}", field=key)

    async def run(self, words: list[str]) -> tuple[int, str, str]:
        """The verb's exit code, and what it printed to both streams. It ends with its caller."""
        command = [sys.executable, "-m", "incumbent", *words]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.project,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            printed, told = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, printed.decode(), told.decode().strip()


def places_below(project: Path, path: str) -> Iterator[Path]:
    """What a path or a pattern names, as the verb will read it, with all that is in its folders."""
    whole = project / path
    yield whole
    yield from whole.rglob("*")
    if glob.has_magic(path):
        root = Path(whole.anchor)
        for match in root.glob(str(whole.relative_to(root))):
            yield match
            yield from match.rglob("*")


# --- from a verb's declaration to a tool ----------------------------------------------------------


def called(parameter: Any) -> str:
    """A parameter as its option is called, without the dashes."""
    if parameter.param_type_name == "argument":
        return str(parameter.name)
    return option_of(parameter).removeprefix("--").replace("-", "_")


def option_of(parameter: Any) -> str:
    options: list[str] = parameter.opts
    return max(options, key=len)


def input_schema(parameters: Mapping[str, Any], tool: AgentTool) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments."""
    required = [
        k for k, param in parameters.items() if param.required or param.name in tool.required
    ]
    return {
        "type": "object",
        "properties": {key: schema_of(param) for key, param in parameters.items()},
        "required": required,
        "additionalProperties": False,
    }


def schema_of(parameter: Any) -> dict[str, Any]:
    declared = parameter.type_descriptor
    schema: dict[str, Any] = {"type": KINDS.get(declared.annotation, "string")}
    if declared.parameter_info.parser is version_number:
        schema = {"type": ["integer", "string"]}
    elif declared.choices:
        schema["enum"] = list(declared.choices)
    elif declared.is_ranged:
        limits = {"minimum": parameter.min, "maximum": parameter.max}
        schema |= {name: limit for name, limit in limits.items() if limit is not None}
    elif declared.is_list or declared.is_tuple:
        schema = {"type": "array", "items": {"type": "string"}}
    if declared.is_tuple:
        schema |= {"minItems": parameter.nargs, "maxItems": parameter.nargs}
    if parameter.default not in (None, False):
        schema["default"] = parameter.default
    return schema | {"description": parameter.help or ""}


def is_path(parameter: Any) -> bool:
    return parameter.type_descriptor.annotation in (Path, list[Path])


def refuse_unfit(arguments: Mapping[str, Any], schema: Mapping[str, Any], tool: str) -> None:
    """Raises InputError for arguments that the schema does not allow."""
    # Imported here because it takes a while, and comes with mcp.
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema).iter_errors(arguments):
        place = ".".join(map(str, error.absolute_path))
        raise InputError(error.message, file=tool, field=place or None)


def typed(given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    """The arguments as somebody would type them; what begins with a dash stays a value."""
    positional: list[str] = []
    for key, value in given.items():
        parameter = parameters[key]
        option, several = option_of(parameter), parameter.type_descriptor.is_list
        if parameter.param_type_name == "argument":
            positional += value if several else [str(value)]
        elif value is True:
            yield option
        elif parameter.type_descriptor.is_tuple:
            yield from (option, *value)
        elif value is not False:
            yield from (f"{option}={part}" for part in (value if several else [value]))
    yield from ("--", *positional)


def verb_answer(verb: str, code: int, printed: str, told: str) -> "CallToolResult":
    """JSON is an answer, also of a check that failed; else the verb says what is wrong."""
    try:
        shown = json.dumps(json.loads(printed), ensure_ascii=False)
    except ValueError:
        return answer(told or f"`incumbent {verb}` ended with {code}: {printed}", is_error=True)
    if len(shown) > LARGEST_ANSWER:
        size = f"the answer has {len(shown):,} characters, and at most {LARGEST_ANSWER:,} are sent"
        return answer(f"{size}: ask for less, or type `incumbent {verb} --json`", is_error=True)
    return answer(shown, f"exit code {code}. {told}".strip() if code else "")
