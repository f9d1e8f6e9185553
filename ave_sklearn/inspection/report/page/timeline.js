// The large timeline of the chosen video: what part of it is in view, zoom, moving along it, and the marker.

const timeline = { video: null, view: [0, 1], linked: { visual: null, audio: null }, canvas: null, overview: null };
const LANES = { height: 24, gap: 4, mark: 4, axis: 20 };

const plotWidth = () => timeline.canvas.clientWidth;
const isZoomed = () => timeline.view[1] - timeline.view[0] < timeline.video.span[1] - timeline.video.span[0] - 1e-6;

function startTimeline() {
  timeline.canvas = make("canvas", { class: "plot" });
  timeline.overview = make("canvas", { class: "plot" });
  const lanes = hasTruth ? ["true", "predicted"] : ["predicted"];
  byId("timeline").append(make("div", { class: "gutter", "aria-hidden": "true" }, ...lanes.map((name) => make("span", {}, name))),
    timeline.canvas);
  byId("overview").append(make("div", { class: "gutter" }, make("span", {}, "whole")), timeline.overview);
  byId("zoom-in").addEventListener("click", () => zoom(0.5));
  byId("zoom-out").addEventListener("click", () => zoom(2));
  byId("zoom-all").addEventListener("click", () => showView(...timeline.video.span));
  byId("wrong-previous")?.addEventListener("click", () => goToWrong(-1));
  byId("wrong-next")?.addEventListener("click", () => goToWrong(1));
  byId("timeline").addEventListener("keydown", onTimelineKey);
  for (const id of ["tracks", "charts"]) {
    byId(id).addEventListener("wheel", onTimelineWheel, { passive: false });
    byId(id).addEventListener("pointerdown", onPress);
  }
  timeline.overview.addEventListener("pointerdown", onOverviewPress);
  byId("timeline").addEventListener("pointermove", (event) => {
    if (event.buttons === 0) hoverSegment(numberAt(secondsAt(event.clientX)));
  });
  byId("timeline").addEventListener("pointerleave", () => hoverSegment(null));
  new ResizeObserver(drawTimelineSoon).observe(timeline.canvas);
}

// A button that is used up hands the focus on: it would be lost, and with it the keys of the timeline.
function setDisabled(button, disabled) {
  if (disabled && document.activeElement === button) byId("timeline").focus({ preventScroll: true });
  button.disabled = disabled;
}

function openTimeline(video) {
  timeline.video = video;
  showView(...video.span);
}

// Seconds that a view may have: four segments at the least, where the video has them, and the video at the most.
function widthInBounds(width) {
  const [low, high] = timeline.video.span;
  return clamp(width, Math.min(4 * hop, high - low), high - low);
}

function showView(begin, end) {
  const [low, high] = timeline.video.span;
  const width = widthInBounds(end - begin);
  const middle = (begin + end) / 2;
  const from = clamp(middle - width / 2, low, high - width);
  timeline.view = [from, from + width];
  Object.assign(byId("timeline").dataset, { begin: from, end: from + width });
  setDisabled(byId("zoom-in"), width <= widthInBounds(0) + 1e-9);
  for (const id of ["zoom-out", "zoom-all"]) setDisabled(byId(id), !isZoomed());
  byId("detail").classList.toggle("zoomed", isZoomed());
  chooseChartsSoon();
  drawTimelineSoon();
}

// Zooms about a time, which stays where it is on the screen; about the marker where it is in view.
function zoom(factor, about = null) {
  const [begin, end] = timeline.view;
  const inView = state.time >= begin && state.time <= end;
  const still = about ?? (inView ? state.time : (begin + end) / 2);
  const width = widthInBounds((end - begin) * factor);
  const from = still - ((still - begin) / (end - begin)) * width;
  showView(from, from + width);
}

function move(seconds) {
  const [begin, end] = timeline.view;
  showView(begin + seconds, end + seconds);
}

