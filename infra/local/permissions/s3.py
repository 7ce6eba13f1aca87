"""The rights that requests to S3 need.

Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3";
S3 API reference, the permissions of each operation. A version id needs `s3:GetObjectVersion` and
then not `s3:GetObject` ("GetObject").
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from infra.local.permissions.http_request import Place, Request, UnknownRequestError

READS: Final = frozenset({"s3:GetObject", "s3:GetObjectVersion"})


def read_rights(request: Request, place: Place) -> Iterator[tuple[str, str]]:
    """The actions and resources of a request. Raises `UnknownRequestError`."""
    bucket, _, key = request.path.removeprefix("/").partition("/")
    thing = place.bucket(f"{bucket}/{key}" if key else bucket)
    if others := sorted(set(request.query) - _CHANGE_NOTHING - {"versionId"}):
        raise UnknownRequestError(f"s3:{request.method}?{'&'.join(others)}")
    version = "Version" if "versionId" in request.query else ""
    match request.method, bool(key):
        case (("GET" | "HEAD"), True):
            yield f"s3:GetObject{version}", thing
        case (("GET" | "HEAD"), False):
            yield "s3:ListBucket" if bucket else "s3:ListAllMyBuckets", thing
        case "PUT", True:
            yield from _read_put(thing, request.headers, place)
        case "DELETE", True:
            yield f"s3:DeleteObject{version}", thing
        case _:
            raise UnknownRequestError(f"s3:{request.method} {request.path}")


def _read_put(thing: str, headers: Mapping[str, str], place: Place) -> Iterator[tuple[str, str]]:
    """The rights of PutObject and CopyObject."""
    yield "s3:PutObject", thing
    if any(name == "x-amz-acl" or name.startswith("x-amz-grant-") for name in headers):
        yield "s3:PutObjectAcl", thing
    if "x-amz-tagging" in headers:
        yield "s3:PutObjectTagging", thing
    if "if-match" in headers:
        # An assumption, and the strict one: whether the object has this ETag is for its readers.
        yield "s3:GetObject", thing
    if source := headers.get("x-amz-copy-source"):
        path, _, version = source.removeprefix("/").partition("?versionId=")
        yield f"s3:GetObject{'Version' if version else ''}", place.bucket(unquote(path))


# Parameters of lists, of ranged reads and of presigned URLs. Any other one is another operation.
_CHANGE_NOTHING: Final = frozenset(
    {
        "AWSAccessKeyId",
        "Expires",
        "Signature",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "list-type",
        "marker",
        "max-keys",
        "partNumber",
        "prefix",
        "start-after",
        "x-id",
    }
)
