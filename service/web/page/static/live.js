// Keeps a page current: its main part is read again every few seconds while somebody looks at it, and where that
// fails it says since when it is not. Without this script the page is the same, as of when it was loaded.
"use strict";

(() => {
  const main = document.getElementById("main");
  const note = document.getElementById("standing");
  const period = Number(main && main.dataset.live) * 1000;
  if (!period) return;

  // How long an answer may take; one that never comes is none.
  const PATIENCE_MS = 30_000;
  // A single answer that fails happens; a page that missed two of them is not to be relied upon.
  const MISSED_MAX = 2;
  let currentAt = Date.now();

  const isTyping = (field) => field && main.contains(field) && field.matches("input, select, textarea");

  const chosen = (select) => Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));

  const isChanged = (field) =>
    field.matches("select")
      ? field.selectedIndex !== chosen(field)
      : field.value !== field.defaultValue || field.checked !== field.defaultChecked;

  // A button under the pointer is about to be pressed: it must not move away, nor another one into its place.
  const isBusy = () =>
    document.hidden ||
    isTyping(document.activeElement) ||
    main.querySelector("button:hover, details[open] form") ||
    [...main.querySelectorAll("input, select, textarea")].some(isChanged) ||
    String(document.getSelection()).length > 0;

  // What has the focus, by what it is and does: after the next reading another element stands in its place.
  const nameOf = (element) => {
    const told = element.getAttribute("href") ?? element.getAttribute("aria-label") ?? element.textContent;
    return `${element.tagName} ${element.form?.action} ${told}`;
  };

  const alike = (name) =>
    [...main.querySelectorAll("a, button, summary, [tabindex]")].filter((element) => nameOf(element) === name);

  const replace = (fresh) => {
    const focused = main.contains(document.activeElement) ? document.activeElement : null;
    const name = focused && nameOf(focused);
    const place = focused && alike(name).indexOf(focused);
    const scrolled = [...main.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll(".scroll").forEach((region, index) => (region.scrollLeft = scrolled[index] || 0));
    if (focused) alike(name)[place]?.focus({ preventScroll: true });
  };

  const read = async () => {
    const answer = await fetch(location.href, {
      headers: { accept: "text/html" },
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.getElementById("main")) throw new Error("answered by something else");
    return page;
  };

  const tellCurrent = () => {
    currentAt = Date.now();
    delete main.dataset.stale;
    note.replaceChildren();
  };

  const tellStale = () => {
    if (Date.now() - currentAt < MISSED_MAX * period || "stale" in main.dataset) return;
    main.dataset.stale = "";
    const again = document.createElement("a");
    again.href = location.pathname + location.search;
    again.textContent = "reload, or sign in again";
    const asOf = document.querySelector("footer time")?.textContent;
    note.replaceChildren(`Not current since ${asOf} UTC: `, again, ".");
  };

  const refresh = async () => {
    if (isBusy()) return;
    try {
      const page = await read();
      if (isBusy()) return;
      replace(page.getElementById("main"));
      document.title = page.title;
      document.querySelector("footer")?.replaceChildren(...page.querySelector("footer").childNodes);
      tellCurrent();
    } catch {
      tellStale();
    }
  };

  // One at a time: the next wait begins when the last answer has come, or has not.
  const next = () => setTimeout(() => refresh().finally(next), period);
  next();
})();
