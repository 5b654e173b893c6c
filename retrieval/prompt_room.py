"""How many of a question's passages fit into what a base reads."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from project.chat_template import under
from project.model_pins import context_window, folder_here
from project.records.adapters import Contestant
from project.records.data import EvidencePassage, Message
from project.shown_passages import asked_on

if TYPE_CHECKING:
    from tokenizers import Tokenizer

A_TURN = 32  # tokens that a chat template puts around each turn, and more than any known one does


class PromptRoom:
    """The context of a contestant's base. One that is not on this machine is not known: its server
    refuses what is too long.
    """

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.folder = folder_here(contestant.base)

    @cached_property
    def window(self) -> int | None:
        return context_window(self.folder) if self.folder and self.folder.is_dir() else None

    @cached_property
    def tokenizer(self) -> "Tokenizer | None":
        # Imported here because few prompts are so long that they have to be counted.
        from tokenizers import Tokenizer

        file = Path(self.folder or "") / "tokenizer.json"
        return Tokenizer.from_file(str(file)) if file.is_file() else None

    def first_that_fit(
        self, prompt: Sequence[Message], passages: Sequence[EvidencePassage], answer: int
    ) -> Sequence[EvidencePassage]:
        """As many of the first passages as leave room for an answer of so many tokens."""
        if self.window is None:
            return passages
        count = len(passages)
        while count and not self.fits(prompt, passages[:count], self.window - answer):
            count -= 1
        return passages[:count]

    def fits(
        self, prompt: Sequence[Message], passages: Sequence[EvidencePassage], room: int
    ) -> bool:
        shown = asked_on(prompt, passages, self.contestant.evidence_template)
        turns = under(self.contestant.system_prompt, shown)
        around = A_TURN * len(turns)
        # A token is a byte at least, so that short prompts need no tokenizer.
        if around + sum(len(turn.content.encode()) for turn in turns) <= room:
            return True
        if self.tokenizer is None:
            return True
        texts = [turn.content for turn in turns]
        found = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return around + sum(len(one.ids) for one in found) <= room
