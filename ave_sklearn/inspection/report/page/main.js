// The start of the page, the address that keeps the choice, and the change of light and dark.

function hashOf(video) {
  return `#video=${encodeURIComponent(shown(video.raw.name, 60))}-${video.index}`;
}

// The video of the address: the number finds it, and where another stands there by now, the name does.
function indexOfHash() {
  const found = /^#video=(.*)-(\d{1,9})$/.exec(location.hash);
  if (found === null) return -1;
  let name;
  try {
    name = decodeURIComponent(found[1]);
  } catch {
    return -1; // no text that a browser wrote
  }
  const named = (video) => video !== undefined && shown(video.raw.name, 60) === name;
  const index = Number(found[2]);
  return named(videos[index]) ? index : videos.findIndex(named);
}

function choose(index) {
  const hash = hashOf(videos[index]);
  const fromList = state.index < 0;
  if (location.hash === hash) {
    followHash();
    return;
  }
  location.hash = hash;
  if (fromList) history.replaceState({ fromList: true }, "");
}

// Leaves the chosen video; where the list was before it, the way is back.
function leaveDetail() {
  if (history.state?.fromList) history.back();
  else location.hash = "#videos";
}

const isNarrow = () => matchMedia("(max-width: 60rem)").matches;

function followHash() {
  const index = indexOfHash();
  const before = state.index;
  if (index < 0) {
    closeDetail();
    redrawList();
    if (before >= 0) {
      const place = list.found.findIndex((video) => video.index === before);
      if (isNarrow()) byId("list").scrollIntoView({ block: "start" });
      byId("rows").focus({ preventScroll: true });
      if (place >= 0) activate(place);
    }
    return;
  }
  openDetail(index);
  if (before < 0) redrawList(); // the video takes room from it
  const place = list.found.findIndex((video) => video.index === index);
  if (place >= 0) activate(place);
  else markRows();
  const detail = byId("detail");
  if (isNarrow()) {
    window.scrollTo(0, 0);
    detail.focus({ preventScroll: true });
    return;
  }
  const { top } = detail.getBoundingClientRect();
  if (top < 0 || top > window.innerHeight * 0.5) byId("workspace").scrollIntoView({ block: "start" });
}

function startLegend() {
  const wrong = make("span", {}, make("span", { class: "key wrong" }), "true and predicted differ");
  const empty = make("span", {}, make("span", { class: "key empty" }), "background");
  const sure = "Confidence: mean probability of what is predicted";
  const keys = hasTruth ? ["Above true, below predicted", empty, wrong, sure] : ["Predicted", empty, sure];
  byId("legend").append(...keys.map((key) => (typeof key === "string" ? make("span", {}, key) : key)));
}

function redrawAll() {
  readTheme();
  hatches.clear();
  redrawList();
  if (state.index < 0) return;
  drawTimelineSoon();
  maps.clip = null;
  state.number = null;
  setTime(state.time);
}

readTheme();
startLegend();
startTimeline();
startPlayer();
startList();
drawSummary();
byId("back").addEventListener("click", leaveDetail);
byId("probabilities-table").addEventListener("toggle", () => {
  if (byId("probabilities-table").open) drawTable();
});
byId("detail").addEventListener("keydown", (event) => {
  if (event.key === "Escape") leaveDetail();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
window.addEventListener("hashchange", followHash);
followHash();
document.documentElement.dataset.ready = "true";
