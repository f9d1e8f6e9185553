"""Report on a model to open in a browser: videos with their timelines, and what the network did in each."""
