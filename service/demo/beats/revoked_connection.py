"""A connection is revoked: one alert, no pointless pushes, and all is well once it is connected again."""

from __future__ import annotations

from service.demo.beat import IN_BOOKS, Outcome, Telling, total, turn

INVOICES = (33_000, 12_400)


def tell(telling: Telling) -> Outcome:
    """Revoke consent, issue invoices, connect again."""
    stage, narrator, press = telling.stage, telling.narrator, telling.cast.press
    narrator.act(f"{press.name} revokes its connection")
    stage.world.do("revoke_connection", organization_id=press.id)
    documents = [stage.world.do("issue_invoice", organization_id=press.id, net_minor=net) for net in INVOICES]
    narrator.world(f"An admin withdraws consent in {press.books}, and goes on to issue two invoices.")
    alert = telling.until_firing("connection_lost", press)
    narrator.alert(f"One alert: “{alert['summary']}”")
    records = telling.until_state(press, documents, {"blocked"}, "waiting for the invoices to fail")
    telling.require(telling.pushes(records) == 0, "something was pushed over a connection that is lost")
    narrator.seen(
        f"{total(records)} wait, without a single pointless push. It is the {turn(records[0]['owner'])}."
    )

    stage.world.do("reconnect", organization_id=press.id)
    narrator.world("The admin connects again.")
    healed = telling.until_state(press, documents, IN_BOOKS, "waiting for tieout to notice")
    pushes, duplicates = telling.pushes(healed), telling.duplicates(press, documents)
    telling.require(pushes == len(documents), f"{pushes} pushes were made for {len(documents)} invoices")
    telling.require(duplicates == 0, f"the books received {duplicates} documents too many")
    narrator.seen("Both invoices went by themselves, once each.")
    telling.until_resolved(alert)
    narrator.alert("The alert is resolved.")
    return Outcome(
        happened="connection revoked, then renewed",
        ended="healed by themselves",
        pushes=pushes,
        duplicates=duplicates,
    )
