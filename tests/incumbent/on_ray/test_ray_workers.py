"""Two workers of a real Ray cluster give what this process gives, to the byte, and so do those that
take the place of a killed one.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer, Model, Respondent
from evaluation.generation.systems import respondent
from monitoring.features import embedder
from monitoring.features.embedder import Embedder
from monitoring.signals.array_types import Floats
from project.engine import embedded_texts
from project.engine.embedded_texts import Embed
from project.engine.engine_settings import RayParams
from project.engine.mapped import mapped
from project.errors import InputError
from project.files import home
from project.model_pins import ModelChoice, pin
from project.processor import processor_kind
from project.progress import Report, watched
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Row
from tests.incumbent.setting_effects.models import save_base

pytestmark = pytest.mark.slow

CLUSTER = RayParams(workers=2, cpus_per_worker=1)
ON_RAY = "engine: ray\nray: {workers: 2, cpus_per_worker: 1}\n"
ROWS = [
    Row.of(f"{'so ' * (i % 5)}what is {i} ?", f"it is {i} .", group=str(i), source="test")
    for i in range(24)
]
DECODING = Decoding(max_new_tokens=6, batch_size=2)  # so three units of eight rows


@pytest.fixture
def mark() -> Path:
    """Where a worker that kills itself leaves word, so that the next one lives."""
    return Path("killed").absolute()


def die_once(mark: Path) -> None:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A model that is killed once, with half a unit answered."""

    def __init__(self, model: Model, mark: Path) -> None:
        self.model = model
        self.mark = mark

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for number, answer in enumerate(self.model.answer(rows, samples)):
            if number == len(rows) // 2:
                die_once(self.mark)
            yield answer

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return self.model.reference_logprobs(rows)


def load_mortal(load: Callable[[], Model], mark: Path) -> Mortal:
    return Mortal(load(), mark)


def system() -> Respondent:
    contestant = Contestant(base=pin(ModelChoice(model="tiny"), "base"))
    numerics = Numerics(precision="float32", processor=processor_kind())
    return respondent(contestant, None, DECODING, numerics)


def test_answers_are_the_same_where_a_worker_was_killed_amid_them(mark: Path) -> None:
    words = sorted({word for row in ROWS for word in (*row.prompt_text.split(), "it", ".")})
    save_base(Path("tiny"), words, seed=0)
    made_here = system().answers(ROWS, "here")
    shutil.rmtree(home() / "answers")

    Path("params.yaml").write_text(ON_RAY)
    reports: list[Report] = []
    there = system()
    there.load = partial(load_mortal, there.load, mark)
    with watched(reports.append):
        assert there.answers(ROWS, "there") == made_here
    assert mark.exists()
    assert len(list((home() / "answers").rglob("*.jsonl"))) == 3
    assert there.model is None  # nothing was answered in this process
    assert [report.done for report in reports[:4]] == [0, 8, 16, 24]


def mortal_like(mark: Path, pinned: ModelPin) -> Embed:
    embed = embedder.like(pinned)

    def embed_but_once(texts: Sequence[str]) -> Floats:
        if "text 7" in texts:
            die_once(mark)  # before the model is read, which takes most of the time
        return embed(texts)

    return embed_but_once


def test_vectors_are_the_same_where_a_worker_was_killed_amid_them(
    mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_texts, "SHARD", 16)
    texts = [f"{'very ' * (i % 30)}long text {i}" for i in range(40)] + ["text 7"]
    embeddings = Embedder(pin(ModelChoice(), "embedder"))
    made_here = embeddings.encode(texts)

    Path("params.yaml").write_text(ON_RAY)
    monkeypatch.setattr(embedder, "like", partial(mortal_like, mark))
    made_there = embeddings.encode(texts)
    assert mark.exists()
    assert made_there.tobytes() == made_here.tobytes()


def refuse(folder: Path) -> Callable[[Sequence[int]], list[int]]:
    def function(batch: Sequence[int]) -> list[int]:
        assert Path.cwd() == folder
        raise InputError("is no number", file="numbers.txt", line=batch[0])

    return function


def test_an_error_of_ours_comes_back_as_it_is_and_ray_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"^numbers\.txt:\d: is no number$"):
        list(mapped(partial(refuse, tmp_path), range(4), CLUSTER, batch=2))
    assert capfd.readouterr() == ("", "")
