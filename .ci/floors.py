"""The floors of setup.cfg as a constraints file, so that the tests can run with exactly the versions it promises.

    python .ci/floors.py > floors.txt
    pip install -c floors.txt -e ".[test]"

torch stays at the version of constraints.txt: its older CPU builds are not on the Python Package Index.
"""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINNED = {"torch"}  # taken from constraints.txt
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?P<extras>\[[^\]]*\])?\s*(?:>=\s*(?P<floor>[^\s,;]+))?")


def normalise(name):
    """Return a project's name as the Python Package Index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(path):
    """Return the version of each project that a constraints file pins."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {normalise(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def read_floors(path):
    """Return the floor of each requirement in a setup.cfg, those of its extras included."""
    config = configparser.ConfigParser()
    config.read_string(path.read_text(encoding="utf-8"))
    own_name = normalise(config["metadata"]["name"])
    blocks = [config["options"]["install_requires"], *config["options.extras_require"].values()]

    floors = {}
    for line in "\n".join(blocks).split("\n"):
        if not line.strip():
            continue
        requirement = REQUIREMENT.fullmatch(line.strip())
        if requirement is None:
            raise ValueError(f"{path.name}: expected 'name>=version', got {line!r}")
        name, floor = normalise(requirement["name"]), requirement["floor"]
        if name == own_name:  # the test extra asks for the other extras
            continue
        if floor is None:
            raise ValueError(f"{path.name}: {name} has no floor")
        if floors.setdefault(name, floor) != floor:
            raise ValueError(f"{path.name}: {name} has two floors, {floors[name]} and {floor}")
    return floors


def main():
    """Print one line for each requirement, sorted by name."""
    pins = read_pins(ROOT / "constraints.txt")
    for name, floor in sorted(read_floors(ROOT / "setup.cfg").items()):
        print(f"{name}=={pins[name] if name in PINNED else floor}")


if __name__ == "__main__":
    main()
