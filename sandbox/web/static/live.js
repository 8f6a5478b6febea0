// Keeps a page true while it is looked at: hears that something changed, fetches the page again and puts its parts in
// place. A part is an element with data-live; a list whose rows came, went or moved is not moved under the reader: a
// note offers to show it. Without this script the page is as it was served.
(() => {
  "use strict";
  const { source, mark: made } = document.currentScript.dataset;
  const POLL_MS = 30000, REST_MS = 5000;
  let mark = made, etag = "", fetched = 0, timer = null, stream = null;

  const outermost = (one) => !one.parentElement.closest("[data-live]");
  const parts = (root) => new Map([...root.querySelectorAll("[data-live]")].filter(outermost).map((one) => [one.dataset.live, one]));

  function put(old, fresh) {
    if (old.outerHTML === fresh.outerHTML) return;
    const held = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    const here = document.importNode(fresh, true);
    here.querySelectorAll("details").forEach((one, place) => { one.open = open[place] ?? one.open; });
    old.replaceWith(here);
    if (held) here.querySelector(`[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }

  async function refresh() {
    timer = null;
    fetched = Date.now();
    const answer = await fetch(location.href, { headers: { "Sandbox-Live": "1" }, cache: "no-store", redirect: "error" });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const list of document.querySelectorAll("[data-live-list]")) {  // one that is empty cannot move
      const fresh = next.querySelector(`[data-live-list="${list.dataset.liveList}"]`);
      if (fresh && !list.querySelector("[data-live]")) put(list, fresh);
    }
    const mine = parts(document), theirs = parts(next);
    const moved = [...mine.keys()].join("\n") !== [...theirs.keys()].join("\n");
    for (const [key, old] of mine) if (theirs.has(key)) put(old, theirs.get(key));
    for (const said of document.querySelectorAll("[data-live-said]")) {
      const fresh = next.querySelector("[data-live-said]")?.textContent ?? "";
      if (said.textContent !== fresh) said.textContent = fresh;
    }
    for (const note of document.querySelectorAll("[data-live-note]")) if (moved) note.hidden = false;
    document.title = next.title;
  }

  function changed() {
    if (timer === null) timer = setTimeout(() => refresh().catch(() => {}), Math.max(0, fetched + REST_MS - Date.now()));
  }

  function heard(now) {
    if (now !== mark) changed();
    mark = now;
  }

  async function ask() {
    if (!document.hidden) {
      const answer = await fetch(source, { headers: { Accept: "application/json", "If-None-Match": etag }, redirect: "error" });
      if (answer.status === 401 || answer.status === 404) return;
      if (answer.status === 200) { etag = answer.headers.get("ETag") || ""; heard((await answer.json()).mark); }
    }
    setTimeout(poll, POLL_MS);
  }

  const poll = () => ask().catch(() => setTimeout(poll, POLL_MS));

  function listen() {
    if (stream || document.hidden) return;
    stream = new EventSource(source);
    stream.addEventListener("mark", (one) => heard(JSON.parse(one.data).mark));
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) { stream = null; poll(); document.removeEventListener("visibilitychange", seen); } };
  }

  function seen() {
    if (document.hidden && stream) { stream.close(); stream = null; } else listen();
  }

  if (window.EventSource) { document.addEventListener("visibilitychange", seen); listen(); } else poll();
})();
