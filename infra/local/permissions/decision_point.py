"""The policy decision point of the local environment: who calls, what for, and whether they may.

A function calls with an access key of its own, which names its role. AWS's services call by
themselves: Lambda and Step Functions with a role, EventBridge as a service principal.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from infra.local.permissions.denial import describe
from infra.local.permissions.intrinsics import Account
from infra.local.permissions.policy import EVERYONE, NOTHING, Access, Policy, evaluate, read_policy
from infra.local.permissions.record import Record
from infra.local.permissions.template_policies import Policies

# Everything here is plain HTTP on one machine, and stands for the same request over TLS.
_CONTEXT: Final[Mapping[str, str]] = {"aws:securetransport": "true"}


class NotAuthorizedError(PermissionError):
    """An access that is denied; the message is AWS's sentence."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        arn: as error messages name it.
        names: as resource-based policies name it.
        identity: its own policies; None for a service.
    """

    arn: str
    names: frozenset[str]
    identity: Policy | None


class DecisionPoint:
    """Decides, and records each decision. Thread-safe.

    Everything is denied to a function that no deployment knows.
    """

    def __init__(
        self,
        account: Account,
        record: Record,
        find_policy: Callable[[str], str | None] = lambda _arn: None,
    ) -> None:
        """`find_policy`: the policy of a resource that no template has, as JSON, by its ARN."""
        self.record = record
        self._find_policy = find_policy
        self._account = account
        self._policies = Policies()
        self._keys: dict[str, str] = {}
        self._functions: dict[str, str] = {}
        self._lock = threading.Lock()

    def deploy(self, policies: Policies) -> None:
        """Add the policies of a deployment."""
        old = self._policies
        self._policies = Policies(
            roles={**old.roles, **policies.roles},
            resources={**old.resources, **policies.resources},
            functions={**old.functions, **policies.functions},
        )
        self.record.grant(policies.grants())

    def key_of(self, function_arn: str) -> str:
        """The access key of a function; the same one each time."""
        with self._lock:
            if function_arn not in self._keys:
                key = f"ASIA{secrets.token_hex(8).upper()}"
                self._keys[function_arn] = key
                self._functions[key] = function_arn
            return self._keys[function_arn]

    def function_of(self, key: str | None) -> str | None:
        """The ARN of the function that has this access key."""
        return self._functions.get(key or "")

    def function(self, arn: str) -> Caller:
        """A function, with its role."""
        return self.role(self._policies.functions.get(arn, ""), arn.rsplit(":", maxsplit=1)[-1])

    def role(self, arn: str, session: str) -> Caller:
        """Who has taken on a role; one that no deployment knows has no rights."""
        name = arn.rpartition("/")[2]
        sender = (
            f"arn:{self._account.partition}:sts::{self._account.id}:assumed-role/{name}/{session}"
        )
        return Caller(sender, frozenset({EVERYONE, arn}), self._policies.roles.get(arn, NOTHING))

    def check(self, caller: Caller, accesses: Iterable[Access]) -> None:
        """Raise `NotAuthorizedError` for the first access that is denied."""
        for access in accesses:
            full = replace(access, context={**_CONTEXT, **access.context})
            resource = self._policy_of(_holder(access))
            decision = evaluate(full, caller.names, caller.identity, resource)
            if decision.grant is None:
                raise self.deny(describe(caller.arn, access, decision.reason))
            self.record.use(decision.grant)

    def deny(self, sentence: str) -> NotAuthorizedError:
        """Note a denial; returns the error to raise."""
        self.record.deny(sentence)
        return NotAuthorizedError(sentence)

    def check_service(self, principal: str, source_arn: str, action: str, resource: str) -> None:
        """The same for a service that acts for one of its resources, as a rule's target."""
        context = {"aws:sourcearn": source_arn, "aws:sourceaccount": self._account.id}
        caller = Caller(principal, frozenset({EVERYONE, principal}), None)
        self.check(caller, [Access(action, resource, context)])

    def _policy_of(self, arn: str) -> Policy:
        """The policy of a resource: that of its template, or the one that a user has set."""
        if arn in self._policies.resources:
            return self._policies.resources[arn]
        text = self._find_policy(arn)
        return _read_text(text, arn) if text else NOTHING


@lru_cache(maxsize=32)
def _read_text(text: str, arn: str) -> Policy:
    return Policy(read_policy(json.loads(text), arn, "resource-based"))


def _holder(access: Access) -> str:
    """The ARN of the resource that has the policy: of an object, its bucket."""
    if access.action.startswith("s3:"):
        return access.resource.partition("/")[0]
    return access.resource
