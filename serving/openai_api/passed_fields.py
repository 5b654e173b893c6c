"""Which fields of a request a backend may get.

Engines have many of their own, and get more: some change what answers (`chat_template_kwargs`,
`lora_path`), name somebody else's request (`request_id`, `rid`), or have the engine open an address
(`bootstrap_host`). So what is not known to be harmless is refused, and never passed on. And engines
leave out in silence what they do not know: the answer would look like one that holds to
`guided_regex`. So what an engine does not do is refused as well.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from evaluation.generation.backends.backend import Endpoint
from project.untrusted_input import shortened
from serving.callers.api_error import ApiError

Engine = Literal["embedded", "vllm", "sglang"]

# What both servers do, on both paths.
SERVERS = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias", "min_tokens"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty"),
        *("stop", "stop_token_ids", "ignore_eos", "skip_special_tokens"),
        *("logprobs", "response_format", "echo"),
    )
)
CHAT = frozenset(("top_logprobs", "tools", "tool_choice", "continue_final_message"))
VLLM = frozenset(
    (
        *("structured_outputs", "bad_words", "allowed_token_ids", "prompt_logprobs"),
        *("include_stop_str_in_output", "truncate_prompt_tokens", "add_special_tokens"),
        *("spaces_between_special_tokens", "return_token_ids"),
    )
)
VLLM_CHAT = frozenset(("add_generation_prompt", "parallel_tool_calls", "reasoning_effort"))
SGLANG = frozenset(("regex", "ebnf"))
HINTS = frozenset(("prompt_cache_key",))  # to caches: no answer hangs on them
# As `protocol.py` of each has them: vLLM 0.32, and SGLang's of its OpenAI server.
DONE: dict[tuple[Engine, Endpoint], frozenset[str]] = {
    ("vllm", Endpoint.CHAT): SERVERS | HINTS | VLLM | CHAT | VLLM_CHAT,
    ("vllm", Endpoint.COMPLETIONS): SERVERS | HINTS | VLLM | {"suffix"},
    ("sglang", Endpoint.CHAT): (SERVERS | HINTS | SGLANG | CHAT) - {"echo"},
    ("sglang", Endpoint.COMPLETIONS): SERVERS | HINTS | SGLANG,
}
# Values that ask for nothing, of fields that clients send by themselves.
NOTHING: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "length_penalty": (1,),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "verbosity": ("medium",),
    "functions": ([],),
    "suffix": ("",),
    "top_logprobs": (0,),
    "parallel_tool_calls": (True,),
}
# All that may be passed on to some engine. The embedded one refuses by itself what it does not do.
PASSED = frozenset[str]().union(*DONE.values(), NOTHING)


def refuse_others(
    fields: Mapping[str, Any], known: Collection[str], engine: Engine, endpoint: Endpoint
) -> None:
    """Raise ApiError for a field with a value that is neither passed on nor known here, or that the
    engine would leave out in silence.
    """
    done = PASSED if engine == "embedded" else DONE[engine, endpoint]
    for name, value in fields.items():
        if value is None or name in done or name in known or value in NOTHING.get(name, ()):
            continue
        raise unsupported(shortened(name), engine) if name in PASSED else foreign(shortened(name))


def unsupported(name: str, engine: Engine) -> ApiError:
    problem = f"`{name}` is not done by the engine here ({engine}), which would leave it out."
    return ApiError(400, problem, param=name, code="unsupported_parameter")


def foreign(name: str) -> ApiError:
    return ApiError(400, f"`{name}` cannot be chosen by a request.", param=name)
