"""How values look on the page: money exact and aligned, instants as people say them, text always escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from service.domain.money import exponent
from service.domain.status import span

MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NARROW NO-BREAK SPACE}"

BAR_UNITS = 1000
"""Width of a bar in its own units, whatever it is on the screen."""

LINE_HEIGHT = 40
LINE_VALUES_MIN = 2


def number(value: float) -> str:
    """Write a count with its thousands set apart."""
    return f"{value:,}".replace("-", MINUS)


def amount(minor: int, currency: str) -> str:
    """Write an amount in major units, exactly; its currency stands beside it."""
    digits = exponent(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    text = f"{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
    return f"{MINUS}{text}" if minor < 0 else text


def money(minor: int, currency: str) -> Markup:
    """Write an amount with its currency, small before it."""
    return Markup('<span class="money"><abbr>{}</abbr>{}{}</span>').format(
        currency, NARROW, amount(minor, currency)
    )


def moneys(minor_by_currency: Mapping[str, int]) -> Markup:
    """Write amounts of several currencies, the largest first."""
    if not minor_by_currency:
        return Markup('<span class="none">—</span>')
    ordered = sorted(
        minor_by_currency.items(), key=lambda item: (-abs(item[1]) / 10 ** exponent(item[0]), item[0])
    )
    return Markup("<br>").join(money(int(minor), currency) for currency, minor in ordered)


def signed(minor: int, currency: str) -> str:
    """Write a change, with its sign also when it is a gain."""
    return ("+" if minor > 0 else "") + amount(minor, currency)


def signed_count(count: int) -> str:
    """Write a change of a count."""
    return ("+" if count > 0 else "") + number(count)


def ago(at: datetime | None, now: datetime) -> Markup:
    """Write an instant as its distance from now; the exact time is beneath."""
    if at is None:
        return Markup('<span class="none">never</span>')
    distance = now - at
    if abs(distance.total_seconds()) < 1:
        words = "now"
    else:
        words = f"{span(distance)} ago" if distance.total_seconds() > 0 else f"in {span(-distance)}"
    return _time(at, words)


def instant(at: datetime | None) -> Markup:
    """Write an instant to the second."""
    if at is None:
        return Markup('<span class="none">—</span>')
    return _time(at, at.astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S"))


def day(at: datetime | None) -> Markup:
    """Write an instant to the minute, without its year."""
    if at is None:
        return Markup('<span class="none">—</span>')
    return _time(at, at.astimezone(UTC).strftime("%-d %b %H:%M"))


def seconds(value: float) -> str:
    """Write a length of time."""
    return span(timedelta(seconds=value))


def short(identifier: object) -> str:
    """Write the beginning of an id; the whole stands in its link or title."""
    return str(identifier)[:8]


def https_only(url: str | None) -> str | None:
    """Give an address that somebody else made, only if following it is no trap."""
    if not url or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.hostname and not parts.username else None


def bar(parts: Sequence[tuple[str, int]], label: str) -> Markup:
    """Draw a bar of parts by tone and size; empty without any size."""
    total = sum(size for _, size in parts)
    drawn: list[Markup] = []
    left = 0
    for tone, size in parts:
        width = max(6, round(size * BAR_UNITS / total)) if size else 0
        width = min(width, BAR_UNITS - left)
        if width > 0:
            drawn.append(
                Markup('<rect class="tone-{}" x="{}" y="0" width="{}" height="10"/>').format(
                    tone, left, width
                )
            )
        left += width
    svg = Markup(
        '<svg class="bar" viewBox="0 0 {} 10" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    )
    return svg.format(BAR_UNITS, label, Markup("").join(drawn))


def share(part: int, whole: int) -> Markup:
    """Draw how much of a whole something is."""
    width = 0 if whole <= 0 else max(8, round(part * BAR_UNITS / whole))
    svg = Markup(
        '<svg class="share" viewBox="0 0 {0} 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="0" width="{0}" height="10"/>'
        '<rect class="fill" x="0" y="0" width="{1}" height="10"/></svg>'
    )
    return svg.format(BAR_UNITS, min(width, BAR_UNITS))


def sparkline(values: Sequence[int], label: str) -> Markup:
    """Draw how a figure went, the oldest value first; fewer than two make no line."""
    if len(values) < LINE_VALUES_MIN:
        return Markup("")
    highest = max(*values, 1)
    step = BAR_UNITS / (len(values) - 1)
    points = " ".join(
        f"{index * step:.0f},{LINE_HEIGHT - 2 - round(value * (LINE_HEIGHT - 4) / highest)}"
        for index, value in enumerate(values)
    )
    svg = Markup(
        '<svg class="spark" viewBox="0 0 {0} {1}" preserveAspectRatio="none" role="img" aria-label="{2}">'
        '<polygon points="0,{1} {3} {0},{1}"/><polyline points="{3}"/></svg>'
    )
    return svg.format(BAR_UNITS, LINE_HEIGHT, label, points)


def _time(at: datetime, words: str) -> Markup:
    exact = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    machine = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, exact, escape(words))
