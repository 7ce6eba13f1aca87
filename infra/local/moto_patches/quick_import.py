"""Imports moto's EC2 without what takes most of the time; to be imported before moto's services.

Step Functions and CloudFormation of moto import EC2, of which nothing here makes use. On import it
reads the descriptions of all types of virtual machines, and the list of AWS's regions three times.
"""

import functools
from contextlib import ExitStack
from typing import Any, Final

import botocore.session
from moto.utilities import utils

from infra.local.moto_patches.patch import Patch, applied, around

LEFT_OUT: Final = "ec2/resources/instance_type"


def _import_ec2() -> None:
    with ExitStack() as undo:
        for patch in (
            around(utils, "load_resource", _load_resource),
            Patch(botocore.session, "create_loader", functools.cache(_create_loader)),
        ):
            undo.enter_context(applied(patch))
        import moto.ec2.models  # noqa: F401, PLC0415 - while the patches are applied


_create_loader: Final = botocore.session.create_loader


def _load_resource(original: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    return {} if path.startswith(LEFT_OUT) else original(path)


_import_ec2()
