// Elements, texts and numbers: what all parts of the page share.

const byId = (id) => document.getElementById(id);

// Characters that are not seen or that turn the order of others are written as their numbers.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}/gu;

function shown(text, longest = 300) {
  const seen = String(text).replace(UNSEEN, (c) => {
    return `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
  const letters = seen.length > longest ? Array.from(seen.slice(0, 2 * longest)) : null;
  return letters === null || letters.length <= longest ? seen : `${letters.slice(0, longest - 1).join("")}…`;
}

// An element; texts enter as text nodes, so that nothing in them is read as HTML.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const bdi = (text, longest) => make("bdi", {}, shown(text, longest));

function say(element, text) {
  element.textContent = text;
  element.hidden = text === "";
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const percent = (share) => `${Math.round(share * 100)}%`;
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// Shares keep two digits after the point, and small ones are not said to be nothing.
function share(value) {
  if (value !== 0 && Math.abs(value) < 0.005) return value < 0 ? "−0.00…" : "less than 0.01";
  return value.toFixed(2).replace("-", "−");
}

// The first place below n of which something holds that holds of all behind it too; n if it holds of none.
function firstPlace(n, holds) {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

// Seconds of a video: 7, 7.5, 1:07, 1:02:07.
function clock(seconds, digits = 0) {
  const scale = 10 ** digits;
  const whole = Math.round(seconds * scale) / scale;
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const text = s.toFixed(digits);
  const two = (part) => (part.split(".")[0].length < 2 ? `0${part}` : part);
  if (h > 0) return `${h}:${two(String(m))}:${two(text)}`;
  return `${m}:${two(text)}`;
}

// Runs a job once before the next picture, however often it is asked for.
function onceAFrame(job) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      job();
    });
  };
}

// Follows a press until the pointer is let go. One signal takes all listeners away: `once` would leave those of what
// did not happen, one more with each press.
function followPress(event, onMove, onEnd = () => {}) {
  const target = event.currentTarget;
  const end = new AbortController();
  target.setPointerCapture(event.pointerId);
  target.addEventListener("pointermove", onMove, { signal: end.signal });
  for (const name of ["pointerup", "pointercancel"]) {
    target.addEventListener(name, (last) => {
      end.abort();
      onEnd(last);
    }, { signal: end.signal });
  }
}

// A canvas as sharp as the screen; returns its context, in which a unit is a pixel of CSS.
function fitCanvas(canvas, width, height) {
  const sharp = Math.min(window.devicePixelRatio || 1, 3);
  const [w, h] = [Math.max(1, Math.round(width * sharp)), Math.max(1, Math.round(height * sharp))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(w / Math.max(width, 1), 0, 0, h / Math.max(height, 1), 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Colours of the style sheet that canvases draw with; read anew when light turns to dark.
const theme = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "quiet", "edge", "rule", "surface", "empty", "mark", "grid"]) {
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  }
  theme.font = getComputedStyle(document.body).fontFamily;
  theme.dark = matchMedia("(prefers-color-scheme: dark)").matches;
}
