"""Examines an environment: first the user's own side and the stack, then all else at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.aws_words import describe_error
from infra.cli.clients import build_client_maker
from infra.cli.doctor.account import check_account
from infra.cli.doctor.checks import CHECKS
from infra.cli.doctor.examined import Examined
from infra.cli.doctor.finding import Finding, not_checked, problem
from infra.cli.doctor.run import Check, run_check, run_checks
from infra.cli.doctor.show import has_problem
from infra.cli.doctor.stack import STACK, StackState, check_stack, read_stack
from infra.cli.target import Target, open_session

if TYPE_CHECKING:
    from infra.aws.environments import Environment

REST = "everything else"
"""The one finding that stands for what could not be looked at."""


def examine(settings: "Environment", checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """All findings about an environment, in a fixed order."""
    examined = _examine_local(settings) if settings.name == "local" else _examine_aws(settings)
    if isinstance(examined, Finding):
        return [examined]
    first = run_check(Check("credentials", check_account), examined)
    if has_problem(first):
        return [*first, not_checked(REST, "that comes first")]
    try:
        stack = read_stack(examined)
    except Exception as error:  # noqa: BLE001 - a finding, whatever it is
        return [*first, not_checked(STACK, describe_error(error))]
    first += run_check(Check(STACK, lambda each: check_stack(each, stack)), examined)
    if not stack.outputs:
        return [*first, not_checked(REST, "there is no stack")]
    return [*first, *run_checks(checks, _with_stack(examined, stack))]


def _with_stack(examined: Examined, stack: StackState) -> Examined:
    target = Target(examined.settings.name, stack.outputs, examined.endpoint_url)
    return replace(
        examined,
        outputs=stack.outputs,
        deployed_at=stack.changed_at,
        open_ports=target.open_ports,
    )


def _examine_aws(settings: "Environment") -> Examined:
    session = open_session(None)
    return Examined(
        settings,
        build_client_maker(session, None),
        session.region_name or "",
        datetime.now(UTC),
    )


def _examine_local(settings: "Environment") -> Examined | Finding:
    from infra.local import running_file  # noqa: PLC0415 - only `local` needs it

    running = running_file.find_running()
    if running is None:
        return problem(STACK, "no local environment is running", "darkroom local")
    session = open_session(running.endpoint_url)
    return Examined(
        settings,
        build_client_maker(session, running.endpoint_url),
        session.region_name or "",
        datetime.now(UTC),
        endpoint_url=running.endpoint_url,
        logs=Path(running.logs) if running.logs else None,
    )
