"""Eval items that a server answers: what it is asked, what it is pinned by, what goes wrong."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from evaluation import generate
from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation import answering_engine
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import SIDES, Answer, Respondent, Role, answers_of
from evaluation.generation.backends.backend import BackendError
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.contestants import record_engine, recorded_numerics
from evaluation.generation.served_contestant import ServerModel
from evaluation.generation.systems import respondent
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ANSWERS, NUMERICS, TOKENS
from project.records.adapters import Adapter, Contestant, Engine, Numerics
from project.records.data import Row, Split, TokenCount
from project.records.record import write_records
from project.records.scores import ScorePins
from registry.alpha_ledger.looks import numerics_of
from tests import conftest
from tests.evaluation.engine_server import END, Asked, EngineServer, Reply, engine_server
from tests.recorded_project import PARTS, lay_out

ROWS = [Row.of(f"q{i}", f"a{i}", group=str(i), source="test") for i in range(6)]
GREEDY = Decoding(max_new_tokens=5, batch_size=4)
SAMPLED = Decoding(max_new_tokens=5, batch_size=4, temperature=0.5, samples=2)
BARE = Contestant(base=conftest.BASE)
CHAT = "/v1/chat/completions"


@pytest.fixture
def engine() -> Iterator[EngineServer]:
    with engine_server() as server:
        yield server


@pytest.fixture
def adapted(isolate: Path) -> tuple[Contestant, Path]:
    """A contestant, and its adapter as training left it."""
    folder = isolate / "outputs" / "adapter"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return Contestant(base=conftest.BASE, adapter=digest_folder(folder)), folder


def settings(engine: EngineServer, backend: str = "vllm", **others: object) -> None:
    generation = {"backend": backend, "url": engine.url, **others}
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"generation": generation}}))
    conftest.NUMERICS.write(NUMERICS)


def system(
    contestant: Contestant, files: Path | None = None, decoding: Decoding = GREEDY
) -> Respondent:
    return respondent(contestant, files, decoding, answering_numerics())


def answers(
    rows: Sequence[Row] = ROWS,
    contestant: Contestant = BARE,
    files: Path | None = None,
    decoding: Decoding = GREEDY,
) -> list[Answer]:
    return system(contestant, files, decoding).answers(rows, "test", decoding.samples)


# --- what is asked --------------------------------------------------------------------------------


def test_every_row_is_answered_in_its_order(engine: EngineServer) -> None:
    settings(engine)
    found = answers()
    assert [answer.item for answer in found] == [row.id for row in ROWS]
    assert [answer.text for answer in found] == [f"base  {row.prompt_text}" for row in ROWS]
    assert (found[0].tokens, found[0].prompt_tokens) == (len("base  q0"), 2)


def test_greedy_answers_leave_the_settings_of_the_model_aside(engine: EngineServer) -> None:
    settings(engine)
    answers(ROWS[:1])
    (body,) = engine.bodies(CHAT)
    assert body == {
        "model": "base",
        "messages": [{"role": "user", "content": "q0"}],
        "max_tokens": 5,
        "temperature": 0,
        "top_p": 1,
        "top_k": -1,
        "min_p": 0,
        "repetition_penalty": 1,
        "stream": False,
    }


def test_a_server_of_any_kind_gets_openais_fields_alone(engine: EngineServer) -> None:
    settings(engine, "openai", models={"base": "base"})
    answers(ROWS[:1])
    (body,) = engine.bodies(CHAT)
    assert body.keys() == {"model", "messages", "max_tokens", "temperature", "top_p", "stream"}


def test_draws_hang_on_what_is_asked_and_on_nothing_else(engine: EngineServer) -> None:
    settings(engine)
    found = answers(decoding=SAMPLED)
    seeds = {(body["messages"][0]["content"], body["seed"]) for body in engine.bodies(CHAT)}
    assert len(found) == len(seeds) == 2 * len(ROWS)
    assert [answer.sample for answer in found] == [0, 1] * len(ROWS)
    engine.asked.clear()
    assert answers(ROWS[3:4], decoding=SAMPLED) == found[6:8]
    assert {(body["messages"][0]["content"], body["seed"]) for body in engine.bodies(CHAT)} < seeds


def test_a_system_prompt_comes_in_front(engine: EngineServer) -> None:
    settings(engine)
    answers(ROWS[:1], Contestant(base=conftest.BASE, system_prompt="Be short."))
    (body,) = engine.bodies(CHAT)
    assert body["messages"][0] == {"role": "system", "content": "Be short."}


def test_as_many_are_asked_at_a_time_as_the_settings_say() -> None:
    together = threading.Barrier(3, timeout=10)

    def wait(asked: Asked) -> None:
        if asked.path == CHAT:
            together.wait()

    with engine_server(wait) as engine:
        settings(engine, concurrency=3)
        answers()
        assert engine.most_at_once == 3


# --- adapters -------------------------------------------------------------------------------------


def test_an_adapter_answers_under_a_name_of_its_own_and_is_let_go(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    settings(engine)
    contestant, folder = adapted
    name = f"adapter-{str(contestant.adapter)[:12]}"
    found = answers(ROWS, contestant, folder)
    assert found[0].text == f"{name}  q0"
    assert engine.bodies("/v1/unload_lora_adapter") == [{"lora_name": name}]
    assert engine.adapters == {}


def test_a_server_gets_a_copy_of_an_adapter_that_no_training_writes_over(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    settings(engine)
    contestant, folder = adapted
    answers(ROWS, contestant, folder)
    (body,) = engine.bodies("/v1/load_lora_adapter")
    copy = Path(body["lora_path"])
    assert copy == (home() / "adapters" / str(contestant.adapter)).resolve()
    assert digest_folder(copy) == contestant.adapter


def test_an_adapter_that_was_there_before_stays(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    settings(engine)
    name = f"adapter-{str(adapted[0].adapter)[:12]}"
    engine.adapters[name] = "of somebody else"
    answers(ROWS, *adapted)
    assert engine.adapters == {name: "of somebody else"}


def test_a_folder_with_another_adapter_is_refused(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    settings(engine)
    (adapted[1] / "adapter_model.safetensors").write_bytes(b"trained again")
    with pytest.raises(IncumbentError, match="holds another adapter"):
        answers(ROWS, *adapted)
    assert engine.adapters == {}


def test_an_adapter_is_let_go_after_a_failure_too(adapted: tuple[Contestant, Path]) -> None:
    def refuse(asked: Asked) -> Reply | None:
        return Reply.error(400, "too long") if asked.path == CHAT else None

    with engine_server(refuse) as engine:
        settings(engine)
        with pytest.raises(IncumbentError, match="too long"):
            answers(ROWS, *adapted)
        assert engine.adapters == {}


def test_an_adapter_that_the_server_cannot_load_is_an_error_with_its_words(
    adapted: tuple[Contestant, Path],
) -> None:
    def refuse(asked: Asked) -> Reply | None:
        refused = asked.path == "/v1/load_lora_adapter"
        return Reply.error(500, "rank 64 is too high") if refused else None

    with engine_server(refuse) as engine:
        settings(engine)
        with pytest.raises(IncumbentError, match=r"cannot answer by .*: rank 64 is too high"):
            answers(ROWS, *adapted)


def test_a_model_stands_for_a_contestant_on_a_server_of_any_kind(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    engine.adapters["ours"] = "there"
    settings(engine, "openai", models={str(adapted[0].adapter)[:12]: "ours"})
    assert answers(ROWS, *adapted)[0].text == "ours  q0"
    assert engine.bodies("/v1/load_lora_adapter") == []


def test_a_contestant_without_a_model_is_refused_by_the_name_of_the_field(
    engine: EngineServer, adapted: tuple[Contestant, Path]
) -> None:
    settings(engine, "openai", models={"base": "base"})
    with pytest.raises(InputError, match=r"evaluation\.generation\.models") as refused:
        answers(ROWS, *adapted)
    assert str(adapted[0].adapter)[:12] in str(refused.value)


# --- references -----------------------------------------------------------------------------------


@pytest.fixture
def base_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The base's files lie here too, and say which token ends an answer."""
    (tmp_path / "config.json").write_text(f'{{"eos_token_id": [{ord(END)}]}}')
    monkeypatch.setattr("evaluation.generation.served_contestant.folder_here", lambda _: tmp_path)


