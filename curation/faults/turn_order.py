"""Turns that are not in the order in which people talk."""

from itertools import pairwise

from project.records.data import Row


def turn_order(row: Row) -> str | None:
    roles = [message.role for message in row.prompt]
    spoken = roles[1:] if roles[0] == "system" else roles
    if misplaced := not_answered(row):
        return misplaced
    if "system" in spoken:
        return "a system prompt in the middle"
    if spoken[:1] != ["user"]:
        return "an answer before the first question"
    if any(first == second for first, second in pairwise(spoken)):
        return "one side speaks twice in a row"
    if len(row.prompt) > 1 and not all(message.content.strip() for message in row.prompt[:-1]):
        return "a turn without a word"
    return None


def not_answered(row: Row) -> str | None:
    """Why what is learnt is no answer to a question, if it is none."""
    if any(message.role != "assistant" for message in row.completion):
        return "the last turn is no answer"
    return None if row.prompt[-1].role == "user" else "nobody asks before the answer"
