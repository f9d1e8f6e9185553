// Probabilities over time: one small chart a class under the timeline, on the same seconds, and a table of them.

const MOST_CLASSES = 6; // beside background
const MOST_LINES = 300; // of the table
const charts = { codes: [], rows: [], timer: null };

// Classes that are worth a chart in the part that is in view: those that are true or predicted there, then the
// likeliest; background comes last.
function codesToShow(video, view) {
  const [first, end] = [video.after(Math.floor(view[0] / hop + 1e-6)), video.after(view[1] / hop)];
  const sums = new Float64Array(nClasses);
  const there = new Set();
  for (let p = first; p < end; p += 1) {
    for (let code = 0; code < nClasses; code += 1) sums[code] += video.proba[p * nClasses + code];
    there.add(video.pred[p]);
    if (hasTruth) there.add(video.true[p]);
  }
  const named = (code) => there.has(code);
  const codes = Array.from(sums.keys()).filter((code) => code !== background);
  codes.sort((a, b) => named(b) - named(a) || sums[b] - sums[a] || a - b);
  const most = codes.slice(0, MOST_CLASSES).sort((a, b) => sums[b] - sums[a]);
  return background !== null && background < nClasses ? [...most, background] : most;
}

// Once a move along the timeline has come to rest, the charts are those of what is in view.
function chooseChartsSoon() {
  clearTimeout(charts.timer);
  charts.timer = setTimeout(() => {
    if (state.index < 0) return;
    const codes = codesToShow(timeline.video, timeline.view);
    if (codes.join() === charts.codes.join()) return;
    makeCharts(codes);
    sayProbabilities(timeline.video, state.number);
    drawProbabilities();
  }, 200);
}

function openProbabilities(video) {
  byId("probabilities-table").open = false;
  makeCharts(codesToShow(video, video.span));
}

function makeCharts(codes) {
  charts.codes = codes;
  charts.rows = charts.codes.map((code) => {
    const value = make("span", { class: "number" });
    const canvas = make("canvas", { class: "plot", "aria-hidden": "true" });
    const row = make("div", { class: "chart", "data-label": code },
      make("div", { class: "gutter" }, make("span", { class: "label", title: labelName(code) }, bdi(labelName(code))), value), canvas);
    return { code, row, canvas, value };
  });
  const rest = nClasses - charts.codes.length;
  byId("chart-rows").replaceChildren(...charts.rows.map((one) => one.row));
  const more = rest === 1 ? "One class of lower probability is not drawn." : `${rest} classes of lower probability are not drawn.`;
  say(byId("probabilities-rest"), rest > 0 ? more : "");
}

function drawProbabilities() {
  const { video, view } = timeline;
  const sizes = charts.rows.map(({ canvas }) => [canvas.clientWidth, canvas.clientHeight]); // before any is resized
  for (const [i, { code, canvas }] of charts.rows.entries()) {
    const [width, height] = sizes[i];
    drawChart(fitCanvas(canvas, width, height), video, code, view, width, height);
  }
}

function drawChart(context, video, code, view, width, height) {
  const at = scaleOf(view, width);
  const [first, end] = [video.after(Math.floor(view[0] / hop)), video.after(view[1] / hop)];
  const top = 3;
  const y = (value) => top + (1 - value) * (height - top - 1);
  context.fillStyle = theme.grid;
  context.fillRect(0, height - 1, width, 1);
  context.setLineDash([2, 4]);
  context.strokeStyle = theme.rule;
  context.beginPath();
  context.moveTo(0, Math.round(y(0.5)) + 0.5);
  context.lineTo(width, Math.round(y(0.5)) + 0.5);
  context.stroke();
  context.setLineDash([]);
  const area = new Path2D();
  const line = new Path2D();
  let [last, highest, from] = [NaN, 0, NaN];
  const close = () => {
    if (!Number.isNaN(from)) area.lineTo(from, y(0));
  };
  for (let p = first; p < end; p += 1) {
    const number = video.numbers[p];
    const value = video.proba[p * nClasses + code];
    const [left, right] = [at(number * hop), at((number + 1) * hop)];
    // Of segments that share a pixel the highest is drawn.
    if (number === last + 1 && right - from < 1) {
      highest = Math.max(highest, value);
      last = number;
      continue;
    }
    highest = number === last + 1 ? Math.max(highest, value) : value;
    if (number !== last + 1 || Number.isNaN(from)) {
      line.moveTo(left, y(highest));
      close();
      area.moveTo(left, y(0));
    } else line.lineTo(left, y(highest));
    line.lineTo(right, y(highest));
    area.lineTo(left, y(highest));
    area.lineTo(right, y(highest));
    [last, highest, from] = [number, 0, right];
  }
  close();
  context.globalAlpha = 0.62;
  context.fillStyle = code === background ? theme.quiet : hueOf(code);
  context.fill(area);
  context.globalAlpha = 1;
  context.strokeStyle = theme.edge;
  context.lineWidth = 1.25;
  context.stroke(line);
}

// Beside each name: the probability in the chosen segment.
function sayProbabilities(video, number) {
  const p = video.position(number);
  for (const { code, value, row } of charts.rows) {
    value.textContent = p < 0 ? "" : video.proba[p * nClasses + code].toFixed(2);
    row.classList.toggle("chosen", p >= 0 && video.pred[p] === code);
  }
  if (byId("probabilities-table").open) drawTable();
}

// The table holds the part of the video that is in view, or the part about the marker where that is long.
function drawTable() {
  const { video, view } = timeline;
  let [first, end] = [video.after(Math.floor(view[0] / hop + 1e-6)), video.after(view[1] / hop)];
  if (end - first > MOST_LINES) {
    first = clamp(video.after(state.number) - MOST_LINES / 2, first, end - MOST_LINES);
    end = first + MOST_LINES;
  }
  const key = `${video.index} ${first} ${end} ${charts.codes}`;
  const box = byId("probabilities-table").querySelector("div");
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    const columns = ["second", ...(hasTruth ? ["true"] : []), "predicted", ...charts.codes.map(labelName)];
    const body = make("tbody");
    for (let p = first; p < end; p += 1) {
      body.append(make("tr", { "data-segment": video.numbers[p] },
        make("th", { scope: "row", class: "number" }, secondName(video.numbers[p])),
        hasTruth ? make("td", {}, bdi(labelName(video.true[p]))) : null,
        make("td", {}, bdi(labelName(video.pred[p]))),
        ...charts.codes.map((code) => make("td", { class: "number" }, video.proba[p * nClasses + code].toFixed(2)))));
    }
    box.replaceChildren(make("table", {}, make("caption", {}, `Seconds ${secondName(video.numbers[first])} to ` +
      `${secondName(video.numbers[end - 1])}`), make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, bdi(name))))), body));
  }
  for (const row of box.querySelectorAll("tr.chosen")) row.classList.remove("chosen");
  box.querySelector(`tr[data-segment="${state.number}"]`)?.classList.add("chosen");
}
