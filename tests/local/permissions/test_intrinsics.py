"""References of a template become the names of what is deployed, or an error."""

from typing import Any

import pytest

from infra.local.permissions.intrinsics import Account, Resolver
from infra.local.permissions.policy import PolicyError


class Two:
    """A stack with a bucket."""

    def ref(self, logical_id: str) -> str:
        """Its name."""
        return {"Bucket": "photos"}[logical_id]

    def attribute(self, logical_id: str, name: str) -> str:
        """Its ARN."""
        return {("Bucket", "Arn"): "arn:aws:s3:::photos"}[logical_id, name]


RESOLVE = Resolver(Account("111122223333", "eu-central-1"), Two())


@pytest.mark.parametrize(
    ("part", "resolved"),
    [
        ("plain", "plain"),
        (7, 7),
        ({"Ref": "Bucket"}, "photos"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::photos"),
        ({"Fn::Join": ["/", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "*"]]}, "arn:aws:s3:::photos/*"),
        (
            {"Fn::Sub": "${AWS::Partition}-${Bucket}-${Bucket.Arn}"},
            "aws-photos-arn:aws:s3:::photos",
        ),
        (
            {"Fn::Sub": ["${a}:${AWS::Region}", {"a": {"Ref": "AWS::AccountId"}}]},
            "111122223333:eu-central-1",
        ),
        ({"Fn::Sub": "${!aws:username}"}, "${aws:username}"),
        ([{"Ref": "Bucket"}, {"a": {"Ref": "Bucket"}}], ["photos", {"a": "photos"}]),
    ],
)
def test_references_are_resolved(part: Any, resolved: Any) -> None:
    """At any depth."""
    assert RESOLVE(part) == resolved


@pytest.mark.parametrize(
    "part",
    [
        {"Fn::ImportValue": "x"},
        {"Fn::If": ["a", "b", "c"]},
        {"Fn::Select": [0, ["a"]]},
        {"Ref": "Bucket", "also": 1},
        {"Ref": "Nowhere"},
        {"Ref": "AWS::StackId"},
        {"Fn::GetAtt": ["Bucket", "DomainName"]},
        {"Fn::Sub": "${Nowhere}"},
    ],
)
def test_anything_else_is_an_error(part: dict[str, Any]) -> None:
    """A policy with an unknown part would be evaluated wrongly."""
    with pytest.raises(PolicyError):
        RESOLVE({"Resource": [part]})
