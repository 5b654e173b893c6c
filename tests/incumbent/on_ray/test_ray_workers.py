"""Workers of a real Ray cluster give what this process gives, to the byte, and so do those that
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
from monitoring.signals.signal import Floats
from project.engine import embedded_texts
from project.engine.embedded_texts import Embed
from project.engine.engine_settings import RayParams
from project.engine.mapped import mapped
from project.errors import InputError
from project.files import home
from project.libraries import processor_kind
from project.model_pins import ModelChoice, pin
from project.progress import Report, watched
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Row
from retrieval import embedder
from retrieval.embedder import Embedder
from tests.incumbent.setting_effects.models import save_base

pytestmark = pytest.mark.slow

ALONE = RayParams(workers=1, cpus_per_worker=1)
ON_RAY = "engine: ray\nray: {workers: 2, cpus_per_worker: 1}\n"
ROWS = [
    Row.of(f"{'so ' * (i % 5)}what is {i} ?", f"it is {i} .", group=str(i), source="test")
    for i in range(24)
]
DECODING = Decoding(max_new_tokens=6, batch_size=2)  # so three units of eight rows


@pytest.fixture
def mark() -> Path:
    """Where the one worker that is killed leaves word."""
    return Path("killed").absolute()


def first(mark: Path) -> bool:
    """Whether it is this worker that is to be killed. No model is read for it: that takes long."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A model that is killed with half a unit answered, and wrongly."""

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows[: len(rows) // 2]:
            yield Answer(item=row.id, text="half", tokens=1, prompt_tokens=1)
        kill_itself()

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None] * len(rows)


def load_mortal(load: Callable[[], Model], mark: Path) -> Model:
    return Dying() if first(mark) else load()


def system() -> Respondent:
    contestant = Contestant(base=pin(ModelChoice(model="tiny"), "base"))
    numerics = Numerics(precision="float32", processor=processor_kind())
    return respondent(contestant, None, DECODING, numerics)


def test_answers_are_the_same_where_a_worker_was_killed_amid_them(mark: Path) -> None:
    words = sorted({word for row in ROWS for word in (*row.prompt_text.split(), "it", ".")})
    save_base(Path("tiny"), words, seed=0)
    Path("params.yaml").touch()
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
    def dying(texts: Sequence[str]) -> Floats:
        kill_itself()
        raise AssertionError(texts)

    return dying if first(mark) else embedder.like(pinned)


def test_vectors_are_the_same_where_a_worker_was_killed_amid_them(
    mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_texts, "SHARD", 16)
    texts = [f"{'very ' * (i % 30)}long text {i}" for i in range(40)]
    embeddings = Embedder(pin(ModelChoice(), "embedder"))
    made_here = embeddings.encode(texts)

    Path("params.yaml").write_text(ON_RAY.replace("workers: 2", "workers: 1"))
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
        list(mapped(partial(refuse, tmp_path), range(4), ALONE, batch=2))
    assert capfd.readouterr() == ("", "")
