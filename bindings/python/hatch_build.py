"""Builds the Rust library and the command line into the wheel, and the Rust sources into the sdist."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
BILL = "packaging/r2creds.cdx.json"
# What cargo needs of the repository. It builds nothing of tests/support, but wants its manifest for the lock file.
SOURCES = (
    *("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "build.rs", "src", "tests/support/Cargo.toml"),
    *("cli/Cargo.toml", "cli/Cargo.lock", "cli/src", BILL),
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


def built(variable: str, what: str, folder: str, *command: str) -> Path:
    """What the variable names, else what cargo makes here, in a folder below target."""
    given = os.environ.get(variable)
    if given:
        if not Path(given).is_file():
            raise SystemExit(f"r2creds: {variable}={given} is not a file; give its absolute path")
        return Path(given)
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SystemExit(f"r2creds: cargo is missing. Install Rust 1.88 or later, or set {variable} to a built {what}")
    target = crate() / "target" / folder
    command = (cargo, *command, "--locked", "--release", "--target-dir", str(target))
    print(f"r2creds: compiling the {what}, which takes some minutes the first time", file=sys.stderr, flush=True)
    # Where cargo puts it depends on the user's settings, as build.target: it is asked.
    done = subprocess.run(
        (*command, "--message-format=json-render-diagnostics"), cwd=crate(), check=False, stdout=subprocess.PIPE
    )
    if done.returncode != 0:
        raise SystemExit(f"r2creds: cargo could not build the {what}; see above")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    artifact = [message for message in messages if message["reason"] == "compiler-artifact"][-1]
    return Path(artifact["executable"] or artifact["filenames"][0])


def library() -> Path:
    """The shared library. One crate type, so that the linker can optimise across all of it."""
    return built("R2CREDS_LIBRARY", "shared library", "", "rustc", "--lib", "--crate-type", "cdylib")


def program() -> Path:
    """The command line. Its build makes the library in all its crate types, which must not replace the one above."""
    return built("R2CREDS_PROGRAM", "command line", "program", "build", "--manifest-path", "cli/Cargo.toml")


def platform_tag(library: Path) -> str:
    """What R2CREDS_WHEEL_PLATFORM says, else this machine's, if the library is for it."""
    given = os.environ.get("R2CREDS_WHEEL_PLATFORM")
    if given:
        return given
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        raise SystemExit(
            f"r2creds: {library} is not for this machine ({error}). If it is meant for another, say for which: "
            "R2CREDS_WHEEL_PLATFORM=manylinux_2_17_aarch64, for example"
        ) from None
    # A Python for two processors; the library is for one.
    own = sysconfig.get_platform().replace("universal2", platform.machine())
    return re.sub(r"[-.]", "_", own)


class CustomBuildHook(BuildHookInterface[Any]):
    """What hatchling calls."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: D102
        if self.target_name == "sdist":
            # The licences are links out of this folder, which an installer refuses to unpack.
            include = {str(Path(path).resolve()): name for path, name in build_data["force_include"].items()}
            include.update({str(crate() / name): f"rust/{name}" for name in SOURCES})
            build_data["force_include"] = include
            return
        shared, command = library(), program()
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(shared)}"
        if version == "editable":
            # The package is where its sources are, and looks for the library beside them. git ignores it there.
            shutil.copy(shared, HERE / "src" / "r2creds" / shared.name)
        else:
            build_data["force_include"][str(shared)] = f"r2creds/{shared.name}"
        build_data["shared_scripts"][str(command)] = command.name
        # hatchling takes names below its own folder only.
        build_data["sbom_files"].append(os.path.relpath(crate() / BILL, HERE))
