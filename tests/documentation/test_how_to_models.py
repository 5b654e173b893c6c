"""How-tos that make a small model: each works as it stands."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.documentation.walk import walk
from tests.judge_server import Asked, Reply, judge_server
from tests.vendor_fixture import MODEL, write_vendor_files

HOW_TO = ROOT / "docs/how-to"


@pytest.mark.slow
def test_another_base_works_as_it_stands(warm_bin: Path, tmp_path: Path) -> None:
    walk(HOW_TO / "base-models.md", tmp_path / "reader", warm_bin)


@pytest.mark.slow
def test_a_vendors_tuned_model_is_replaced(warm_bin: Path, tmp_path: Path) -> None:
    write_vendor_files(tmp_path / "reader")
    with judge_server(tuned_model, models=[MODEL]) as server:
        variables = {"VENDOR_URL": server.url, "OPENAI_API_KEY": "sk-of-a-reader"}
        walk(HOW_TO / "leave-a-vendor.md", tmp_path / "reader", warm_bin, variables)
    assert {asked.authorization for asked in server.asked} == {"Bearer sk-of-a-reader"}


def tuned_model(_: Asked) -> Reply:
    """Answers alike to everything."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    return Reply("please ask", fields={"model": MODEL, "usage": usage})


@pytest.mark.slow
def test_people_and_a_language_model_judge(warm_bin: Path, tmp_path: Path) -> None:
    with judge_server(likes_words_of_the_request, models=["a-judge"]) as server:
        variables = {"JUDGE_URL": server.url, "JUDGE_MODEL": "a-judge", "JUDGE_KEY": "a-key"}
        walk(HOW_TO / "people-and-judges.md", tmp_path / "reader", warm_bin, variables)
    assert {asked.authorization for asked in server.asked} == {"Bearer a-key"}


def likes_words_of_the_request(asked: Asked) -> Reply:
    """Of two answers the one that says more of what was asked."""
    words = {name: set(re.findall(r"\w+", text.lower())) for name, text in asked.material.items()}
    first, second = (len(words["REQUEST"] & words[f"ANSWER {side}"]) for side in ("A", "B"))
    verdict = "TIE" if first == second else "A" if first > second else "B"
    return Reply(f"VERDICT: {verdict}")
