"""Tests of the report in headless Chromium: a package, so that its fixtures can end with the folder."""
