"""A Modelfile, by which Ollama answers with an export as it was judged.

Ollama reads no Jinja: it takes a template of Go's. One is made of what the chat template puts
around each turn, and kept only where both make the same prompts (parser/parser.go and
template/template.go of ollama/ollama, 2026).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.gguf_file import begins
from serving.exporting.start_scripts import CONTEXT, MODEL

FILE = "Modelfile"
MARKS = ("\x02one\x03", "\x02two\x03", "\x02three\x03")
TOLD = "\x02told\x03"  # in place of a caller's system message

Turn = dict[str, str]


@dataclass(frozen=True)
class Frame:
    """The text around the turns of a conversation, which user and model take in turn."""

    head: str  # before the first turn
    told: tuple[str, str] | None  # in its place, around a caller's system message
    answer: str  # between a question and its answer
    question: str  # between an answer and the next question
    tail: str  # behind the last question

    def rendered(self, turns: Sequence[Turn]) -> str:
        text = self.head
        if turns[0]["role"] == "system" and self.told:
            text = turns[0]["content"].join(self.told)
        for turn in turns:
            if turn["role"] == "user":
                text += turn["content"]
            elif turn["role"] == "assistant":
                text += self.answer + turn["content"] + self.question
        return text + self.tail

    def template(self) -> str:
        """The same as a template of Go's: each text is a literal of Go's, so that nothing in it is
        read as anything else, and no character is lost on the way.
        """
        head = action(self.head)
        if self.told:
            before, after = map(action, self.told)
            told = before + "{{ .System }}" + after
            head = "{{ if .System }}" + told + "{{ else }}" + head + "{{ end }}"
        asks, answers = '{{ if eq .Role "user" }}', '{{ else if eq .Role "assistant" }}'
        reply = action(self.answer) + "{{ .Content }}" + action(self.question)
        turn = asks + "{{ .Content }}" + answers + reply + "{{ end }}"
        return head + "{{ range .Messages }}" + turn + "{{ end }}" + action(self.tail)


def action(text: str) -> str:
    plain = (c if c.isascii() and c.isprintable() and c not in '"\\' else escaped(c) for c in text)
    return '{{ "' + "".join(plain) + '" }}'


def escaped(character: str) -> str:
    return "\\n" if character == "\n" else f"\\U{ord(character):08x}"


def frame_of(tokenizer: Any) -> Frame | None:
    """None where its chat template makes something else of a conversation than this."""
    first, two, three = MARKS
    try:
        head, tail = prompt(tokenizer, [turn_of("user", first)]).split(first)
        chat = [turn_of("user", first), turn_of("assistant", two), turn_of("user", three)]
        before, between = prompt(tokenizer, chat).split(two)
        frame = Frame(
            head=head,
            told=told_by(tokenizer, tail),
            answer=before.partition(first)[2],
            question=between.partition(three)[0],
            tail=tail,
        )
        longer = [*chat, turn_of("assistant", first), turn_of("user", two)]
        asked = [longer, [turn_of("system", three), *longer]] if frame.told else [longer]
        same = all(frame.rendered(turns) == prompt(tokenizer, turns) for turns in asked)
    except (TemplateError, ValueError):
        return None
    return frame if same else None


def told_by(tokenizer: Any, tail: str) -> tuple[str, str] | None:
    """What stands around a system message; None where the template refuses one."""
    try:
        text = prompt(tokenizer, [turn_of("system", TOLD), turn_of("user", MARKS[0])])
        before, after = text.removesuffix(MARKS[0] + tail).split(TOLD)
    except (TemplateError, ValueError):
        return None
    return before, after


def turn_of(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def prompt(tokenizer: Any, turns: Sequence[Turn]) -> str:
    """Without the begin token, which Ollama puts in front where the GGUF file says so."""
    text: str = tokenizer.apply_chat_template(
        list(turns), tokenize=False, add_generation_prompt=True
    )
    begin = tokenizer.bos_token
    return text.removeprefix(begin) if begin and begins(tokenizer, begin) else text


def write_modelfile(merged: Path, draft: Path, decoding: Decoding, context: int) -> None:
    """Beside the GGUF file of a merged folder, whose chat template has the system prompt."""
    tokenizer = AutoTokenizer.from_pretrained(merged)
    if frame := frame_of(tokenizer):
        (draft / FILE).write_text(modelfile(frame, tokenizer.eos_token, decoding, context))


def modelfile(frame: Frame, end: str, decoding: Decoding, context: int) -> str:
    """Every setting is named: Ollama's own cut the choice of tokens, and punish repetition."""
    sampling = {
        "temperature": f"{decoding.temperature:g}",
        "top_k": "0",
        "top_p": "1",
        "min_p": "0",
        "repeat_penalty": "1",
        "num_predict": str(decoding.max_new_tokens),
        "num_ctx": str(min(context, CONTEXT)),
        "stop": f'"{end}"',
    }
    lines = [
        "# ollama create NAME -f Modelfile",
        f"FROM ./{MODEL}",
        f'TEMPLATE """{frame.template()}"""',
        *(f"PARAMETER {name} {value}" for name, value in sampling.items()),
    ]
    return "\n".join([*lines, ""])