@pytest.mark.usefixtures("base_here")
def test_a_reference_counts_up_to_its_end_token(engine: EngineServer) -> None:
    settings(engine)
    (found,) = answers(ROWS[1:2])
    expected = [-ord(c) / 100 for c in f"a1{END}"]
    assert found.reference_logprob == pytest.approx(sum(expected) / 3)
    assert found.reference_tokens == 3


@pytest.mark.usefixtures("base_here")
def test_log_probabilities_of_prompts_are_asked_for_one_at_a_time() -> None:
    """More of them in one batch are the end of an engine: vLLM 0.32, on a processor."""

    def alone(asked: Asked) -> Reply | None:
        crowded = asked.path == "/v1/completions" and server.running > 1
        return Reply.error(400, "crowded") if crowded else None

    with engine_server(alone) as server:
        settings(server)
        answers()
        assert len(server.bodies("/v1/completions")) == len(ROWS)


@pytest.mark.usefixtures("base_here")
def test_a_reference_that_is_too_long_for_the_model_is_not_read() -> None:
    def refuse(asked: Asked) -> Reply | None:
        return Reply.error(400, "too long") if asked.path == "/v1/completions" else None

    with engine_server(refuse) as engine:
        settings(engine)
        assert answers(ROWS[:1])[0].reference_logprob is None


