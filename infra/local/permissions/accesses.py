"""What a request asks for: every action, each on one resource."""

from infra.local.permissions import json_services, s3
from infra.local.permissions.http_request import Place, Request
from infra.local.permissions.policy import Access


def find_accesses(request: Request, place: Place) -> list[Access]:
    """All of them without repetition. Raises `UnknownRequestError`."""
    service = s3 if request.service == "s3" else json_services
    rights = dict.fromkeys(service.read_rights(request, place))
    return [Access(action, resource) for action, resource in rights]
