"""Known vulnerabilities and licenses of what is shipped and what it needs.

    python tests/reliability/audit.py [--if-reachable]

Licenses are read from what is installed. pip-audit and npm audit ask services on the network; one that does not answer is said to be so,
and the exit code is then 2, with --if-reachable 0. It is 1 for a finding, and 0 when all was asked and nothing found.
"""

import importlib.metadata as metadata
import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FREE = re.compile(r"\b(MIT|BSD|Apache|ISC|HPND|PSF|Python Software Foundation|CNRI|Zlib|0BSD|Unlicense|MPL)", re.IGNORECASE)
NOT_ANSWERED = 2


def needed(name: str, found: dict[str, str] | None = None) -> dict[str, str]:
    """The packages that one needs at run time, itself included, and what they say of their licenses."""
    found = {} if found is None else found
    about = metadata.metadata(name)
    classified = [value.rpartition(" :: ")[2] for value in about.get_all("Classifier", []) if value.startswith("License")]
    found[name] = about.get("License-Expression") or ", ".join(classified) or (about.get("License") or "").partition("\n")[0]
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and requirement.name not in found:
            needed(requirement.name, found)
    return found


def bundled() -> dict[str, str]:
    """The packages of the frontend's bundle and their licenses, as they are listed beside it."""
    listed = (ROOT / "tb_confmat_plugin/static/LICENSES.txt").read_text("utf-8")
    return dict(re.findall(r"^(\S+ [\d.]+) \((.+)\)$", listed, re.MULTILINE))


def check_licenses() -> None:
    """Each is one that asks for no more than to be named."""
    everything = needed("tb-confmat-plugin") | bundled()
    odd = {name: license for name, license in everything.items() if not FREE.search(license)}
    assert not odd, f"licenses to be looked at: {odd}"
    assert len(bundled()) > 5, "the bundle's licenses were not found"


def pip_audit() -> int:
    """0, 1 for a finding, or 2 where the service does not answer."""
    with tempfile.TemporaryDirectory() as place:
        pins = [f"{name}=={metadata.version(name)}" for name in needed("tb-confmat-plugin") if name != "tb-confmat-plugin"]
        (Path(place) / "pins.txt").write_text("\n".join(pins))
        venv.create(f"{place}/env", with_pip=True)
        pip = [f"{place}/env/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "pip-audit"]
        if subprocess.run(pip, check=False, stderr=subprocess.DEVNULL).returncode:
            return NOT_ANSWERED
        audit = [f"{place}/env/bin/pip-audit", "--no-deps", "--disable-pip", "--format=json", "-r", f"{place}/pins.txt"]
        ended = subprocess.run(audit, check=False, capture_output=True, text=True)
    if not ended.stdout.startswith("{"):
        return NOT_ANSWERED
    found = {one["name"]: [each["id"] for each in one["vulns"]] for one in json.loads(ended.stdout)["dependencies"] if one.get("vulns")}
    print(f"pip-audit: {len(pins)} packages, findings: {found or 'none'}")
    return int(bool(found))


def npm_audit() -> int:
    """0, 1 for a finding, or 2 where the service does not answer."""
    ended = subprocess.run(["npm", "audit", "--json"], cwd=ROOT / "frontend", check=False, capture_output=True, text=True)
    answer = json.loads(ended.stdout or "{}")
    if "vulnerabilities" not in answer:
        return NOT_ANSWERED
    print(f"npm audit: findings: {sorted(answer['vulnerabilities']) or 'none'}")
    return int(bool(answer["vulnerabilities"]))


def main() -> int:
    """Prints what each said; the exit code tells the worst."""
    check_licenses()
    print(f"licenses: {len(needed('tb-confmat-plugin'))} Python packages and {len(bundled())} bundled ones, all free to be used")
    worst = 0
    for name, ask in (("pip-audit", pip_audit), ("npm audit", npm_audit)):
        code = ask()
        if code == NOT_ANSWERED:
            print(f"{name}: its service cannot be reached from here, so nothing was asked")
        worst = 1 if 1 in (worst, code) else max(worst, code)
    return 0 if worst == NOT_ANSWERED and sys.argv[1:] == ["--if-reachable"] else worst


if __name__ == "__main__":
    sys.exit(main())
