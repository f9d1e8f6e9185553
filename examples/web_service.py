"""
A web service: a video goes in, its events come out as JSON
===========================================================

``pip install "ave_sklearn[video]" fastapi uvicorn python-multipart``, then, with a model of ``ave-sklearn fit``:

    AVE_SKLEARN_MODEL=model.joblib python examples/web_service.py
    curl -F video=@dog.mp4 http://127.0.0.1:8000/events

Videos of strangers are decoded in this process: run it in a container without network and with limited memory, behind
a server that knows who may ask (SECURITY.md).
"""

import os
from threading import Lock
from typing import Any

import joblib
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from ave_sklearn.extraction import ExtractionError, predict_videos

MODEL = joblib.load(os.environ["AVE_SKLEARN_MODEL"])
MAX_BYTES = int(os.environ.get("MAX_BYTES", 200_000_000))  # of a request, its video and a few lines around it
PATIENCE = float(os.environ.get("PATIENCE", 300))  # seconds that a request waits for those before it

# One prediction at a time: it takes gigabytes of memory, and all cores or the GPU. Two at once are not done sooner.
turn = Lock()
app = FastAPI(title="Events of videos")


# %%
# How long the body is must be said, and is checked, before any of it is read: the rest is then nobody's memory or disk.
# A body in chunks says no length, whatever header stands beside it.
@app.middleware("http")
async def limit_size(request: Request, call_next: Any) -> Response:
    length = request.headers.get("content-length", "")
    if request.method == "POST" and (not length.isdecimal() or "transfer-encoding" in request.headers):
        return JSONResponse({"detail": "Content-Length is wanted."}, 411)
    if length and int(length) > MAX_BYTES:
        return JSONResponse({"detail": f"{length} bytes are too many; at most {MAX_BYTES} are taken."}, 413)
    return await call_next(request)


# %%
# A function without `async` runs in a thread, so that the service answers others meanwhile. The upload is a file
# object, of which `predict_videos` makes a temporary file; what is wrong with the video is the client's to know.
@app.post("/events")
def find_events(video: UploadFile) -> list[dict[str, Any]]:
    if not turn.acquire(timeout=PATIENCE):
        raise HTTPException(503, "Others are waiting; try again later.")
    try:
        rows = predict_videos(MODEL, [video.file])
    except ExtractionError as error:
        raise HTTPException(422, str(error)) from error
    finally:
        turn.release()
    return rows.dropna(subset=["event_label"]).assign(filename=video.filename).to_dict("records")


@app.get("/health")
async def tell_health() -> dict[str, str]:
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", 8000)))
