// The two propagation maps of a clip: grids of cells that are linked with the segments of the timeline.

const MOST_SIDE = 32; // segments of a map whose cells are elements; larger ones are drawn on a canvas
const ABSENT = "none: "; // so begins a detail of the model that says why there are no maps of a kind
const maps = { clip: null, chosen: null };
const SIDES = {
  va: { row: "visual", column: "audio" },
  av: { row: "audio", column: "visual" },
};

function showMaps(video, number) {
  const clip = video.clipOf(number);
  const has = clip !== null && (clip.va !== null || clip.av !== null);
  const any = video.raw.clips.some((one) => one.va !== null || one.av !== null);
  let note = "";
  if (!any) note = withReason("There are no maps: this network propagates nothing between picture and sound.", "propagation");
  else if (!has) note = "This second was not extracted, so there is no map of it.";
  say(byId("propagation-note"), note);
  byId("propagation").classList.toggle("without", !has);
  if (maps.clip !== clip) forgetCell();
  if (!has) {
    maps.clip = null;
    for (const key of ["va", "av"]) byId(`map-${key}`).replaceChildren();
    sayMap("");
    return;
  }
  if (maps.clip !== clip) {
    maps.clip = clip;
    sayMap();
    for (const key of ["va", "av"]) drawMap(key, clip);
  }
  markMaps(number);
}

// What the model said of why it has no such maps, where it did.
function withReason(sentence, name) {
  const found = content.model.details.find((detail) => detail[0] === name && detail[1].startsWith(ABSENT));
  return found ? `${sentence.split(":")[0]}. The model says: ${shown(found[1].slice(ABSENT.length), 500)}` : sentence;
}

function sayMap(text = null) {
  const empty = maps.clip !== null && ["va", "av"].every((key) => !mapsOf(maps.clip)[key]?.some((value) => value !== 0));
  const usual = empty ? "Nothing is propagated in this clip." : "Point at a cell, or go to it with the arrow keys, to read it.";
  byId("map-text").textContent = (text ?? usual).trim();
}

function drawMap(key, clip) {
  const holder = byId(`map-${key}`);
  const values = mapsOf(clip)[key];
  holder.closest("figure").hidden = values === null;
  const focused = holder.contains(document.activeElement);
  holder.replaceChildren();
  if (values === null) return;
  const n = clip.segments;
  const highest = highestOf(values);
  holder.dataset.rows = n;
  holder.dataset.first = clip.first;
  holder.append(n <= MOST_SIDE ? gridOf(key, clip, values, highest) : canvasOf(key, clip, values, highest));
  const ends = make("p", { class: "quiet scale" }, "0 ", make("span", { class: "ramp" }), ` ${share(highest)}`);
  holder.append(ends);
  if (focused) holder.querySelector('[tabindex="0"]').focus({ preventScroll: true });
}

function gridOf(key, clip, values, highest) {
  const n = clip.segments;
  const { row: rowKind, column: columnKind } = SIDES[key];
  const said = { visual: "picture", audio: "sound" };
  const grid = make("div", { class: "map", role: "grid", "aria-label": `${said[rowKind]} takes from ${said[columnKind]}`,
    "aria-rowcount": n, "aria-colcount": n });
  grid.style.setProperty("--side", n);
  const head = make("div", { class: "map-row head", "aria-hidden": "true" }, make("span", { class: "axis" }, `${said[columnKind]} →`));
  for (let s = 0; s < n; s += 1) head.append(axisTick(clip, "column", s, n));
  grid.append(head);
  for (let t = 0; t < n; t += 1) {
    const line = make("div", { class: "map-row", role: "row" },
      axisTick(clip, "row", t, n));
    for (let s = 0; s < n; s += 1) {
      const value = values[t * n + s];
      const cell = make("span", { class: value === 0 ? "cell zero" : value < 0 ? "cell below" : "cell", role: "gridcell",
        tabindex: t === 0 && s === 0 ? 0 : -1, "data-row": t, "data-column": s,
        "aria-label": describeCell(key, clip, t, s, value) });
      if (value !== 0) cell.style.setProperty("--share", 0.1 + 0.9 * (Math.abs(value) / highest));
      line.append(cell);
    }
    grid.append(line);
  }
  const onCell = (event) => {
    const cell = event.target.closest(".cell");
    if (cell) linkCell(key, clip, Number(cell.dataset.row), Number(cell.dataset.column));
  };
  grid.addEventListener("pointerover", onCell);
  grid.addEventListener("focusin", onCell);
  grid.addEventListener("pointerleave", unlink);
  grid.addEventListener("focusout", unlink);
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) goTo((clip.first + Number(cell.dataset.row)) * hop);
  });
  grid.addEventListener("keydown", (event) => onMapKey(event, n, (row, column) => {
    grid.querySelector('.cell[tabindex="0"]').tabIndex = -1;
    const next = grid.querySelector(`.cell[data-row="${row}"][data-column="${column}"]`);
    next.tabIndex = 0;
    next.focus();
  }));
  return grid;
}

