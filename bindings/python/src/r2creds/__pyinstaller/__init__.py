"""Where PyInstaller finds its hook for this package; the entry point ``pyinstaller40`` names it."""

from __future__ import annotations

import os


def hook_dirs() -> list[str]:
    """The folder of hook-r2creds.py."""
    return [os.path.dirname(__file__)]
