// What stands at the top where there is truth: scores with their reference lines, confusion, worst videos.

const FEW_LABELS = 12; // of which the table is all in view
const MOST_CELLS = 40; // labels of which the whole table is drawn

function drawSummary() {
  const { summary } = content;
  if (summary === null) return;
  drawScores(summary);
  drawConfusion(summary);
  const worst = summary.worst.map((index) => {
    const video = videos[index];
    return make("li", {}, make("a", { href: hashOf(video), "data-video": index }, bdi(video.name, 120)),
      make("span", { class: "quiet number" }, percent(video.raw.accuracy ?? 0)));
  });
  byId("worst").append(...worst);
  byId("worst-note").hidden = worst.length > 0;
}

function drawScores(summary) {
  const body = byId("scores").tBodies[0];
  for (const [i, row] of summary.scores.entries()) {
    const cells = [row.segment_accuracy, row.event_f1].map((value) => {
      const bar = make("span", { class: "bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", clamp(value ?? 0, 0, 1));
      return make("td", {}, make("span", { class: "number" }, value === null ? "none" : value.toFixed(3)), bar);
    });
    body.append(make("tr", { class: i === 0 ? "model" : "reference" }, make("th", { scope: "row" }, bdi(row.name)), ...cells));
  }
  byId("scores-note").textContent =
    `Of ${plural(summary.segments, "segment")} in ${plural(summary.videos, "video")}. The lines beneath the model are what ` +
    "the same scores say of predictions that need no model.";
}

function drawConfusion(summary) {
  const table = summary.confusion;
  const used = labels.map((_, i) => i).filter((i) => table[i].some((n) => n > 0) || table.some((row) => row[i] > 0));
  const note = byId("confusion-note");
  if (used.length > MOST_CELLS) {
    note.textContent = `The most frequent pairs of ${used.length} labels. A pair filters the list.`;
    byId("confusion").append(listPairs(table, used));
    return;
  }
  // Of many labels the table scrolls: those with the most mistakes come first, in view.
  const mistakes = (i) => table.reduce((sum, row, t) => sum + (t === i ? row.reduce((a, b) => a + b, 0) - row[i] : row[i]), 0);
  if (used.length > FEW_LABELS) used.sort((a, b) => mistakes(b) - mistakes(a));
  note.textContent = `Segments by their true label (row) and predicted label (column)${used.length > FEW_LABELS
    ? ", most mistakes first" : ""}. A cell filters the list.`;
  byId("confusion").append(tableOf(table, used));
}

function describePair(pair, count) {
  return `true ${labelName(pair.true)}, predicted ${labelName(pair.predicted)}: ${plural(count, "segment")}`;
}

function listPairs(table, used) {
  const pairs = used.flatMap((t) => used.filter((p) => p !== t && table[t][p] > 0).map((p) => ({ true: t, predicted: p })));
  pairs.sort((a, b) => table[b.true][b.predicted] - table[a.true][a.predicted]);
  const buttons = pairs.slice(0, 20).map((pair) => {
    const count = table[pair.true][pair.predicted];
    const button = make("button", { type: "button", class: "pair", "data-row": pair.true, "data-column": pair.predicted },
      bdi(labelName(pair.true)), " taken for ", bdi(labelName(pair.predicted)), make("span", { class: "number" }, String(count)));
    button.addEventListener("click", () => choosePair(pair));
    return make("li", {}, button);
  });
  return make("ol", { class: "pairs" }, ...buttons);
}

function tableOf(table, used) {
  const head = make("tr", {}, make("td", { class: "corner" }, "true ↓ predicted →"),
    ...used.map((p) => make("th", { scope: "col", class: labelName(p).length > 3 ? null : "short" },
      make("span", {}, bdi(labelName(p), 24)))));
  const rows = used.map((t) => {
    const sum = table[t].reduce((a, b) => a + b, 0);
    const cells = used.map((p) => {
      const count = table[t][p];
      if (count === 0) return make("td", { class: t === p ? "right" : null });
      const button = make("button", { type: "button", tabindex: -1, "data-row": t, "data-column": p,
        "aria-label": describePair({ true: t, predicted: p }, count), title: describePair({ true: t, predicted: p }, count) },
      count > 999 ? `${Math.round(count / 1000)}k` : String(count));
      button.style.setProperty("--share", 0.12 + 0.88 * (count / sum));
      return make("td", { class: t === p ? "right" : null }, button);
    });
    return make("tr", {}, make("th", { scope: "row" }, bdi(labelName(t), 24)), ...cells);
  });
  const grid = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  const box = make("div", { class: used.length > FEW_LABELS ? "scroll" : "scroll few", role: "group", "aria-label": "Confusion between labels; arrow keys move" }, grid);
  const first = grid.querySelector("button");
  if (first) first.tabIndex = 0;
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) choosePair({ true: Number(button.dataset.row), predicted: Number(button.dataset.column) });
  });
  grid.addEventListener("keydown", (event) => moveAmongCells(grid, event));
  return box;
}

// Arrow keys go to the next cell that holds something, in the row or the column; one cell at a time takes the tab.
function moveAmongCells(grid, event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const now = event.target.closest("[data-row]");
  if (step === undefined || now === null) return;
  event.preventDefault();
  const [row, column] = [Number(now.dataset.row), Number(now.dataset.column)];
  const ahead = Array.from(grid.querySelectorAll("[data-row]"), (cell) => {
    const [dr, dc] = [Number(cell.dataset.row) - row, Number(cell.dataset.column) - column];
    const along = dr * step[0] + dc * step[1];
    const beside = Math.abs(dr * step[1]) + Math.abs(dc * step[0]);
    return { cell, along, far: along + 3 * beside };
  }).filter((one) => one.along > 0);
  if (ahead.length === 0) return;
  const next = ahead.reduce((a, b) => (b.far < a.far ? b : a)).cell;
  now.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
