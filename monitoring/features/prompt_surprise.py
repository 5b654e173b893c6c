"""How much a served model is surprised by prompts: its own perplexity on what users ask."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from monitoring.signals.array_types import Floats
from project.canonical import digest_bytes, digest_json
from project.errors import IncumbentError
from project.files import home, write_bytes
from project.model_pins import absent, pinned_folder
from project.records.adapters import AdapterVersion, Numerics, Precision
from project.records.data import Message, Row
from project.records.record import Record
from registry.artifacts.artifact_store import Artifacts
from training.precision import choose_numerics

READ = 2_000  # characters of a prompt: longer ones would need more memory than they tell
CHUNK = 64  # prompts read between two writes of the cache


class Surprises(Record):
    """Nats a token by the digest of the prompt; None where the model could not read it."""

    nats: dict[str, float | None] = Field(default={})


def surprise(version: AdapterVersion, artifacts: Artifacts, prompts: Sequence[str]) -> Floats:
    """The mean negative log-probability of each prompt's tokens, in nats [n].

    NaN where a prompt is longer than the model's context. Each prompt is read once by each
    adapter: what was read is kept.
    """
    numerics = choose_numerics()
    cache = home() / "monitoring" / "surprise" / f"{key_of(version, numerics)}.json"
    known = dict(Surprises.read(cache).nats) if cache.exists() else {}
    prompts = [prompt[:READ] for prompt in prompts]
    keys = [digest_bytes(prompt.encode()) for prompt in prompts]
    missing = {k: p for k, p in zip(keys, prompts, strict=True) if k not in known}
    if missing:
        reader = PromptReader(version, artifacts, numerics.precision)
        pairs = sorted(missing.items(), key=lambda pair: -len(pair[1]))
        for start in range(0, len(pairs), CHUNK):
            part = pairs[start : start + CHUNK]
            nats = reader.nats([prompt for _, prompt in part])
            known |= {key: value for (key, _), value in zip(part, nats, strict=True)}
            write_bytes(cache, Surprises(nats=known).canonical())
    values = (known[key] for key in keys)
    return np.array([np.nan if v is None else v for v in values], np.float32)


def key_of(version: AdapterVersion, numerics: Numerics) -> str:
    adapter = version.adapter
    pins = [adapter.files, adapter.base.digest, numerics.digest]
    under = [adapter.system_prompt] if adapter.system_prompt else []
    return digest_json([*pins, *under])[:16]


class PromptReader:
    """A base model with an adapter on it, that reads prompts as users' turns of its template."""

    def __init__(self, version: AdapterVersion, artifacts: Artifacts, precision: Precision) -> None:
        # Imported here because a night whose prompts were all read need not wait for torch.
        from evaluation.evaluation_settings import Decoding
        from evaluation.generation.answering_model import AnsweringModel

        if problem := absent(version.adapter.base):
            raise IncumbentError(f"{version.label} reads prompts on its own base, and {problem}")
        base = pinned_folder(version.adapter.base, "base")
        files, prompt = version.adapter.files, version.adapter.system_prompt
        adapter = artifacts.check_out(files, home() / "adapters" / files)
        decoding = Decoding(max_new_tokens=1, batch_size=16)
        self.model = AnsweringModel(base, adapter, decoding, precision, prompt)

    def nats(self, prompts: Sequence[str]) -> list[float | None]:
        """Of each prompt as the completion of an empty turn, so that it alone is scored."""
        logprobs = self.model.reference_logprobs([asked(prompt) for prompt in prompts])
        return [None if logprob is None else -logprob for logprob in logprobs]


def asked(prompt: str) -> Row:
    """The prompt where an answer stands: what is measured is how likely its words are."""
    return Row(
        id=digest_bytes(prompt.encode())[:16],
        prompt=(Message(role="user", content=""),),
        completion=(Message(role="assistant", content=prompt),),
        group="",
        source="traffic",
    )
