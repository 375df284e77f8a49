"""An organization loses a tax rate: its invoices wait for the cure, and go by themselves once it is there."""

from __future__ import annotations

from service.demo.beat import IN_BOOKS, Outcome, Telling, total, turn
from service.demo.cast import CITY_RATE

INVOICES = (24_000, 15_500, 61_000)


def tell(telling: Telling) -> Outcome:
    """Take the rate away, issue invoices, give it back."""
    stage, narrator, coffee = telling.stage, telling.narrator, telling.cast.coffee
    narrator.act(f"{coffee.name} loses a tax rate")
    stage.world.do("remove_tax_rate", organization_id=coffee.id, rate=CITY_RATE)
    documents = [
        stage.world.do("issue_invoice", organization_id=coffee.id, net_minor=net, tax_rate=CITY_RATE)
        for net in INVOICES
    ]
    narrator.world(f"The 7.25 % rate is deleted in {coffee.books}. Three invoices that need it are issued.")
    records = telling.until_state(coffee, documents, {"blocked"}, "waiting for the pushes to fail")
    causes = {record["cause"] for record in records}
    telling.require(
        causes == {"missing_tax_rate"}, f"the failures were taken for {', '.join(sorted(causes))}"
    )
    narrator.seen(
        f"All three pushes failed, {total(records)} in all. tieout knows why: the tax rate is missing. "
        f"They are blocked, and it is the {turn(records[0]['owner'])}."
    )
    alert = telling.until_firing("cause_failing", coffee)
    alerts = stage.api.alerts(status="firing")
    telling.require(len(alerts) == 1, f"{len(alerts)} alerts fire for one cause")
    narrator.alert(f"One alert for all of them: “{alert['summary']}”")

    stage.world.do("add_tax_rate", organization_id=coffee.id, rate=CITY_RATE)
    narrator.world(f"Somebody adds the rate to {coffee.books} again. Nobody tells tieout.")
    healed = telling.until_state(coffee, documents, IN_BOOKS, "waiting for tieout to notice")
    pushes = telling.pushes(healed)
    duplicates = telling.duplicates(coffee, documents)
    telling.require(pushes == len(documents), f"{pushes} pushes were made for {len(documents)} invoices")
    telling.require(duplicates == 0, f"the books received {duplicates} documents too many")
    narrator.seen("tieout saw the rate and pushed each invoice once. All three are in the books.")
    telling.until_resolved(alert)
    narrator.alert("The alert is resolved, by what was read and not by silence.")
    return Outcome(
        happened="tax rate lost, 3 invoices failed",
        ended="healed by themselves",
        pushes=pushes,
        duplicates=duplicates,
    )
