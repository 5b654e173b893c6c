"""Settings of the evaluation stages; the policy of promotion is in decision/policy.py."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from project.canonical import digest_json
from project.records.record import LATER, later
from project.settings import Settings


class BatchParams(Settings):
    """Of a model that answers in this process."""

    batch_size: PositiveInt = 16  # answers that the embedded engine makes side by side


class Decoding(BatchParams):
    """How both sides answer: greedily, or by several answers an item that are drawn."""

    max_new_tokens: PositiveInt = 48  # of an answer, which is cut there
    # 0: the likeliest token, always. Above it, tokens are drawn from softmax(logits / temperature).
    temperature: NonNegativeFloat = later(0.0)
    samples: PositiveInt = later(1)  # answers an item; their mean is what the item counts by
    # Whether a row's answer can be nothing but words, or calls of its tools with arguments by their
    # schemas. A call that is cut at `max_new_tokens` fails still.
    constrained: bool = later(False)

    @model_validator(mode="after")
    def samples_differ(self) -> Self:
        if self.samples > 1 and not self.temperature:
            raise ValueError(
                "samples: greedy answers to one prompt are all alike; set a temperature above 0"
            )
        return self


class FewShot(Settings):
    """The third system, for comparison: the base model with examples in its prompt."""

    shots: NonNegativeInt = 0  # training rows shown before each question; 0: no such system


class Prices(Settings):
    """What an answer costs, for the report; in any one currency."""

    prompt: NonNegativeFloat = 0  # per million prompt tokens
    answer: NonNegativeFloat = 0  # per million generated tokens
    hour: NonNegativeFloat = 0  # per hour that the machine generates


class MetricChoice(Settings):
    """A scorer: one of evaluation.scoring.built_in.SCORERS, or a user's own as `module:Class`.

    In params.yaml a bare name means the scorer without options.
    """

    metric: str = Field(min_length=1)
    # Arguments of the scorer's constructor.
    options: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def bare_name(cls, value: object) -> object:
        return {"metric": value} if isinstance(value, str) else value


class ScoringParams(Settings):
    """What every answer is measured by; a policy may gate on what has a better way, up or down."""

    metrics: tuple[MetricChoice, ...] = Field(
        default=tuple(
            MetricChoice(metric=name) for name in ("rouge", "semantic", "refusal", "length")
        ),
        min_length=1,
    )

    @property
    def abstentions(self) -> tuple[str, ...]:
        """The phrasings of the scorer `grounding`: how answers abstain in the project's words."""
        chosen = (choice for choice in self.metrics if choice.metric == "grounding")
        given = [choice.options.get("phrasings") for choice in chosen]
        return tuple(str(text) for listed in given if isinstance(listed, list) for text in listed)


# Of the rows that pairs are made from, for calibration: of 240 rows 60, whose share of pairs judged
# right is known to 0.13.
HELD_OUT_SHARE = 0.25
OF_THE_EMBEDDER = "embedder"  # the model on which the default reward model stands


class RewardParams(Settings):
    """The reward model, which learns from pairs of answers: a small head over the frozen embedder,
    or a classifier of your own, an encoder or a decoder, which is fine-tuned.
    """

    # "embedder", which is pinned and stays frozen, or a folder of safetensors, whose changes DVC
    # does not see.
    model: str = Field(default=OF_THE_EMBEDDER, min_length=1)
    # Of a model of your own: a LoRA on every linear layer, merged after training, is what learns;
    # false: all weights do.
    lora: bool = False
    # Training rows that the base answers and that pairs are made from; the last ones.
    rows: PositiveInt = 240
    # Of a model of your own. A head has so few weights that its training needs no choices.
    epochs: PositiveFloat = 2
    learning_rate: PositiveFloat = 1e-4

    @model_validator(mode="after")
    def a_lora_has_a_model(self) -> Self:
        if self.lora and self.model == OF_THE_EMBEDDER:
            raise ValueError("lora: the embedder stays frozen; name a folder in `model`")
        return self


