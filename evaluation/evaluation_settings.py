"""Settings of the evaluation stages; the policy of promotion is in decision/policy.py."""

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
    model_validator,
)

from project.canonical import digest_json
from project.records.record import LATER
from project.settings import Settings


class Decoding(Settings):
    """How both sides answer: greedy, so that an answer is a function of model and prompt."""

    max_new_tokens: PositiveInt = 48
    batch_size: PositiveInt = 16


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


class Lora(Settings):
    """Low-rank adapters on every linear layer, merged into the weights after training."""

    r: PositiveInt = 8
    alpha: PositiveFloat = 16


class RewardParams(Settings):
    """The reward model: a classifier on an encoder or decoder, trained on preference pairs."""

    # "embedder", which is pinned, or a folder of safetensors, whose changes DVC does not see.
    model: str = Field(default="embedder", min_length=1)
    lora: Lora | None = None  # null: all weights are trained
    rows: PositiveInt = 240  # training rows that pairs are made from, two a row; the last ones
    held_out_share: float = Field(default=0.25, gt=0, lt=1)  # of these rows, for calibration
    epochs: PositiveFloat = 2
    batch_size: PositiveInt = 16
    learning_rate: PositiveFloat = 1e-4
    max_length: PositiveInt = 256  # tokens read; a prompt that is too long loses its beginning
    seed: NonNegativeInt = 0


def server_url(url: str) -> str:
    """Refuse what is no address, and one that holds a secret: params.yaml is no place for it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the base URL of a server, such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment; see key_variable")
    return url.rstrip("/")


class JudgeParams(Settings):
    """A language model as a judge, behind any OpenAI-compatible server."""

    url: Annotated[str, AfterValidator(server_url)]  # up to and with /v1
    model: str = Field(min_length=1)
    # The name of the environment variable that holds the key; null: the server asks for none.
    key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*$")
    timeout_s: PositiveFloat = 60  # without a byte from the server
    retries: NonNegativeInt = 5  # after the first try, at 1, 2, 4, … s or when the server says
    concurrency: PositiveInt = 4  # questions asked at a time
    temperature: NonNegativeFloat | None = 0  # null: not sent, for a model that refuses it
    max_tokens: PositiveInt | None = 512  # of an answer; null: not sent
    unparsed_cap: float = Field(default=0.1, ge=0, le=1)  # share of answers without a verdict


def below_ballots(path: Path) -> Path:
    """Refuse a path outside the folder that dvc.yaml declares: DVC would not see a new ballot."""
    folder = Path("datasets/ballots")
    if path.is_absolute() or ".." in path.parts or folder not in path.parents:
        raise ValueError(f"must be a path below {folder}/, where DVC watches for changes")
    return path


def odd(votes: int) -> int:
    """Refuse a number of ballots that can end even."""
    if votes % 2 == 0:
        raise ValueError("must be odd, so that two versions cannot have equally many")
    return votes


Votes = Annotated[int, Field(gt=0), AfterValidator(odd)]  # ballots at which an item closes


class PreferenceParams(Settings):
    """Who says which of two answers is better. All are calibrated, as far as they can be."""

    source: Literal["reward", "judge", "ballots"] = "reward"
    reward: RewardParams = RewardParams()  # its rows and held_out_share calibrate a judge too
    judge: JudgeParams | None = None
    ballots: Annotated[Path, AfterValidator(below_ballots)] | None = None  # JSON Lines
    # An item counts by its first so many ballots, and not before it has them; null: by all that it
    # has. A policy with `preference_test: e-value` needs a number, set before the first look.
    votes: Annotated[Votes | None, LATER] = None

    @property
    def identity(self) -> str:
        """The digest of what decides a preference: not how patiently a judge is asked, and by whose
        key.
        """
        aside = {"concurrency", "timeout_s", "retries", "key_variable"}
        return digest_json(self.model_dump(mode="json", exclude={"judge": aside}))

    @model_validator(mode="after")
    def the_source_is_described(self) -> Self:
        if self.source == "judge" and self.judge is None:
            raise ValueError("source 'judge' needs a section 'judge' with url and model")
        if self.source == "ballots" and self.ballots is None:
            raise ValueError("source 'ballots' needs 'ballots', a file below datasets/ballots/")
        return self
