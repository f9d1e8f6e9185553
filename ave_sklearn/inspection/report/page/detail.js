// The chosen video: what is shown of it, and the second that is looked at.

const state = { index: -1, time: 0, number: null };

function openDetail(index) {
  const video = videos[index];
  const fresh = state.index !== index;
  state.index = index;
  const detail = byId("detail");
  detail.hidden = false;
  detail.dataset.video = index;
  document.body.classList.add("one-video");
  if (!fresh) return;
  byId("detail-name").textContent = shown(video.raw.name, 2000) || "(no name)";
  byId("detail-facts").textContent = describeVideo(video);
  state.number = null;
  state.time = video.numbers.length > 0 ? video.numbers[0] * hop : 0;
  openTimeline(video);
  openProbabilities(video);
  openPlayer(video);
  byId("timeline").setAttribute("aria-valuemin", video.span[0]);
  byId("timeline").setAttribute("aria-valuemax", video.span[1]);
  maps.clip = null;
  setTime(state.time);
  drawTimelineSoon();
}

function describeVideo(video) {
  const wrong = video.nWrong === 0 ? "no segment wrong" : `${video.nWrong} of ${plural(video.pred.length, "segment")} wrong`;
  const truth = hasTruth ? [`accuracy ${percent(video.raw.accuracy ?? 0)}`, wrong] : [];
  return [`${clock(video.raw.seconds, video.raw.seconds % 1 ? 1 : 0)} long`, ...truth,
    `confidence ${percent(video.raw.confidence)}`].join(" · ");
}

function closeDetail() {
  if (state.index < 0) return;
  player.element.pause();
  state.index = -1;
  delete byId("detail").dataset.video;
  byId("detail").hidden = true;
  document.body.classList.remove("one-video");
}

// Sets the second that is looked at; what depends on the segment is drawn only when that is another one.
function setTime(seconds) {
  const video = videos[state.index];
  if (video === undefined) return;
  state.time = seconds;
  const number = numberAt(seconds);
  const slider = byId("timeline");
  slider.setAttribute("aria-valuenow", String(Math.round(seconds * 1000) / 1000));
  if (number !== state.number) {
    state.number = number;
    slider.dataset.segment = number;
    const text = describeSegment(video, number);
    slider.setAttribute("aria-valuetext", text);
    byId("now").replaceChildren(make("span", { class: "number" }, beginOf(number)), ...nowParts(video, number));
    sayProbabilities(video, number);
    for (const [id, direction] of [["wrong-previous", -1], ["wrong-next", 1]]) {
      if (hasTruth) setDisabled(byId(id), wrongBeside(direction) === undefined);
    }
    showMaps(video, number);
    showAttention(video, number);
  }
  placeMarker();
}

function describeSegment(video, number) {
  const p = video.position(number);
  if (p < 0) return `${beginOf(number)}, not extracted`;
  const predicted = `predicted ${labelName(video.pred[p])}`;
  if (!hasTruth) return `${beginOf(number)}, ${predicted}`;
  const verdict = video.pred[p] === video.true[p] ? "right" : "wrong";
  return `${beginOf(number)}, true ${labelName(video.true[p])}, ${predicted}, ${verdict}`;
}

function nowParts(video, number) {
  const p = video.position(number);
  if (p < 0) return [make("span", { class: "quiet" }, "not extracted")];
  const part = (name, code) => make("span", {}, make("span", { class: "quiet" }, `${name} `), swatch(code), bdi(labelName(code)));
  if (!hasTruth) return [part("predicted", video.pred[p])];
  const wrong = video.pred[p] !== video.true[p];
  return [part("true", video.true[p]), part("predicted", video.pred[p]),
    make("span", { class: wrong ? "verdict wrong" : "verdict" }, wrong ? "wrong" : "right")];
}

function swatch(code) {
  const mark = make("span", { class: "swatch", "aria-hidden": "true" });
  if (code !== background) mark.style.background = hueOf(code);
  return mark;
}

// Goes to a second, in the video too; `whole` goes to where its segment begins.
function goTo(seconds, { whole = true } = {}) {
  const video = videos[state.index];
  const [begin, end] = video.span;
  const within = clamp(seconds, begin, Math.max(end - hop * 1e-3, begin));
  const to = whole ? Math.max(numberAt(within) * hop, begin) : within;
  seek(to);
  setTime(to);
  followMarker();
}
