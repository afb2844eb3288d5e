"""Fuzz a broker, or a client: conversations that break one rule of STOMP each, and legal ones.

* :func:`fuzz_broker` and :class:`BrokerTarget`: a broker that is reached over TCP;
* :func:`fuzz_client` and :class:`ClientAddress`: a client that connects;
* :class:`RunReport` with each :class:`Finding`: what was found; :func:`write_report`, :func:`as_markdown`,
  :func:`as_html` and :func:`counts_by_rule` show it, :func:`write_findings` writes reproducers,
  :func:`load_findings` reads them again;
* ``python -m stomp_testing fuzz``: all of that as a program, which is :func:`run_command`.
"""

from __future__ import annotations

from ._broker_run import fuzz_broker
from ._broker_target import BrokerTarget
from ._client_run import ClientAddress, fuzz_client
from ._command import main as run_command
from ._engine import RunLimits
from ._findings import Finding, RunReport, load_findings
from ._memory_watch import listening_process
from ._report_text import RuleCounts, as_html, as_markdown, counts_by_rule, write_report
from ._reproducers import write_findings
from ._symptoms import SEVERITIES, Severity

__all__ = [
    "SEVERITIES",
    "BrokerTarget",
    "ClientAddress",
    "Finding",
    "RuleCounts",
    "RunLimits",
    "RunReport",
    "Severity",
    "as_html",
    "as_markdown",
    "counts_by_rule",
    "fuzz_broker",
    "fuzz_client",
    "listening_process",
    "load_findings",
    "run_command",
    "write_findings",
    "write_report",
]
