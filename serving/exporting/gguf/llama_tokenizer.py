"""A byte-level BPE tokenizer and its chat template, as llama.cpp wants them in a GGUF file."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
from transformers import AutoTokenizer, GenerationConfig

# How text is cut before it is merged: as tokenizer.json says it, and llama.cpp's name for it.
BY_DIGITS = ("Digits", "ByteLevel")
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def unlike_bpe(folder: Path) -> str | None:
    """Why a tokenizer cannot be written by this file; None where it can."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return "it has no tokenizer.json"
    told = json.loads(file.read_bytes())
    if told["model"]["type"] != "BPE" or told["model"].get("byte_fallback"):
        return "its tokenizer is no byte-level BPE"
    if not told["model"]["merges"]:
        return "its tokenizer merges nothing"
    if told.get("normalizer"):
        return "its tokenizer changes the text first"
    if cut_by(told) is None:
        return "its tokenizer cuts the text in a way that is not known here"
    return None


def cut_by(told: Mapping[str, Any]) -> str | None:
    """llama.cpp's name for how a tokenizer.json cuts texts into words."""
    top = told["pre_tokenizer"] or {}
    steps = top.get("pretokenizers", [top])
    kinds = tuple(step.get("type") for step in steps)
    if any(step.get("add_prefix_space") for step in steps):
        return None
    if kinds == ("ByteLevel",) and steps[0].get("use_regex", True):
        return "gpt-2"
    if kinds == BY_DIGITS and steps[0].get("individual_digits"):
        return "smollm"
    if kinds == ("Split", "ByteLevel") and steps[0]["pattern"].get("Regex") == LLAMA_3:
        return "llama-bpe"
    return None


def write_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int) -> None:
    """`size`: the rows of the model's table of tokens, which may be more than there are tokens."""
    told = json.loads((folder / "tokenizer.json").read_bytes())
    tokens, kinds = token_list(told, size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut_by(told) or "gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merged(pair) for pair in told["model"]["merges"]])
    write_specials(writer, folder)


def token_list(told: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Every token with its kind, by number; numbers that no token has are filled."""
    tokens = [f"[PAD{i}]" for i in range(size)]
    kinds = [int(gguf.TokenType.UNUSED)] * size
    for token, i in told["model"]["vocab"].items():
        tokens[i], kinds[i] = token, int(gguf.TokenType.NORMAL)
    for added in told.get("added_tokens", ()):
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    return tokens, kinds


def merged(pair: str | list[str]) -> str:
    """Older files write a merge as one text, newer ones as two."""
    return pair if isinstance(pair, str) else " ".join(pair)


def write_specials(writer: gguf.GGUFWriter, folder: Path) -> None:
    """The tokens that end an answer, and the chat template with what it begins with.

    llama.cpp puts a begin token in front of a prompt where the file says so, and takes it away
    from the template. It is to be there only where it was when the version was judged: where the
    template has it.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    template = with_plain_brackets(tokenizer.get_chat_template())
    begin = tokenizer.bos_token
    writer.add_add_bos_token(begin is not None and begins(tokenizer, begin))
    if begin is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    if tokenizer.unk_token_id is not None:
        writer.add_unk_token_id(tokenizer.unk_token_id)
    for at, end in enumerate(ends(folder, tokenizer)[:2]):
        (writer.add_eot_token_id if at else writer.add_eos_token_id)(end)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(template)


def with_plain_brackets(template: str) -> str:
    """llama.cpp's Jinja knows no \\x in a text: a system prompt's brackets are written by it."""
    for escape, bracket in ((r"\x7b", "{"), (r"\x7d", "}")):
        template = re.sub(rf"(?<!\\)((?:\\\\)*){re.escape(escape)}", rf"\g<1>{bracket}", template)
    return template


def begins(tokenizer: Any, begin: str) -> bool:
    """Whether prompts begin with the begin token, in a chat and outside of one."""
    asked = [{"role": "user", "content": "?"}]
    chat = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    plain = tokenizer("?")["input_ids"]
    return bool(chat.startswith(begin) and plain[:1] == [tokenizer.bos_token_id])


def ends(folder: Path, tokenizer: Any) -> list[int]:
    """The tokens that end an answer, the tokenizer's own first."""
    told = GenerationConfig.from_pretrained(folder).eos_token_id
    every = told if isinstance(told, list) else [told]
    return list(dict.fromkeys([t for t in [tokenizer.eos_token_id, *every] if t is not None]))
