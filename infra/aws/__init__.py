"""The stack on AWS, defined with the CDK: what is deployed, and with which rights.

`Darkroom` is all of it as one construct, for an app of your own; `DarkroomStack` is a stack with
nothing else in it. Both are imported on first use, because the CDK starts Node.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.aws.darkroom import Darkroom
    from infra.aws.stack import DarkroomStack

__all__ = ["Darkroom", "DarkroomStack"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's names have any type
    if name not in __all__:
        raise AttributeError(f"module 'infra.aws' has no attribute '{name}'")
    from infra.aws.node import point_jsii_to_node  # noqa: PLC0415 - before the CDK is imported

    point_jsii_to_node()
    if name == "Darkroom":
        from infra.aws.darkroom import Darkroom  # noqa: PLC0415 - starts Node

        return Darkroom
    from infra.aws.stack import DarkroomStack  # noqa: PLC0415 - starts Node

    return DarkroomStack
