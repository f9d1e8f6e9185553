// Bars of labels along time, drawn on a canvas: in the rows of the list and in the large timeline.

// The eight hues of the displays (Okabe and Ito); with more classes a hatch tells those of one hue apart.
const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d"];
const HATCHES = [null, [1, 1], [1, -1], [1, 0], [0, 1], [2, 1]];

// Place of a label among those of events, which take the colours in their order.
const placeOf = (code) => (background !== null && code > background ? code - 1 : code);

function hueOf(code) {
  const hue = HUES[placeOf(code) % HUES.length];
  return theme.dark && hue === "#4d4d4d" ? "#9a9a9a" : hue;
}

function luminance(hue) {
  const part = (at) => {
    const value = parseInt(hue.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

// Black or white, whichever reads better: 4.5 : 1 at the least on any hue.
const inkOn = (hue) => (luminance(hue) > 0.179 ? "#000000" : "#ffffff");

const hatches = new Map();

function hatchOf(code) {
  const direction = HATCHES[Math.floor(placeOf(code) / HUES.length) % HATCHES.length];
  if (direction === null) return null;
  const hue = hueOf(code);
  const key = `${hue} ${direction}`;
  if (!hatches.has(key)) {
    const tile = document.createElement("canvas");
    [tile.width, tile.height] = [8, 8];
    const context = tile.getContext("2d");
    context.strokeStyle = inkOn(hue);
    context.globalAlpha = 0.4;
    context.lineWidth = direction[0] === 2 ? 2.6 : 1.3;
    const [dx, dy] = [Math.sign(direction[0]), direction[1]];
    for (const shift of [-8, 0, 8]) {
      context.beginPath();
      if (dx === 0) {
        context.moveTo(4, 0);
        context.lineTo(4, 8);
      } else {
        const y = dy < 0 ? 8 : dy === 0 ? 4 : 0;
        context.moveTo(-2, y + shift - 2 * dy);
        context.lineTo(10, y + shift + 10 * dy);
      }
      context.stroke();
    }
    hatches.set(key, context.createPattern(tile, "repeat"));
  }
  return hatches.get(key);
}

function fillLabel(context, code, x, y, width, height) {
  context.fillStyle = hueOf(code);
  context.fillRect(x, y, width, height);
  const hatch = hatchOf(code);
  if (hatch === null) return;
  context.fillStyle = hatch;
  context.fillRect(x, y, width, height);
}

function fitText(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let letters = Array.from(text).slice(0, 60);
  while (letters.length > 3) {
    letters = letters.slice(0, -1);
    const short = `${letters.join("").trimEnd()}…`;
    if (context.measureText(short).width <= room) return short;
  }
  return "";
}

// Where a time lies on a canvas: view is [begin, end] in seconds.
const scaleOf = (view, width) => (seconds) => ((seconds - view[0]) / (view[1] - view[0])) * width;

// Draws the runs that are in view. Runs that share a pixel with one that is drawn are left out.
function drawRuns(context, video, runs, view, box, { text = true, size = 11 } = {}) {
  const at = scaleOf(view, box.width);
  let drawnTo = -1;
  context.font = `${size}px ${theme.font}`;
  context.textBaseline = "middle";
  context.direction = "ltr";
  for (let r = firstRun(runs, view[0] / hop); r < runs.length && runs[r][0] * hop < view[1]; r += 1) {
    const [first, end, code] = runs[r];
    if (code === background) continue;
    const left = Math.max(at(first * hop), -2);
    const right = Math.min(at(end * hop), box.width + 2);
    if (right <= drawnTo + 0.3) continue;
    const width = Math.max(right - left, 1);
    drawnTo = left + width;
    const [x, gap] = [box.x + left, width > 4 ? 1 : 0];
    fillLabel(context, code, x + gap / 2, box.y, width - gap, box.height);
    if (width > 6) {
      context.strokeStyle = theme.edge;
      context.lineWidth = 1;
      context.strokeRect(x + 1, box.y + 0.5, width - 2, box.height - 1);
    }
    if (!text) continue;
    const [from, to] = [Math.max(left, 0), Math.min(right, box.width)];
    const words = fitText(context, labelName(code), to - from - 10);
    if (words !== labelName(code)) {
      // A label that does not fit in its bar stands beside it where there is room.
      const next = runs.slice(r + 1, r + 4).find((run) => run[2] !== background);
      const room = Math.min(next === undefined ? Infinity : at(next[0] * hop), at(video.span[1]), box.width) - to - 8;
      if (width > 3 && context.measureText(labelName(code)).width <= room) {
        context.fillStyle = theme.ink;
        context.fillText(labelName(code), box.x + to + 4, box.y + box.height / 2 + 0.5);
        continue;
      }
    }
    if (words === "") continue;
    if (hatchOf(code) !== null) {
      context.fillStyle = hueOf(code);
      context.fillRect(box.x + from + 3, box.y + 2, context.measureText(words).width + 5, box.height - 4);
    }
    context.fillStyle = inkOn(hueOf(code));
    context.fillText(words, box.x + from + 5, box.y + box.height / 2 + 0.5);
  }
}

// The first run that ends behind a segment's number.
const firstRun = (runs, number) => firstPlace(runs.length, (r) => runs[r][1] > number);

// The ground on which bars stand: empty time is a quiet band, what was not extracted is left open and dotted.
function drawGround(context, video, view, box) {
  const at = scaleOf(view, box.width);
  const [begin, end] = [Math.max(at(video.span[0]), 0), Math.min(at(video.span[1]), box.width)];
  context.fillStyle = theme.empty;
  context.fillRect(box.x + begin, box.y, end - begin, box.height);
  for (const [from, to] of video.gaps) {
    const [left, right] = [Math.max(at(from * hop), 0), Math.min(at(to * hop), box.width)];
    if (right - left < 0.5) continue;
    context.clearRect(box.x + left, box.y, right - left, box.height);
    context.strokeStyle = theme.quiet;
    context.lineWidth = 1;
    context.setLineDash([1, 3]);
    context.beginPath();
    context.moveTo(box.x + left, box.y + box.height - 0.5);
    context.lineTo(box.x + right, box.y + box.height - 0.5);
    context.stroke();
    context.setLineDash([]);
  }
}

// One line of bars on its ground.
function drawLane(context, video, runs, view, box, options) {
  drawGround(context, video, view, box);
  drawRuns(context, video, runs, view, box, options);
}

// Dark marks under the time in which truth and prediction differ.
function drawWrong(context, video, view, box) {
  const at = scaleOf(view, box.width);
  context.fillStyle = theme.mark;
  const runs = video.runsWrong;
  for (let r = firstRun(runs, view[0] / hop); r < runs.length && runs[r][0] * hop < view[1]; r += 1) {
    const left = Math.max(at(runs[r][0] * hop), 0);
    const right = Math.min(at(runs[r][1] * hop), box.width);
    context.fillRect(box.x + left, box.y, Math.max(right - left - 0.5, 0.7), box.height);
  }
}
