"""Let an environment see what a wheel in it declares that it needs, and nothing else, without installing it again.

Run by the interpreter that has everything installed: `python link_dependencies.py <site-packages> <distribution>`. What
an extra brings, or the project forgot to declare, is not found from there.
"""

import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement


def required(of: Distribution, extras: set[str]) -> list[Requirement]:
    """What a distribution needs here, with some of its extras."""
    stated = [Requirement(text) for text in of.requires or []]
    where = [{"extra": extra} for extra in ("", *extras)]
    return [one for one in stated if one.marker is None or any(one.marker.evaluate(extra) for extra in where)]


def closure(requirements: list[Requirement]) -> dict[str, Distribution]:
    """All distributions that are needed, and those that they need, by name."""
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    while requirements:
        requirement = requirements.pop()
        if str(requirement) not in seen:
            seen.add(str(requirement))
            found[requirement.name] = distribution(requirement.name)
            requirements += required(found[requirement.name], requirement.extras)
    return found


def link(of: Distribution, site: Path) -> None:
    """Link the packages and modules of a distribution, and what tells its version, into a folder."""
    for top in {file.parts[0] for file in of.files or []} - {"..", "__pycache__"}:
        place = site / top
        if not place.exists():
            place.symlink_to(Path(str(of.locate_file(top))).resolve())


if __name__ == "__main__":
    site, name = Path(sys.argv[1]), sys.argv[2]
    (wheel,) = (one for one in distributions(path=[str(site)]) if one.name == name)
    for needed in closure(required(wheel, set())).values():
        link(needed, site)
