// Sorts and filters the table of trials, copies, saves the CSV, and readies figures for paper. All can be read without it.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(button.dataset.copy); } catch { select(button.previousElementSibling); return; }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
  // Where the clipboard is closed to files, the text is at least marked.
  function select(element) { getSelection().selectAllChildren(element); }

  const save = document.getElementById("csv");
  if (save && document.getElementById("trial-table")) {
    save.hidden = false;
    save.addEventListener("click", () => {
      const text = JSON.parse(document.getElementById("csv-data").textContent);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = save.dataset.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  const table = document.getElementById("trial-table");
  if (table) sortable(table);
  function sortable(table) {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    const said = document.getElementById("filter-said"), form = document.getElementById("filter");
    const text = document.getElementById("filter-text"), state = document.getElementById("filter-state");
    const written = rows.map((row) => row.textContent.toLowerCase());
    const states = rows.map((row) => [...row.cells[1].querySelectorAll(".badge")].map((one) => one.textContent));
    let order = "in the order of the trials";

    function value(row, column, numeric) {
      const cell = row.cells[column];
      if (!numeric) return cell.textContent === "–" ? null : cell.textContent.toLowerCase();
      const number = Number(cell.dataset.v ?? cell.textContent.replaceAll(",", ""));
      return Number.isNaN(number) || cell.textContent === "–" ? null : number;
    }

    function sort(column, direction) {
      const numeric = heads[column].classList.contains("number"), sign = direction === "ascending" ? 1 : -1;
      const keyed = rows.map((row, place) => [value(row, column, numeric), place, row]);
      keyed.sort(([a, i], [b, j]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        return (a < b ? -sign : a > b ? sign : 0) || i - j;
      });
      body.append(...keyed.map(([, , row]) => row));
      for (const head of heads) head.removeAttribute("aria-sort");
      heads[column].setAttribute("aria-sort", direction);
      order = `sorted by ${heads[column].textContent.trim()}, ${direction}`;
      say();
    }

    function matches(place) {
      const known = states[place];
      const wanted = state.value;
      if (wanted === "feasible" ? known[0] !== "completed" || known.includes("infeasible") : wanted && !known.includes(wanted)) return false;
      return text.value.toLowerCase().split(/\s+/).every((word) => written[place].includes(word));
    }
    let shown = rows.length;
    function filter() {
      shown = 0;
      rows.forEach((row, place) => { row.hidden = !matches(place); shown += !row.hidden; });
      say();
    }
    function say() {
      const count = rows.length.toLocaleString("en");
      said.textContent = `${shown === rows.length ? `All ${count}` : `${shown.toLocaleString("en")} of ${count}`}, ${order}`;
    }

    heads.forEach((head, column) => {
      const button = document.createElement("button"), arrow = document.createElement("span");
      button.type = "button";
      button.className = "sort";
      arrow.className = "arrow";
      arrow.setAttribute("aria-hidden", "true");
      button.append(head.textContent, arrow);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const other = head.dataset.first === "ascending" ? "descending" : "ascending";
        sort(column, head.getAttribute("aria-sort") === head.dataset.first ? other : head.dataset.first);
      });
    });
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    let typing;
    form.addEventListener("input", () => { clearTimeout(typing); if (rows.length > 1000) typing = setTimeout(filter, 150); else filter(); });
    // A row that somebody is sent to is shown.
    addEventListener("hashchange", () => {
      const row = document.getElementById(location.hash.slice(1));
      if (row?.hidden) { text.value = state.value = ""; filter(); row.scrollIntoView(); }
    });
    say();

    // A mark of a figure leads to its trial.
    document.addEventListener("figure", (event) => {
      const plot = event.target;
      if (plot.dataset.listens) return;
      plot.dataset.listens = "yes";
      plot.on("plotly_click", (data) => {
        const index = data.points[0]?.customdata;
        if (Number.isInteger(index) && data.points[0].data.mode === "markers" && document.getElementById(`trial-${index}`)) location.hash = `trial-${index}`;
      });
    });
  }

  // On paper all is light, and figures are pictures of the size that there is.
  let before = null;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    root.dataset.theme = "light";
    document.dispatchEvent(new CustomEvent("theme"));
    for (const plot of document.querySelectorAll(".plot")) {
      const box = plot.querySelector(".svg-container");
      if (!box) continue;
      plot.style.aspectRatio = `${box.clientWidth} / ${box.clientHeight}`;
      for (const svg of box.querySelectorAll(".main-svg")) svg.setAttribute("viewBox", `0 0 ${box.clientWidth} ${box.clientHeight}`);
    }
    for (const one of document.querySelectorAll("details:not([open])")) { one.open = true; one.dataset.closed = "yes"; }
  });
  addEventListener("afterprint", () => {
    if (before === null) return;
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    before = null;
    document.dispatchEvent(new CustomEvent("theme"));
    for (const plot of document.querySelectorAll(".plot")) plot.style.aspectRatio = "";
    for (const svg of document.querySelectorAll(".plot .main-svg")) svg.removeAttribute("viewBox");
    for (const one of document.querySelectorAll("details[data-closed]")) { one.open = false; delete one.dataset.closed; }
  });
})();
