"""A real vLLM that the process which answers, or learns from its answers, starts for itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_engine import answering_numerics, server_kept
from evaluation.generation.answers import Respondent
from evaluation.generation.backends.own_vllm import OwnVllm
from evaluation.generation.systems import respondent
from incumbent import grpo
from incumbent.drawn_answers import AnswerDraws, draws_by_settings
from project import paths
from project.canonical import digest_folder
from project.errors import IncumbentError
from project.libraries import processor_kind
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant, Numerics
from project.records.data import Row
from tests.incumbent.test_grpo_rewards import assert_nothing_is_left, set_reward, write_inputs
from tests.serving.vllm.server import vllm_options, vllm_python, vllms_of
from tests.training.kept_steps import ADAPTER
from training.training_settings import GrpoParams

pytestmark = pytest.mark.slow

DECODING = Decoding(max_new_tokens=8, batch_size=4)
ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="sums")
    for i in range(4)
]
GRPO = GrpoParams(
    epochs=2,
    batch_size=4,
    gradient_accumulation=2,
    group=4,
    learning_rate=0.003,
    max_new_tokens=6,
    rewards={"digits": 1.0},
)
MINE = """
import datasets, evaluate

class Mine(evaluate.Metric):
    more_is_better = ("mine",)
    ranges = (("mine", 0, 1),)
    calls = 0
    def _info(self):
        texts = datasets.Features({"predictions": datasets.Value("string")})
        return evaluate.MetricInfo(description="", citation="", features=texts)
    def _compute(self, predictions):
        Mine.calls += 1
        if Mine.calls == 2:
            raise KeyError("x")
        return {"mine": [len(text) % 2 for text in predictions]}
"""


def generation_in(folder: Path) -> dict[str, Any]:
    """Settings for a vLLM that works in a folder."""
    python = str(vllm_python(folder))
    return {"backend": "vllm", "vllm_python": python, "vllm_options": vllm_options()}


def reinforce(numerics: Numerics, contestant: Contestant, folder: Path) -> None:
    """A few steps on its answers: it draws by the newest weights, with their probabilities."""
    from training.steps.grpo_step import Drawing, Reward, grpo_step_data
    from training.steps.run_step import StepContext, learn, prepare

    def digits(rows: Sequence[Row], answers: Sequence[Any]) -> list[float | None]:
        return [sum(map(str.isdigit, one.text)) / max(1, len(one.text)) for one in answers]

    ground = StepContext(contestant, numerics.model_copy(update={"engine": None}), ADAPTER)
    draws = draws_by_settings(ground)
    data = grpo_step_data(ROWS, [Reward("digits", 1.0, digits)], "c" * 64, draws, GRPO)
    run = prepare(data, ground)
    record = learn(run, folder)
    assert record.recipe and record.recipe.grpo
    assert record.recipe.grpo.engine == numerics.engine
    logs = [log for log in run.trainer.state.log_history if "kl" in log]
    assert len(logs) == 4
    assert max(log["sampling/sampling_logp_difference/max"] for log in logs) < 1e-3
    assert logs[-1]["kl"] > 0.01
    prompts, ends = [[5, 6, 7], [9]], frozenset([1])
    ours = AnswerDraws()(run.model, prompts, Drawing(1e-6, 8, ends)).tokens
    assert draws(run.model, prompts, Drawing(0, 8, ends)).tokens == ours
    with run.model.disable_adapter():
        assert AnswerDraws()(run.model, prompts, Drawing(1e-6, 8, ends)).tokens != ours


def test_all_on_one_base_share_it_and_it_ends_when_they_have_their_answers(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    generation = generation_in(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"generation": generation}}))
    Numerics(precision="float32", processor=processor_kind()).write(paths.NUMERICS)
    numerics = answering_numerics()
    pinned = pin(ModelChoice(model=str(base)), "base")

    def system(adapter: Path | None) -> Respondent:
        digest = digest_folder(adapter) if adapter else None
        return respondent(Contestant(base=pinned, adapter=digest), adapter, DECODING, numerics)

    def said(adapter: Path | None) -> list[str]:
        return [answer.text for answer in system(adapter).answers(ROWS, "test")]

    with server_kept():
        bare = said(None)
        started = OwnVllm.running
        assert started and vllms_of(tmp_path)
        ant = said(adapters["ant"])
        reinforce(numerics, Contestant(base=pinned), tmp_path / "reinforced")
        assert OwnVllm.running is started
    assert OwnVllm.running is None and not vllms_of(tmp_path)
    assert bare != ant


def test_it_ends_with_a_step_that_fails(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    Path("mine.py").write_text(MINE)
    write_inputs(base)
    set_reward("mine:Mine", "mine", **generation_in(tmp_path))
    with pytest.raises(IncumbentError, match="the reward by mine:Mine raised KeyError"):
        grpo.main()
    assert OwnVllm.running is None and not vllms_of(tmp_path)
    assert_nothing_is_left()
