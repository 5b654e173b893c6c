"""Section `serving`: which engine answers users, and who may ask it how much."""

from pathlib import Path
from typing import Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from evaluation.evaluation_settings import (
    BatchParams,
    KeyedParams,
    Prices,
    ServedModelParams,
    ServerUrl,
)
from project.settings import Settings


class PoolParams(Settings):
    """Replicas of an engine with one base model."""

    base: str  # as base.model names it, or the digest of its weights, or its first 12 digits
    replicas: tuple[ServerUrl, ...] = Field(min_length=1)  # such as http://10.0.0.5:8000/v1
    slots: PositiveInt = 3  # adapters that a replica holds at a time: vLLM's --max-loras
    # The folder of adapters as the replicas see it, where that is not as this machine does: it is
    # `.incumbent/adapters` here.
    adapters: Path | None = None


class TrafficLogParams(Settings):
    """What is kept of requests, where monitoring.traffic says."""

    share: float = Field(default=1.0, ge=0, le=1)  # of users whose traffic is kept
    seconds: PositiveFloat = 5.0  # after which a chunk is closed and can be read


class LargerModelParams(ServedModelParams):
    """A larger model, for `incumbent gateway cost-report`."""

    prices: Prices = Prices()


class CostParams(Settings):
    """What `incumbent gateway cost-report` compares the champion with."""

    shots: tuple[NonNegativeInt, ...] = ()  # of the base, beside 0 and evaluation.few_shot
    larger: LargerModelParams | None = None


class ServingParams(KeyedParams, BatchParams):
    """The gateway of `incumbent serve`."""

    # "embedded": transformers and PEFT in the gateway's process; "llama.cpp": its servers, started
    # by the gateway, one for each adapter; "vllm" and "sglang": over HTTP.
    backend: Literal["embedded", "llama.cpp", "vllm", "sglang"] = "embedded"
    pools: tuple[PoolParams, ...] = ()  # of vllm and sglang; a base of its own each
    slots: PositiveInt = 3  # adapters that the embedded backend, or llama.cpp, holds at a time
    # Refuse to load a version without an attestation (`incumbent registry sign`) that holds.
    require_attestation: bool = False
    keys: Path | None = None  # YAML: {keys: {caller: SHA-256 of the key}}; null: this machine alone
    # Whether questions are asked with passages of the version's index, which `retrieval` makes. A
    # request that brings its own as `incumbent.evidence` is asked with these in any case.
    retrieval: bool = False
    max_tokens: PositiveInt = 1024  # of an answer; a request that asks for more is refused
    timeout_seconds: PositiveFloat = 120.0  # of an answer, from request to end
    running: PositiveInt = 64  # requests at a time; more wait, WAITING times as many at most
    requests_a_minute: PositiveInt = 6_000  # of one caller
    traffic: TrafficLogParams = TrafficLogParams()
    cost: CostParams = CostParams()

    @property
    def starts_engines(self) -> bool:
        """Whether the gateway holds the engines itself, which then are of no pool."""
        return self.backend in ("embedded", "llama.cpp")

    @model_validator(mode="after")
    def refuse_no_replica(self) -> Self:
        if not self.starts_engines and not self.pools:
            raise ValueError(
                f"backend: {self.backend} needs pools: "
                "[{base: embedded, replicas: [http://127.0.0.1:8000/v1]}]"
            )
        return self

    @model_validator(mode="after")
    def refuse_a_replica_twice(self) -> Self:
        urls = [url for pool in self.pools for url in pool.replicas]
        if len(urls) != len(set(urls)):
            raise ValueError("pools: a replica stands there twice")
        return self

    @model_validator(mode="after")
    def refuse_two_pools_of_a_base(self) -> Self:
        bases = [pool.base for pool in self.pools]
        if twice := sorted({base for base in bases if bases.count(base) > 1}):
            raise ValueError(f"pools: {', '.join(twice)} has two pools: join their replicas")
        return self
