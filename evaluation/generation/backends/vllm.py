"""A replica of vLLM (docs.vllm.ai, "LoRA Adapters"; its code of version 0.32)."""

import httpx2

from evaluation.generation.backends.adapter_server import AdapterServer
from evaluation.generation.backends.backend import Endpoint
from project.records.data import Message

Tokens = list[int]


class VllmReplica(AdapterServer):
    engine_name = "vllm"
    load_path = "/v1/load_lora_adapter"
    unload_path = "/v1/unload_lora_adapter"
    version_path = "/version"
    allows_loading = "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"

    async def tokens(self, model: str, messages: tuple[Message, ...], *, to_answer: bool) -> Tokens:
        """A conversation as the model reads it; to answer it, with what begins an answer."""
        url = httpx2.URL(f"{self.root}/tokenize")
        turns = [message.model_dump() for message in messages]
        body = {"model": model, "messages": turns, "add_generation_prompt": to_answer}
        found = (await self.post(url, body)).get("tokens")
        if not isinstance(found, list) or not all(isinstance(token, int) for token in found):
            raise self.bad("sends no tokens")
        return found

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
