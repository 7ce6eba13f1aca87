"""The Node of the virtual environment trusts what Python trusts."""

import pytest

from infra.aws.node import find_certificates


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        ({"PIP_CERT": "a"}, {"NODE_EXTRA_CA_CERTS": "a"}),
        ({"SSL_CERT_FILE": "a", "PIP_CERT": ""}, {"NODE_EXTRA_CA_CERTS": "a"}),
        ({"PIP_CERT": "a", "NODE_EXTRA_CA_CERTS": "b"}, {"NODE_EXTRA_CA_CERTS": "b"}),
    ],
)
def test_certificates_of_a_proxy_are_named_for_node(
    variables: dict[str, str], expected: dict[str, str]
) -> None:
    """Unless somebody has named others."""
    assert find_certificates(variables) == expected
