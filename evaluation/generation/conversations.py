"""Rows with a scenario are answered by whole conversations: the assistant, its tools and a user.

All that are open are answered side by side, turn by turn. What decides how they go, beside the
model, is in `conversation_pin`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from evaluation.evaluation_settings import ConversationParams, GenerationParams
from evaluation.generation.answers import SEED, Answer, TooLongError
from evaluation.generation.users_and_tools import (
    SECTION,
    RecordedTools,
    ScriptedUser,
    SlowPatternError,
    ToolProcess,
    failed,
    played,
    request_of,
)
from project.canonical import digest_file, digest_files, digest_json
from project.errors import InputError
from project.records.data import Message, Row
from project.records.record import Digest
from project.records.scenarios import ConversationEnd
from project.records.tool_calls import CalledFunction, ToolCall, as_json
from project.settings import PARAMS, load
from project.untrusted_input import shortened
from project.written_calls import WrittenCall, schemas_of, words_beside, written_calls

HERE = Path(__file__).parent
CODE = (
    *("conversations.py", "users_and_tools.py", "tool_child.py"),
    *("../../project/written_calls.py", "../../project/records/scenarios.py"),
)
SHOWN = 500  # characters of a result, in words


class NumberedModel(Protocol):
    """A model that can be told the number of a draw."""

    def answer(self, rows: Sequence[Row], samples: int = 1, first: int = 0) -> Iterator[Answer]: ...

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]: ...


# --- run ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One conversation, as far as it has come."""

    row: Row
    sample: int
    user: ScriptedUser
    state: dict[str, Any]
    recorded: RecordedTools | None
    turns: list[Message] = field(default_factory=list)
    answered: int = 0  # turns of the assistant
    tokens: int = 0
    prompt_tokens: int = 0
    calls: int = 0
    failed: int = 0
    ended: Literal["user", "turns", "context", "pattern"] | None = None

    @classmethod
    def of(cls, row: Row, sample: int, seed: int) -> "Run":
        scenario = row.scenario
        assert scenario
        return cls(
            row,
            sample,
            ScriptedUser(scenario.user, f"{seed} {sample} {row.id}"),
            scenario.state,
            None if scenario.results is None else RecordedTools(scenario.results),
        )

    @property
    def spoken(self) -> tuple[Message, ...]:
        return (*self.row.prompt, *self.turns)

    @property
    def told(self) -> str:
        """Who a model that plays the user is to be; empty of a script."""
        return self.user.user.told or ""

    def take(self, answer: Answer, tools: ToolProcess | None) -> None:
        """Take the assistant's next turn, and the results of its calls."""
        self.answered += 1
        self.tokens += answer.tokens
        self.prompt_tokens += answer.prompt_tokens
        offered = self.row.tools
        written = written_calls(answer.text, schemas_of(offered)) if offered else []
        made = [call for call in written if call.name and call.arguments is not None]
        self.calls += len(written)
        self.failed += len(written) - len(made)
        if not made:  # what cannot be read as a call is words to whoever reads it
            text = answer.text.rpartition("</think>")[2].strip()
            self.turns.append(Message(role="assistant", content=text))
            return
        calls = tuple(map(self.numbered, range(len(made)), made))
        words = words_beside(answer.text.rpartition("</think>")[2])
        self.turns.append(Message(role="assistant", content=words, tool_calls=calls))
        for call in calls:
            self.turns.append(self.result_of(call, tools))

    def numbered(self, number: int, call: WrittenCall) -> ToolCall:
        function = CalledFunction(name=str(call.name), arguments=as_json(call.arguments))
        return ToolCall(id=f"{self.answered}-{number}", function=function)

    def result_of(self, call: ToolCall, tools: ToolProcess | None) -> Message:
        known = {tool["function"]["name"]: tool["function"] for tool in self.row.tools or ()}
        by = self.recorded or tools
        if call.name not in known or by is None:
            result = failed(f"there is no tool {shortened(call.name)}", self.state)
        else:
            schema = known[call.name].get("parameters", {})
            result = by.call(call.name, call.arguments, schema, self.state)
        self.state = dict(result.state)
        self.failed += result.failed
        return Message(role="tool", content=result.text, tool_call_id=call.id, name=call.name)

    def hear(self, text: str | None) -> None:
        if text is None:
            self.ended = "user"
        else:
            self.turns.append(Message(role="user", content=text))

    @property
    def answer(self) -> Answer:
        assert self.ended
        return Answer(
            item=self.row.id,
            text="\n".join(in_words(self.turns)),
            tokens=self.tokens,
            prompt_tokens=self.prompt_tokens,
            sample=self.sample,
            turns=tuple(self.turns),
            end=ConversationEnd(
                state=self.state, calls=self.calls, failed=self.failed, ended=self.ended
            ),
        )


def in_words(turns: Iterable[Message]) -> Iterator[str]:
    """A line for each turn and each call: no line is begun by what somebody said."""
    for turn in turns:
        text = " ".join(turn.content.split())
        if turn.role == "tool":
            yield f"result {shortened(text, SHOWN)}"
        elif text or not turn.tool_calls:
            yield f"{turn.role.capitalize()}: {text}"
        for call in turn.tool_calls or ():
            yield f"call {call.name} {shortened(call.function.arguments, SHOWN)}"