function secondsAt(clientX, canvas = timeline.canvas, view = timeline.view) {
  const box = canvas.getBoundingClientRect();
  return view[0] + clamp((clientX - box.left) / box.width, 0, 1) * (view[1] - view[0]);
}

function drawTimeline() {
  const { video, canvas, view } = timeline;
  if (video === null || byId("detail").hidden) return;
  const width = canvas.clientWidth;
  const context = fitCanvas(canvas, width, canvas.clientHeight);
  const { height, gap, mark, axis } = LANES;
  const boxes = [0, height + gap].map((y) => ({ x: 0, y, width, height }));
  if (hasTruth) drawLane(context, video, video.runsTrue, view, boxes[0], { size: 12 });
  const below = boxes[hasTruth ? 1 : 0];
  drawLane(context, video, video.runsPredicted, view, below, { size: 12 });
  drawWrong(context, video, view, { x: 0, y: below.y + height + 2, width, height: mark });
  drawAxis(context, view, { x: 0, y: below.y + height + mark + 3, width, height: axis });
  drawOverview();
  drawProbabilities();
  drawFilm();
  placeMarker();
}

const drawTimelineSoon = onceAFrame(drawTimeline);

// Steps of the axis that people count in.
function tickStep(least) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return steps.find((step) => step >= least) ?? 86400 * 10 ** Math.ceil(Math.log10(least / 86400));
}

function drawAxis(context, view, box) {
  const digits = (view[1] - view[0]) / (box.width / 56) < 0.6 ? 1 : 0;
  const long = view[1] >= 3600 ? 66 : 46;
  const step = Math.max(tickStep(((view[1] - view[0]) / box.width) * long), digits ? 0.1 : 1);
  const at = scaleOf(view, box.width);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "top";
  for (let i = Math.ceil(view[0] / step - 1e-9); i * step <= view[1] + 1e-9; i += 1) {
    const x = at(i * step);
    context.fillStyle = theme.grid;
    context.fillRect(clamp(x - 0.5, 0, box.width - 1), box.y, 1, 4);
    const text = clock(i * step, digits);
    const wide = context.measureText(text).width;
    context.fillStyle = theme.quiet;
    context.fillText(text, clamp(x - wide / 2, 0, box.width - wide), box.y + 6);
  }
}

function drawOverview() {
  if (!isZoomed()) return;
  const { video, view, overview } = timeline;
  const [width, height] = [overview.clientWidth, overview.clientHeight];
  const context = fitCanvas(overview, width, height);
  drawLane(context, video, video.runsPredicted, video.span, { x: 0, y: 3, width, height: 10 }, { text: false });
  drawWrong(context, video, video.span, { x: 0, y: 14, width, height: 2 });
  const at = scaleOf(video.span, width);
  const [left, right] = [at(view[0]), at(view[1])];
  context.fillStyle = theme.surface;
  context.globalAlpha = 0.6;
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, width - right, height);
  context.globalAlpha = 1;
  context.strokeStyle = theme.ink;
  context.lineWidth = 1.5;
  context.strokeRect(clamp(left, 1, width - 4) + 0.5, 1, Math.max(right - left - 1, 3), height - 2);
}

// The marker, the chosen segment and the segments that a cell of a map links, above all tracks.
function placeMarker() {
  const { video, view, canvas } = timeline;
  if (video === null) return;
  const [left, width] = [canvas.offsetLeft, canvas.clientWidth]; // read before anything is moved
  const at = scaleOf(view, width);
  const x = at(state.time);
  for (const marker of document.querySelectorAll(".marker")) {
    marker.hidden = x < -0.5 || x > width + 0.5;
    marker.style.transform = `translateX(${left + clamp(x, 0, width)}px)`;
  }
  const bands = [["segment", state.number], ["visual", timeline.linked.visual], ["audio", timeline.linked.audio]];
  const boxes = bands.filter(([, number]) => number !== null).map(([kind, number]) => {
    const [from, to] = [at(number * hop), at((number + 1) * hop)].map((one) => clamp(one, 0, width));
    const box = make("div", { class: kind, "data-segment": number });
    box.style.left = `${left + from}px`;
    box.style.width = `${Math.max(to - from, 2)}px`;
    box.hidden = to - from <= 0;
    if (kind !== "segment") box.append(make("span", {}, kind === "visual" ? "picture" : "sound"));
    return box;
  });
  for (const links of document.querySelectorAll(".links")) links.replaceChildren(...boxes.map((box) => box.cloneNode(true)));
  Object.assign(byId("tracks").dataset, { visual: timeline.linked.visual ?? "", audio: timeline.linked.audio ?? "" });
}

