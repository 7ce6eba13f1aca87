"""Patches that make the requests of all services faster and change none of their results."""

# ruff: noqa: ANN401 - the arguments are moto's own objects, which have no types

import string
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from moto import backends
from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs
from moto.sqs.models import SQSBackend

from infra.local.moto_patches.patch import Patch, around, cached


def patches() -> Iterator[Patch]:
    """The patches, in the order in which a request meets them."""
    # Moto lists its folders, tries the patterns of all services, and lists the methods of a class.
    yield cached(backends, "list_of_moto_modules", tuple)
    yield cached(DomainDispatcherApplication, "get_backend_for_host")
    yield cached(responses, "method_names_from_class", frozenset)
    yield cached(responses, "camelcase_to_underscores")
    yield faster_responses()
    # The guard in front of moto refuses every request of a web page, and takes these headers out.
    yield Patch(werkzeug_app, "DISABLE_GLOBAL_CORS", replacement=True)
    yield Patch(MotoRandom, "get_random_string", _random_string)
    yield around(SQSBackend, "send_message", _send_without_attributes)
    yield Patch(sqs, "unix_time_millis", lambda: time.time() * 1000)


def faster_responses() -> Patch:
    """For each field of each object of an answer, moto works out anew what it may be called."""
    known: dict[object, tuple[str, ...]] = {}

    def possible_keys(original: Callable[..., Any], picker: Any, context: Any) -> tuple[str, ...]:
        shape = context.shape
        parent = getattr(shape, "parent", None)
        depends_on = (
            tuple(picker.alias_providers),
            context.service_model.service_name,
            type(context.obj),
            None if parent is None else parent.name,
            None if shape is None else shape.name,
            context.key,
        )
        keys = known.get(depends_on)
        if keys is None:
            keys = known[depends_on] = tuple(dict.fromkeys(original(picker, context)))
        return keys

    return around(XFormedAttributePicker, "get_possible_keys", possible_keys)


def _random_string(
    random: Any,
    length: int = 20,
    include_digits: bool = True,  # noqa: FBT001, FBT002 - as moto declares it
    lower_case: bool = False,  # noqa: FBT001, FBT002 - as moto declares it
) -> str:
    """Moto draws each character of a request's id alone."""
    pool = string.ascii_letters + (string.digits if include_digits else "")
    text = "".join(random.choices(pool, k=length))
    return text.lower() if lower_case else text


def _send_without_attributes(
    original: Callable[..., Any], backend: Any, *args: Any, **kwargs: Any
) -> Any:
    """Moto counts the messages of the queue three times for one attribute that only FIFO has."""
    return original(_Sender(backend), *args, **kwargs)


class _Sender:
    """A backend whose standard queues have no attributes to count."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def get_queue(self, name: str) -> Any:
        queue = self._backend.get_queue(name)
        return queue if queue.fifo_queue else _StandardQueue(queue)


class _StandardQueue:
    attributes: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)
