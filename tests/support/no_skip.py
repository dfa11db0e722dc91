"""A pytest plugin: with SELFORG_NO_SKIP=1 in the environment, a skipped test is a failed test.

A test that needs a part which a machine may lack (MNIST's files, the exporter, a browser) skips
where the part is missing, and says what to install. CI installs every part, so there a skip means
that the installation broke and that something goes untested without anyone being told.
`setup.cfg` loads this plugin; without the variable it does nothing. Expected failures (xfail) stay
what they are.
"""

import os

import pytest

VARIABLE = "SELFORG_NO_SKIP"


def _fail_if_skipped(report):
    if os.environ.get(VARIABLE) == "1" and report.skipped and not hasattr(report, "wasxfail"):
        # A skip is reported as (file, line, reason).
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\n{VARIABLE}=1: nothing may be skipped in this run."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Covers tests and fixtures."""
    return _fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Covers whole modules, such as one that opens with `pytest.importorskip`."""
    return _fail_if_skipped((yield))
