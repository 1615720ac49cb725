// Draws every [data-figure], in the page's colours, and draws it again when the page asks.
"use strict";
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new WeakMap();
  // Scripts with "defer" have all run by then, plotly.js among them.
  const ready = new Promise((done) => {
    if (window.Plotly || document.readyState === "complete") done();
    else document.addEventListener("DOMContentLoaded", done);
  });

  // Margins that fit the labels by themselves make plotly draw everything twice. Numbers fit into ones of fixed width.
  function plain(data, layout) {
    const axes = Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)).map((key) => layout[key]);
    const words = (values) => Array.isArray(values) && values.some((value) => typeof value === "string");
    return axes.length <= 3 && !axes.some((axis) => axis.type === "category" || axis.ticktext || axis.side === "right")
      && !data.some((trace) => words(trace.x) || words(trace.y) || words(trace.z) || (trace.type || "scatter") !== "scatter");
  }

  function themed(data, layout) {
    const grid = style("--grid"), text = style("--text"), muted = style("--muted");
    const result = {
      ...layout, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...(layout.font || {}), family: style("--font"), color: text, size: 13 },
      hoverlabel: { ...(layout.hoverlabel || {}), bgcolor: style("--raised"), bordercolor: style("--border"), font: { family: style("--font"), color: text } },
    };
    delete result.width;
    const fixed = plain(data, layout);
    if (fixed) result.margin = { ...layout.margin, l: 68, b: 52 };
    const names = new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))]);
    for (const name of names) {
      result[name] = { ...(layout[name] || {}), gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickcolor: grid, automargin: !fixed, tickfont: { color: muted } };
    }
    return result;
  }

  async function load(element) {
    const inside = element.querySelector('script[type="application/json"]');
    if (inside) return JSON.parse(inside.textContent);
    const answer = await fetch(element.dataset.figure, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  const pending = new WeakMap();
  function draw(element) {
    if (!pending.has(element)) pending.set(element, drawNow(element).finally(() => pending.delete(element)));
    return pending.get(element);
  }

  async function drawNow(element) {
    try {
      const figure = drawn.get(element)?.inline ? drawn.get(element) : await load(element);
      figure.inline = !!element.querySelector('script[type="application/json"]') || !!figure.inline;
      if (figure.summary) element.setAttribute("aria-label", figure.summary);
      drawn.set(element, figure);
      element.classList.remove("wrong");
      await inTurn(() => render(element, figure));
    } catch (error) {
      if (drawn.has(element)) return;  // the last drawing is better than none
      element.classList.add("wrong");
      element.textContent = "This figure could not be loaded.";
    }
    element.dataset.drawn = "yes";
  }

  async function render(element, figure) {
    await ready;
    if (!element._fullLayout) element.textContent = "";
    const layout = themed(figure.data || [], figure.layout || {});
    // What the reader zoomed to, or hid, stays as it was when new trials come.
    layout.uirevision = layout.uirevision || "same";
    await Plotly.react(element, figure.data || [], layout, {
      responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg" },
    });
    element.dispatchEvent(new CustomEvent("figure", { bubbles: true }));
  }

  const within = (root) => [...root.querySelectorAll("[data-figure]"), ...(root.matches?.("[data-figure]") ? [root] : [])]
    .filter((one) => !one.parentElement?.closest("details:not([open])"));
  // All are asked for at once, and drawn from the top down, with a pause in which the browser shows what is there.
  let last = Promise.resolve();
  function inTurn(work) {
    const mine = last.then(work);
    last = mine.catch(() => {}).then(() => new Promise((done) => setTimeout(done)));
    return mine;
  }
  window.bonagFigures = {
    draw: (root) => Promise.all(within(root).map(draw)),
  };
  document.addEventListener("theme", () => {
    for (const element of within(document.body)) if (drawn.has(element)) render(element, drawn.get(element));
  });
  window.bonagFigures.draw(document.body);
})();
