// Keeps the page up to date, and saves reloads. Without this script every link and form still works.
"use strict";
(() => {
  const busy = new Set();

  // Puts new markup where `element` is, and leaves focus, open details and scroll positions as they were.
  function replace(element, text, answerUrl) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = (element.id && page.getElementById(element.id)) || null;
    const focus = element.contains(document.activeElement) ? document.activeElement : null;
    const open = [...element.querySelectorAll("details")].map((one, i) => [one.id || i, one.open]);
    const ticked = [...element.querySelectorAll("input[type=checkbox]")].filter((one) => one.checked).map((one) => `${one.name}=${one.value}`);
    const scrolled = [...element.querySelectorAll(".table-box")].map((one) => one.scrollLeft);
    let fresh = element;
    if (found) {
      fresh = document.importNode(found, true);
      // An open one tells by an event that it is open, also when it is new.
      if (element.matches("details") && element.open) { fresh.open = true; fresh.dataset.fetched = "yes"; }
      keepFigures(element, fresh);
      element.replaceWith(fresh);
    } else {
      const holder = document.createElement("div");
      holder.innerHTML = page.body.innerHTML;
      keepFigures(element, holder);
      element.replaceChildren(...holder.childNodes);
      if (!element.querySelector("[data-poll]")) element.removeAttribute("data-poll");
    }
    [...fresh.querySelectorAll("details")].forEach((one, i) => {
      const before = open.find(([name]) => name === (one.id || i));
      if (before) one.open = before[1];
    });
    for (const one of fresh.querySelectorAll("input[type=checkbox]")) if (ticked.includes(`${one.name}=${one.value}`)) one.checked = true;
    [...fresh.querySelectorAll(".table-box")].forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
    if (focus && focus.id) fresh.querySelector(`#${CSS.escape(focus.id)}`)?.focus({ preventScroll: true });
    start(fresh);
    document.dispatchEvent(new CustomEvent("replaced", { detail: fresh }));
  }

  // A drawing that is there already moves into the new markup, so that it is not drawn twice.
  function keepFigures(before, after) {
    for (const empty of after.querySelectorAll("[data-figure]")) {
      const same = before.querySelector(`[data-figure="${CSS.escape(empty.dataset.figure)}"]`);
      if (same && same._fullLayout) { same.setAttribute("aria-label", empty.getAttribute("aria-label") || ""); empty.replaceWith(same); }
    }
  }

  async function refresh(element) {
    const url = element.dataset.part;
    // Somebody may be writing in a form.
    if (!url || busy.has(url) || element.querySelector("[data-edit][open]")) return;
    busy.add(url);
    try {
      const answer = await fetch(url, { headers: { "x-part": "1" } });
      if (answer.ok && element.isConnected && element.dataset.part === url) replace(element, await answer.text());
    } catch { /* the server is gone; the stream says so */ } finally { busy.delete(url); }
  }

  async function changed() {
    // Parts inside parts come with them.
    const parts = [...document.querySelectorAll("[data-part]")].filter((one) => !one.parentElement.closest("[data-part]") && !one.matches("details:not([open])"));
    await Promise.all(parts.map(refresh));
    await window.bonagFigures?.draw(document.body);
  }

  // Drawing a run again takes a while, and the processor is the search's: at most a thirtieth of the time goes there.
  let waiting = null, earliest = 0;
  function soon() {
    waiting ??= setTimeout(async () => {
      waiting = null;
      const begun = performance.now();
      await changed();
      earliest = performance.now() + Math.min(29 * (performance.now() - begun), 15000);
    }, Math.max(0, earliest - performance.now()));
  }

  function start(root) {
    const figures = [...root.querySelectorAll("[data-figure]")].filter((one) => !one._fullLayout);
    figures.forEach((one) => window.bonagFigures?.draw(one));
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
    for (const one of [...root.querySelectorAll("[data-poll]"), ...(root.matches?.("[data-poll]") ? [root] : [])]) {
      const part = one.closest("[data-part]");
      if (part && !part.dataset.waits) { part.dataset.waits = "yes"; setTimeout(() => { delete part.dataset.waits; if (part.isConnected) refresh(part).then(() => part.isConnected && start(part)); }, 1000); }
    }
  }

  // What is folded is fetched, and perhaps computed, when it is unfolded.
  document.addEventListener("toggle", (event) => {
    const one = event.target;
    if (!one.open) delete one.dataset.fetched;
    else if (one.matches("[data-part]:not([data-fetched])")) refresh(one);
    else window.bonagFigures?.draw(one);
  }, true);
  const aim = () => { const one = document.getElementById(location.hash.slice(1)); if (one?.matches("details")) one.open = true; };
  addEventListener("hashchange", aim);
  aim();

  // Only a page that is looked at listens: browsers allow few streams per server.
  // A run that goes on may have changed, or ended, between its page and the stream.
  let stream = null, missed = document.querySelector("#state [data-state=running]") !== null;
  const url = document.body.dataset.events;
  const sign = document.getElementById("live"), words = document.getElementById("live-text");
  function say(state, text) { if (sign) { sign.hidden = false; sign.dataset.state = state; words.textContent = text; } }
  function listen() {
    if (!url || stream) return;
    stream = new EventSource(url);
    stream.onopen = () => { say("on", "live"); if (missed) soon(); missed = false; };
    stream.onerror = () => { missed = true; say("off", "not connected"); };
    stream.addEventListener("changed", soon);
    stream.addEventListener("gone", () => { stream.close(); say("off", "gone"); });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { stream?.close(); stream = null; missed = true; } else listen();
  });
  // A page that is left, and may come back, must not keep its stream either.
  addEventListener("pagehide", () => { stream?.close(); stream = null; missed = true; });
  addEventListener("pageshow", () => { if (!document.hidden) listen(); });

  // Links and forms that change one part of the page.
  const page = () => location.pathname + location.search;
  let here = page();
  const asked = new Map();
  async function swap(target, address, push) {
    asked.set(target, address);
    const element = document.querySelector(target);
    if (!element) { location.assign(address); return; }
    element.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error();
      const text = await answer.text();
      // Meanwhile something else was asked for, whose answer may have come first.
      if (asked.get(target) !== address) return;
      replace(document.querySelector(target), text);
      if (push) history.pushState({ swap: target }, "", address); else history.replaceState({ swap: target }, "", address);
      here = page();
    } catch { location.assign(address); }
  }
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); });
      return;
    }
    const link = event.target.closest("a[data-swap]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    swap(link.dataset.swap, link.href, true);
  });
  // What the form does not ask stays as the address has it: the table may have been sorted since the form was made.
  const address = (form) => {
    const values = new URLSearchParams(location.search);
    const before = new Set(values.keys());
    values.delete("page");
    for (const field of form.elements) if (field.name && field.type !== "hidden") values.delete(field.name);
    for (const field of form.elements) {
      if (!field.name || !field.value || (field.type === "hidden" && before.has(field.name))) continue;
      values.append(field.name, field.value);
    }
    return `${form.getAttribute("action") || location.pathname}?${values}`;
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-swap]");
    if (!form) return;
    event.preventDefault();
    swap(form.dataset.swap, address(form), true);
  });
  let typing;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-swap]");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => swap(form.dataset.swap, address(form), false), event.target.type === "search" ? 250 : 0);
  });
  // A link to a place on this page comes by here too.
  addEventListener("popstate", () => { if (page() !== here) location.reload(); });

  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  start(document.body);
  if (!document.hidden) listen();
})();
