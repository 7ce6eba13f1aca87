"""Perfect's refusals, with the error codes of its documents."""

from infra.sandbox.provider import RefusalError


def invalid_parameters() -> RefusalError:
    """400: the query or the body is not valid."""
    return RefusalError(400, "Invalid parameter value", kind="InvalidParameters")


def invalid_task() -> RefusalError:
    """400: the task is unknown, has expired, or was lost."""
    return RefusalError(400, "Invalid task ID", kind="InvalidTaskId")


def invalid_style_group() -> RefusalError:
    """400: there is no such style group."""
    return RefusalError(400, "Invalid style group", kind="InvalidStyleGroup")


def invalid_style() -> RefusalError:
    """400: there is no such style in this group."""
    return RefusalError(400, "Invalid style", kind="InvalidStyle")


def too_few_credits() -> RefusalError:
    """400: the account cannot pay for the task."""
    return RefusalError(400, "Insufficient credits", kind="CreditInsufficiency")


def invalid_access_token() -> RefusalError:
    """401: no token, or one that has expired."""
    return RefusalError(401, "Unauthorized", kind="InvalidAccessToken")


def unknown_client() -> RefusalError:
    """401: the client's proof is not valid; the vendor documents no code for it."""
    return RefusalError(401, "Unauthorized")


def too_many_requests() -> RefusalError:
    """429: either rate limit is reached; there is no `Retry-After`."""
    return RefusalError(429, "Too many requests")
