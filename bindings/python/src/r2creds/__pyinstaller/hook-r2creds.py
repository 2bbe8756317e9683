"""What PyInstaller's analysis of imports does not find: the shared library, which ctypes loads."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("r2creds")
