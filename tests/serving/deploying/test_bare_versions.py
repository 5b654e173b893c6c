"""A hosted model, and a prompt on the base, behind the gateway: deployed, asked, rolled back."""

import asyncio
from pathlib import Path

import pytest

from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Body, Endpoint
from project.canonical import digest_folder
from project.records.adapters import SHEET, ContestantSheet, HostedModel, ModelPin
from tests.conftest import BASE
from tests.judge_server import Asked, Reply, judge_server
from tests.serving.deploying.conftest import Site
from tests.serving.deploying.fake_replica import words_of

CHAT: Body = {"messages": [{"role": "user", "content": "who?"}]}


def added(site: Site, base: ModelPin, prompt: str | None) -> int:
    sheet = ContestantSheet(base=base, system_prompt=prompt, evidence_template=None)
    folder = Path(f"sheet-{sheet.digest[:8]}")
    sheet.write(folder / SHEET)
    adapter = sheet.adapter(digest_folder(folder))
    number = site.registry.submit(adapter, folder, "added", sheet).number
    site.registry.promote(number, "by hand", force=True)
    return number


def asked(site: Site, number: int) -> Body:
    deployment = site.deployment(number)
    replica = site.table.replica(deployment)
    assert replica is not None
    return asyncio.run(replica.answer(Endpoint.CHAT, {**CHAT, "model": deployment.name}))


def test_the_traffic_goes_to_a_hosted_model_and_back_to_it(site: Site) -> None:
    with judge_server(lambda _: Reply("hosted", fields={"model": "m-2026"})) as server:
        first = added(site, HostedModel(url=server.url, model="m").pin, None)
        site.follow()
        assert site.deployed == first
        answer = asked(site, first)
        assert answer["choices"][0]["message"]["content"] == "hosted"
        assert answer["model"] == site.name(first)
        assert server.asked[-1].body["model"] == "m"

        second = site.promote("good")
        site.follow()
        assert site.deployed == second

        site.registry.rollback("back")
        site.follow()
        assert site.moves() == [first, second, first]


def test_a_look_at_which_a_hosted_model_is_away_leaves_its_route(site: Site) -> None:
    with judge_server(lambda _: Reply("hosted", fields={"model": "m"})) as server:
        first = added(site, HostedModel(url=server.url, model="m").pin, None)
        site.follow()
    site.follow()
    with pytest.raises(BackendError) as away:
        asked(site, first)
    assert away.value.status == UNREACHABLE


def test_a_hosted_model_that_wants_the_newer_name_of_max_tokens_gets_it(site: Site) -> None:
    def newer(asked: Asked) -> Reply:
        if "max_tokens" in asked.body:
            return Reply(status=400, raw=b'{"error": {"message": "use max_completion_tokens"}}')
        return Reply("hosted", fields={"model": "m"})

    with judge_server(newer) as server:
        first = added(site, HostedModel(url=server.url, model="m").pin, None)
        site.follow()
        assert site.deployed == first
        assert server.asked[-1].body["max_completion_tokens"] > 0


def test_a_prompt_is_the_base_under_another_name(site: Site) -> None:
    number = added(site, BASE, "Be brief.")
    site.follow()
    assert site.deployed == number
    answer = asked(site, number)
    assert answer["choices"][0]["message"]["content"] == words_of("base", "who?")
    assert answer["model"] == site.name(number)


def test_a_server_that_lets_another_model_answer_is_not_believed(site: Site) -> None:
    with judge_server(lambda _: Reply("?", fields={"model": "m-mini"})) as server:
        added(site, HostedModel(url=server.url, model="m").pin, None)
        site.follow()
    assert site.deployed is None
    assert [step for _, step, _ in site.failures()] == ["golden"]
