"""Builds the Rust library and the command line into the wheel, and the Rust sources into the sdist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
LIBRARY = "libr2creds.dylib" if sys.platform == "darwin" else "libr2creds.so"
# What cargo needs of the repository. It builds nothing of tests/support, but wants its manifest for the lock file.
SOURCES = (
    *("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "build.rs", "src", "tests/support/Cargo.toml"),
    *("cli/Cargo.toml", "cli/Cargo.lock", "cli/src"),
)


def crate() -> Path:
    """The folder of the Rust crate: in an sdist below this one, in a checkout the repository's."""
    for folder in (HERE / "rust", HERE.parent.parent):
        if (folder / "Cargo.toml").is_file():
            return folder
    raise SystemExit("r2creds: the Rust sources are missing; build from a checkout or an sdist")


def version() -> str:
    """The crate's version, which is the package's."""
    found = re.search(r'^version = "(.+)"$', (crate() / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit("r2creds: Cargo.toml has no version")
    return found[1]


def built(variable: str, name: str, folder: str, *command: str) -> Path:
    """What the variable names, else what cargo makes here, in a folder below target."""
    given = os.environ.get(variable)
    if given:
        if not Path(given).is_file():
            raise SystemExit(f"r2creds: {variable}={given} is not a file; give its absolute path")
        return Path(given)
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SystemExit(f"r2creds: cargo is missing. Install Rust 1.88 or later, or set {variable} to a built {name}")
    target = crate() / "target" / folder
    command = (cargo, *command, "--locked", "--release", "--target-dir", str(target))
    if subprocess.run(command, cwd=crate(), check=False).returncode != 0:
        raise SystemExit(f"r2creds: cargo could not build {name}; see above")
    return target / "release" / name


def library() -> Path:
    """The shared library. One crate type, so that the linker can optimise across all of it."""
    return built("R2CREDS_LIBRARY", LIBRARY, "", "rustc", "--lib", "--crate-type", "cdylib")


def program() -> Path:
    """The command line. Its build makes the library in all its crate types, which must not replace the one above."""
    return built("R2CREDS_PROGRAM", "r2creds", "program", "build", "--manifest-path", "cli/Cargo.toml")


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: D102
        if self.target_name == "sdist":
            # The licences are links out of this folder, which an installer refuses to unpack.
            include = {str(Path(path).resolve()): name for path, name in build_data["force_include"].items()}
            include.update({str(crate() / name): f"rust/{name}" for name in SOURCES})
            build_data["force_include"] = include
            return
        platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][str(library())] = f"r2creds/{LIBRARY}"
        build_data["shared_scripts"][str(program())] = "r2creds"
