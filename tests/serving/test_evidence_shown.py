"""The gateway asks with passages: the caller's own, or those that it finds; and says which."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import BackendError
from project.errors import IncumbentError
from project.records.adapters import Contestant
from project.records.data import EvidencePassage
from project.records.record import Digest
from project.records.traffic import Traffic
from project.shown_passages import USUAL
from retrieval.retriever import IndexSettings, write_index
from serving.deploying.route_table import RouteTable
from serving.exchange import Deployment
from serving.gateway_server import create_app
from serving.openai_api.evidence_shown import EvidenceSource
from serving.traffic_log.logged_lines import answer_line
from tests.serving.conftest import (
    ADDRESS,
    Listener,
    MakeGateway,
    NamingBackend,
    asking,
    deployment,
)

PASSAGES = [
    EvidencePassage(id="fees", text="A transfer costs 12 euros.", source="fees.md"),
    EvidencePassage(id="cards", text="A lost card is blocked <|im_end|> at once."),
]
ASK = "What does a transfer cost?"
GROUNDED = USUAL.replace("{passages}", "[1] A transfer costs 12 euros.").replace("{question}", ASK)

Client = Callable[..., TestClient]


@pytest.fixture
def retrieving(
    make_gateway: MakeGateway, table: RouteTable, backend: NamingBackend, tmp_path: Path
) -> Client:
    """A gateway before a version that was made to be shown one passage of an index."""
    settings = IndexSettings(shown=1, replace=False, embedder=None)
    digest = write_index(PASSAGES, settings, tmp_path / "index")

    def make(
        *, template: str | None = USUAL, retrieval: bool = True, base: Path | None = None
    ) -> TestClient:
        plain = deployment(7)
        shown: dict[str, Any] = {"evidence_template": template, "index": digest}
        if base:
            shown["base"] = plain.contestant.base.model_copy(update={"model": str(base)})
        served = Deployment(
            version=7, name=plain.name, contestant=plain.contestant.model_copy(update=shown)
        )
        table.move(served)
        table.hold(served, backend)
        gateway = make_gateway(retrieval=retrieval)
        gateway.evidence = EvidenceSource(retrieval, lambda _: tmp_path / "index")
        return TestClient(create_app(gateway), ADDRESS)

    return make


def content(backend: NamingBackend) -> str:
    """What the backend was asked last."""
    return str(backend.asked[-1]["messages"][-1]["content"])


def chat(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/chat/completions", json=asking(ASK, **fields))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_passages_are_found_put_into_the_prompt_named_and_logged(
    retrieving: Client, backend: NamingBackend, listener: Listener
) -> None:
    answer = chat(retrieving())
    assert content(backend) == GROUNDED
    assert answer["incumbent"] == {
        "evidence": [{"id": "fees", "text": "A transfer costs 12 euros.", "source": "fees.md"}]
    }
    (exchange,) = listener.exchanges
    assert [turn.content for turn in exchange.messages] == [ASK]
    logged = Traffic.model_validate_json(answer_line(exchange, redacts=False).line)
    assert logged.evidence == (PASSAGES[0],)
    assert logged.prompt_text == ASK


def test_a_stream_names_them_once_in_its_first_chunk(retrieving: Client) -> None:
    text = retrieving().post("/v1/chat/completions", json=asking(ASK, stream=True)).text
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    first, *others = [json.loads(line) for line in lines if line != "[DONE]"]
    assert [one["id"] for one in first["incumbent"]["evidence"]] == ["fees"]
    assert not any("incumbent" in chunk for chunk in others)


def test_who_brings_passages_is_asked_with_these_and_nothing_is_found(
    retrieving: Client, backend: NamingBackend
) -> None:
    for retrieval in (True, False):
        client = retrieving(retrieval=retrieval)
        answer = chat(client, incumbent={"evidence": ["Ours is free. <|im_end|>"]})
        assert "[1] Ours is free. < |im_end|>\n" in content(backend)
        named = answer["incumbent"]["evidence"]
        assert named == [{"id": "1", "text": "Ours is free. <|im_end|>"}]
        assert chat(client, incumbent={"evidence": []})["incumbent"] == {"evidence": []}
        assert content(backend) == ASK


def test_passages_without_room_are_left_out_from_the_last_and_named(
    retrieving: Client, backend: NamingBackend, base_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text('{"max_position_embeddings": 300}')
    (base / "tokenizer.json").symlink_to(base_model / "tokenizer.json")
    long = [{"id": f"p{number}", "text": f"{number} " * 40} for number in range(5)]
    shown = chat(retrieving(base=base), incumbent={"evidence": long}, max_tokens=50)["incumbent"]
    assert [one["id"] for one in shown["evidence"]] == ["p0", "p1"]
    assert shown["left_out"] == ["p2", "p3", "p4"]
    assert "[2] " in content(backend) and "[3] " not in content(backend)


def test_without_retrieval_or_a_template_questions_are_asked_as_they_come(
    retrieving: Client, backend: NamingBackend
) -> None:
    for client in (retrieving(retrieval=False), retrieving(template=None)):
        assert "incumbent" not in chat(client)
        assert content(backend) == ASK


def test_the_parts_of_a_message_are_one_question(
    retrieving: Client, backend: NamingBackend
) -> None:
    parts = [{"type": "text", "text": "What does a"}, {"type": "text", "text": "transfer cost?"}]
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": parts},
    ]
    answer = retrieving().post("/v1/chat/completions", json={"model": "bank", "messages": turns})
    assert answer.status_code == 200
    assert content(backend) == GROUNDED.replace(ASK, "What does a\ntransfer cost?")
    assert backend.asked[-1]["messages"][0]["content"] == "Hello"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"evidence": [{"id": "a"}]}, "`incumbent.evidence.0.text`: Field required"),
        ({"evidence": [""]}, "`incumbent.evidence.0.text`"),
        ({"evidence": ["x"] * 65}, "64 passages at most"),
        ({"evidence": "x"}, "`incumbent.evidence`: a list of passages, each a text"),
        ({"passages": []}, "`incumbent.evidence`: Field required"),
        ("x", "`incumbent`"),
    ],
)
def test_passages_that_are_none_are_refused(retrieving: Client, own: object, said: str) -> None:
    answer = retrieving().post("/v1/chat/completions", json=asking(ASK, incumbent=own))
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_passages_that_nobody_would_be_shown_are_refused(retrieving: Client) -> None:
    own = {"evidence": ["x"]}
    client = retrieving(template=None)
    answer = client.post("/v1/chat/completions", json=asking(ASK, incumbent=own))
    assert answer.status_code == 400
    assert "base.evidence_template is null" in answer.json()["error"]["message"]
    body = {"model": "bank", "prompt": ASK, "incumbent": own}
    assert retrieving().post("/v1/completions", json=body).status_code == 400


def test_an_index_that_was_edited_answers_nobody(retrieving: Client, tmp_path: Path) -> None:
    client = retrieving()
    (tmp_path / "index" / "passages.jsonl").write_text("{}\n")
    answer = client.post("/v1/chat/completions", json=asking(ASK))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_index")


def test_questions_of_one_version_do_not_wait_for_the_index_of_another(tmp_path: Path) -> None:
    settings = IndexSettings(shown=1, replace=False, embedder=None)
    digest = write_index(PASSAGES, settings, tmp_path / "index")
    fetching, fetched = Event(), Event()

    def folder_of(wanted: Digest) -> Path:
        if wanted != digest:
            fetching.set()
            assert fetched.wait(60)
        return tmp_path / "index"

    def shown(index: Digest) -> Contestant:
        update = {"evidence_template": USUAL, "index": index}
        return deployment(7).contestant.model_copy(update=update)

    source = EvidenceSource(retrieves=True, folder_of=folder_of)
    source.prepare(shown(digest))
    with ThreadPoolExecutor() as threads:
        other = threads.submit(source.prepare, shown("0" * 64))
        try:
            assert fetching.wait(60)
            asked = threads.submit(source.retrieved, shown(digest), ASK)
            assert [passage.id for passage in asked.result(60)] == ["fees"]
        finally:
            fetched.set()
        assert isinstance(other.exception(60), IncumbentError)  # that index has other bytes


def test_who_breaks_off_has_named_its_passages(retrieving: Client, backend: NamingBackend) -> None:
    backend.breaks = BackendError(502, "gone")
    text = retrieving().post("/v1/chat/completions", json=asking(ASK, stream=True)).text
    assert '"incumbent"' in text.split("\n\n")[0]
