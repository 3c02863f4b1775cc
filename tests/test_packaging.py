"""The wheel and the container files work without the checkout.

The wheel is built only from the files that the Dockerfile copies, and installed alone into a folder. It runs with the
packages of this environment, which avoids downloads. A `sitecustomize` removes the checkout, which is installed here
for development, from the path, and a test checks that it cannot be imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import asyncpg
import click
import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.server_programs import server_programs
from svc.cli.main import main as cabinet
from svc.embedded.server import start_embedded, url_as
from svc.migrations.migrate import apply_migrations
from svc.migrations.roles import SETUP
from svc.settings import SERVICE_ROLE, Settings, environment_name
from svc.settings.secret_files import SUFFIX, is_secret
from tests.conftest import PATIENCE_S, POSTGRES_VERSION, running_service, test_settings
from tests.server_process import clean_environment

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OPENAI: dict[str, Any] = yaml.safe_load((ROOT / "docker/openai.yml").read_text())
WITHOUT_CHECKOUT = f"""
import os, sys
sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") != {str(ROOT)!r}]
"""


def copied() -> list[str]:
    """The files that the Dockerfile copies from the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that root's PostgreSQL, another user, can access."""
    with tempfile.TemporaryDirectory(prefix="cabinet-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """The wheel, built from the files that the Dockerfile copies."""
    source = folder / "source"
    source.mkdir()
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    # If the package of the build backend is installed, nothing needs to be downloaded.
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    run([sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", str(folder), str(source)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(folder: Path, wheel: Path) -> dict[str, str]:
    """The environment in which the installed wheel runs."""
    target, path = folder / "installed", folder / "path"
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)], folder)
    path.mkdir()
    (path / "sitecustomize.py").write_text(WITHOUT_CHECKOUT)
    return clean_environment(PYTHONPATH=f"{path}{os.pathsep}{target}", PYTHONDONTWRITEBYTECODE="1")


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """The output of a command in `folder`, which must succeed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def files_below(folder: Path) -> dict[str, bytes]:
    """Every SQL file below a folder, by its path."""
    return {str(path.relative_to(folder.parent)): path.read_bytes() for path in folder.rglob("*.sql")}


def test_wheel_holds_the_service_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        sql = {name: archive.read(name) for name in names if name.endswith(".sql")}
    shipped = {
        f"svc/_resources/{name}": text
        for part in ("sql", "migrations")
        for name, text in files_below(ROOT / part).items()
    }
    assert sql == shipped
    plans = {name.removeprefix("svc/_resources/plans/") for name in names if name.endswith(".toml")}
    baselines = ROOT / "tests/plans/baselines"
    assert plans == {str(path.relative_to(baselines)) for path in baselines.rglob("*.toml")}
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"svc", "cabinet_svc"}
    assert not [name for name in names if name.endswith(".pyc")]
    assert [name for name in names if name.endswith("/LICENSE")]
    samples = {f"svc/demo/samples/{path.name}" for path in (ROOT / "svc/demo/samples").iterdir()}
    assert samples
    assert samples <= set(names)


def test_checkout_cannot_be_imported(installed: dict[str, str], folder: Path) -> None:
    program = "import importlib.util, svc; print(svc.__file__, importlib.util.find_spec('tests'))"
    assert run([sys.executable, "-c", program], folder, installed).split() == [
        str(folder / "installed/svc/__init__.py"),
        "None",
    ]


def test_statements_are_found(installed: dict[str, str], folder: Path) -> None:
    listed = run([str(folder / "installed/bin/cabinet"), "sql", "list"], folder, installed)
    assert {line.split("\t")[0] for line in listed.splitlines()} == {
        path.relative_to(ROOT / "sql").with_suffix("").as_posix() for path in (ROOT / "sql").glob("*/*.sql")
    }


