"""Who writes: the base, the champion, or a model behind any OpenAI-compatible server."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from evaluation.evaluation_settings import Decoding, JudgeParams, PreferenceParams, server_url
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Respondent
from evaluation.generation.backends.backend import ChatRequest
from evaluation.generation.systems import from_registry
from project.bare_base import bare_base
from project.errors import InputError
from project.paths import BASE
from project.records.adapters import Contestant, ModelPin
from project.records.data import Message, Row
from project.settings import load
from registry.champion import based_here
from registry.reader import RegistryReader

LONGEST = 200  # tokens of a reply
TEMPERATURE = 0.7  # of a server: what is asked for is variety
SECTION = "--with"  # in place of a section of params.yaml, in errors


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
        found = self.system.answers(rows, "writing")
        said = {q: answer.text for q, answer in zip(distinct, found, strict=True)}
        return [said[question] for question in questions]


@dataclass(frozen=True)
class ServerWriter:
    name: str
    params: JudgeParams

    def replies(self, questions: Sequence[str]) -> list[str]:
        """Raises IncumbentError when the server fails; what it said is kept."""
        # Imported here because it needs an extra, and the base does not.
        from evaluation.preference.judge.judging_model import KeptAnswers

        asked = [self.request(question) for question in questions]
        kept = KeptAnswers(self.params, Path("synthesis"), "writing", SECTION)
        said = kept.answers(asked)
        return [said[request.digest] for request in asked]

    def request(self, question: str) -> ChatRequest:
        return ChatRequest(
            model=self.params.model,
            messages=(Message(role="user", content=question),),
            temperature=self.params.temperature,
            max_tokens=self.params.max_tokens,
        )


def writer_of(who: str, model: str | None, key_variable: str | None) -> Writer:
    """`who` is base, champion or a URL. Raises InputError for what is none of them."""
    if who in ("base", "champion"):
        if model or key_variable:
            raise InputError("is for a server alone", field="--model or --key-variable")
        return local_writer(champion=who == "champion")
    return server_writer(who, model, key_variable)


def local_writer(*, champion: bool) -> LocalWriter:
    if not BASE.exists():
        raise InputError("is not there: run `dvc repro` first", file=BASE)
    base = bare_base()
    name, contestant = champion_here(base.base) if champion else (base.base.name, base)
    decoding = Decoding(max_new_tokens=LONGEST)
    return LocalWriter(name, from_registry(contestant, decoding, answering_numerics()))


def champion_here(project: ModelPin) -> tuple[str, Contestant]:
    """Its label, and what answers. Raises InputError where there is none, IncumbentError where its
    base is not here.
    """
    with RegistryReader.here() as registry:
        version = registry.champion()
    if version is None:
        raise InputError("there is no champion yet: use --with base")
    return version.label, based_here(version.adapter.contestant, project, version.label)


def server_writer(who: str, model: str | None, key_variable: str | None) -> ServerWriter:
    """As the project's judge is asked, where that is the same server."""
    try:
        url = server_url(who)
    except ValueError as error:
        raise InputError(f"is base, champion or a URL, which {error}", field=SECTION) from None
    known = load(PreferenceParams).judge
    same = known.model_dump() if known and known.url == url else {}
    if not model and not same:
        raise InputError("name the model that the server is to use", field="--model")
    own = {"url": url, "temperature": TEMPERATURE, "max_tokens": LONGEST}
    given = {"model": model, "key_variable": key_variable}
    own |= {name: value for name, value in given.items() if value}
    try:
        params = JudgeParams.model_validate({**same, **own})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][-1]).replace("_", "-")
        raise InputError(first["msg"], field=f"--{option}") from None
    return ServerWriter(params.model, params)
