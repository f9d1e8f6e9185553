// Small pictures of the video, each at its second above the timeline, as many as there is room for.

// The picture of a segment; an address that is no picture within the page is not asked for.
function pictureOf(video, number) {
  const p = video.position(number);
  const url = p < 0 || video.raw.thumbs === null ? null : video.raw.thumbs[p];
  return typeof url === "string" && url.startsWith("data:image/") ? url : null;
}

function drawFilm() {
  const { video, view, canvas } = timeline;
  const film = byId("film");
  const pictures = video.raw.thumbs !== null && video.raw.thumbs.some((url) => url !== null);
  film.hidden = !pictures;
  if (!pictures) return;
  const at = scaleOf(view, canvas.clientWidth);
  const every = Math.max(Math.ceil(54 / Math.max(at(view[0] + hop), 0.01)), 1);
  const items = [];
  for (let p = video.after(view[0] / hop - every); p < video.numbers.length && video.numbers[p] * hop < view[1]; p += 1) {
    const number = video.numbers[p];
    const url = number % every === 0 ? pictureOf(video, number) : null;
    if (url === null) continue;
    const left = at(number * hop);
    const width = at((number + every) * hop) - left;
    if (left < -1 || left + width > canvas.clientWidth + 1) continue;
    const image = make("img", { src: url, alt: "", draggable: "false" });
    image.style.left = `${left}px`;
    image.style.width = `${Math.max(width - 1, 8)}px`;
    items.push(image);
  }
  film.replaceChildren(...items);
}