def test_installed_wheel_serves(installed: dict[str, str], folder: Path) -> None:
    server = subprocess.Popen(
        [str(folder / "installed/bin/cabinet"), "serve", "--port", "0", "--data-dir", str(folder / "data")],
        cwd=folder, env=installed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = next((match[1] for line in server.stdout if (match := re.search(r"serves on (http://\S+)", line))), "")
        assert url, server.stderr and server.stderr.read()
        found = searched(url, (folder / "data/admin.key").read_text().strip())
        assert found["content"] == "It runs from a wheel."
        assert check_health(url) == 0
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0
    assert check_health(url) != 0


def searched(url: str, admin_key: str) -> dict[str, Any]:
    """Upload a text, and return the results of a search for it."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {admin_key}"}, trust_env=False) as client:
        client.headers["Cabinet-User"] = client.post("/users", json={"email": "a@example.com"}).json()["user"]["id"]
        body = {"filename": "a.txt", "content": "It runs from a wheel."}
        document = client.post("/documents", json=body).raise_for_status().json()
        while document["status"] == "processing":
            document = client.get(f"/documents/{document['id']}").raise_for_status().json()
        results = client.post("/search", json={"query": "From what does it run?"}).raise_for_status().json()["results"]
    return dict(results[0])


def check_health(url: str) -> int:
    """Exit code of the health check of docker-compose.yml, on another port."""
    _, *command = COMPOSE["services"]["server"]["healthcheck"]["test"]
    command[-1] = command[-1].replace("8080", url.rpartition(":")[2])
    return subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, timeout=PATIENCE_S, check=False
    ).returncode


def test_container_is_built_from_what_is_there() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    mounted = re.findall(r"--mount=type=bind,source=(\S+),", DOCKERFILE)
    assert {*copied(), *mounted} == let_through
    assert mounted == ["docker/requirements.txt"]
    for name in let_through:
        assert (ROOT / name).exists(), name


def test_every_image_is_pinned_by_its_digest() -> None:
    base = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    used = {service["image"] for service in COMPOSE["services"].values() if "build" not in service}
    named = [re.fullmatch(r"\$\{\w+:-(.+)\}", image) for image in used]
    images = [*base, *(match[1] for match in named if match)]
    assert len(images) == 2
    assert all(re.fullmatch(r"[a-z/]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", image) for image in images), images
    # A build frontend would be another image.
    assert not re.search(r"^# *syntax", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_container_runs_as_a_plain_user_with_known_settings() -> None:
    user = re.search(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    assert f"--uid {user[1]}" in DOCKERFILE
    assert DOCKERFILE.rindex("USER") > DOCKERFILE.rindex("RUN")
    for line in re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE):
        assert {part.partition("=")[0] for part in line.split()} <= settings_names()


def settings_names() -> set[str]:
    """The environment variables that are settings."""
    return {environment_name(name) for name in Settings.model_fields}


def file_names() -> set[str]:
    """The environment variables that name files with secrets."""
    return {environment_name(name) + SUFFIX for name, field in Settings.model_fields.items() if is_secret(field)}


def test_compose_has_the_parts_and_their_order() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"database", "migrate", "server", "worker"}
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("server", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert services["migrate"]["restart"] == "no"
    assert re.search(r":-pgvector/pgvector:0\.8\.\d+-pg18@sha256:[0-9a-f]{64}\}$", services["database"]["image"])
    assert services["database"]["volumes"] == [
        "database:/var/lib/postgresql",
        "./docker/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro",
        "./sql/roles:/sql/roles:ro",
    ]
    assert "database" in COMPOSE["volumes"]
    assert all("healthcheck" in services[name] for name in ("database", "server", "worker"))


def test_compose_runs_commands_that_exist() -> None:
    for name in ("migrate", "server", "worker"):
        command: click.Command = cabinet
        for word in COMPOSE["services"][name]["command"]:
            assert isinstance(command, click.Group)
            command = command.commands[word]
        assert not isinstance(command, click.Group)
        assert set(COMPOSE["services"][name]["environment"]) <= settings_names() | file_names()


def test_only_migrate_has_the_owners_password_and_nobody_the_superusers() -> None:
    assert {name: set(service["secrets"]) for name, service in COMPOSE["services"].items()} == {
        "database": {"postgres_password", "owner_password", "service_password"},
        "migrate": {"database_url", "owner_database_url"},
        "server": {"database_url", "admin_key"},
        "worker": {"database_url"},
    }


def test_every_file_with_a_secret_is_one_that_the_container_has() -> None:
    for name, service in COMPOSE["services"].items():
        files = [str(value) for variable, value in service["environment"].items() if variable.endswith(SUFFIX)]
        assert files, name
        assert {Path(file).name for file in files} <= set(service["secrets"])
        assert all(file.startswith("/run/secrets/") for file in files)
    for secret, source in COMPOSE["secrets"].items():
        assert source == {"file": f"./secrets/{secret}"}
    for name, service in OPENAI["services"].items():
        assert name in COMPOSE["services"]
        assert set(service["environment"]) <= file_names()
        assert service["secrets"] == list(OPENAI["secrets"])


def test_containers_are_confined() -> None:
    """Containers are read-only, without capabilities, with limits of memory and processes."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True
        assert service["tmpfs"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(r"\d+g|\$\{\w+:-\d+g\}", service["mem_limit"])
        assert 64 <= service["pids_limit"] <= 1024
        # The image of the database changes the owner of its folders and its own user.
        assert service.get("cap_drop") == (None if name == "database" else ["ALL"])


def made_secrets(folder: Path) -> Path:
    """The folder of secrets that the script creates in an empty checkout."""
    (folder / "docker").mkdir(parents=True)
    shutil.copy(ROOT / "docker/secrets.sh", folder / "docker")
    subprocess.run(["sh", "docker/secrets.sh"], cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S)
    return folder / "secrets"


def test_the_script_makes_every_secret_once(tmp_path: Path) -> None:
    secrets = made_secrets(tmp_path / "checkout")
    assert {path.name for path in secrets.iterdir()} == set(COMPOSE["secrets"])
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    for name in ("postgres_password", "owner_password", "service_password", "admin_key"):
        assert re.fullmatch(r"[0-9a-f]{48}\n", before[name])
        assert stat.S_IMODE((secrets / name).stat().st_mode) == 0o644
    subprocess.run(["sh", "docker/secrets.sh"], cwd=secrets.parent, check=True, capture_output=True, timeout=PATIENCE_S)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    for url, role in (("database_url", "service"), ("owner_database_url", "owner")):
        password = before[f"{role}_password"].strip()
        assert before[url] == f"postgresql://cabinet_{role}:{password}@database:5432/cabinet\n"


def test_the_image_installs_pinned_packages_with_their_hashes() -> None:
    assert "--require-hashes --requirement /requirements.txt" in DOCKERFILE
    assert all("--no-deps" in line for line in re.findall(r"pip install [^&\n]+", DOCKERFILE))
    text = (ROOT / "docker/requirements.txt").read_text().replace("\\\n", " ")
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))
    hashes = re.findall(r"^[a-z0-9.-]+==\S+((?: +--hash=sha256:[0-9a-f]{64})+)\s*$", text, re.MULTILINE)
    assert len(hashes) == len(pinned) == len([line for line in text.splitlines() if line and line[0] != "#"])
    constraints = dict(
        re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "constraints.txt").read_text().lower(), re.MULTILINE)
    )
    assert {name: constraints.get(name) for name in pinned} == pinned
    # The client is built from the checkout, like Cabinet itself.
    assert runtime_packages() - set(pinned) == {"cabinet-client"}


