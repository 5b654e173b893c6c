"""What Lindmoor Bank's assistant may call. Each changes or reads `state`, the bank as it is."""

from typing import Any

State = dict[str, Any]
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def get_balance(state: State, account: str) -> dict[str, Any]:
    if account not in state["balances"]:
        return {"error": "no such account"}
    return {"balance": state["balances"][account]}


def find_payments(state: State, account: str, month: str) -> dict[str, Any]:
    known = state["payments"].get(account, [])
    return {"payments": [one for one in known if one["date"].startswith(month)]}


def transfer(
    state: State, source: str, target: str, amount: float, date: str | None = None
) -> dict[str, Any]:
    if source not in state["balances"]:
        return {"error": "no such account"}
    if amount > state["balances"][source]:
        return {"error": "not enough money"}
    order = {"source": source, "target": target, "amount": amount, "date": date}
    state["transfers"].append(order)
    return {"reference": f"T-{sum(map(ord, source + target)) + int(amount)}"}


def block_card(state: State, card: str, reason: str) -> dict[str, Any]:
    if card not in state["cards"]:
        return {"error": "no such card"}
    state["cards"][card] = reason
    return {"blocked": card}


def opening_hours(state: State, branch: str, day: str) -> dict[str, Any]:
    hours = state["branches"].get(branch)
    if hours is None:
        return {"error": "no such branch"}
    kind = day if day in ("Saturday", "Sunday") else "weekday"
    return {"hours": hours.get(kind, "closed")}
