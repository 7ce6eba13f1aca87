"""The stack of one environment: the `Darkroom` construct and nothing else."""

from importlib import import_module

import aws_cdk
from aws_cdk import DefaultStackSynthesizer, Stack
from constructs import Construct

from infra.aws.darkroom import Darkroom
from infra.aws.environments import Environment


class DarkroomStack(Stack):
    """All resources of one environment, and what its `extension` adds.

    Attributes:
        darkroom: the construct.

    Raises LayerError without `placeholder_layers` if a layer is not built, or is stale; ValueError
    if there is no such extension.
    """

    def __init__(
        self, scope: Construct, environment: Environment, *, placeholder_layers: bool = False
    ) -> None:
        super().__init__(
            scope,
            environment.stack_name,
            description="Darkroom: photos edited by AI providers, paid for once, never lost.",
            env=aws_cdk.Environment(account=environment.account, region=environment.region),
            stack_name=environment.stack_name,
            # The rule that checks the bootstrap's version adds a parameter that only an AWS account
            # can resolve; the CDK's command checks the version itself.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            termination_protection=environment.termination_protection,
        )
        # The CDK leaves "Default" out of logical ids.
        self.darkroom = Darkroom(
            self, "Default", environment, placeholder_layers=placeholder_layers
        )
        self.darkroom.add_outputs()
        if environment.extension:
            _extend(self.darkroom, environment.extension)


def _extend(darkroom: Darkroom, extension: str) -> None:
    module, _, name = extension.partition(":")
    try:
        extend = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the extension '{extension}' cannot be imported: {error}") from error
    extend(darkroom)