// A second at the edge of a map, with the colour of the label that is predicted there.
function axisTick(clip, side, at, n) {
  const tick = make("span", { class: "axis", "aria-hidden": "true", [`data-${side}`]: at }, tickName(clip, at, n));
  const p = timeline.video.position(clip.first + at);
  if (p >= 0 && timeline.video.pred[p] !== background) tick.style.setProperty("--hue", hueOf(timeline.video.pred[p]));
  return tick;
}

// Seconds at the edges of a map, only as many as can be read.
function tickName(clip, at, n) {
  const every = n <= 16 ? 1 : 5;
  const text = secondName(clip.first + at);
  if (text.length > 3) return at === 0 || at === n - 1 ? clock((clip.first + at) * hop) : "";
  return at % every === 0 ? text : "";
}

function onMapKey(event, n, go) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -n], End: [0, n] };
  const target = event.target.closest("[data-row]");
  if (target === null || !(event.key in steps)) {
    if (event.key === "Enter" && target !== null) target.click();
    return;
  }
  event.preventDefault();
  const [dr, dc] = steps[event.key];
  go(clamp(Number(target.dataset.row) + dr, 0, n - 1), clamp(Number(target.dataset.column) + dc, 0, n - 1));
}

// A large map: a pixel of a picture a cell, enlarged without smoothing.
function canvasOf(key, clip, values, highest) {
  const n = clip.segments;
  const canvas = make("canvas", { class: "map large", width: n, height: n, tabindex: 0, role: "img", "data-rows": n,
    "data-row": 0, "data-column": 0, "aria-label": `Map of ${n} by ${n} segments; arrow keys read its cells` });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(n, n);
  const hue = theme.dark ? [86, 180, 233] : [0, 90, 160];
  const below = [213, 94, 0];
  for (let i = 0; i < n * n; i += 1) {
    picture.data.set([...(values[i] < 0 ? below : hue), Math.round((255 * Math.abs(values[i])) / (highest || 1))], 4 * i);
  }
  context.putImageData(picture, 0, 0);
  const go = (row, column) => {
    Object.assign(canvas.dataset, { row, column });
    linkCell(key, clip, row, column);
  };
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    go(clamp(Math.floor(((event.clientY - box.top) / box.height) * n), 0, n - 1),
      clamp(Math.floor(((event.clientX - box.left) / box.width) * n), 0, n - 1));
  });
  canvas.addEventListener("focus", () => go(Number(canvas.dataset.row), Number(canvas.dataset.column)));
  canvas.addEventListener("keydown", (event) => onMapKey(event, n, go));
  canvas.addEventListener("click", () => goTo((clip.first + Number(canvas.dataset.row)) * hop));
  canvas.addEventListener("pointerleave", unlink);
  canvas.addEventListener("blur", unlink);
  return canvas;
}

function describeCell(key, clip, row, column, value) {
  const { row: taker, column: giver } = SIDES[key];
  const [to, from] = [secondName(clip.first + row), secondName(clip.first + column)];
  const much = value === 0 ? "nothing" : share(value);
  return `${taker} second ${to} takes ${much} from ${giver} second ${from}`;
}

function linkCell(key, clip, row, column) {
  const value = mapsOf(clip)[key][row * clip.segments + column];
  const { row: taker, column: giver } = SIDES[key];
  maps.chosen = { key, row, column };
  timeline.linked = { visual: null, audio: null };
  timeline.linked[taker] = clip.first + row;
  timeline.linked[giver] = clip.first + column;
  const text = describeCell(key, clip, row, column, value);
  sayMap(`${text[0].toUpperCase()}${text.slice(1)}.`);
  markMaps(state.number);
  placeMarker();
}

function forgetCell() {
  maps.chosen = null;
  timeline.linked = { visual: null, audio: null };
}

function unlink() {
  forgetCell();
  if (maps.clip !== null) sayMap();
  markMaps(state.number);
  placeMarker();
}

// The other way round: a segment of the timeline marks its rows and columns.
function hoverSegment(number) {
  const inClip = maps.clip !== null && number !== null && timeline.video.clipOf(number) === maps.clip;
  markMaps(inClip ? number : state.number);
}

function markMaps(number) {
  if (maps.clip === null) return;
  const at = number - maps.clip.first;
  for (const key of ["va", "av"]) {
    const holder = byId(`map-${key}`);
    holder.dataset.marked = number;
    const cell = maps.chosen !== null && maps.chosen.key === key ? maps.chosen : null;
    for (const one of holder.querySelectorAll(".marked, .lit")) one.classList.remove("marked", "lit");
    for (const name of ["row", "column"]) {
      const lit = cell === null ? at : cell[name];
      holder.querySelector(`.axis[data-${name}="${lit}"]`)?.classList.add("lit");
    }
    if (cell === null) for (const one of holder.querySelectorAll(`.cell[data-row="${at}"]`)) one.classList.add("marked");
    else holder.querySelector(`.cell[data-row="${cell.row}"][data-column="${cell.column}"]`)?.classList.add("marked");
  }
}
