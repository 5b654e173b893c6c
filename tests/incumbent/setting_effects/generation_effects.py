"""What the keys of section `evaluation.generation` do: who is asked for the answers, and how."""

from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.systems import respondent
from project.canonical import digest_folder
from project.paths import NUMERICS
from project.records.adapters import Contestant
from project.records.data import Row
from tests import conftest
from tests.evaluation.engine_server import engine_server
from tests.incumbent.setting_effects.effect import Effect, ShownBy

SECTION = "evaluation.generation"
PORT = "127.0.0.1:1"  # stands for that of the server that is asked
ROW = Row.of("q", "a", group="g", source="s")
SERVER: dict[str, Any] = {
    f"{SECTION}.backend": "vllm",
    f"{SECTION}.url": f"http://{PORT}/v1",
    f"{SECTION}.models": {"base": "base"},
}
OPENAI = {**SERVER, f"{SECTION}.backend": "openai"}


def asked_for(contestant: Contestant, files: Path | None) -> dict[str, Any]:
    """What a server gets to see of a row: paths, key, models and folders."""
    conftest.NUMERICS.write(NUMERICS)
    with engine_server() as engine:
        engine.adapters["one"] = "/one"
        params = Path("params.yaml")
        params.write_text(params.read_text().replace(PORT, engine.url.split("/")[2]))
        decoding, numerics = Decoding(max_new_tokens=2), answering_numerics()
        respondent(contestant, files, decoding, numerics).answers([ROW], "test")
        return {
            "paths": [asked.path for asked in engine.asked],
            "keys": {asked.authorization for asked in engine.asked},
            "models": [asked.body.get("model") for asked in engine.asked],
            "folders": [asked.body.get("lora_path") for asked in engine.asked],
        }


def bare() -> dict[str, Any]:
    return asked_for(Contestant(base=conftest.BASE), None)


def with_adapter() -> dict[str, Any]:
    folder = Path("an-adapter")
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return asked_for(Contestant(base=conftest.BASE, adapter=digest_folder(folder)), folder)


TESTS = "tests/evaluation/test_server_model.py"
OWN = "tests/evaluation/test_own_vllm.py::test_answers_are_pinned_by"
TALKS = "tests/evaluation/test_conversations.py::test"
PLAYED = f"{TALKS}_a_user_that_a_model_plays_hears_words_alone_and_leaves_when_it_has_what_it_wants"
OTHERS = f"{TALKS}_other_tools_turns_or_users_are_other_conversations_and_no_other_answers"
EFFECTS: dict[str, Effect | ShownBy] = {
    f"{SECTION}.backend": Effect(("vllm", "openai"), bare, "paths", SERVER),
    f"{SECTION}.url": Effect((None, f"http://{PORT}/v1"), bare, beside=OPENAI, refused=True),
    f"{SECTION}.vllm_python": ShownBy(f"{OWN}_its_version_and_its_options"),
    f"{SECTION}.vllm_options": ShownBy(f"{OWN}_its_version_and_its_options"),
    f"{SECTION}.key_variable": Effect((None, "INCUMBENT_ACTOR"), bare, "keys", SERVER),
    f"{SECTION}.models": Effect(({"base": "base"}, {"base": "one"}), bare, "models", OPENAI),
    f"{SECTION}.adapters": Effect(("/here", "/there"), with_adapter, "folders", SERVER),
    f"{SECTION}.concurrency": ShownBy(
        f"{TESTS}::test_as_many_are_asked_at_a_time_as_the_settings_say"
    ),
    f"{SECTION}.conversations": ShownBy(OTHERS),
    f"{SECTION}.conversations.tools": ShownBy(
        f"{TALKS}_what_the_settings_lack_is_said_before_anything_is_answered"
    ),
    f"{SECTION}.conversations.turns": ShownBy(
        f"{TALKS}_a_conversation_is_cut_after_so_many_turns_of_the_assistant"
    ),
    f"{SECTION}.conversations.user": ShownBy(OTHERS),
    f"{SECTION}.conversations.user.url": ShownBy(PLAYED),
    f"{SECTION}.conversations.user.model": ShownBy(OTHERS),
    f"{SECTION}.conversations.user.key_variable": ShownBy(PLAYED),
}
