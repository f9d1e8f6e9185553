// The video, in step with the timeline; what it cannot play is said in its place.

const player = { element: null, wanted: null, turn: 0 };

function startPlayer() {
  const video = byId("player");
  player.element = video;
  video.addEventListener("error", onMediaError);
  video.addEventListener("loadedmetadata", () => {
    if (player.wanted !== null) seek(player.wanted);
    if (video.videoWidth === 0) video.classList.add("sound-only");
    refresh();
  });
  const refresh = () => {
    if (state.index >= 0 && state.number !== null) showOverVideo(videos[state.index], state.number);
  };
  byId("player-attention-over").addEventListener("change", refresh);
  new ResizeObserver(onceAFrame(refresh)).observe(video);
  for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, () => followPlayer(video.currentTime));
  video.addEventListener("play", keepStep);
}

// Media lies beside the page: an address with a scheme or of a host is none of ours, and is not tried.
const isBeside = (url) => typeof url === "string" && url !== "" && !/^([a-z][a-z0-9+.-]*:|[\\/]{2})/i.test(url.trim());

function openPlayer(video) {
  const { element } = player;
  const { media } = video.raw;
  element.pause();
  element.classList.remove("sound-only");
  player.wanted = null;
  const url = media === null || !isBeside(media.url) ? null : media.url;
  byId("stage").hidden = url === null;
  element.hidden = url === null;
  if (url === null) {
    if (element.hasAttribute("src")) {
      element.removeAttribute("src");
      element.load();
    }
    const why = media !== null && media.note !== null ? `Its file does not play here: ${shown(media.note, 600)}` : "";
    const none = media === null ? "No media was given for this report" : "There is no media file of this video";
    const advice = media === null ? " A report with --media DIR, or media= in Python, links to the videos." : "";
    say(byId("media-note"), why || `${none}, so nothing plays here.${advice}`);
    return;
  }
  element.setAttribute("aria-label", `Video ${shown(video.raw.name, 120)}`);
  say(byId("media-note"), media.note === null ? "" : shown(media.note, 600));
  element.src = url;
}

// What went wrong, by what the browser says of it; the rest of the page goes on.
function onMediaError() {
  const { element } = player;
  if (!element.hasAttribute("src")) return;
  const url = shown(element.getAttribute("src"), 400);
  const refused = element.error !== null && element.error.code === MediaError.MEDIA_ERR_DECODE;
  const reason = refused
    ? `The browser stopped at a part of ${url} that it cannot decode.`
    : `The browser cannot play ${url}: the file is not there, or its format is not one that the browser knows.`;
  const note = videos[state.index]?.raw.media?.note;
  byId("stage").hidden = true;
  element.hidden = true;
  say(byId("media-note"), `${reason} Timeline and maps go on without it.${note ? ` ${shown(note, 600)}` : ""}`);
}

const canPlay = () => !player.element.hidden && player.element.error === null;

function seek(seconds) {
  if (!canPlay()) return;
  const { element } = player;
  player.wanted = seconds;
  if (element.readyState >= HTMLMediaElement.HAVE_METADATA) {
    element.currentTime = Number.isFinite(element.duration) ? Math.min(seconds, element.duration) : seconds;
    player.wanted = null;
  }
}

function togglePlay() {
  if (!canPlay()) return;
  if (player.element.paused) player.element.play().catch(() => {}); // a failure comes as an error event too
  else player.element.pause();
}

// Moves the marker with each frame that is shown, or with each picture of the screen where frames are not told.
function keepStep() {
  const { element } = player;
  const framed = "requestVideoFrameCallback" in element && element.videoWidth > 0;
  player.turn += 1;
  const { turn } = player;
  const step = (_, frame) => {
    if (turn !== player.turn) return; // a frame asked for before a pause comes after it, and would go on beside this
    followPlayer(framed && frame ? frame.mediaTime : element.currentTime);
    if (!element.paused && !element.ended) next();
  };
  const next = () => (framed ? element.requestVideoFrameCallback(step) : requestAnimationFrame(() => step()));
  next();
}

function followPlayer(seconds) {
  if (!canPlay() || player.wanted !== null || player.element.seeking) return;
  setTime(seconds);
  if (!player.element.paused) followMarker();
}
