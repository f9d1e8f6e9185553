// The list of videos: filters, order, and the rows that are in view.

const ROW_HEIGHT = 64; // as in the style sheet
const filters = { text: "", label: "", where: "either", wrong: "all", confidence: 0, sort: "given", pair: null };
const list = { found: [], active: -1, drawn: new Map(), spare: [], size: null };

const rightShare = (video) => video.raw.accuracy ?? 0;
const ORDERS = {
  given: (a, b) => a.index - b.index,
  name: (a, b) => NAMES.compare(a.name.slice(0, 300), b.name.slice(0, 300)),
  worst: (a, b) => rightShare(a) - rightShare(b),
  best: (a, b) => rightShare(b) - rightShare(a),
  unsure: (a, b) => a.raw.confidence - b.raw.confidence,
  sure: (a, b) => b.raw.confidence - a.raw.confidence,
};
const NAMES = new Intl.Collator("en", { numeric: true });

function isFound(video) {
  if (filters.text !== "" && !video.searched.includes(filters.text)) return false;
  if (filters.confidence > 0 && video.raw.confidence < filters.confidence) return false;
  if (filters.label !== "") {
    const code = Number(filters.label);
    const inTrue = filters.where !== "predicted" && video.labelsTrue.has(code);
    if (!inTrue && (filters.where === "true" || !video.labelsPredicted.has(code))) return false;
  }
  if (filters.wrong !== "all") {
    const wrong = video.nWrong;
    if (filters.wrong === "none" ? wrong > 0 : wrong === 0) return false;
    if (filters.wrong === "half" && 2 * wrong < video.pred.length) return false;
  }
  return filters.pair === null || video.hasPair(filters.pair);
}

function findVideos() {
  list.found = videos.filter(isFound).sort((a, b) => ORDERS[filters.sort](a, b) || a.index - b.index);
  list.active = Math.min(Math.max(list.active, 0), list.found.length - 1);
  byId("count").textContent = `${list.found.length} of ${plural(videos.length, "video")}`;
  byId("none-found").hidden = list.found.length > 0;
  byId("clear").hidden = !["text", "label", "confidence", "pair"].some((key) => filters[key]) && filters.wrong === "all";
  const clear = byId("pair-clear");
  clear.hidden = filters.pair === null;
  if (filters.pair !== null) {
    clear.replaceChildren("true ", bdi(labelName(filters.pair.true)), ", predicted ", bdi(labelName(filters.pair.predicted)), " ×");
    clear.setAttribute("aria-label", `Remove the filter: ${clear.textContent.slice(0, -2)}`);
  }
  const inner = byId("rows").firstElementChild;
  inner.style.height = `${list.found.length * ROW_HEIGHT}px`;
  for (const place of list.drawn.keys()) dropRow(place);
  drawRows();
}

function drawRows() {
  const rows = byId("rows");
  const first = Math.max(Math.floor(rows.scrollTop / ROW_HEIGHT) - 4, 0);
  const end = Math.min(Math.ceil((rows.scrollTop + rows.clientHeight) / ROW_HEIGHT) + 4, list.found.length);
  for (const place of list.drawn.keys()) {
    if (place >= first && place < end) continue;
    dropRow(place);
  }
  const fresh = [];
  for (let place = first; place < end; place += 1) {
    if (list.drawn.has(place)) continue;
    const row = makeRow(list.found[place], place);
    list.drawn.set(place, row);
    fresh.push(row);
  }
  rows.firstElementChild.append(...fresh.filter((row) => !row.isConnected));
  for (const row of list.spare) row.hidden = true;
  for (const row of fresh) drawRowBars(row);
  markRows();
}

const drawRowsSoon = onceAFrame(drawRows);

// A row that has left the view is kept for the next: new canvases are what takes time while the list is scrolled.
function dropRow(place) {
  const row = list.drawn.get(place);
  list.drawn.delete(place);
  if (list.spare.length >= 12) {
    row.remove();
    return;
  }
  for (const name of ["id", "data-video", "aria-current", "aria-label", "aria-posinset"]) row.removeAttribute(name);
  list.spare.push(row);
}

function makeRow(video, place) {
  const row = list.spare.pop() ?? make("div", { class: "row", role: "option" }, make("span", { class: "name" }, make("bdi")),
    make("canvas", { class: "bars", "aria-hidden": "true" }), hasTruth ? make("span", { class: "number right" }) : null,
    make("span", { class: "number sure" }));
  row.hidden = false;
  row.id = `row-${video.index}`;
  row.dataset.video = video.index;
  row.setAttribute("aria-setsize", list.found.length);
  row.setAttribute("aria-posinset", place + 1);
  row.setAttribute("aria-label", describeRow(video));
  row.firstChild.title = video.name;
  row.firstChild.firstChild.textContent = video.name;
  if (hasTruth) row.querySelector(".right").textContent = percent(video.raw.accuracy ?? 0);
  row.lastChild.textContent = percent(video.raw.confidence);
  row.style.transform = `translateY(${place * ROW_HEIGHT}px)`;
  return row;
}

