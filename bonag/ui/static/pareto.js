// Shows the trial that the reader points at, presses, or goes to with the arrow keys, beside the figure.
"use strict";
(() => {
  const cards = new Map();
  let chosen = null, waiting, shown = {};

  async function show(index) {
    const place = document.getElementById("pareto"), point = document.getElementById("point");
    if (!place || !point) return;
    chosen = index;
    const url = `${place.dataset.cards}${index}?${place.dataset.query}`;
    if (!cards.has(url)) {
      try {
        const answer = await fetch(url);
        if (!answer.ok) return;
        cards.set(url, await answer.text());
      } catch { return; }
    }
    // By now the reader may be elsewhere.
    const text = cards.get(url);
    if (chosen !== index || (shown.point === point && shown.text === text)) return;
    shown = { point, text };
    point.innerHTML = new DOMParser().parseFromString(text, "text/html").body.innerHTML;
    for (const link of document.querySelectorAll("[data-point]")) link.closest("tr").toggleAttribute("data-chosen", link.dataset.point === String(index));
  }

  const soon = (index) => { clearTimeout(waiting); waiting = setTimeout(() => show(index), 60); };

  // All marks that stand for a trial, from left to right.
  function marks(plot) {
    const found = [];
    (plot.data || []).forEach((trace, curveNumber) => {
      if (!trace.customdata || trace.visible === "legendonly") return;
      const xs = plot.calcdata[curveNumber], data = plot._fullData[curveNumber].customdata;
      xs.forEach((mark, pointNumber) => found.push({ curveNumber, pointNumber, x: mark.x, y: mark.y, index: data[pointNumber] }));
    });
    return found.sort((a, b) => a.x - b.x || a.y - b.y);
  }

  document.addEventListener("figure", (event) => {
    const plot = event.target;
    if (!plot.closest("#points") || plot.dataset.listens) return;
    plot.dataset.listens = "yes";
    const pick = (data) => { const index = data.points[0]?.customdata; if (index !== undefined) soon(index); };
    plot.on("plotly_hover", pick);
    plot.on("plotly_click", pick);
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("#points");
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && chosen !== null) { document.getElementById("point-link")?.click(); return; }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const plot = box.querySelector("[data-figure]");
    if (!step || !plot?.calcdata) return;
    event.preventDefault();
    const all = marks(plot);
    if (!all.length) return;
    const now = all.findIndex((mark) => mark.index === chosen);
    const next = all[now < 0 ? (step > 0 ? 0 : all.length - 1) : (now + step + all.length) % all.length];
    window.Plotly.Fx.hover(plot, [{ curveNumber: next.curveNumber, pointNumber: next.pointNumber }]);
    soon(next.index);
  });

  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const link = event.target.closest?.("tr")?.querySelector("[data-point]");
      if (link) soon(Number(link.dataset.point));
    });
  }

  // New trials came: the card stays, with what is known by now.
  document.addEventListener("replaced", () => {
    if (!document.getElementById("pareto")) return;
    cards.clear();
    if (chosen !== null) show(chosen);
  });
})();
