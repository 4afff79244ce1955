"""`make rotate-keys`: a new secret, and what the terminal shows of it.

What belongs here: the command. What does not: what changes with the secret (`key_rotation.py`).
"""

import argparse
import sys
from collections.abc import Sequence

from browse_assets.command_line import leave, run_command
from browse_assets.progress import Progress
from browse_assets.settings import load_settings
from browse_assets.sole_process import sole_process
from browse_assets.stopping import StopRequests


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the keys; 0 when the new ones are in force and nothing of the old is left."""
    parser = argparse.ArgumentParser(
        prog="make rotate-keys",
        description="Encrypt the vault with a key of a new secret, and give every person, page view and session "
        "a new pseudonym. The secret is never taken from the command line: with keys/secret.key it is made (or "
        "taken from BROWSE_NEW_SECRET_KEY); where BROWSE_SECRET_KEY is set, put the new one into "
        "BROWSE_NEW_SECRET_KEY (for example by `openssl rand -hex 32`). No run and no UI may be open. All or nothing: "
        "stopped at any moment, the old key is in force, or the new.",
        epilog="Exit code: 0 changed; 1 changed, but an old pseudonym is left somewhere; 2 not changed; 130 Ctrl-C.",
    )
    parser.parse_args(arguments)
    return run_command(_work, refused="Not changed")


def _work(stop: StopRequests) -> int:
    settings = load_settings()
    command = "make rotate-keys"
    with (
        sole_process(settings.data_dir, "run", command=command),
        sole_process(settings.data_dir, "ui", command=command),
        Progress() as progress,
    ):
        stop.say = progress.say_stopping
        progress.doing = "changing the keys"
        from browse_assets.key_rotation import rotate

        done = rotate(settings)
    print(f"The keys are changed: {done.people:,} people and {done.page_views:,} page views have new pseudonyms.")
    if done.reports_removed:
        print(f"Reports and exports removed, since they named old pseudonyms: {done.reports_removed}.")
    if settings.secret_key_hex is not None:
        print(
            "Now set BROWSE_SECRET_KEY to the value of BROWSE_NEW_SECRET_KEY, and remove BROWSE_NEW_SECRET_KEY; "
            "until then the vault stays closed."
        )
    else:
        print(f"The new secret is in {settings.key_file}: keep a copy of it elsewhere, and destroy old copies.")
    print("Copies of the databases that you made before still open with the old secret, and hold old pseudonyms.")
    for place in done.left:
        print(f"STILL THERE: old pseudonyms in {place}", file=sys.stderr)
    return 1 if done.left else 0


if __name__ == "__main__":
    leave(main())