# --- model ----------------------------------------------------------------------------------------


class ConversingModel:
    """A model that has the conversations of rows with a scenario, and answers all others."""

    def __init__(self, model: NumberedModel, seed: int = SEED) -> None:
        self.model = model
        self.seed = seed

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        if plain := [row for row in rows if row.scenario is None]:
            yield from self.model.answer(plain, samples)
        if others := [row for row in rows if row.scenario]:
            runs = [Run.of(row, n, self.seed) for row in others for n in range(samples)]
            yield from self.converse(runs)

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        """None of a scenario: what its good last answer follows is not known."""
        plain = [row for row in rows if row.scenario is None]
        known = iter(self.model.reference_logprobs(plain) if plain else ())
        return [None if row.scenario else next(known) for row in rows]

    def converse(self, runs: Sequence[Run]) -> Iterator[Answer]:
        """Raises InputError for what no run could mend: settings that lack something, and a first
        question that is too long.
        """
        params = load(GenerationParams).conversations
        with ready_tools([run.row for run in runs], params) as tools:
            while open_runs := [run for run in runs if run.ended is None]:
                self.speak(open_runs, tools)
                self.let_users_speak([run for run in open_runs if run.ended is None], params)
                for run in open_runs:
                    if run.ended is None and run.answered >= params.turns:
                        run.ended = "turns"
                yield from (run.answer for run in open_runs if run.ended)

    def speak(self, runs: Sequence[Run], tools: ToolProcess | None) -> None:
        """Let the assistant take its next turn in each. Draws have a run's number, so that two runs
        go apart though all was alike so far.
        """
        for number in sorted({run.sample for run in runs}):
            waiting = {run.row.id: run for run in runs if run.sample == number}
            while waiting:
                try:
                    asked = [
                        run.row.model_copy(update={"prompt": run.spoken})
                        for run in waiting.values()
                    ]
                    given = list(self.model.answer(asked, 1, number))
                except TooLongError as error:
                    run = waiting.pop(error.item)
                    if not run.answered:
                        raise
                    run.ended = "context"
                    continue
                for answer in given:
                    waiting.pop(answer.item).take(answer, tools)

    def let_users_speak(self, runs: Sequence[Run], params: ConversationParams) -> None:
        """Where the assistant did not call a tool."""
        waiting = [run for run in runs if run.turns[-1].role == "assistant"]
        played_ones = [run for run in waiting if run.told]
        for run in (run for run in waiting if not run.told):
            try:
                run.hear(run.user.reply(run.turns))
            except SlowPatternError:
                run.ended = "pattern"
        if params.user and played_ones:
            requests = [
                request_of(params.user, run.told, run.spoken, self.seed + run.sample)
                for run in played_ones
            ]
            for run, reply in zip(played_ones, played(params.user, requests), strict=True):
                run.hear(reply)


# --- what it takes --------------------------------------------------------------------------------


@contextmanager
def ready_tools(rows: Sequence[Row], params: ConversationParams) -> Iterator[ToolProcess | None]:
    """The process of the project's tools, where one of these rows needs it. Raises InputError for
    what the settings, or this machine, lack.
    """
    if not params.user and any(row.scenario and row.scenario.user.told for row in rows):
        problem = "a scenario's user is `told` who to be, and no model is named that plays it"
        raise InputError(problem, file=PARAMS, field=f"{SECTION}.user")
    run = [row for row in rows if row.tools and row.scenario and row.scenario.results is None]
    if not run:
        yield None
        return
    if params.tools is None:
        problem = f"{run[0]} has tools: name the file of their functions, or record its `results`"
        raise InputError(problem, file=PARAMS, field=f"{SECTION}.tools")
    with ToolProcess(params.tools) as process:
        for row in run:
            names = {tool["function"]["name"] for tool in row.tools or ()}
            if lacking := sorted(names - process.functions):
                raise InputError(f"lacks {lacking[0]}, a tool of {row}", file=params.tools)
        yield process


def refuse_unready(rows: Sequence[Row]) -> None:
    """Raise InputError where the conversations of these rows cannot be had."""
    if others := [row for row in rows if row.scenario]:
        with ready_tools(others, load(GenerationParams).conversations):
            pass


def conversation_pin(params: ConversationParams) -> Digest | None:
    """Of what the settings say of how conversations go; None where they say nothing."""
    if params == ConversationParams():
        return None
    if params.tools and not params.tools.is_file():
        raise InputError("is not there", file=params.tools, field=f"{SECTION}.tools")
    tools = digest_file(params.tools) if params.tools else None
    return digest_json([params.turns, tools, params.user and params.user.model])


def conversations_digest() -> Digest:
    """Of all that decides how they go, beside the model."""
    pin = conversation_pin(load(GenerationParams).conversations)
    return digest_json([pin, digest_files(HERE, CODE)])