def server_url(url: str) -> str:
    """Refuse what is no address, and one that holds a secret: params.yaml is no place for it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the base URL of a server, such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment; see key_variable")
    return url.rstrip("/")


# Options of vLLM that a project does not choose in `vllm_options`, and why.
OURS = {
    "--model": "the base of the project is",
    "--tokenizer": "that of the base is",
    "--served-model-name": "Incumbent names it",
    "--generation-config": "evaluation.decoding says how answers are drawn",
    "--lora-modules": "Incumbent loads the adapters",
    "--host": "the server is for this process alone",
    "--port": "the server is for this process alone",
    "--api-key": "Incumbent makes one",
    "--hf-token": "nothing is fetched, and it would be on record",
    "--config": "options on record stand here",
    "--chat-template": "base.chat_template is the one",
}


ServerUrl = Annotated[str, AfterValidator(server_url)]


class KeyedParams(Settings):
    """Of a server, or several, that may ask for an API key."""

    # The name of the environment variable that holds the key; null: the server asks for none.
    key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*$")


class ServerParams(KeyedParams):
    """Of one server."""

    url: ServerUrl | None = None  # up to and with /v1, such as http://127.0.0.1:8000/v1


class ServedModelParams(ServerParams):
    """A language model behind any OpenAI-compatible server."""

    url: ServerUrl
    model: str = Field(min_length=1)  # its name there


class AskedParams(Settings):
    """Of a server that is asked much at a time."""

    concurrency: PositiveInt = 4  # requests at a time


class ConversationParams(Settings):
    """How the conversations of rows with a scenario go."""

    # A file of Python, such as tools.py: each public function in it is the tool of its name, called
    # with the state, a dict that it may change, and with the arguments. It has no network, writes
    # no file and has five seconds; where the machine cannot see to that, it is not run.
    tools: Path | None = None
    turns: PositiveInt = 8  # of the assistant, after which a conversation is cut
    user: ServedModelParams | None = None  # plays users who are described; null: all have a script

    @field_validator("tools")
    @classmethod
    def a_file_of_the_project(cls, tools: Path | None) -> Path | None:
        if tools and (tools.is_absolute() or ".." in tools.parts or tools.suffix != ".py"):
            raise ValueError("must be a file of Python in the project, such as tools.py")
        return tools


class GenerationParams(ServerParams, AskedParams):
    """Which engine answers eval items: the one that will serve them is the one to be judged by."""

    # "embedded": transformers and PEFT in this process; "vllm" and "sglang": a server that loads
    # adapters; "openai": any server of OpenAI's API, whose models stand for contestants;
    # "llama.cpp": its server, which is started for each contestant, on this machine's processor.
    backend: Literal["embedded", "vllm", "sglang", "openai", "llama.cpp"] = "embedded"
    # Of "vllm" without an url: a Python that has vLLM. Each process that answers starts one of its
    # own by it, for as long as it works: this one, or each worker of a Ray cluster.
    vllm_python: Path | None = None
    vllm_options: tuple[str, ...] = ()  # of `vllm serve`, such as --max-model-len=4096
    # Of "openai": the server's model for each contestant, by the first 12 digits of its adapter's
    # digest, or "base".
    models: dict[str, str] = Field(default_factory=dict)
    # The folder of adapters as the server sees it, where that is not as this machine does: it is
    # `.incumbent/adapters` here.
    adapters: Path | None = None
    concurrency: PositiveInt = 16
    # Training rows, and as many rows of dev, that suite memorisation asks in this process; 0: none.
    memorisation: NonNegativeInt = later(0)
    conversations: ConversationParams = later(ConversationParams())

    @model_validator(mode="after")
    def a_server_has_an_address(self) -> Self:
        if self.vllm_python and (self.url or self.backend != "vllm"):
            raise ValueError("vllm_python starts a server for backend: vllm, which then has no url")
        if self.vllm_options and not self.vllm_python:
            raise ValueError("vllm_options are of a server that vllm_python starts")
        if self.backend == "llama.cpp":
            if self.url:
                raise ValueError("backend: llama.cpp is started here, and has no url")
        elif self.backend != "embedded" and not (self.url or self.vllm_python):
            hint = ", or vllm_python, with which one is started" if self.backend == "vllm" else ""
            example = "such as http://127.0.0.1:8000/v1"
            raise ValueError(f"backend: {self.backend} needs url, {example}{hint}")
        return self

    @field_validator("vllm_options")
    @classmethod
    def some_are_ours(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        """Others are said elsewhere, are secrets, or files whose content nothing would pin."""
        for option in options:
            name = option.partition("=")[0]
            if not name.startswith("--"):
                raise ValueError(f"{option!r} is no option: write it as --name=value")
            if name.replace("_", "-") in OURS:
                raise ValueError(f"{name}: {OURS[name.replace('_', '-')]}")
        return options

    @model_validator(mode="after")
    def names_are_of_adapters(self) -> Self:
        for name in self.models:
            if name != "base" and not re.fullmatch(r"[0-9a-f]{12}", name):
                raise ValueError(f"models: {name!r} is neither base nor 12 digits of a digest")
        return self


class JudgeParams(ServedModelParams, AskedParams):
    """A language model as a judge, behind any OpenAI-compatible server."""

    timeout_s: PositiveFloat = 60  # for a whole answer
    temperature: NonNegativeFloat | None = 0  # null: not sent, for a model that refuses it
    max_tokens: PositiveInt | None = 512  # of an answer; null: not sent
    # Whether it gives its reasons before a verdict. False: the verdict alone, which is cheaper, and
    # for a small model that never comes to one.
    reasons: bool = later(True)


KNOWN_RUBRICS = ("helpful", "polite", "correct")  # evaluation/preference/rubrics.py says what of


def below(folder: str, path: Path) -> Path:
    """Refuse a path outside a folder that dvc.yaml declares: DVC would not see a change."""
    if path.is_absolute() or ".." in path.parts or Path(folder) not in path.parents:
        raise ValueError(f"must be a path below {folder}/, where DVC watches for changes")
    return path


# Not where the reward model learns from.
RubricPairs = Annotated[Path, AfterValidator(partial(below, "datasets/preferences/rubrics"))]
Ballots = Annotated[Path, AfterValidator(partial(below, "datasets/ballots"))]


class RubricParams(Settings):
    """One respect in which the judge rates every answer alone, from 1 to 5.

    In params.yaml a bare name means one of KNOWN_RUBRICS. Its own calibration is on answers that
    were made worse in this respect, or on pairs of a file; without either it is advisory.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")  # of the metric too
    asks: str | None = Field(default=None, min_length=1)  # what the judge is told to look at
    reference: bool = False  # whether it sees the reference answer too
    worse: tuple[str, ...] = ()  # kinds of evaluation.preference.worse_answers.WORSE
    # JSON Lines of {"prompt", "chosen", "rejected"}: the chosen answer is better in this respect.
    pairs: RubricPairs | None = None

    @model_validator(mode="before")
    @classmethod
    def bare_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def it_asks_for_something(self) -> Self:
        if self.name == "preference":
            raise ValueError("'preference' is a name for the judgement of both sides")
        if self.asks is None and self.name not in KNOWN_RUBRICS:
            known = ", ".join(KNOWN_RUBRICS)
            raise ValueError(f"{self.name!r} is none of {known}: say in `asks` what it looks at")
        if self.asks is None and (self.worse or self.reference):
            raise ValueError(f"{self.name!r} has its own `worse` and `reference`: give `asks` too")
        if self.reference and self.pairs:
            raise ValueError("pairs of a file have no reference answer: leave one of them out")
        return self


