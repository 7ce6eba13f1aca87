"""`darkroom doctor`: whether an environment works, and if not, what fixes it."""

import click

from infra.cli.printing import note, say, say_json
from infra.cli.target import env_option


@click.command(name="doctor")
@click.option("--call", is_flag=True, help="Also make one free call to each provider.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@env_option
def command(environment: str, *, call: bool, as_json: bool) -> None:
    """Check an environment, and show the command that fixes each problem.

    It changes nothing, and goes on where you lack a right. Exit code 1 if there is a problem.
    """
    from infra.aws.environments import find_environment  # noqa: PLC0415 - brings pydantic along
    from infra.cli.doctor.checks import CALLS, CHECKS  # noqa: PLC0415 - the same
    from infra.cli.doctor.examine import examine  # noqa: PLC0415 - the same
    from infra.cli.doctor.show import (  # noqa: PLC0415 - the same
        as_document,
        finding_lines,
        has_problem,
        summary,
    )

    try:
        settings = find_environment(environment)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    findings = examine(settings, (*CHECKS, *CALLS) if call else CHECKS)
    if as_json:
        say_json(as_document(environment, findings))
    else:
        for finding in findings:
            for line in finding_lines(finding):
                say(line)
        note(summary(findings))
    if has_problem(findings):
        raise SystemExit(1)
