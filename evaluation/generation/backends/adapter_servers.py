"""Servers that load adapters while they run: vLLM and SGLang."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2

from evaluation.generation.backends.backend import BackendError, Body, Endpoint, Engine, Names
from evaluation.generation.backends.openai_server import OpenAIServer
from project.untrusted_input import shortened

NOT_FOUND = 404
LONGEST_PATH = 4096  # characters of a base's name, which may be a path
NO_SUCH_PATH = "Not Found"  # how FastAPI says it, on which both vLLM and SGLang stand


class AdapterServer(OpenAIServer):
    """A server that loads and unloads adapters, by two paths of its own."""

    load_path: str
    unload_path: str
    version_path: str
    allows_loading: str  # what makes such a server load adapters

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 120.0,
        adapters: tuple[Path, Path] | None = None,
    ) -> None:
        """`adapters`: a folder as this machine sees it, and as the replica does."""
        super().__init__(url, key=key, timeout=timeout)
        self.adapters = adapters

    async def names(self) -> Names:
        """An adapter names its parent, which the base has not."""
        cards = await self.models()
        base = base_of(cards)
        if base is None:
            raise self.bad("lists no base model")
        loaded = frozenset(str(card["id"]) for card in cards if card.get("parent"))
        return Names(base=str(base["id"]), adapters=loaded)

    async def load(self, name: str, adapter: Path) -> None:
        body = {"lora_name": name, "lora_path": str(self.seen(adapter))}
        try:
            await self.read("POST", httpx2.URL(f"{self.root}{self.load_path}"), body)
        except BackendError as error:
            if error.status == NOT_FOUND and str(error) == NO_SUCH_PATH:
                raise BackendError(
                    501,
                    f"{self.replica} does not load adapters while it runs; {self.allows_loading}",
                ) from None
            if name not in (await self.names()).adapters:  # else it is there already
                raise

    async def unload(self, name: str) -> None:
        if name in (await self.names()).adapters:
            url = httpx2.URL(f"{self.root}{self.unload_path}")
            try:
                await self.read("POST", url, {"lora_name": name})
            except BackendError:
                if name in (await self.names()).adapters:  # else another one unloaded it
                    raise

    async def engine(self) -> Engine:
        """With the base as the server's machine has it: a path or a Hub id, else its name."""
        base = base_of(await self.models()) or {}
        version = (await self.get(f"{self.root}{self.version_path}")).get("version")
        model = base.get("root") or base.get("id")
        return Engine(
            name=self.engine_name,
            version=shortened(version) if isinstance(version, str) else None,
            model=shortened(model, LONGEST_PATH) if isinstance(model, str) else None,
        )

    def seen(self, adapter: Path) -> Path:
        """The folder as the replica sees it."""
        here = adapter.resolve()
        if self.adapters is None:
            return here
        ours, theirs = self.adapters
        if not here.is_relative_to(ours.resolve()):
            raise BackendError(400, f"{adapter} lies outside of {ours}, which the replica sees")
        return theirs / here.relative_to(ours.resolve())


def base_of(cards: list[dict[str, object]]) -> dict[str, object] | None:
    """The model without a parent, among those that a server lists."""
    return next((card for card in cards if not card.get("parent")), None)


# --- sglang ---------------------------------------------------------------------------------------

# A replica of SGLang (docs.sglang.io, "LoRA Serving"; its http_server.py of 2025).
#
# It takes a model's name that it does not know for its base, and answers: an adapter is asked for
# by `lora_path`. It lists the adapters that it has loaded since the end of 2025; an earlier one is
# of no use here.

NOT_LOADED = "not loaded"  # what it says, with status 400, of an adapter that it does not have


class SGLangReplica(AdapterServer):
    engine_name = "sglang"
    load_path = "/load_lora_adapter"
    unload_path = "/unload_lora_adapter"
    version_path = "/get_server_info"
    allows_loading = "start SGLang with --enable-lora and --max-lora-rank"
    base: str | None = None  # as it calls its base, once that was asked

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        asked = await self.addressed(body)
        try:
            return await super().answer(endpoint, asked)
        except BackendError as error:
            raise await self.adapter_lost(error, asked) from None

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncGenerator[Body]:
        asked = await self.addressed(body)
        try:
            async for chunk in super().stream(endpoint, asked):
                yield chunk
        except BackendError as error:
            raise await self.adapter_lost(error, asked) from None

    async def addressed(self, body: Body) -> dict[str, Any]:
        if self.base is None:
            self.base = (await self.names()).base
        model = body.get("model")
        return {**body} if model == self.base else {**body, "lora_path": model}

    async def adapter_lost(self, error: BackendError, asked: Body) -> BackendError:
        """As vLLM says it, with 404. The words alone do not show it: a request may hold them, and
        be quoted in a complaint about something else.
        """
        name = asked.get("lora_path")
        if name is None or error.status != 400 or NOT_LOADED not in str(error):
            return error
        if name in (await self.names()).adapters:
            return error
        return BackendError(NOT_FOUND, str(error), error.body)


# --- vllm -----------------------------------------------------------------------------------------

# A replica of vLLM (docs.vllm.ai, "LoRA Adapters"; its code of version 0.32).

Tokens = list[int]


class VllmReplica(AdapterServer):
    engine_name = "vllm"
    load_path = "/v1/load_lora_adapter"
    unload_path = "/v1/unload_lora_adapter"
    version_path = "/version"
    allows_loading = "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"

    async def tokens(self, model: str, told: Body, *, to_answer: bool) -> Tokens:
        """A conversation as the model reads it; to answer it, with what begins an answer."""
        url = httpx2.URL(f"{self.root}/tokenize")
        shown = {name: told[name] for name in ("messages", "tools") if name in told}
        body = {"model": model, **shown, "add_generation_prompt": to_answer}
        tokens = (await self.post(url, body)).get("tokens")
        if not isinstance(tokens, list) or not all(isinstance(token, int) for token in tokens):
            raise self.bad("sends no tokens")
        return tokens

    async def logprobs(self, model: str, tokens: Tokens, behind: int) -> list[float]:
        """The log-probabilities, in nats, of the tokens that follow the first `behind` ones."""
        asked = {"model": model, "prompt": tokens, "max_tokens": 1, "temperature": 0}
        answer = await self.answer(Endpoint.COMPLETIONS, {**asked, "prompt_logprobs": 0})
        try:
            listed = answer["choices"][0]["prompt_logprobs"]
            pairs = zip(tokens[behind:], listed[behind:], strict=True)
            return [float(at[str(token)]["logprob"]) for token, at in pairs]
        except (LookupError, TypeError, ValueError):
            raise self.bad("sends no log-probabilities of a prompt") from None
