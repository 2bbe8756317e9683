"""Each package that scripts/package.sh has made, installed where nothing else is, and used."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
OUT = Path(os.environ["OUT"])
PACKAGES = OUT / "package"
TOOLS = OUT / "tools"
VERSION = re.findall(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[0]
ARCHIVES = sorted(PACKAGES.glob(f"r2creds-{VERSION}-*-*.tar.gz")) + sorted(PACKAGES.glob("*.zip"))
WHEELS = sorted(PACKAGES.glob("*.whl"))
DEBS = sorted(PACKAGES.glob("*.deb"))
SDIST = PACKAGES / f"r2creds-{VERSION}.tar.gz"
#: Nothing of the one who builds.
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
SIGNS = """
#include <stdio.h>
#include <r2creds.h>
int main(void)
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
    params.bucket = "recordings";
    params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
    params.parent_secret_access_key = "0000000000000000000000000000000000000000000000000000000000000001";
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    if (r2creds_sign(&params, &credentials, &error) != R2CREDS_STATUS_OK) {
        puts(error->message);
        return 1;
    }
    printf("%s %s\\n", r2creds_version(), credentials->access_key_id);
    r2creds_credentials_free(credentials);
    return 0;
}
"""
SIGNED = f"{VERSION} 0123456789abcdef0123456789abcdef"
PYTHON_SIGNS = """
import r2creds
creds = r2creds.sign(
    account_id="023e105f4ecef8ad9ca31a8372d0c353", bucket="recordings", permission="object-read-only",
    parent_access_key_id="0123456789abcdef0123456789abcdef",
    parent_secret_access_key="0000000000000000000000000000000000000000000000000000000000000001",
)
print(r2creds.__version__, creds.access_key_id)
"""


def left_out(why: str) -> NoReturn:
    """What this machine cannot do; a failure where everything has to be done."""
    if os.environ.get("R2CREDS_NO_SKIP") == "1":
        pytest.fail(why)
    pytest.skip(f"left out: {why}")


def target(package: Path) -> str:
    """Rust's name of what a package is for."""
    name = package.name
    processor = "aarch64" if "aarch64" in name or "arm64" in name else "x86_64"
    if "win" in name:
        return "x86_64-pc-windows-gnu"
    return f"{processor}-unknown-linux-{'musl' if 'musl' in name else 'gnu'}"


