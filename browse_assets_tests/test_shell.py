"""The outer shell: commands, lock files, workspace, CI script."""

import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "index" + "-url",
]
LOCKS = ["requirements.lock", "requirements-uv.lock", "requirements-ner.lock", "requirements-spark.lock"]


def committed_files() -> list[Path]:
    """Files that git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def locked(name: str) -> dict[str, list[str]]:
    """Hashes of each package of a lock file."""
    packages: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text().strip()):
        package = re.match(r"[A-Za-z0-9_.-]+", block)
        assert package is not None, block[:80]
        packages.setdefault(canonicalize_name(package[0]), []).extend(re.findall(r"--hash=(sha256:\w{64})", block))
    return packages


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("run", "-m browse_assets.run"),
        ("ui", "-m browse_assets.ui"),
        ("test", "-m pytest"),
        ("bench", "bench"),
        ("notebook", "notebooks/data_ml_pipeline.ipynb"),
        ("setup", "requirements.lock"),
        ("lock", "uv pip compile"),
        ("sample", "-m browse_assets.sample_panel"),
    ],
)
def test_each_command_of_the_design_is_a_target(target: str, command: str) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0, shown.stderr
    assert command in shown.stdout


def test_make_alone_lists_the_targets() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0
    listed = re.findall(r"^  (\w+) ", shown.stdout, re.MULTILINE)
    assert {"run", "test", "ui", "bench", "notebook", "setup", "lock", "sample", "clean"} <= set(listed)


def test_a_python_that_does_not_fit_is_said_plainly(tmp_path: Path) -> None:
    for name in ["Makefile", *LOCKS]:
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    tried = subprocess.run(
        ["make", "setup", "PYTHON=/nowhere/python3.12"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tried.returncode != 0
    assert "No usable Python found (tried: /nowhere/python3.12)" in tried.stdout
    assert "3.11, 3.12 or 3.13" in tried.stdout
    assert not (tmp_path / ".venv").exists()


def test_no_registry_address_in_any_file() -> None:
    for path in committed_files():
        text = path.read_bytes().decode("utf-8", errors="replace").lower()
        for registry in REGISTRIES:
            allowed = registry == "index" + "-url" and path.name == "Makefile"
            assert allowed or registry not in text, f"{path.relative_to(ROOT)} names {registry}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()
    assert [package for package, hashes in locked(name).items() if not hashes] == []


def test_the_lock_covers_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["dev"], *extras["postgres"], *extras["notebook"]]
    wanted = [found for found in map(Requirement, texts) if found.name != project["name"]]  # an extra names others
    text = (ROOT / "requirements.lock").read_text()
    for requirement in wanted:
        name = re.escape(canonicalize_name(requirement.name))
        versions = re.findall(rf"^{name}(?:\[[^]]+\])?==(\S+)", text, re.MULTILINE)
        assert versions, f"{requirement.name} is not locked"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("extra", ["ner", "spark"])
def test_an_extra_is_locked_and_changes_nothing_else(extra: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = locked(f"requirements-{extra}.lock")
    assert {canonicalize_name(Requirement(text).name) for text in extras[extra]} <= set(names)
    assert not set(names) & set(locked("requirements.lock"))


def test_the_makefile_and_its_lock_mean_one_uv() -> None:
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assert (ROOT / "requirements-uv.lock").read_text().startswith(f"uv=={version[1]} ")


def test_the_workspace_points_to_a_module() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = entry["python_module"]
    assert (ROOT / module["working_directory"]).samefile(ROOT)
    assert importlib.util.find_spec(module["module_name"]) is not None


def test_pyproject_does_not_shadow_the_workspace() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert not {"dagster", "dg"} & set(tools)


def test_the_ci_script_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert "exec make test" in script.read_text()
    assert script.read_text().index("make spark") < script.read_text().index("exec make test")
    assert "set -euo pipefail" in script.read_text()


def test_the_tracking_folder_holds_no_python() -> None:
    """One `.py` in mlflow/ and the folder would hide the installed package."""
    assert list((ROOT / "mlflow").rglob("*.py")) == []
