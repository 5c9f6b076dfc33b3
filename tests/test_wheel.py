"""The wheel: what a stranger installs counts a bundled network from any folder."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest

from flopcount.spec.load import bundled

ROOT = Path(__file__).parent.parent


class Installed(NamedTuple):
    """A fresh environment with the wheel in it."""

    wheel: Path
    python: Path
    packages: Path
    command: Path


def called(command: Sequence[str | Path], folder: Path) -> str:
    """Run a process that has to succeed, with nothing of this environment on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path) -> Path:
    """Build the wheel with the backend that is installed here."""
    called([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT], folder)
    (wheel,) = folder.glob("flopcount-*.whl")
    return wheel


def fresh(folder: Path) -> Installed:
    """Make an empty environment that borrows the dependencies, and nothing else, from this one."""
    environment = venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt")
    environment.create(folder)
    place = {"base": str(folder), "platbase": str(folder)}
    scripts, packages = (Path(sysconfig.get_path(name, "venv", place)) for name in ("scripts", "purelib"))
    suffix = ".exe" if os.name == "nt" else ""
    return Installed(Path(), scripts / f"python{suffix}", packages, scripts / f"flopcount{suffix}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the built wheel into a fresh environment, without a network."""
    wheel = built(tmp_path_factory.mktemp("dist"))
    environment = fresh(tmp_path_factory.mktemp("environment"))
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", environment.python]
    called([*pip, "install", "--no-deps", "--no-index", "--quiet", wheel], wheel.parent)
    # A plain path: `.pth` files inside it, such as that of an editable install, are not followed.
    (environment.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return environment._replace(wheel=wheel)


def test_the_installed_command_counts_a_bundled_network_from_another_folder(
    installed: Installed, tmp_path: Path
) -> None:
    printed = called([installed.command, "mobilenet_v1", "--input", "160", "--format", "json"], tmp_path)
    counted = json.loads(printed)
    assert counted["totals"]["macs"] == 126373376
    assert counted["standard"]["totals"]["macs"] == 1045417824
    assert counted["standard"]["ratio"]["macs"] == 0.12088312739538674


def test_the_network_and_the_package_come_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    code = "import flopcount.spec.load as b; print(b.__file__); print(b.bundled_network('mobilenet_v1').path)"
    module, network = called([installed.python, "-c", code], tmp_path).splitlines()
    inside = installed.packages.resolve()
    assert Path(module).resolve().is_relative_to(inside / "flopcount")
    assert Path(network).resolve() == inside / "flopcount" / "archs" / "mobilenet_v1.toml"


def test_the_wheel_holds_the_package_the_networks_and_nothing_else(installed: Installed) -> None:
    names = {name for name in ZipFile(installed.wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flopcount").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    networks = {f"flopcount/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "archs").rglob("*.*")}
    assert networks
    assert names == package | networks


def test_every_bundled_network_is_listed_by_the_installed_command(installed: Installed, tmp_path: Path) -> None:
    listed = json.loads(called([installed.command, "archs", "--format", "json"], tmp_path))["archs"]
    assert {row["arch"] for row in listed} == {*bundled()}
