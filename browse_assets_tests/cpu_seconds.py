"""CPU seconds by test file, shown at the end of a run: what a file costs, however busy the machine is.

What belongs here: measuring, and the table. What does not: which file runs where (`conftest.py`).
"""

import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

SHOWN = 30
NAME = "cpu_seconds"


def _used() -> float:
    """Of this process with its threads, and of the processes that it started and that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


class CpuSeconds:
    """Set-up, call and teardown of each test; a worker's figures reach the controller with the reports."""

    def __init__(self) -> None:
        self._began = 0.0
        self._by_file: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        self._began = _used()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        if call.when == "teardown":
            item.user_properties.append((NAME, _used() - self._began))
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            seconds = dict(report.user_properties).get(NAME, 0.0)
            self._by_file[report.nodeid.partition("::")[0]] += float(str(seconds))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._by_file:
            return
        total = sum(self._by_file.values())
        terminalreporter.section(f"CPU seconds by file, the first {SHOWN} of {len(self._by_file)}: {total:.0f} in all")
        for name, seconds in self._by_file.most_common(SHOWN):
            terminalreporter.write_line(f"{seconds:8.1f}  {name}")
