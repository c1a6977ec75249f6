"""What holds for every test: how Hypothesis searches, and what may be skipped."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "long",
    max_examples=2_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quick")  # pytest --hypothesis-profile=long for the other

# Under ESBENCH_STRICT=1, as .ci/run sets it, a skipped test is a failed one, unless
# the machine could not have run it whatever is installed there.
MAY_BE_SKIPPED = {
    "is for Windows",
    "is for macOS",
    "is for POSIX",
    "is for Linux",
    "nobody may make namespaces here",
    "nobody may mount here",
    "nobody may trace here",
    "root may write everywhere here",
}


def strictly(report):
    """Turn a skip that need not have been one into a failure."""
    if os.environ.get("ESBENCH_STRICT") != "1" or not report.skipped:
        return report
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else ""
    reason = reason.removeprefix("Skipped: ")
    if not hasattr(report, "wasxfail") and reason not in MAY_BE_SKIPPED:
        report.outcome = "failed"
        report.longrepr = f"skipped, though it could have run: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Look at every test's report."""
    return strictly((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Look at modules that skip themselves as a whole."""
    return strictly((yield))


@pytest.fixture(scope="session")
def postgres():
    """Give what psycopg connects to: a PostgreSQL server of the tests' own."""
    import postgres_server

    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.running() as where:
        yield where
