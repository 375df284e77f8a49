// Keeps a page current: its main part is read again every few seconds while somebody looks at it. Without this
// script the page is the same, as of when it was loaded.
"use strict";

(() => {
  const main = document.getElementById("main");
  const seconds = Number(main && main.dataset.live);
  if (!seconds) return;

  const isBusy = () =>
    document.hidden ||
    main.contains(document.activeElement) ||
    String(document.getSelection()).length > 0;

  const refresh = async () => {
    if (isBusy()) return;
    const answer = await fetch(location.href, {
      headers: { accept: "text/html" },
      credentials: "same-origin",
      redirect: "error",
    });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (!fresh || isBusy()) return;
    main.replaceChildren(...fresh.childNodes);
    document.title = page.title;
    document.querySelector("footer")?.replaceChildren(...page.querySelector("footer").childNodes);
  };

  // One at a time: the next wait begins when the last answer has come, or has not.
  const next = () =>
    setTimeout(() => refresh().catch(() => {}).finally(next), seconds * 1000);
  next();
})();
