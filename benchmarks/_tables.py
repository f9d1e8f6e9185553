"""Tables as Markdown, and tables whose rows are measured one by one."""

import json
import time

import pandas as pd


class Rows:
    """Rows of tables, measured one by one: one that fails, or that comes too late, loses itself alone."""

    def __init__(self, budget):
        self.budget, self.start = budget, time.monotonic()
        self.tables, self.left_out, self.failed = {}, [], False

    def add(self, title, about, measure, *args):
        """Add to the table `title` the row of the cells `about`, and of those that ``measure(*args)`` returns."""
        if time.monotonic() - self.start > self.budget:
            self.left_out.append(f"{title} ({', '.join(about.values())})")
            return
        try:
            row = {**about, **measure(*args)}
        except Exception as error:  # whatever a device raises
            self.failed = True
            row = {**about, "error": " ".join(f"{type(error).__name__}: {error}".split())[:300].replace("|", "/")}
        self.tables.setdefault(title, []).append(row)
        print(json.dumps(row), flush=True)

    def print(self):
        """Print all tables, and what they lack."""
        for title, rows in self.tables.items():
            print(f"\n{title}:\n")
            print_markdown(pd.DataFrame(rows, dtype=object).fillna(""))
        if self.left_out:
            print(f"\nLeft out, {self.budget:g} seconds were over: {'; '.join(self.left_out)}.")


def print_markdown(table, digits=2):
    """Print a DataFrame as a Markdown table, floats with so many `digits` behind the point."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy(dtype=object)]
    for row in rows:
        print("|", " | ".join(f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell) for cell in row), "|")
