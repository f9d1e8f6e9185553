// The content: its videos with labels and probabilities decoded when they are asked for.

const content = JSON.parse(byId("content").textContent);
const { hop, labels, n_classes: nClasses, background, has_truth: hasTruth } = content;

const names = labels.map((label) => shown(label, 60) || "(no text)");
const labelName = (code) => names[code];

function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// 16 bits of little-endian order, whatever order the machine has.
function wholes(text, signed = false) {
  const bytes = bytesOf(text);
  const view = new DataView(bytes.buffer);
  const values = signed ? new Int16Array(bytes.length >> 1) : new Uint16Array(bytes.length >> 1);
  for (let i = 0; i < values.length; i += 1) {
    values[i] = signed ? view.getInt16(2 * i, true) : view.getUint16(2 * i, true);
  }
  return values;
}

function shares(text, signed = false) {
  const scale = signed ? 32767 : 65535;
  return Float32Array.from(wholes(text, signed), (value) => value / scale);
}

function joined(parts, Kind) {
  const whole = new Kind(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

class Video {
  constructor(index, raw) {
    this.index = index;
    this.raw = raw;
    this.name = shown(raw.name) || "(no name)";
    this.searched = String(raw.name).toLowerCase();
  }

  once(key, compute) {
    Object.defineProperty(this, key, { value: compute(), writable: false });
    return this[key];
  }

  get pred() {
    return this.once("pred", () => joined(this.raw.stretches.map((one) => wholes(one.pred)), Uint16Array));
  }

  get true() {
    if (!hasTruth) return null;
    return this.once("true", () => joined(this.raw.stretches.map((one) => wholes(one.true)), Uint16Array));
  }

  // Numbers of the segments, in the order of labels: position p stands for segment numbers[p].
  get numbers() {
    return this.once("numbers", () => {
      const numbers = new Float64Array(this.pred.length);
      let at = 0;
      for (const one of this.raw.stretches) {
        const n = wholes(one.pred).length;
        for (let i = 0; i < n; i += 1) numbers[at + i] = one.first + i;
        at += n;
      }
      return numbers;
    });
  }

  get proba() {
    return this.once("proba", () => joined(this.raw.stretches.map((one) => shares(one.proba)), Float32Array));
  }

  get nWrong() {
    return this.once("nWrong", () => {
      let n = 0;
      if (hasTruth) for (let p = 0; p < this.pred.length; p += 1) n += this.pred[p] !== this.true[p];
      return n;
    });
  }

  get labelsPredicted() {
    return this.once("labelsPredicted", () => new Set(this.pred));
  }

  get labelsTrue() {
    return this.once("labelsTrue", () => new Set(this.true ?? []));
  }

  // Whether a segment is truly one label and predicted as another.
  hasPair(pair) {
    return this.pred.some((code, p) => code === pair.predicted && this.true[p] === pair.true);
  }

  // The position of a segment's number, or -1 where it was not extracted.
  position(number) {
    const p = this.after(number);
    return p < this.numbers.length && this.numbers[p] === number ? p : -1;
  }

  // The first position of a number that is not less.
  after(number) {
    const { numbers } = this;
    return firstPlace(numbers.length, (p) => numbers[p] >= number);
  }

  // Where the timeline begins and ends, in seconds. What begins late, after a long time of which nothing is known,
  // is not shown behind that time.
  get span() {
    return this.once("span", () => {
      const { numbers } = this;
      if (numbers.length === 0) return [0, Math.max(this.raw.seconds, hop)];
      const [begin, end] = [numbers[0] * hop, (numbers[numbers.length - 1] + 1) * hop];
      const early = begin <= 2 * (end - begin);
      return [early ? 0 : begin, Math.max(end, this.raw.seconds <= end + 2 * (end - begin) ? this.raw.seconds : end)];
    });
  }

  // Runs of one label: [first number, number behind the last, code].
  runs(codes) {
    const runs = [];
    const { numbers } = this;
    for (let p = 0; p < codes.length; p += 1) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[2] === codes[p] && last[1] === numbers[p]) last[1] += 1;
      else runs.push([numbers[p], numbers[p] + 1, codes[p]]);
    }
    return runs;
  }

  get runsTrue() {
    return this.once("runsTrue", () => (hasTruth ? this.runs(this.true) : []));
  }

  get runsPredicted() {
    return this.once("runsPredicted", () => this.runs(this.pred));
  }

  get runsWrong() {
    return this.once("runsWrong", () => {
      if (!hasTruth) return [];
      return this.runs(Int8Array.from(this.pred, (code, p) => (code === this.true[p] ? 0 : 1))).filter((run) => run[2]);
    });
  }

  // Times between the first and the last segment that were not extracted.
  get gaps() {
    return this.once("gaps", () => {
      const gaps = [];
      const [begin, end] = this.span;
      let at = begin / hop;
      for (let p = 0; p < this.numbers.length; p += 1) {
        if (this.numbers[p] > at + 1e-6) gaps.push([at, this.numbers[p]]);
        at = this.numbers[p] + 1;
      }
      if (end / hop > at + 1e-6) gaps.push([at, end / hop]);
      return gaps;
    });
  }

  // The clip that holds a segment, the earlier of two; maps are decoded when they are looked at.
  clipOf(number) {
    const clip = this.raw.clips.find((one) => one.first <= number && number < one.first + one.segments);
    return clip ?? null;
  }
}

const videos = content.videos.map((raw, index) => new Video(index, raw));

// Maps of clips that were looked at.
const decodedMaps = new WeakMap();

function mapsOf(clip) {
  if (!decodedMaps.has(clip)) {
    decodedMaps.set(clip, {
      va: clip.va === null ? null : shares(clip.va, true),
      av: clip.av === null ? null : shares(clip.av, true),
      attention: clip.attention === null ? null : shares(clip.attention),
    });
  }
  return decodedMaps.get(clip);
}

// Segments in seconds: the one that holds a time, and when one begins, as a clock says it and as a plain number.
const numberAt = (seconds) => Math.floor(seconds / hop + 1e-6);
const HOP_DIGITS = [0, 1, 2].find((digits) => Number(hop.toFixed(digits)) === hop) ?? 3;
const beginOf = (number) => clock(number * hop, HOP_DIGITS);
const secondName = (number) => String(Math.round(number * hop * 1000) / 1000);

function highestOf(values) {
  let highest = 0;
  for (const value of values) highest = Math.max(highest, Math.abs(value));
  return highest;
}
