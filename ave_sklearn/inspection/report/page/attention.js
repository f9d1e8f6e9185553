// Where the model looked: maps of attention, over the pictures of the segments where there are some.

const attention = { over: true };

// Dark blue over green to yellow (viridis), which rises in lightness, so that grey shows it too.
const RAMP = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37]];

function rampAt(value) {
  const at = clamp(value, 0, 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[low].map((part, i) => Math.round(part + (RAMP[low + 1][i] - part) * (at - low)));
}

// A canvas of a pixel a region; shares are drawn relative to the highest of their segment.
function regionsCanvas(values, at, [height, width], over) {
  const canvas = make("canvas", { width, height, class: over ? "regions over" : "regions", "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const size = width * height;
  const highest = highestOf(values.subarray(at * size, (at + 1) * size)) || 1;
  for (let i = 0; i < size; i += 1) {
    const value = values[at * size + i] / highest;
    picture.data.set([...rampAt(value), over ? Math.round(255 * (0.2 + 0.45 * value)) : 255], 4 * i);
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

// The region that is attended most, said in words.
function describeRegions(values, at, [height, width]) {
  const size = width * height;
  const part = values.subarray(at * size, (at + 1) * size);
  let best = 0;
  for (let i = 1; i < size; i += 1) if (part[i] > part[best]) best = i;
  const word = (place, n, names) => names[Math.min(Math.floor((3 * (place + 0.5)) / n), 2)];
  const up = word(Math.floor(best / width), height, ["top", "middle", "bottom"]);
  const along = word(best % width, width, ["left", "centre", "right"]);
  const where = up === "middle" && along === "centre" ? "the centre" : `the ${up} ${along}`.replace("middle ", "").replace(" centre", "");
  return `most at ${where}: ${percent(part[best])} in one of ${size} regions`;
}

function showAttention(video, number) {
  const clip = video.clipOf(number);
  const has = clip !== null && clip.attention !== null;
  const picture = pictureOf(video, number);
  const anyPicture = video.raw.thumbs !== null;
  let note = "";
  if (!video.raw.clips.some((one) => one.attention !== null)) {
    note = withReason("There is no attention to show: this network looks at no regions of the picture.", "attention");
  } else if (!has) note = "This second was not extracted, so there is no attention in it.";
  else if (!anyPicture) {
    const more = isBeside(video.raw.media?.url) ? " A higher --pictures draws them of more videos." : "";
    note = `There are no pictures of this video, so the attention is shown as a map of the picture's regions.${more}`;
  }
  if (note === "" && picture === null) note = "There is no picture of this second, so its attention is shown as a map alone.";
  say(byId("attention-note"), note);
  const even = has ? percent(1 / (clip.map[0] * clip.map[1])) : "";
  say(byId("attention-help"), has ? `Attention is shared out over all regions: an even look would give each ${even}.` : "");
  byId("attention-section").classList.toggle("without", !has && picture === null);
  const holder = byId("attention");
  holder.hidden = !has && picture === null;
  if (holder.hidden) {
    holder.replaceChildren();
    showOverVideo(video, number);
    return;
  }
  const values = has ? mapsOf(clip).attention : null;
  const at = has ? number - clip.first : -1;
  const frame = make("div", { class: picture === null ? "frame alone" : "frame", role: "img" });
  if (picture !== null) frame.append(make("img", { src: picture, alt: "" }));
  if (has) frame.style.aspectRatio = picture === null ? `${clip.map[1]} / ${clip.map[0]}` : "auto";
  if (has && (attention.over || picture === null)) frame.append(regionsCanvas(values, at, clip.map, picture !== null));
  const words = has ? `Second ${secondName(number)}: ${describeRegions(values, at, clip.map)}.` : `Second ${secondName(number)}.`;
  frame.setAttribute("aria-label", words);
  const side = make("div", { class: "side" }, make("p", { id: "attention-text" }, words));
  if (picture !== null && has) side.append(overSwitch(video, number));
  if (has) side.append(stripOf(video, clip, values, number));
  showOverVideo(video, number);
  const { activeElement } = document;
  const focused = !holder.contains(activeElement) ? null : activeElement.id === "attention-over" ? "#attention-over"
    : `.strip [data-segment="${activeElement.dataset.segment}"]`;
  holder.replaceChildren(frame, side);
  holder.dataset.segment = number;
  if (focused === null) return;
  const next = holder.querySelector(focused) ?? holder.querySelector('.strip [aria-current="true"]');
  next?.focus({ preventScroll: true });
}

// The same over the video that plays, where the reader wants it: it lies on the frames, not on the bars beside them.
function showOverVideo(video, number) {
  const clip = video.clipOf(number);
  const has = clip !== null && clip.attention !== null;
  const { element } = player;
  const plays = canPlay() && element.videoWidth > 0;
  byId("player-attention-label").hidden = !plays || !video.raw.clips.some((one) => one.attention !== null);
  const over = byId("player-attention");
  over.hidden = !plays || !has || !byId("player-attention-over").checked;
  if (over.hidden) {
    over.replaceChildren();
    return;
  }
  const scale = Math.min(element.clientWidth / element.videoWidth, element.clientHeight / element.videoHeight);
  const [width, height] = [element.videoWidth * scale, element.videoHeight * scale];
  Object.assign(over.style, { width: `${width}px`, height: `${height}px`,
    left: `${(element.clientWidth - width) / 2}px`, top: `${(element.clientHeight - height) / 2}px` });
  over.replaceChildren(regionsCanvas(mapsOf(clip).attention, number - clip.first, clip.map, true));
}

function overSwitch(video, number) {
  const box = make("input", { type: "checkbox", id: "attention-over" });
  box.checked = attention.over;
  box.addEventListener("change", () => {
    attention.over = box.checked;
    showAttention(video, number);
  });
  return make("label", { class: "switch" }, box, "Attention over the picture");
}

// All segments of the clip, small; of a long clip those about the chosen one.
function stripOf(video, clip, values, number) {
  const first = clamp(number - clip.first - 6, 0, Math.max(clip.segments - 12, 0));
  const strip = make("div", { class: video.raw.thumbs === null ? "strip" : "strip pictured", role: "group", "aria-label": "Segments of the clip" });
  for (let at = first; at < Math.min(first + 12, clip.segments); at += 1) {
    const one = clip.first + at;
    const picture = pictureOf(video, one);
    const button = make("button", { type: "button", "data-segment": one, "aria-current": one === number ? "true" : null,
      "aria-label": `Second ${secondName(one)}: ${describeRegions(values, at, clip.map)}` });
    if (picture !== null) button.append(make("img", { src: picture, alt: "" }));
    button.append(regionsCanvas(values, at, clip.map, picture !== null), make("span", { class: "number" }, beginOf(one)));
    button.addEventListener("click", () => goTo(one * hop));
    strip.append(button);
  }
  return strip;
}