def said(*command: str | Path, **env: str) -> str:
    """What a command prints, which has to end well and without a word on standard error."""
    done = subprocess.run(command, capture_output=True, text=True, env={**CLEAN, **env}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def runs(package: Path, program: Path) -> list[str | Path]:
    """How a program of the package's platform is run."""
    run = TOOLS / f"bin-{target(package)}" / "run"
    return [run, program] if run.exists() else [program]


def unpacked(package: Path, to: Path) -> Path:
    if package.suffix == ".gz":
        with tarfile.open(package) as archive:
            archive.extractall(to, filter="data")
    else:
        # zipfile drops the right to execute.
        subprocess.run(["unzip", "-q", package, "-d", to], check=True)
    return to


def compiled(package: Path, folder: Path, pkg_config: Path, module: str) -> Path:
    """A C program, with nothing but what pkg-config says of the installed package."""
    source = folder / "signs.c"
    source.write_text(SIGNS)
    program = folder / (module + (".exe" if "windows" in target(package) else ""))
    listed = ["pkg-config", "--cflags", "--libs", module]
    flags = shlex.split(said(*listed, PKG_CONFIG_LIBDIR=str(pkg_config)))
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run([*compiler(package), *strict, source, "-o", program, *flags], check=True)
    return program


def compiler(package: Path) -> list[str | Path]:
    """The C compiler that a user has; for musl, zig, which does not link its unwinder by itself."""
    own = {"x86_64-unknown-linux-gnu": "cc", "aarch64-unknown-linux-gnu": "aarch64-linux-gnu-gcc"}.get(target(package))
    if own:
        return [own]
    cc = TOOLS / f"bin-{target(package)}" / "cc"
    return [cc, "-lunwind"] if "musl" in target(package) else [cc]


def sign_in_c(package: Path, folder: Path, libraries: Path, shared: Path) -> None:
    """A program of C linked to the shared library and one linked to the static one. `shared`: where the former is."""
    for module in ("r2creds", "r2creds-static"):
        program = compiled(package, folder, libraries / "pkgconfig", module)
        env = {}
        if module == "r2creds" and "windows" in target(package):
            shutil.copy(shared / "r2creds.dll", folder)
        elif module == "r2creds":
            env["LD_LIBRARY_PATH"] = str(shared)
        if "musl" in target(package) and module == "r2creds":
            loader = musl_loader(package, folder)
            emulator = runs(package, program)[:-1]
            assert said(*emulator, loader, "--library-path", shared, program) == SIGNED
        else:
            assert said(*runs(package, program), **env) == SIGNED


def musl_loader(package: Path, folder: Path) -> Path:
    """What starts a program for musl, from Debian's package of it."""
    if shutil.which("apt-get") is None:
        left_out("apt-get is missing, from which this gets musl")
    processor = {"x86_64": "amd64", "aarch64": "arm64"}[target(package).split("-")[0]]
    name = f"musl:{processor}"
    done = subprocess.run(["apt-get", "download", "-qq", name], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        left_out(f"{name}: {done.stderr.strip().splitlines()[-1]} (dpkg --add-architecture, and apt-get update)")
    (deb,) = folder.glob("musl_*.deb")
    subprocess.run(["dpkg", "-x", deb, folder / "debian"], check=True)
    return next((folder / "debian").rglob("libc.so"))


# --- All together ----------------------------------------------------------------------------------------------------


def test_the_sums() -> None:
    lines = [line.split("  ") for line in (PACKAGES / "SHA256SUMS").read_text().splitlines()]
    files = {path.name: path for path in PACKAGES.iterdir() if path.name != "SHA256SUMS"}
    assert {name for _, name in lines} == set(files)
    for digest, name in lines:
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest


def test_what_pypi_and_old_systems_ask(tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [tools / "twine", "check", "--strict", *WHEELS, SDIST], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for wheel in WHEELS:
        assert wheel.stat().st_size <= 4_000_000, wheel
        if "linux" in wheel.name:
            shown = subprocess.run([tools / "auditwheel", "show", wheel], capture_output=True, text=True, check=False)
            tag = wheel.stem.split("-")[-1].split(".")[0]
            assert f'"{tag}"' in " ".join(shown.stdout.split()), shown.stdout + shown.stderr


def members(package: Path, folder: Path) -> dict[str, bytes]:
    if package.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    else:
        unpacked(package, folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("package", [*WHEELS, SDIST, *ARCHIVES, *DEBS], ids=lambda path: path.name)
def test_what_is_inside(package: Path, tmp_path: Path) -> None:
    inside = members(package, tmp_path)
    names = {name.rsplit("/", 1)[-1].removesuffix(".gz") for name in inside}
    assert "THIRD-PARTY-NOTICES" in names
    if package != SDIST:
        assert "r2creds.cdx.json" in names
    assert "copyright" in names if package.suffix == ".deb" else {"LICENSE-MIT", "LICENSE-APACHE"} <= names
    home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    for name, content in inside.items():
        if name.rsplit("/", 1)[-1].startswith(("libr2creds.so", "r2creds.dll")):
            assert len(content) <= 4_500_000, name
    registries = [path.name for path in Path(home, "registry/src").iterdir()]
    for place in [str(ROOT), str(OUT), home, "rustlib/src", "(Debian", *registries]:
        for name, content in inside.items():
            assert place.encode() not in content, f"{name} names {place}"


# --- Wheels ----------------------------------------------------------------------------------------------------------


def wheels(*tags: str) -> list[Path]:
    return [wheel for wheel in WHEELS if any(tag in wheel.name for tag in tags)]


@pytest.mark.parametrize("wheel", wheels("linux_2_17_x86_64"), ids=lambda path: path.name)
def test_the_wheel_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    said(
        python,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--no-index",
        wheel,
        HOME=str(tmp_path),
    )
    assert said(python, "-I", "-c", PYTHON_SIGNS) == SIGNED
    assert said(tmp_path / "venv/bin/r2creds", "--version") == f"r2creds {VERSION}"


@pytest.mark.parametrize("wheel", wheels("linux_2_17_aarch64", "win_amd64"), ids=lambda path: path.name)
def test_the_wheel_with_another_platforms_python(wheel: Path, tmp_path: Path) -> None:
    made = subprocess.run(
        ["scripts/cross.sh", target(wheel), "scripts/cross-python.sh"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode == 3:
        left_out(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    tags = [word for tag in wheel.stem.split("-")[-1].split(".") for word in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-index"]
    said(*pip, "--only-binary", ":all:", *tags, "--target", tmp_path / "site", wheel, HOME=str(tmp_path))
    python = TOOLS / f"bin-{target(wheel)}" / "python"
    path = f"{'Z:' if 'windows' in target(wheel) else ''}{tmp_path}/site"
    assert said(python, "-I", "-c", f"import sys; sys.path.insert(0, {path!r})" + PYTHON_SIGNS) == SIGNED
    program = "r2creds.exe" if "windows" in target(wheel) else "r2creds"
    assert said(*runs(wheel, tmp_path / "site/bin" / program), "--version") == f"r2creds {VERSION}"


@pytest.mark.parametrize("wheel", wheels("musllinux"), ids=lambda path: path.name)
def test_the_wheel_for_musl_without_its_python(wheel: Path, tmp_path: Path) -> None:
    """Nothing that is installed from here has a Python of musl's: its library is loaded by a C program."""
    unpacked(wheel, tmp_path / "wheel")
    (program,) = (tmp_path / "wheel").glob("*.data/scripts/*")
    program.chmod(0o755)
    assert said(*runs(wheel, program), "--version") == f"r2creds {VERSION}"
    library = tmp_path / "wheel/r2creds/libr2creds.so"
    source, signs = tmp_path / "signs.c", tmp_path / "signs"
    source.write_text(SIGNS)
    subprocess.run([*compiler(wheel), "-O2", source, "-I", ROOT / "include", "-o", signs, library], check=True)
    library.with_name("libr2creds.so.0").symlink_to(library)
    loader = musl_loader(wheel, tmp_path)
    assert said(*runs(wheel, signs)[:-1], loader, "--library-path", library.parent, signs) == SIGNED


# --- Archives and Debian packages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name)
def test_an_archive(archive: Path, tmp_path: Path) -> None:
    (tree,) = unpacked(archive, tmp_path / "tree").iterdir()
    shared = tree / ("bin" if archive.suffix == ".zip" else "lib")
    sign_in_c(archive, tmp_path, tree / "lib", shared)
    program = tree / ("bin/r2creds.exe" if archive.suffix == ".zip" else "bin/r2creds")
    assert said(*runs(archive, program), "--version") == f"r2creds {VERSION}"


CMAKE = """
cmake_minimum_required(VERSION 3.15)
project(signs C)
find_package(r2creds CONFIG REQUIRED)
add_executable(shared signs.c)
target_link_libraries(shared PRIVATE r2creds::r2creds)
add_executable(static signs.c)
target_link_libraries(static PRIVATE r2creds::r2creds_static ${UNWINDER})
"""


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name)
def test_cmake_finds_an_archive(archive: Path, tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        left_out("cmake is missing")
    (tree,) = unpacked(archive, tmp_path / "tree").iterdir()
    (tmp_path / "signs.c").write_text(SIGNS)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    cc, *unwinder = compiler(archive)
    system = "Windows" if "windows" in target(archive) else "Linux"
    settings = {
        "CMAKE_SYSTEM_NAME": system,
        "CMAKE_C_COMPILER": shutil.which(cc) or cc,
        "CMAKE_PREFIX_PATH": tree,
        "CMAKE_FIND_ROOT_PATH_MODE_PACKAGE": "BOTH",
        "UNWINDER": " ".join(map(str, unwinder)),
    }
    words = [f"-D{name}={value}" for name, value in settings.items()]
    build = str(tmp_path / "build")
    for command in (["-S", str(tmp_path), "-B", build, *words], ["--build", build]):
        done = subprocess.run(["cmake", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    ending = ".exe" if system == "Windows" else ""
    if system == "Windows":
        shutil.copy(tree / "bin/r2creds.dll", tmp_path / "build")
    for name in ("shared", "static"):
        if name == "static" or "musl" not in target(archive):  # whose loader is not here
            assert said(*runs(archive, tmp_path / "build" / (name + ending))) == SIGNED


ARCHITECTURES = sorted({package.stem.split("_")[-1] for package in DEBS})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_debian_packages_in_an_empty_root(architecture: str, tmp_path: Path) -> None:
    debs = [package for package in DEBS if package.stem.endswith(architecture)]
    assert [package.name.split("_")[0] for package in debs] == ["libr2creds-dev", "libr2creds0", "r2creds"]
    root = tmp_path / "root"
    for folder in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    done = subprocess.run(
        ["dpkg", f"--root={root}", "--force-depends", "--force-architecture", "--no-triggers", "--install", *debs],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (libraries,) = (root / "usr/lib").glob("*-linux-gnu")
    sign_in_c(debs[0], tmp_path, libraries, libraries)
    assert said(*runs(debs[0], root / "usr/bin/r2creds"), "--version") == f"r2creds {VERSION}"


@pytest.mark.parametrize("package", DEBS, ids=lambda path: path.name)
def test_lintian_is_content(package: Path) -> None:
    if shutil.which("lintian") is None:
        left_out("lintian is missing")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
