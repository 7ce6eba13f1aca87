"""Reads and checks request bodies: sign-in, file registrations, and the tasks of each feature.

Unknown fields are accepted, as by the vendor: clients send parameters of one feature to another.
Every invalid body gets the same error, `invalid_parameters`, so no message needs to be mapped.
"""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from werkzeug.datastructures import MultiDict

from infra.sandbox.perfect.errors import invalid_parameters
from infra.sandbox.perfect.features import Feature

Text = Annotated[StrictStr, Field(min_length=1)]
Count = Annotated[StrictInt, Field(ge=0)]

SCALES = (1, 2, 4)
MAX_PER_PAGE = 20


class SignIn(BaseModel):
    """Body of `client/auth`."""

    client_id: Text
    id_token: Text


class NewFile(BaseModel):
    """One file to register; in v1.1 of the path its size is required."""

    content_type: Text
    file_name: Text
    file_size: Annotated[StrictInt, Field(gt=0)] | None = None


class NewFiles(BaseModel):
    """Body of `file/{feature}`."""

    files: list[NewFile] = Field(min_length=1)


class Params(BaseModel):
    """The parameters of an action, of all features together."""

    style_group_id: StrictInt | None = None
    style_ids: list[StrictInt] | None = None
    scale: StrictInt | None = None
    prompt: Text | None = None


class Action(BaseModel):
    """An action; its id is echoed beside its results."""

    id: Count
    params: dict[str, object] | None = None


class Payload(BaseModel):
    """The action of a task and its files, by role."""

    model_config = ConfigDict(strict=True)

    file_sets: dict[str, object] = Field(default_factory=dict)
    actions: list[Action] = Field(min_length=1, max_length=1)
    output_ext: StrictStr | None = None


class TaskBody(BaseModel):
    """Body of `task/{feature}`."""

    request_id: Count | None = None
    payload: Payload


@dataclass(frozen=True)
class TaskRequest:
    """A checked task: one file id per role, in the feature's order, and its parameters.

    The parameters that the feature needs are present; the styles are not looked up yet.
    """

    request_id: int | None
    files: tuple[str, ...]
    action_id: int
    params: Params
    output_ext: str


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], content: bytes) -> Model:
    """Read a JSON body, or raise `invalid_parameters`."""
    try:
        return model.model_validate_json(content)
    except ValidationError as exc:
        raise invalid_parameters() from exc


def read_task(feature: Feature, content: bytes) -> TaskRequest:
    """Read the body of a task of this feature."""
    body = read(TaskBody, content)
    if body.request_id is None and feature.request_id_required:
        raise invalid_parameters()
    action = body.payload.actions[0]
    output_ext = body.payload.output_ext or feature.output_exts[0]
    if output_ext not in feature.output_exts:
        raise invalid_parameters()
    return TaskRequest(
        request_id=body.request_id,
        files=tuple(_only_file(body.payload.file_sets.get(role)) for role in feature.roles),
        action_id=action.id,
        params=_read_params(feature, action.params),
        output_ext=output_ext,
    )


def read_page_size(query: "MultiDict[str, str]", maximum: int = MAX_PER_PAGE) -> int:
    """Read the page size, by default 20."""
    text = query.get("page_size", str(MAX_PER_PAGE))
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise invalid_parameters()
    return int(text)


def read_token(query: "MultiDict[str, str]") -> str | None:
    """Read the token where a page starts, None for the first page, which may also be "null"."""
    token = query.get("starting_token", "")
    return None if token in ("", "null") else token


def _only_file(ids: object) -> str:
    # The document says "only accept 1 file" in some sections only.
    if isinstance(ids, list) and len(ids) == 1 and isinstance(ids[0], str) and ids[0]:
        return ids[0]
    raise invalid_parameters()


def _read_params(feature: Feature, raw: dict[str, object] | None) -> Params:
    if feature.params == "none":
        return Params()
    try:
        params = Params.model_validate(raw or {})
    except ValidationError as exc:
        raise invalid_parameters() from exc
    if feature.params == "scale":
        complete = params.scale in SCALES
    else:
        one_style = params.style_ids is not None and len(params.style_ids) == 1
        complete = params.style_group_id is not None and one_style
        complete &= feature.params != "prompt" or params.prompt is not None
    if not complete:
        raise invalid_parameters()
    return params
