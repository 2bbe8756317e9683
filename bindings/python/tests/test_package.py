"""The wheel and the sdist: what is in them, that they install and build offline, and a library that is not ours."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import PARAMS, PARENT_SECRET, REPOSITORY, compiled, tool

import r2creds
from r2creds import _library

PACKAGE = REPOSITORY / "bindings/python"
#: The library that the tests run with.
LIBRARY = Path(_library._library._name)
PROGRAM = Path(sys.executable).parent / "r2creds"
BUILT = {"R2CREDS_LIBRARY": str(LIBRARY), "R2CREDS_PROGRAM": str(PROGRAM)}
VERSION = r2creds.__version__
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES")
BILL = REPOSITORY / "packaging/r2creds.cdx.json"


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def build(kind: str, source: Path, to: Path, **environment: str) -> Path:
    """What pip does with a folder, without its isolation: hatchling is already here."""
    script = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    done = run(sys.executable, "-c", script, to, cwd=source, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return to / done.stdout.split()[-1]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", PACKAGE, tmp_path_factory.mktemp("wheel"), **BUILT)


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", PACKAGE, tmp_path_factory.mktemp("sdist"))


def unpacked(sdist: Path, to: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(to, filter="data")
    return to / sdist.name[: -len(".tar.gz")]


def test_what_is_in_the_wheel(wheel: Path) -> None:
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    assert wheel.name == f"r2creds-{VERSION}-py3-none-{platform}.whl"
    assert wheel.stat().st_size <= 4e6
    info = f"r2creds-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        files = [path for path in (PACKAGE / "src").rglob("*") if path.is_file() and path.suffix != ".pyc"]
        sources = {str(path.relative_to(PACKAGE / "src")) for path in files}
        inside = set(archive.namelist())
        program = f"r2creds-{VERSION}.data/scripts/r2creds"
        ours = {*sources, f"r2creds/{LIBRARY.name}", program}
        assert {name for name in inside if not name.startswith(info)} == ours
        assert archive.read(program) == PROGRAM.read_bytes()
        assert "r2creds/py.typed" in inside
        assert archive.read(f"r2creds/{LIBRARY.name}") == LIBRARY.read_bytes()
        for name in LICENCES:
            assert archive.read(f"{info}/licenses/{name}") == (REPOSITORY / name).read_bytes()
        assert archive.read(f"{info}/sboms/{BILL.name}") == BILL.read_bytes()
        metadata = archive.read(f"{info}/METADATA").decode()
        assert "Root-Is-Purelib: false" in archive.read(f"{info}/WHEEL").decode()
        assert "r2creds/__pyinstaller/hook-r2creds.py" in inside
    assert f"\nVersion: {VERSION}\n" in metadata
    assert "\nRequires-Python: >=3.9\n" in metadata
    # Nothing at run time.
    assert "Requires-Dist" not in metadata


def test_a_fresh_environment_installs_and_uses_it(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    done = run(python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    params = {**PARAMS, "parent_secret_access_key": PARENT_SECRET}
    script = f"import r2creds; print(r2creds.__file__, len(r2creds.sign(**{params!r}).secret_access_key))"
    done = run(python, "-c", script, cwd=tmp_path, env={})
    assert done.stderr == ""
    where, length = done.stdout.split()
    assert Path(where).is_relative_to(environment)
    assert length == "64"
    for command in ((environment / "bin/r2creds",), (python, "-m", "r2creds")):
        assert run(*command, "--version", cwd=tmp_path, env={}).stdout == f"r2creds {VERSION}\n"


def test_importing_it_imports_nothing_heavy() -> None:
    done = run(sys.executable, "-c", "import sys, r2creds; print(*sys.modules)")
    imported = set(done.stdout.split())
    assert "r2creds" in imported, done.stderr
    assert not {"argparse", "json", "asyncio", "ssl", "http", "urllib", "subprocess"} & imported


def test_what_is_in_the_sdist(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    # An installer refuses links that lead out of the folder.
    assert all(member.isfile() for member in members)
    names = {member.name.partition("/")[2] for member in members}
    assert len(names) == len(members)
    # Nothing else of the repository: the library, and the manifest of the tests' crate, which the library's names.
    sources = [path for path in (REPOSITORY / "src").rglob("*") if path.is_file()]
    crate = {f"rust/{path.relative_to(REPOSITORY)}" for path in sources}
    crate |= {f"rust/{name}" for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "build.rs")}
    crate |= {"rust/tests/support/Cargo.toml", "rust/cli/Cargo.toml", "rust/cli/Cargo.lock"}
    crate.add(f"rust/{BILL.relative_to(REPOSITORY)}")
    crate |= {f"rust/{path.relative_to(REPOSITORY)}" for path in (REPOSITORY / "cli/src").iterdir()}
    assert {name for name in names if name.startswith("rust/")} == crate
    assert {"pyproject.toml", "hatch_build.py", "README.md", "src/r2creds/py.typed"} <= names
    assert not [name for name in names if name.startswith("tests") or name.endswith((".so", ".pyc"))]
    for name in LICENCES:
        assert (unpacked(sdist, tmp_path) / name).read_bytes() == (REPOSITORY / name).read_bytes()


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    again = build("wheel", unpacked(sdist, tmp_path), tmp_path, **BUILT)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
    # And another sdist.
    assert build("sdist", unpacked(sdist, tmp_path), tmp_path).read_bytes() == sdist.read_bytes()


def test_the_sdist_builds_its_library(sdist: Path, tmp_path: Path) -> None:
    """With cargo, from nothing but the sdist; for speed unoptimised, and with what an earlier run has compiled.

    The user's settings put it into another folder, and where it would be without them lies something else.
    """
    tool("cargo")
    source = unpacked(sdist, tmp_path)
    target = REPOSITORY / "target/sdist"
    target.mkdir(parents=True, exist_ok=True)
    (source / "rust/target").symlink_to(target)
    # All files of an sdist are of one time, by which cargo would not know new sources from old.
    (source / "rust/src/lib.rs").touch()
    quick = {f"CARGO_PROFILE_RELEASE_{k}": v for k, v in (("LTO", "off"), ("OPT_LEVEL", "0"), ("CODEGEN_UNITS", "16"))}
    host = re.search(r"^host: (.*)$", run("rustc", "-vV").stdout, re.MULTILINE)
    assert host is not None
    (target / "release").mkdir(exist_ok=True)
    (target / "release" / LIBRARY.name).write_text("an older one")
    made = build("wheel", source, tmp_path, R2CREDS_LIBRARY="", CARGO_BUILD_TARGET=host[1], **quick)
    folder = tmp_path / "installed"
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder)
    done = run(sys.executable, "-c", "import r2creds; print(r2creds.__file__)", env={"PYTHONPATH": str(folder)})
    assert done.stderr == ""
    assert Path(done.stdout.strip()).is_relative_to(folder)


def checkout(to: Path) -> Path:
    """What a build needs of the repository, somewhere else."""
    (to / BILL.relative_to(REPOSITORY)).parent.mkdir()
    for name in ("Cargo.toml", "Cargo.lock", "build.rs", *LICENCES, BILL.relative_to(REPOSITORY)):
        shutil.copy(REPOSITORY / name, to / name)
    shutil.copytree(REPOSITORY / "src", to / "src")
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(PACKAGE, to / "bindings/python", symlinks=True, ignore=ignored)
    return to / "bindings/python"


def test_an_editable_install_uses_the_sources_where_they_are(tmp_path: Path) -> None:
    source = checkout(tmp_path)
    editable = build("editable", source, tmp_path, **BUILT)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    done = run(python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", editable)
    assert done.returncode == 0, done.stderr
    done = run(python, "-c", "import r2creds; print(r2creds.__file__)", cwd=tmp_path, env={})
    assert (done.stdout.strip(), done.stderr) == (str(source / "src/r2creds/__init__.py"), "")
    assert run(environment / "bin/r2creds", "--version", env={}).stdout == f"r2creds {VERSION}\n"
    # Where it has been put, it is nothing of the repository's, nor of a wheel that is built later.
    assert run("git", "check-ignore", str(PACKAGE / "src/r2creds" / LIBRARY.name), cwd=REPOSITORY).returncode == 0


def test_the_library_of_another_machine_says_which(tmp_path: Path) -> None:
    foreign = tmp_path / "libr2creds.so"
    foreign.write_text("built for another machine")
    built = {**BUILT, "R2CREDS_LIBRARY": str(foreign), "R2CREDS_WHEEL_PLATFORM": "manylinux_2_17_aarch64"}
    assert build("wheel", PACKAGE, tmp_path, **built).name.endswith("-py3-none-manylinux_2_17_aarch64.whl")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({**BUILT, "R2CREDS_LIBRARY": __file__}, "If it is meant for another, say for which: R2CREDS_WHEEL_PLATFORM="),
        ({"R2CREDS_LIBRARY": "/nowhere/libr2creds.so"}, "R2CREDS_LIBRARY=/nowhere/libr2creds.so is not a file"),
        ({"R2CREDS_LIBRARY": "", "PATH": "/nowhere"}, "cargo is missing. Install Rust"),
    ],
    ids=["another machine's library", "no such library", "no cargo"],
)
def test_a_build_that_cannot_be_says_so_in_one_line(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    source = checkout(tmp_path)
    script = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    done = run(sys.executable, "-c", script, tmp_path, cwd=source, env={**os.environ, **environment})
    assert done.returncode != 0
    assert done.stderr.startswith("r2creds: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_build_that_fails_ends_with_one_line(tmp_path: Path) -> None:
    tool("cargo")
    source = checkout(tmp_path)
    (tmp_path / "Cargo.lock").unlink()
    script = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    environment = {**os.environ, "R2CREDS_LIBRARY": "", "CARGO_NET_OFFLINE": "true"}
    done = run(sys.executable, "-c", script, tmp_path, cwd=source, env=environment)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "r2creds: cargo could not build the shared library; see above"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "is missing"),
        ("this is no library", "is not for this machine ("),
        ("int something_else(void) { return 0; }", "is another one, without r2creds_"),
        ("unsigned r2creds_abi_version(void) { return 7; }", "has ABI version 7, and this package needs 0"),
    ],
    ids=["missing", "text", "another library", "another ABI"],
)
def test_a_library_that_is_not_ours(tmp_path: Path, code: str | None, said: str) -> None:
    copy = tmp_path / "r2creds"
    shutil.copytree(Path(r2creds.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / LIBRARY.name).unlink()
    if code is not None:
        source = tmp_path / "foreign.c"
        source.write_text(code)
        if code.endswith("}"):
            compiled(source, copy / LIBRARY.name)
        else:
            source.rename(copy / LIBRARY.name)
    script = "try:\n import r2creds\nexcept ImportError as e:\n print(e, e.name, e.path, sep='\\n')"
    done = run(sys.executable, "-c", script, env={"PYTHONPATH": str(tmp_path)})
    assert done.stderr == ""
    message, name, path = done.stdout.splitlines()
    assert message.startswith(f"r2creds: its library {copy / LIBRARY.name} ")
    assert said in message
    assert "pip install ./bindings/python" in message
    assert (name, path) == ("r2creds", str(copy / LIBRARY.name))


def test_another_library_of_that_name_is_not_loaded(tmp_path: Path) -> None:
    """Neither from the working directory nor from where the system looks."""
    source = tmp_path / "foreign.c"
    source.write_text("unsigned r2creds_abi_version(void) { return 7; }")
    compiled(source, tmp_path / LIBRARY.name)
    script = "import r2creds; print(r2creds.__version__)"
    done = run(sys.executable, "-c", script, cwd=tmp_path, env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert (done.stdout, done.stderr) == (f"{VERSION}\n", "")


def test_pyinstaller_takes_the_library_along(tmp_path: Path) -> None:
    """A real build, found by its entry point, without the libraries that the connections would import."""
    params = {**PARAMS, "parent_secret_access_key": PARENT_SECRET}
    script = tmp_path / "app.py"
    script.write_text(f"import r2creds\nprint(len(r2creds.sign(**{params!r}).secret_access_key))\n")
    left_out = [word for name in ("asyncio", "botocore", "obstore", "trio") for word in ("--exclude-module", name)]
    environment = {**os.environ, "PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache")}
    words = ["-m", "PyInstaller", "--onedir", "--log-level", "WARN", *left_out, script.name]
    done = run(sys.executable, *words, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dist/app/_internal/r2creds" / LIBRARY.name).is_file()
    done = run(tmp_path / "dist/app/app", cwd=tmp_path, env={})
    assert (done.stdout, done.stderr) == ("64\n", "")


def test_the_oldest_python_can_read_every_file() -> None:
    files = [*(PACKAGE / "src").rglob("*.py"), PACKAGE / "hatch_build.py"]
    assert len(files) > 5
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))