def odd(votes: int) -> int:
    """Refuse a number of ballots that can end even."""
    if votes % 2 == 0:
        raise ValueError("must be odd, so that two versions cannot have equally many")
    return votes


Votes = Annotated[int, Field(gt=0), AfterValidator(odd)]  # ballots at which an item closes


class PreferenceParams(Settings):
    """Who says which of two answers is better. All are calibrated, as far as they can be."""

    # ballots: people's votes on sealed items. people+judge: their votes on some, beside a judge on
    # all of them. Where people vote on the page a judge alone judges dev: the one of section
    # `judge` where there is one, else the reward model.
    source: Literal["reward", "judge", "ballots", "people+judge"] = "reward"
    reward: RewardParams = RewardParams()  # its rows calibrate a judge too
    judge: JudgeParams | None = None
    # JSON Lines. Without a file people vote on the page, once a look was taken.
    ballots: Ballots | None = None
    # An item counts by its first so many ballots, and not before it has them; null: on the page by
    # `review.votes`, of a file by all that it has, where `preference_test: e-value` needs a number.
    votes: Annotated[Votes | None, LATER] = None
    # In what the judge rates each answer alone, whatever the source; null: in nothing.
    rubrics: Annotated[tuple[RubricParams, ...] | None, LATER] = None

    @property
    def asks_a_judge(self) -> bool:
        return self.judge is not None and bool(self.judged_by == "judge" or self.rubrics)

    @property
    def asks_people(self) -> bool:
        """Whether people's votes decide on the sealed items, alone or beside a judge."""
        return self.source in ("ballots", "people+judge")

    @property
    def votes_on_page(self) -> bool:
        """Whether they vote on the page, once a look was taken, and not in a file before it."""
        return self.asks_people and (self.source == "people+judge" or self.ballots is None)

    @property
    def judged_by(self) -> Literal["reward", "judge", "ballots"]:
        """Who judges dev, and all items beside people who vote on the page."""
        if self.source == "people+judge" or self.votes_on_page:  # and so on sealed items alone
            return "judge" if self.judge else "reward"
        return self.source

    @property
    def identity(self) -> str:
        """The digest of what decides a preference: not where and how patiently a judge is asked,
        nor by whose key. Its JudgePin says the rest.
        """
        aside = {"url", "concurrency", "timeout_s", "key_variable"}
        return digest_json(self.model_dump(mode="json", exclude={"judge": aside}))

    @model_validator(mode="after")
    def the_source_is_described(self) -> Self:
        if self.source == "judge" and self.judge is None:
            raise ValueError("source 'judge' needs a section 'judge' with url and model")
        if self.rubrics and self.judge is None:
            raise ValueError("rubrics need a section 'judge' with url and model")
        names = [rubric.name for rubric in self.rubrics or ()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the rubric {min(twice)!r} is there twice")
        return self


class JudgedPairsParams(Settings):
    """Pairs that the source of preference chooses between, of answers to training rows."""

    rows: NonNegativeInt = 0  # training rows whose answers it compares; 0: it chooses nothing
    # The row's own answer and that of the model that training starts from; or two of that model's
    # answers, which are drawn.
    answers: Literal["reference", "drawn"] = "reference"
    share: float = Field(default=0.5, ge=0, le=1)  # of all pairs, at most; the surest are kept


class PreferenceDataParams(Settings):
    """What DPO and KTO learn from, beside what people said in ballots, files and corrections."""

    judge: JudgedPairsParams = JudgedPairsParams()
