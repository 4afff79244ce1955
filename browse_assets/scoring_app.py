"""The HTTP side of `make serve`: MLflow's scoring server, with requests read and answered by this project.

What belongs here: what a request may hold, what an answer says, what is logged of either. What does not: the
model and its reasons (`analysis/churn_scores.py`), which model, port and process (`serve.py`).

It is MLflow's FastAPI app and protocol, but `/invocations` is answered here. MLflow's own answer quotes the request
in its errors, with a stack trace, takes a misspelt column for one that is not there, and spends 5 ms per request
on data frames of one row.
"""

import asyncio
import difflib
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from browse_assets.resources import line_of

if TYPE_CHECKING:
    import pandas as pd
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

Records = list[dict[str, Any]]

LOGGER = logging.getLogger("browse_assets.serve")

PATHS = ("/invocations", "/features", "/ping", "/health", "/version")
# 10,000 people with 100 features are about 20 MB; more is a batch, and that is what churn_scores is for.
MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class ServedModel:
    """What answers: how rows are scored, the raw features that a row may hold, and the registered version."""

    score: "Callable[[pd.DataFrame], pd.DataFrame]"
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    version: str

    def answer(self, records: Records) -> Records:
        """Probability, band, reasons and model_version of each record; features that it lacks are unknown."""
        import numpy as np
        import pandas as pd

        values = np.array([[record.get(name) for name in self.numbers] for record in records], dtype=np.float64)
        frame = pd.DataFrame(values.reshape(len(records), len(self.numbers)), columns=list(self.numbers))
        texts = {name: pd.array([record.get(name) for record in records], dtype="str") for name in self.texts}
        scores = self.score(pd.concat([frame, pd.DataFrame(texts, index=frame.index)], axis=1))
        columns = (scores[name].tolist() for name in ("probability", "band", "reasons"))
        return [
            {"probability": p, "band": band, "reasons": reasons, "model_version": self.version}
            for p, band, reasons in zip(*columns, strict=True)
        ]


