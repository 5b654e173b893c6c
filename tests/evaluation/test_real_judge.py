"""A real language model as the judge, behind a server: a small one, which is worth nothing."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.evaluation_settings import JudgeParams
from evaluation.preference.judge_calibration import calibrate
from evaluation.preference.llm_judge import LlmJudge
from evaluation.preference.worse_answers import WORSE
from project.records.preferences import PreferencePair
from tests.judge_server import Asked, Behaviour, Reply, judge_server

ANSWERS = {
    "How long does a transfer take?": "A transfer takes 1 working day inside the country.",
    "When is the library open?": "The library is open from Monday to Saturday until 19 o'clock.",
}


def answered_by(folder: Path) -> Behaviour:
    """What a model answers greedily, as servers do at temperature 0."""
    # Imported here so that the fast tests do not wait for torch.
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")

    def behaviour(asked: Asked) -> Reply:
        given = tokenizer.apply_chat_template(
            asked.body["messages"], add_generation_prompt=True, return_tensors="pt"
        )
        made = model.generate(
            **given, max_new_tokens=asked.body["max_tokens"], do_sample=False, pad_token_id=0
        )
        text = tokenizer.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        return Reply(text, fields={"model": folder.name})

    return behaviour


@pytest.mark.usefixtures("any_noise")
@pytest.mark.slow
def test_a_small_model_prefers_the_first_answer_and_its_calibration_says_so(
    base_model: Path,
) -> None:
    pairs = [
        PreferencePair(prompt=prompt, chosen=good, rejected=str(WORSE["impolite"](good, prompt)))
        for prompt, good in ANSWERS.items()
    ]
    with judge_server(answered_by(base_model)) as server:
        params = JudgeParams(url=server.url, model="m", reasons=False, max_tokens=4, concurrency=1)
        found = calibrate(LlmJudge(params), pairs)
    assert found.judge is not None
    assert found.judge.served == base_model.name
    assert found.wobble == 0
    assert found.n + found.unjudged == len(pairs)
    assert found.advisory is not None
    assert found.first_rate is None or found.first_rate > 0.5