def test_without_the_base_here_no_reference_is_read(engine: EngineServer) -> None:
    settings(engine)
    (found,) = answers(ROWS[:1])
    assert (found.reference_logprob, found.reference_tokens) == (None, None)


# --- pins -----------------------------------------------------------------------------------------


def test_answers_of_another_version_are_made_anew(engine: EngineServer) -> None:
    settings(engine)
    assert str(system(BARE).system.numerics) == "vllm 1.0 with bank/base"
    answers()
    answers()
    assert len(engine.bodies(CHAT)) == len(ROWS)
    engine.version = "1.1"
    answers()
    assert len(engine.bodies(CHAT)) == 2 * len(ROWS)


def test_a_server_that_was_replaced_since_answers_nothing(engine: EngineServer) -> None:
    settings(engine)
    asked = system(BARE)
    engine.version = "1.1"
    with pytest.raises(IncumbentError, match=r"answered by vllm 1\.0.* is now vllm 1\.1"):
        asked.answers(ROWS, "test")


def test_another_name_for_a_contestant_is_another_system(engine: EngineServer) -> None:
    settings(engine, "openai", models={"base": "one"})
    one = system(BARE).system
    settings(engine, "openai", models={"base": "other"})
    assert system(BARE).system.digest != one.digest


def test_scores_under_different_engines_are_different_measurements() -> None:
    pins = ScorePins(
        eval_set="e" * 64, base="b" * 64, champion=None, challenger="c" * 64,
        decoding="d" * 64, scorers="s" * 64, numerics=conftest.NUMERICS,
    )  # fmt: skip
    by_engine = conftest.NUMERICS.model_copy(
        update={"engine": Engine(name="vllm", version="1.0", model="base")}
    )
    other = pins.model_copy(update={"numerics": by_engine})
    assert numerics_of(pins) != numerics_of(other)


def test_numerics_without_a_server_keep_their_bytes() -> None:
    """And so all digests of what was stored before there were engines."""
    Path("params.yaml").write_text("{}")
    stored = b'{"dequantized":false,"precision":"float32","processor":"p","quantization":"none"}'
    numerics = Numerics(precision="float32", processor="p")
    assert numerics.canonical() == stored
    assert "model" not in respondent(BARE, None, GREEDY, numerics).system.model_dump()


def test_the_engine_is_recorded_beside_the_answers_of_a_server(engine: EngineServer) -> None:
    settings(engine)
    numerics = answering_numerics()
    ANSWERS.mkdir(parents=True)
    record_engine(numerics, ANSWERS)
    assert recorded_numerics() == numerics
    assert numerics.engine == Engine(name="vllm", version="1.0", model="bank/base")


def test_nothing_is_recorded_where_this_process_answers() -> None:
    Path("params.yaml").write_text("{}")
    conftest.NUMERICS.write(NUMERICS)
    ANSWERS.mkdir(parents=True)
    record_engine(answering_numerics(), ANSWERS)
    assert list(ANSWERS.iterdir()) == []
    assert recorded_numerics() == conftest.NUMERICS


def test_settings_that_changed_since_the_answers_are_refused(engine: EngineServer) -> None:
    settings(engine)
    numerics = answering_numerics()
    settings(engine, "embedded")
    with pytest.raises(InputError, match="is now embedded: run `dvc repro`"):
        respondent(BARE, None, GREEDY, numerics)


