"""Which fields of a request a backend may get.

Engines have many of their own, and get more: some change what answers (`chat_template_kwargs`,
`lora_path`), name somebody else's request (`request_id`, `rid`), or have the engine open an address
(`bootstrap_host`). So what is not known to be harmless is refused, and never passed on.
"""

from collections.abc import Collection, Mapping
from typing import Any

from project.untrusted_input import shortened
from serving.callers.api_error import ApiError

# As OpenAI, vLLM and SGLang name them.
PASSED = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias", "min_tokens"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "length_penalty"),
        *("stop", "stop_token_ids", "include_stop_str_in_output", "ignore_eos", "suffix", "echo"),
        *("logprobs", "top_logprobs", "prompt_logprobs", "return_token_ids"),
        *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
        *("response_format", "structured_outputs", "regex", "ebnf"),
        *("guided_json", "guided_regex", "guided_choice", "guided_grammar"),
        *("bad_words", "allowed_token_ids", "truncate_prompt_tokens", "add_special_tokens"),
        *("skip_special_tokens", "spaces_between_special_tokens"),
        *("add_generation_prompt", "continue_final_message", "reasoning_effort", "verbosity"),
        *("modalities", "prediction", "service_tier", "prompt_cache_key"),
    )
)


def refuse_others(fields: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise ApiError for a field with a value that is neither passed on nor known here."""
    for name, value in fields.items():
        if value is not None and name not in PASSED and name not in known:
            shown = shortened(name)
            raise ApiError(400, f"`{shown}` cannot be chosen by a request.", param=shown)
