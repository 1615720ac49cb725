"""A page in a browser, with all that went wrong on it."""

from __future__ import annotations

import json
from typing import Any

from .conftest import PATIENCE

# Before anything else of a page: every breach of its policy is kept.
KEEP = """
window.breaches = [];
document.addEventListener("securitypolicyviolation", (event) => {
  breaches.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"


class Visit:
    """A page in a window of its own; ``wrong`` lists what a developer's console would show in red."""

    def __init__(self, chromium: Any, address: str, width: int = 1280, **options: Any) -> None:
        self.address = address
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        self.context.set_default_timeout(1000 * PATIENCE)
        self.context.add_init_script(KEEP)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self._said(message))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def go(self, path: str) -> Any:
        """Open a page of the site, and wait until its figures are drawn; gives playwright's page."""
        self.page.goto(self.address + path)
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Wait until all figures are that are not folded away."""
        shown = "[data-figure]:not(details:not([open]) [data-figure])"
        self.until(f"[...document.querySelectorAll('{shown}')].every((one) => one.querySelector('.main-svg'))")

    def narrow(self) -> Visit:
        """As wide as a telephone, with the figures drawn for it."""
        self.page.set_viewport_size({"width": 390, "height": 800})
        self.until("[...document.querySelectorAll('svg.main-svg')].every((one) => one.width.baseVal.value <= 390)")
        return self

    def wide(self) -> Visit:
        """As wide as a desk's screen."""
        self.page.set_viewport_size({"width": 1280, "height": 900})
        return self

    def until(self, condition: str, seconds: float = PATIENCE) -> None:
        """Wait until a JavaScript expression holds."""
        # Not wait_for_function: it runs text, which the policy of the pages forbids.
        self.page.evaluate(
            f"""() => new Promise((hold, fail) => {{
              const end = performance.now() + {1000 * seconds};
              const look = () => ({condition}) ? hold(true)
                : performance.now() > end ? fail(new Error({json.dumps("never: " + condition)})) : setTimeout(look, 40);
              look();
            }})"""
        )

    def faults(self) -> list[str]:
        """What is wrong with the page as it is: on its console, with its width, its landmarks, and its names."""
        return self.wrong + [f"policy: {one}" for one in self.page.evaluate("breaches")] + self.page.evaluate(FAULTS)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address + "/", "data:", f"blob:{self.address}")):
            self.wrong.append(f"asked for {url}")


# What can be said of every page without knowing it. Gives a list of texts.
FAULTS = """() => {
  const faults = [], all = (selector) => [...document.querySelectorAll(selector)];
  const blame = (what, one) => faults.push(`${what}: ${one.outerHTML.slice(0, 90)}`);
  const named = (one) => (one.innerText || one.getAttribute("aria-label") || "").trim();
  const wide = document.scrollingElement.scrollWidth;
  if (wide > innerWidth) faults.push(`${wide} px wide in a window of ${innerWidth}`);
  for (const selector of ["h1", "main", "body > header", "body > footer", "a.skip[href='#main']"])
    if (all(selector).length !== 1) faults.push(`${all(selector).length} of ${selector}`);
  if (!document.documentElement.lang || !document.title) faults.push("no language or title");
  const seen = new Set();
  for (const one of all("[id]")) { if (seen.has(one.id)) blame("twice", one); seen.add(one.id); }
  for (const one of all("input:not([type=hidden]), select, textarea"))
    if (!one.labels.length && !one.getAttribute("aria-label")) blame("no label", one);
  for (const one of all("a[href], button")) if (one.checkVisibility() && !named(one)) blame("no name", one);
  for (const one of all("img:not([alt])")) blame("no alternative", one);
  for (const one of all("[data-figure], main svg[role=img]"))
    if (!one.ariaLabel && !one.querySelector(":scope > title")?.textContent) blame("no alternative", one);
  for (const one of all("[data-figure]:not(details:not([open]) [data-figure])"))
    if (!one.matches(".js-plotly-plot") || !one.querySelector("svg.main-svg")) blame("not drawn", one);
  for (const one of all("table")) if (!one.querySelector("th[scope=col]")) blame("no headings", one);
  return faults;
}"""
