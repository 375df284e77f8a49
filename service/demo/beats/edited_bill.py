"""A bill is edited in the books: the difference is found, and explained to the cent."""

from __future__ import annotations

from service.demo.beat import Outcome, Telling, amount
from service.demo.service_api import Row, ties_out

MORE_NET_MINOR = 1_250


def tell(telling: Telling) -> Outcome:
    """Change a bill behind everybody's back."""
    stage, narrator, dental = telling.stage, telling.narrator, telling.cast.dental
    narrator.act(f"A bill of {dental.name} is edited in the books")
    truth = stage.world.truth(dental)
    bill = next(each for each in truth["documents"] if each["ledger"] == "payable")
    stage.world.do(
        "edit_in_books",
        organization_id=dental.id,
        document_id=bill["id"],
        net_minor=bill["net_minor"] + MORE_NET_MINOR,
    )
    edited = next(
        each for each in stage.world.truth(dental)["books"]["live"] if each["local_id"] == bill["id"]
    )
    narrator.world(
        f"A bookkeeper changes bill {bill['number']} in {dental.books}. "
        "No event tells of it, and no error either."
    )

    def look() -> Row | None:
        found = stage.api.differences(dental, "amount")
        return next((each for each in found if each["local_id"] == bill["id"]), None)

    with narrator.waiting("waiting for the next reading of the books"):
        difference = stage.api.until("the edited bill is found as a difference", look)
    told = tuple(difference[name] for name in ("local_minor", "books_minor", "delta_minor"))
    real = (bill["total_minor"], edited["total_minor"], edited["total_minor"] - bill["total_minor"])
    telling.require(told == real, f"the difference tells {told}, where {real} is true")
    local, books, delta = (amount(each, difference["currency"]) for each in told)
    narrator.seen(f"Found: {local} here, {books} in {dental.books}. The difference is {delta}.")

    def balanced() -> Row | None:
        rows = [each for each in stage.api.balances(dental) if each["ledger"] == "payable"]
        is_so = rows and all(map(ties_out, rows)) and any(_explains(each, told[2]) for each in rows)
        return rows[0] if is_so else None

    balance = stage.api.until("the balance of the bills contains the difference", balanced)
    narrator.seen(
        f"The bills tie out with it: {amount(balance['local_minor'], balance['currency'])} here, "
        f"{amount(balance['books_minor'], balance['currency'])} in the books, nothing unexplained."
    )
    return Outcome(happened="bill edited in the books", ended=f"explained: {delta}", pushes=0, duplicates=0)


def _explains(balance: Row, delta_minor: int) -> bool:
    """Whether the difference is a term of the balance."""
    return any(term["kind"] == "amount" and term["delta_minor"] == delta_minor for term in balance["terms"])
