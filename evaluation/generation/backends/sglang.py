"""A replica of SGLang (docs.sglang.io, "LoRA Serving"; its http_server.py of 2025).

It takes a model's name that it does not know for its base, and answers: an adapter is asked for by
`lora_path`. It lists the adapters that it has loaded since the end of 2025; an earlier one is of no
use here.
"""

from collections.abc import AsyncGenerator
from typing import Any

from evaluation.generation.backends.adapter_server import NOT_FOUND, AdapterServer
from evaluation.generation.backends.backend import BackendError, Body, Endpoint

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
