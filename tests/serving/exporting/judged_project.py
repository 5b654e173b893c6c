"""A project with one version that was judged on dev: its base, its adapter and what it answered.

What loads torch is imported where it is used, so that the fast tests do not wait for it.
"""

from collections.abc import Sequence
from pathlib import Path

from evaluation.generation.answers import Answer
from evaluation.report.dev_items import DevComparison, DevItem, kept_path
from project.canonical import digest_folder
from project.files import write_lines
from project.model_pins import ModelChoice, pin
from project.paths import EMBEDDER
from project.records.adapters import Adapter, AdapterVersion, Opponent
from project.records.data import DatasetVersion, Row
from project.records.scores import ItemScore
from registry.store import Registry

DATASET = DatasetVersion(rows="1" * 64, splits={}, sources=("s",), contract="2" * 64)
ASKED = (
    "Who may block a card?",
    "What does a late transfer cost?",
    "When is the office open on Sunday?",
    "Who may close a joint account?",
)
SETTINGS = """\
registry: {family: bank}
base: {precision: float32}
evaluation:
  decoding: {max_new_tokens: 12}
  scoring: {metrics: [rouge]}
"""


def submit_version(
    base: Path, adapter: Path, system_prompt: str | None = None, template: str | None = None
) -> AdapterVersion:
    """Version 1 of this folder's registry, with the settings that it is judged under."""
    Path("params.yaml").write_text(SETTINGS)
    pinned = pin(ModelChoice(model=str(base)), "base")
    if template is not None:
        pinned = pinned.model_copy(update={"own_template": template})
    made = Adapter(
        files=digest_folder(adapter),
        base=pinned,
        recipe="c" * 64,
        dataset=DATASET.digest,
        system_prompt=system_prompt,
    )
    with Registry.here() as registry:
        return registry.submit(made, adapter, "made", DATASET)


def keep_judged(version: AdapterVersion, answers: Sequence[str], scores: Sequence[float]) -> None:
    """The dev items, as `submit` keeps them; the reference of each is its answer."""
    pin(ModelChoice(), "embedder").write(EMBEDDER)
    comparison = DevComparison(
        version=version.number,
        opponent=Opponent(),
        better={"rougeL": "more"},
        gating=("rougeL", "preference"),
    )
    items = [
        item(asked, answer, score)
        for asked, answer, score in zip(ASKED, answers, scores, strict=True)
    ]
    lines = [comparison.canonical(), *(one.canonical() for one in items)]
    write_lines(kept_path(version.family, version.number), lines)


def item(asked: str, answer: str, score: float) -> DevItem:
    row = row_of(asked, answer)
    scores = ItemScore(
        item=row.id,
        cluster=row.id,
        slices=(),
        champion={"rougeL": 0.0},
        challenger={"rougeL": score},
        preference=None,
    )
    return DevItem(row=row, champion="", challenger=answer, scores=scores)


def row_of(asked: str, answer: str = "?") -> Row:
    return Row.of(asked, answer, group=asked, source="s")


def judge(version: AdapterVersion, base: Path, adapter: Path) -> list[Answer]:
    """Answer the dev items as stage `generate` does, and keep them with their scores."""
    from evaluation.evaluation_settings import Decoding
    from evaluation.generation.answering_model import AnsweringModel
    from project.settings import load

    model = AnsweringModel(base, adapter, load(Decoding), "float32", version.adapter.system_prompt)
    rows = [row_of(asked) for asked in ASKED]
    found = {answer.item: answer for answer in model.answer(rows)}
    answers = [found[row.id] for row in rows]
    keep_judged(version, [answer.text for answer in answers], [1.0] * len(answers))
    return answers