// Keeps the marker in view while the video plays, a page at a time.
function followMarker() {
  const [begin, end] = timeline.view;
  if (state.time < begin || state.time > end) {
    const lead = (end - begin) * 0.1;
    showView(state.time - lead, state.time - lead + (end - begin));
  }
}

// The next stretch of wrong segments, or the one before.
function wrongBeside(direction) {
  const runs = timeline.video.runsWrong;
  const now = firstRun(runs, state.number); // the run that holds the segment, or the next one
  const within = now < runs.length && runs[now][0] <= state.number;
  return runs[direction > 0 ? now + (within ? 1 : 0) : now - 1];
}

function goToWrong(direction) {
  const run = wrongBeside(direction);
  if (run !== undefined) goTo(run[0] * hop);
}

function onTimelineKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { video } = timeline;
  const [now, last] = [state.number, numberAt(video.span[1] - 1e-6 * hop)];
  const moves = { ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1, PageDown: now + 10,
    PageUp: now - 10, Home: numberAt(video.span[0]), End: last };
  if (event.key in moves) goTo(clamp(moves[event.key], numberAt(video.span[0]), last) * hop);
  else if (event.key === "+" || event.key === "=") zoom(0.5);
  else if (event.key === "-" || event.key === "−") zoom(2);
  else if (event.key === "0") showView(...video.span);
  else if (event.key === " ") togglePlay();
  else if (event.key === "n" || event.key === "p") goToWrong(event.key === "n" ? 1 : -1);
  else return;
  event.preventDefault();
}

function onTimelineWheel(event) {
  if (timeline.video === null) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY, -80, 80) * 0.008), secondsAt(event.clientX));
    return;
  }
  const along = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
  if (!isZoomed() || Math.abs(along) < Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
  event.preventDefault();
  move((along / plotWidth()) * (timeline.view[1] - timeline.view[0]));
}

// A press goes to a time; a pull moves the view where it is zoomed, and the marker where it is not.
function onPress(event) {
  if (event.button !== 0 || event.target.closest("button, details") || timeline.video === null) return;
  const box = timeline.canvas.getBoundingClientRect();
  if (event.clientX < box.left) return;
  const [fromX, view, zoomed] = [event.clientX, timeline.view, isZoomed()];
  let pulled = false;
  const onMove = (next) => {
    if (Math.abs(next.clientX - fromX) > 4) pulled = true;
    if (!pulled) return;
    if (!zoomed) {
      goTo(secondsAt(next.clientX), { whole: false });
      return;
    }
    const shift = ((fromX - next.clientX) / box.width) * (view[1] - view[0]);
    showView(view[0] + shift, view[1] + shift);
  };
  const onEnd = (last) => {
    if (last.type === "pointerup" && !pulled) goTo(secondsAt(last.clientX), { whole: false });
  };
  followPress(event, onMove, onEnd);
  byId("timeline").focus({ preventScroll: true });
  event.preventDefault();
}

function onOverviewPress(event) {
  const { overview, video } = timeline;
  const centre = (next) => {
    const seconds = secondsAt(next.clientX, overview, video.span);
    const half = (timeline.view[1] - timeline.view[0]) / 2;
    showView(seconds - half, seconds + half);
  };
  centre(event);
  followPress(event, centre);
}
