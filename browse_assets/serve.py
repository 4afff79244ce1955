"""`make serve`: the champion of churn answers requests on this machine, until Ctrl-C.

What belongs here: which model, which port, the process. What does not: what a request may hold and what is
answered (`scoring_app.py`), scores and reasons (`analysis/churn_scores.py`).
"""

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from browse_assets.command_line import leave, run_command
from browse_assets.ports import HOST, choose_port, listen
from browse_assets.settings import Settings, load_settings
from browse_assets.stopping import StopRequests

if TYPE_CHECKING:
    from fastapi import FastAPI

# How long requests that are being answered are waited for on Ctrl-C.
END_SECONDS = 5


class NotServedError(Exception):
    """There is nothing to serve, or nowhere; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM (0); 1 without a champion, 2 when a setting is unusable."""
    parser = argparse.ArgumentParser(
        prog="make serve",
        description="The champion of churn (models:/churn@champion) behind MLflow's scoring server on "
        f"{HOST}, port BROWSE_SERVE_PORT (5001; one in use is passed over), until Ctrl-C.",
        epilog="Exit code: 0 ended; 1 there is no champion to serve; 2 not started; 130 Ctrl-C while loading.",
    )
    parser.parse_args(arguments)
    return run_command(_work, waits=False)  # uvicorn has handlers of its own


def _work(_: StopRequests) -> int:
    settings = load_settings()
    # As `&` in a script leaves it, SIGINT would be ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The port is taken before the model is loaded: one in use is said at once.
    port = choose_port(settings.serve_port, "BROWSE_SERVE_PORT")
    with listen(port) as listening:
        try:
            print("Loading the champion (about 10 seconds) ...", flush=True)
            app = champion_app(settings)
        except NotServedError as error:
            print(error, file=sys.stderr)
            return 1
        listening.listen(128)  # from here on a request waits until it is answered
        print(f"Churn http://{HOST}:{port}/invocations\nCtrl-C ends it.", flush=True)
        run_app(app, listening)
    print("Ended.", flush=True)
    return 0


def champion_app(settings: Settings) -> "FastAPI":
    """The champion of this moment behind MLflow's server; a later champion needs a new start.

    Raises:
        NotServedError: nobody is champion.
    """
    from browse_assets.assets.churn_logging import CHURN_MODEL_NAME, find_champion
    from browse_assets.resources import ExperimentTracker
    from browse_assets.scoring_app import ServedModel, scoring_app

    uri = settings.tracking_uri
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise NotServedError("Nothing to serve: no model was ever trained here. `make run` trains.")
    tracker = ExperimentTracker()
    champion = find_champion(tracker)
    if champion is None:
        raise NotServedError(
            "Nothing to serve: churn has no champion. The column reason of churn_model says why; "
            "`make run` trains on what is new."
        )
    from browse_assets.analysis.churn_scores import score_people, typed_features

    # By its number: the alias may have moved since.
    pyfunc = tracker.client().pyfunc.load_model(f"models:/{CHURN_MODEL_NAME}/{champion.version}")
    estimator = pyfunc.get_raw_model()
    types = typed_features(estimator)
    numbers = tuple(types.numbers_)
    texts = tuple(str(name) for name in types.feature_names_in_ if name not in numbers)
    print(f"Version {champion.version} of churn, {len(numbers)} numbers and {len(texts)} texts.", flush=True)
    model = ServedModel(lambda rows: score_people(estimator, rows), numbers, texts, champion.version)
    return scoring_app(pyfunc, model)


def run_app(app: "FastAPI", listening: socket.socket) -> None:
    """Answer on the socket until SIGINT or SIGTERM; log lines hold no features."""
    import uvicorn

    from browse_assets.scoring_app import LOGGER

    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    # Its own access lines would hold whatever stands after a `?`.
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=END_SECONDS,
        )
    )

    with suppress(KeyboardInterrupt):  # uvicorn has ended in order, and then hands the signal on
        server.run(sockets=[listening])


if __name__ == "__main__":
    leave(main())
