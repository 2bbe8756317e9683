"""The command line, ``r2creds``."""


def main() -> None:
    """Run the command line."""