function describeRow(video) {
  const events = [...video.labelsPredicted].filter((code) => code !== background).map(labelName);
  const predicted = events.length > 0 ? `predicted ${events.slice(0, 6).join(", ")}` : "nothing predicted";
  const right = hasTruth ? `accuracy ${percent(video.raw.accuracy ?? 0)}, ` : "";
  return `${shown(video.raw.name, 120)}: ${right}confidence ${percent(video.raw.confidence)}, ${predicted}`;
}

function drawRowBars(row) {
  const canvas = row.querySelector("canvas");
  const video = videos[Number(row.dataset.video)];
  list.size ??= [canvas.clientWidth, canvas.clientHeight]; // the same of all rows
  const [width, height] = list.size;
  const context = fitCanvas(canvas, width, height);
  const tall = hasTruth ? (height - 8) / 2 : Math.min(height - 4, 18);
  const boxes = [0, tall + 2].map((y) => ({ x: 0, y, width, height: tall }));
  const text = { size: 10.5, text: tall >= 13 };
  if (hasTruth) drawLane(context, video, video.runsTrue, video.span, boxes[0], text);
  else boxes[1].y = (height - tall) / 2;
  drawLane(context, video, video.runsPredicted, video.span, boxes[1], text);
  drawWrong(context, video, video.span, { x: 0, y: boxes[1].y + tall + 2, width, height: 3 });
}

function markRows() {
  const rows = byId("rows");
  for (const [place, row] of list.drawn) {
    const chosen = Number(row.dataset.video) === state.index;
    row.setAttribute("aria-selected", String(chosen));
    if (chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    row.classList.toggle("active", place === list.active);
  }
  const active = list.drawn.get(list.active);
  if (active) rows.setAttribute("aria-activedescendant", active.id);
  else rows.removeAttribute("aria-activedescendant");
}

function activate(place) {
  if (list.found.length === 0) return;
  list.active = clamp(place, 0, list.found.length - 1);
  const rows = byId("rows");
  const top = list.active * ROW_HEIGHT;
  if (top < rows.scrollTop) rows.scrollTop = top;
  else if (top + ROW_HEIGHT > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + ROW_HEIGHT - rows.clientHeight;
  drawRows();
}

function onListKey(event) {
  const page = Math.max(Math.floor(byId("rows").clientHeight / ROW_HEIGHT) - 1, 1);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in moves) activate(list.active + moves[event.key]);
  else if ((event.key === "Enter" || event.key === " ") && list.active >= 0) choose(list.found[list.active].index);
  else return;
  event.preventDefault();
}

// The filter of a pair stays until it is removed, and the list is brought into view.
function choosePair(pair) {
  filters.pair = pair;
  list.active = 0;
  findVideos();
  byId("rows").scrollTop = 0;
  if (document.body.classList.contains("one-video")) leaveDetail();
  byId("list").scrollIntoView({ block: "start" });
  byId("pair-clear").focus({ preventScroll: true });
}

function startList() {
  const rows = byId("rows");
  byId("list").classList.toggle("untrue", !hasTruth);
  rows.append(make("div", { class: "inner", role: "presentation" }));
  byId("filter-class").append(make("option", { value: "" }, "all"),
    ...labels.map((_, code) => make("option", { value: code }, labelName(code))));
  const follow = (id, key, read) => byId(id)?.addEventListener("input", (event) => {
    filters[key] = read(event.target.value);
    rows.scrollTop = 0;
    list.active = 0;
    findVideos();
  });
  follow("search", "text", (value) => value.trim().toLowerCase());
  follow("filter-class", "label", String);
  follow("filter-where", "where", String);
  follow("filter-disagreement", "wrong", String);
  follow("sort", "sort", String);
  follow("filter-confidence", "confidence", (value) => {
    byId("filter-confidence-text").textContent = `${value}%`;
    return Number(value) / 100;
  });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("pair-clear").addEventListener("click", () => {
    filters.pair = null;
    findVideos();
    rows.focus({ preventScroll: true });
  });
  byId("clear").addEventListener("click", clearFilters);
  rows.addEventListener("scroll", drawRowsSoon, { passive: true });
  rows.addEventListener("keydown", onListKey);
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("[data-video]");
    if (row === null) return;
    list.active = Number(row.getAttribute("aria-posinset")) - 1;
    choose(Number(row.dataset.video));
  });
  new ResizeObserver(onceAFrame(redrawList)).observe(rows);
  findVideos();
}

function clearFilters() {
  Object.assign(filters, { text: "", label: "", where: "either", wrong: "all", confidence: 0, pair: null });
  byId("controls").querySelectorAll("input, select:not(#sort)").forEach((field) => {
    if (field.tagName === "SELECT") field.selectedIndex = 0;
    else field.value = field.type === "range" ? "0" : "";
  });
  byId("filter-confidence-text").textContent = "0%";
  findVideos();
  byId("rows").focus({ preventScroll: true });
}

function redrawList() {
  list.size = null;
  drawRows();
  for (const row of list.drawn.values()) drawRowBars(row);
}