def runtime_packages() -> set[str]:
    """The direct and indirect dependencies of Cabinet at run time on Python 3.13."""
    needed: set[str] = set()
    left = [("cabinet-svc", frozenset[str]())]
    while left:
        name, extras = left.pop()
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            wanted = [
                {"extra": extra, "python_version": "3.13", "python_full_version": "3.13.0"} for extra in ("", *extras)
            ]
            if requirement.marker is not None and not any(map(requirement.marker.evaluate, wanted)):
                continue
            canonical = canonicalize_name(requirement.name)
            if canonical not in needed:
                needed.add(canonical)
                left.append((canonical, frozenset(requirement.extras)))
    return needed


async def test_the_script_of_the_database_creates_the_roles(folder: Path) -> None:
    """It uses psql, like the database's image. The role that the embedded server creates is dropped before."""
    server = await start_embedded(folder / "roles", POSTGRES_VERSION)  # type: ignore[arg-type]
    try:
        superuser = await asyncpg.connect(server.url)
        await superuser.execute(f"drop role {SERVICE_ROLE}")
        run_as_the_image_does(ROOT / "docker" / "roles.sql", server.url)
        with_password = await superuser.fetch(
            "select rolname from pg_authid where rolpassword like 'SCRAM-SHA-256%' and not rolsuper order by rolname"
        )
        assert [row["rolname"] for row in with_password] == ["cabinet_owner", SERVICE_ROLE]
        await superuser.close()

        owner = url_as(server.url, "cabinet_owner")
        assert await apply_migrations(test_settings(), owner)
        async with running_service(test_settings(), owner) as service:
            assert (await service.call("GET", "/health/ready")).status_code == 200
            await service.user("first@example.com")
    finally:
        server.stop()


def run_as_the_image_does(script: Path, url: str) -> None:
    """Run a psql script like the image's entry point, with passwords that need quoting."""
    psql = server_programs(POSTGRES_VERSION) / "psql"
    secrets = Path(tempfile.mkdtemp(prefix="cabinet-test-secrets-"))
    (secrets / "owner_password").write_text("owner's\n")
    (secrets / "service_password").write_text('a "service"\n')
    options = ("--set", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc", "--dbname", url, "--file", script)
    environment = {"CABINET_SECRETS": str(secrets), "PATH": os.environ["PATH"]}
    try:
        subprocess.run([psql, *options], env=environment, check=True, timeout=PATIENCE_S, capture_output=True)
    finally:
        shutil.rmtree(secrets)


def test_the_roles_are_made_by_the_statements_that_are_printed() -> None:
    included = re.findall(r"^\\ir \.\./sql/(\S+)\.sql$", (ROOT / "docker" / "roles.sql").read_text(), re.MULTILINE)
    assert tuple(included) == SETUP


def test_compose_holds_no_secret() -> None:
    values = [value for service in COMPOSE["services"].values() for value in service["environment"].items()]
    for name, value in values:
        if re.search("PASSWORD|KEY|URL", name):
            assert name.endswith(SUFFIX) or (name == "OPENAI_BASE_URL" and value == "${OPENAI_BASE_URL:-}"), name
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    optional = {"CABINET_LOG_LEVEL", "CABINET_LOG_FORMAT", "CABINET_RLS", "DATABASE_IMAGE", "DATABASE_MEMORY"}
    assert asked - set(given) == optional
    assert {name: value for name, value in given.items() if value} == {"CABINET_PORT": "8080"}