class RefusedError(Exception):
    """A request that cannot be answered; the message names columns of the model, never a value."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ScoredTogether:
    """Answers requests that wait at the same time with one call of the model.

    A call takes as long for one person as for ten, and a person's score does not depend on who else is scored.
    So one caller asks for all who wait, and the others wait for that, not in line.
    """

    def __init__(self, answer: Callable[[Records], Records]) -> None:
        self._answer = answer
        self._waiting: list[tuple[Records, asyncio.Future[Records]]] = []
        self._model = asyncio.Lock()

    async def __call__(self, records: Records) -> Records:
        """One answer per record."""
        own: asyncio.Future[Records] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, own))
        async with self._model:
            if not own.done():
                together, self._waiting = self._waiting, []
                # Shielded: the others are answered even if this caller has hung up.
                await asyncio.shield(asyncio.ensure_future(self._answer_all(together)))
        return await own

    async def _answer_all(self, together: list[tuple[Records, asyncio.Future[Records]]]) -> None:
        try:
            answers = await asyncio.to_thread(self._answer, [record for records, _ in together for record in records])
        except Exception as error:
            for _, waiting in together:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        start = 0
        for records, waiting in together:
            if not waiting.done():
                waiting.set_result(answers[start : start + len(records)])
            start += len(records)


def scoring_app(pyfunc: Any, model: ServedModel) -> "FastAPI":
    """MLflow's app around its own view of the model, behind the guard that answers for it.

    Args:
        pyfunc: the model as `mlflow.pyfunc.load_model` gives it.
        model: the same as it is asked here.
    """
    from mlflow.pyfunc.scoring_server import init
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse

    app: FastAPI = init(pyfunc)
    together = ScoredTogether(model.answer)

    @app.get("/features")
    async def list_features() -> dict[str, Any]:
        kinds = {**dict.fromkeys(model.numbers, "number"), **dict.fromkeys(model.texts, "text")}
        return {"model": "churn", "model_version": model.version, "features": kinds}

    @app.middleware("http")
    async def guard(request: "Request", call_next: "Callable[[Request], Awaitable[Response]]") -> "Response":
        started = time.perf_counter()
        path = request.url.path if request.url.path in PATHS else "another path"
        people = 0
        response: Response
        try:
            if path not in PATHS:
                raise RefusedError(f"there are {', '.join(PATHS)}", 404)
            if path == "/invocations" and request.method == "POST":
                records = read_request(request.headers.get("content-type"), await request.body(), model)
                people = len(records)
                response = JSONResponse({"predictions": await together(records) if records else []})
            else:
                response = await call_next(request)
        except RefusedError as error:
            response = JSONResponse({"message": str(error)}, error.status)
        except Exception as error:
            LOGGER.error("%s at %s; its text is withheld.", type(error).__name__, line_of(error))
            response = JSONResponse({"message": "the model failed; the server's log says where"}, 500)
        milliseconds = 1000 * (time.perf_counter() - started)
        # Never the query or an unknown path: either could hold what somebody took for a parameter.
        LOGGER.info("%s %s: %d, people %d, %.0f ms", request.method, path, response.status_code, people, milliseconds)
        return response

    # A page of another site that has itself resolved to 127.0.0.1 says its own name.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return app


def read_request(content_type: str | None, body: bytes, model: ServedModel) -> Records:
    """The people of a request in one of MLflow's two forms for rows, each with features that the model can take.

    Raises:
        RefusedError: it is no JSON, not of these forms, or a column is unknown or of another type.
    """
    if (content_type or "").replace(" ", "").lower() not in ("application/json", "application/json;charset=utf-8"):
        raise RefusedError("send JSON, with the header Content-Type: application/json", 415)
    if len(body) > MAX_BYTES:
        raise RefusedError(f"more than {MAX_BYTES // 1_000_000} MB at once: send fewer people", 413)
    records = _records(_parsed(body))
    known = (*model.numbers, *model.texts)
    unknown = {name for record in records for name in record}.difference(known)
    if unknown:
        meant = sorted({near for name in unknown for near in difflib.get_close_matches(name, known, n=1)})
        hint = f"; is {', '.join(meant)} meant?" if meant else ""
        raise RefusedError(
            f"columns that are no feature of this model: {len(unknown)} (GET /features lists them){hint}"
        )
    for name in model.numbers:
        if not all(_is_number_or_null(record.get(name)) for record in records):
            raise RefusedError(f"{name} must be a finite number or null")
    for name in model.texts:
        if not all(isinstance(record.get(name, ""), str | None) for record in records):
            raise RefusedError(f"{name} must be text or null")
    return records


def _parsed(body: bytes) -> Any:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        pass
    raise RefusedError("the body is no JSON (NaN and Infinity are none either: send null)")


def _records(request: Any) -> Records:
    """The rows of `dataframe_records` or `dataframe_split`, values by column."""
    if not isinstance(request, dict) or set(request) not in ({"dataframe_records"}, {"dataframe_split"}):
        raise RefusedError(
            'send {"dataframe_records": [{"<feature>": value, ...}, ...]}, one record per person, '
            'or {"dataframe_split": {"columns": [...], "data": [[...], ...]}}'
        )
    if "dataframe_records" in request:
        records = request["dataframe_records"]
        if not isinstance(records, list) or not all(isinstance(record, dict) and record for record in records):
            raise RefusedError("dataframe_records must be a list of objects, each with one feature or more")
        return records
    split = request["dataframe_split"]
    if not isinstance(split, dict) or not {"columns", "data"} <= set(split) <= {"columns", "data", "index"}:
        raise RefusedError("dataframe_split must be an object of columns, data and maybe index")
    names, data = split["columns"], split["data"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RefusedError("dataframe_split.columns must be a list of names")
    if len(set(names)) < len(names):
        raise RefusedError("dataframe_split.columns names one column twice")
    if not isinstance(data, list) or not all(isinstance(row, list) and len(row) == len(names) for row in data):
        raise RefusedError("dataframe_split.data must be a list of rows, each as long as columns")
    return [dict(zip(names, row, strict=True)) for row in data]


def _is_number_or_null(value: Any) -> bool:
    try:
        return value is None or (isinstance(value, int | float) and math.isfinite(value))
    except OverflowError:  # a whole number too large for a float
        return False
