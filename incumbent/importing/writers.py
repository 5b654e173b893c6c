"""Who writes synthetic rows, from which rows, and the files in which they wait for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from curation.proposals import Proposal
from evaluation.evaluation_settings import Decoding, JudgeParams, PreferenceParams, server_url
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Respondent
from evaluation.generation.systems import from_registry
from monitoring.trigger.labels import prediction
from project.bare_base import bare_base
from project.canonical import canonical_json
from project.errors import InputError, plain_words
from project.files import write_bytes, write_lines
from project.paths import BASE, rows_of
from project.records.adapters import Contestant, ModelPin
from project.records.data import Row, Split
from project.settings import load
from registry.champion import based_here
from registry.reader import RegistryReader

LONGEST = 200  # tokens of a reply
TEMPERATURE = 0.7  # of a server: what is asked for is variety
SECTION = "--with"  # in place of a section of params.yaml, in errors


def rows_in(part: Split) -> tuple[Row, ...]:
    """The curated rows of a part. Raises InputError before there are any."""
    path = rows_of(part)
    if not path.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=path)
    return Row.read_lines(path)


class Writer(Protocol):
    @property
    def name(self) -> str:
        """The mark of what it writes."""

    def replies(self, questions: Sequence[str]) -> list[str]: ...


@dataclass(frozen=True)
class LocalWriter:
    """The base, bare or with the champion's adapter on it; greedy, and kept as answers are."""

    name: str
    system: Respondent

    def replies(self, questions: Sequence[str]) -> list[str]:
        distinct = list(dict.fromkeys(questions))
        rows = [Row.of(question, "-", group="", source="synthesis") for question in distinct]
        answers = self.system.answers(rows, "writing")
        texts = {q: answer.text for q, answer in zip(distinct, answers, strict=True)}
        return [texts[question] for question in questions]


@dataclass(frozen=True)
class ServerWriter:
    name: str
    params: JudgeParams

    def replies(self, questions: Sequence[str]) -> list[str]:
        """Raises IncumbentError when the server fails; what it said is kept."""
        # Imported here because it needs an extra, and the base does not.
        from evaluation.preference.judging_model import JudgingModel, KeptAnswers

        asked = [JudgingModel(self.params).request(question) for question in questions]
        kept = KeptAnswers(self.params, Path("synthesis"), "writing", SECTION)
        answers = kept.answers(asked)
        return [answers[request.digest] for request in asked]


def writer_of(
    who: str, model: str | None, key_variable: str | None, longest: int = LONGEST
) -> Writer:
    """`who` is base, champion or a URL; replies have `longest` tokens. Raises InputError."""
    if who in ("base", "champion"):
        if model or key_variable:
            raise InputError("is for a server alone", field="--model or --key-variable")
        return local_writer(champion=who == "champion", longest=longest)
    return server_writer(who, model, key_variable, longest)


def local_writer(*, champion: bool, longest: int) -> LocalWriter:
    if not BASE.exists():
        raise InputError("is not there: run `dvc repro` first", file=BASE)
    base = bare_base()
    name, contestant = champion_here(base.base) if champion else (base.base.name, base)
    decoding = Decoding(max_new_tokens=longest)
    return LocalWriter(name, from_registry(contestant, decoding, answering_numerics()))


def champion_here(project: ModelPin) -> tuple[str, Contestant]:
    """Its label, and what answers. Raises InputError, or IncumbentError without a base."""
    with RegistryReader.here() as registry:
        version = registry.champion()
    if version is None:
        raise InputError("there is no champion yet: use --with base")
    return version.label, based_here(version.adapter.contestant, project, version.label)


def server_writer(
    who: str, model: str | None, key_variable: str | None, longest: int
) -> ServerWriter:
    """A writer that is asked as the project's judge is, where that is the same server."""
    try:
        url = server_url(who)
    except ValueError as error:
        raise InputError(f"is base, champion or a URL, which {error}", field=SECTION) from None
    known = load(PreferenceParams).judge
    same = known.model_dump() if known and known.url == url else {}
    if not model and not same:
        raise InputError("name the model that the server is to use", field="--model")
    settings = {"url": url, "temperature": TEMPERATURE, "max_tokens": longest}
    given = {"model": model, "key_variable": key_variable}
    settings |= {name: value for name, value in given.items() if value}
    try:
        params = JudgeParams.model_validate({**same, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][-1]).replace("_", "-")
        raise InputError(plain_words(first["msg"]), field=f"--{option}") from None
    return ServerWriter(params.model, params)


# --- review files ---------------------------------------------------------------------------------

# The files in which synthetic rows wait for a person: for Label Studio, and as JSON Lines.

ACCEPTING = (
    "a person confirms, mends or skips each; then `incumbent data labels EXPORT` accepts them, for "
    "training alone"
)


def rows_beside(path: Path) -> Path:
    """Where the JSON Lines of a review file lie."""
    return path.with_suffix(".jsonl")


def refuse_unreviewed(path: Path) -> None:
    """Raise InputError where a file may still wait for its review, or has the lines' own name."""
    if path.suffix != ".json":
        raise InputError("must be named .json: the rows go beside it, as .jsonl", file=path)
    for file in (path, rows_beside(path)):
        if file.exists():
            problem = "is there already, and may wait for its review: move it, or use --to"
            raise InputError(problem, file=file)


@dataclass(frozen=True)
class DraftRow:
    """A row that waits for a person."""

    row: Row
    kind: str  # how it was made
    made_of: str  # what a person reads beside it
    meta: Mapping[str, str]  # what it was made of, by ids
    about: Mapping[str, str]  # more, that stands beside the row in JSON Lines


def write_review(drafts: Sequence[DraftRow], path: Path) -> None:
    """Write both files, each whole or not at all. The draft of an answer is no label."""
    rows = [canonical_json(row_with_origin(draft)) for draft in drafts]
    write_lines(rows_beside(path), rows)
    write_bytes(path, canonical_json([task(draft) for draft in drafts]) + b"\n")


def row_with_origin(draft: DraftRow) -> dict[str, Any]:
    """A row as `data labels` reads it; `about` is for people, and left aside there."""
    about = {"kind": draft.kind, **draft.meta, **draft.about}
    return {**draft.row.model_dump(mode="json"), "about": about}


def task(one: DraftRow) -> dict[str, Any]:
    """The task as the labelling queue has it, so that one labelling config is for both."""
    row = one.row
    data: dict[str, Any] = {
        "id": row.id,
        "prompt": row.prompt_text,
        "response": one.made_of,
        "synthetic": row.synthetic,
        "kind": one.kind,
    }
    if len(row.prompt) > 1:
        data["messages"] = [message.model_dump() for message in row.prompt]
    if row.evidence:
        data["evidence"] = [passage.model_dump(mode="json") for passage in row.evidence]
        data["answerable"] = row.answerable
    draft = prediction(row.completion_text, str(row.synthetic))
    return {"data": data, "meta": dict(one.meta), "predictions": [draft]}


def draft_of(proposal: Proposal) -> DraftRow:
    seed = proposal.wish.seed
    texts = {"prompt": seed.prompt_text, "completion": seed.completion_text}
    made_of = f"made of: {seed.prompt_text}\n\n{seed.completion_text}"
    return DraftRow(proposal.row, proposal.wish.kind, made_of, {"seed": seed.id}, texts)