def test_a_server_that_is_away_is_named_with_the_field(engine: EngineServer) -> None:
    settings(engine)
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(engine.url, "http://127.0.0.1:1/v1"))
    with pytest.raises(IncumbentError, match=r"check evaluation\.generation\.url"):
        answering_numerics()


def test_a_server_that_does_not_answer_in_time_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering_engine, "ANSWER_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        settings(EngineServer(url))
        with pytest.raises(IncumbentError, match="no answer in time"):
            answering_numerics()


# --- what passes ----------------------------------------------------------------------------------


def test_a_busy_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluation.generation.served_contestant.PAUSES", (0.0, 0.0))
    busy = iter([Reply.error(503, "busy"), Reply.error(429, "busy")])
    with engine_server(lambda a: next(busy, None) if a.path == CHAT else None) as engine:
        settings(engine)
        assert answers(ROWS[:1])[0].text == "base  q0"


def test_it_is_waited_as_long_as_a_busy_server_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer() -> str:
        if refusals:
            raise refusals.pop(0)
        return "here"

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    refusals = [BackendError(429, "busy", wait=7.0), BackendError(503, "away", wait=1e6)]
    waited = list[float]()
    monkeypatch.setattr(asyncio, "sleep", wait)
    with asyncio.Runner() as runner:
        model = ServerModel(OpenAIServer("http://127.0.0.1:1/v1"), "m", Decoding(), runner)
        assert runner.run(model.kept_at(ROWS[0], answer)) == "here"
    assert waited == [7.0, 600.0]


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"choices": []},
        {"choices": [{"message": {"content": "no usage"}}]},
        {"choices": [{"message": {"content": ["parts"]}}], "usage": {}},
    ],
)
def test_an_answer_that_is_none_is_refused(reply: dict[str, object]) -> None:
    with engine_server(lambda a: Reply.of(reply) if a.path == CHAT else None) as engine:
        settings(engine)
        with pytest.raises(IncumbentError, match="with no chat completion, or without `usage`"):
            answers(ROWS[:1])


def test_a_model_that_says_nothing_says_nothing() -> None:
    nothing = {"choices": [{"message": {"content": None}}]}
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    with engine_server(lambda a: Reply.of(nothing | usage) if a.path == CHAT else None) as engine:
        settings(engine)
        assert answers(ROWS[:1])[0].text == ""


@pytest.mark.parametrize("name", ["", "BASE", "abc", "0" * 64])
def test_a_name_that_is_no_adapters_is_refused_in_the_settings(name: str) -> None:
    with pytest.raises(ValueError, match="neither base nor 12 digits"):
        GenerationParams(models={name: "m"})


# --- stages ---------------------------------------------------------------------------------------


def run_generate(engine: EngineServer) -> None:
    """A project whose eval items a server answers, after stage `generate`."""
    settings(engine)
    lay_out(Path("params.yaml").read_text())
    write_records(TOKENS, [TokenCount(row=row.id, prompt=9, completion=5) for row in ROWS])
    generate.main()


def test_the_server_answers_for_both_sides(engine: EngineServer) -> None:
    run_generate(engine)
    adapter = Adapter.read(ADAPTER).files[:12]
    champion, challenger = (
        Answer.read_lines(answers_of(role, Split.DEV))[0].text for role in SIDES
    )
    assert champion.startswith("base ")
    assert challenger.startswith(f"adapter-{adapter} ")
    assert engine.adapters == {}


def test_sealed_items_are_answered_by_the_engine_that_answered_dev(engine: EngineServer) -> None:
    run_generate(engine)
    sealed = PARTS[Split.SEALED]
    assert len(
        generate.answering_in(recorded_numerics())[Role.CHALLENGER].answers(sealed, "sealed")
    ) == len(sealed)
    engine.version = "1.1"
    with pytest.raises(IncumbentError, match="run `dvc repro`"):
        generate.answering_in(recorded_numerics())[Role.CHAMPION].answers(sealed, "sealed")


def test_what_is_cached_needs_no_server(engine: EngineServer) -> None:
    run_generate(engine)
    with engine_server() as gone:
        url = gone.url
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(engine.url, url))
    dev = PARTS[Split.DEV]
    assert len(
        generate.answering_in(recorded_numerics())[Role.CHAMPION].answers(dev, "dev")
    ) == len(dev)
    assert all(seconds is not None for seconds in generate.seconds().values())
