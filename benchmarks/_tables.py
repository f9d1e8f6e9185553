"""Tables as Markdown."""


def print_markdown(table, digits=2):
    """Print a DataFrame as a Markdown table, floats with so many `digits` behind the point."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy(dtype=object)]
    for row in rows:
        print("|", " | ".join(f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell) for cell in row), "|")
