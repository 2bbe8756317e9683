"""``python -m r2creds``: the command ``r2creds``, a program of its own that is installed beside Python."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

for _folder in (sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")):
    _program = os.path.join(_folder, "r2creds.exe" if os.name == "nt" else "r2creds")
    if os.path.exists(_program) and os.name == "nt":
        # There execv leaves the caller without the exit code.
        sys.exit(subprocess.call([_program, *sys.argv[1:]]))
    if os.path.exists(_program):
        os.execv(_program, [_program, *sys.argv[1:]])
sys.exit("r2creds: its program is missing; install the package again, from its wheel")
