"""How well a model knows the bank's own terms: does it complete a sentence with the right one?

Of four terms the one counts as chosen that the model finds likeliest behind the sentence: the mean
log-probability of its tokens, in nats. A guess is right in a quarter. Sentences stand alone, as
documents do, without a chat template.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.bank.facts import read
from project.libraries import settle


@dataclass(frozen=True)
class Cloze:
    """A sentence's beginning, the term that completes it, and three that do not."""

    begins: str
    right: str
    wrong: tuple[str, ...]

    @property
    def choices(self) -> tuple[str, ...]:
        return (self.right, *self.wrong)


@dataclass(frozen=True)
class TermScore:
    """Of n sentences."""

    n: int
    right: int  # completed by the right term
    logprob: float  # of the right terms' tokens, the mean of the sentences, in nats


def clozes() -> list[Cloze]:
    return [Cloze(one["begins"], one["right"], tuple(one["wrong"])) for one in read("terms.yaml")]


def score_terms(model: Any, tokenizer: Any) -> TermScore:
    found = [logprobs(model, tokenizer, cloze) for cloze in clozes()]
    right = sum(max(scores) == scores[0] for scores in found)
    return TermScore(len(found), right, sum(scores[0] for scores in found) / len(found))


def logprobs(model: Any, tokenizer: Any, cloze: Cloze) -> list[float]:
    """Of each choice's tokens behind the sentence's beginning; the right one comes first."""
    import torch  # here, so that whoever only reads the sentences does not wait for it

    given = len(tokenizer(cloze.begins).input_ids)
    texts = [tokenizer(f"{cloze.begins} {term}").input_ids for term in cloze.choices]
    longest = max(map(len, texts))
    # What is filled up stands on the right, where no token of the text sees it.
    ids = torch.tensor([text + [text[-1]] * (longest - len(text)) for text in texts])
    with torch.no_grad():
        told = torch.log_softmax(model(input_ids=ids, use_cache=False).logits.float(), -1)
    return [
        float(told[i, given - 1 : len(text) - 1].gather(-1, ids[i, given : len(text), None]).mean())
        for i, text in enumerate(texts)
    ]


def main(base: str, adapter: str) -> None:
    """Print the scores of a base model's folder, without and with an adapter, as JSON."""
    settle()
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    before = score_terms(model, tokenizer)
    after = score_terms(PeftModel.from_pretrained(model, Path(adapter)).eval(), tokenizer)
    print(json.dumps({"before": vars(before), "after": vars(after)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
