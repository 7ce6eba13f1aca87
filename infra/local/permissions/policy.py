"""Evaluates IAM policies: explicit deny, then allow, then implicit deny.

Sources: IAM user guide, "Policy evaluation logic" (within one account either kind of policy may
allow, and a deny in either wins), "IAM JSON policy elements" (Action, Resource, Principal,
Condition operators). What is not evaluated here is refused when a policy is read, not passed over.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

Kind = Literal["identity-based", "resource-based"]

# In lower case. A condition on any other key is refused: no request here would have a value.
CONDITION_KEYS: Final = frozenset(
    {
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:sourcearn",
        # Only requests to KMS have it, and nothing here calls KMS.
        "kms:viaservice",
    }
)
EVERYONE: Final = "*"


class PolicyError(ValueError):
    """A policy that cannot be evaluated here."""


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource; `context` has the request's condition keys, in lower case."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one Allow gives: an action on a resource, as written. `holder` is who has the policy."""

    holder: str
    action: str
    resource: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One action and one resource of a statement."""

    grant: Grant
    denies: bool
    action: re.Pattern[str]
    resource: re.Pattern[str]
    conditions: tuple[Callable[[Mapping[str, str]], bool], ...]
    principals: frozenset[str] | None
    """Whom a resource-based policy names; None in an identity-based one."""

    def applies(self, access: Access, names: frozenset[str]) -> bool:
        """Whether it says something about this access of a caller with these names."""
        return (
            (self.principals is None or not names.isdisjoint(self.principals))
            and self.resource.fullmatch(access.resource) is not None
            and all(holds(access.context) for holds in self.conditions)
        )


class Policy:
    """All rules of one holder: of a role, or of a resource."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._by_action: dict[str, tuple[Rule, ...]] = {}

    def about(self, access: Access, names: frozenset[str]) -> Iterator[Rule]:
        """The rules that apply, in the order of the document."""
        action = access.action
        if action not in self._by_action:
            found = tuple(rule for rule in self.rules if rule.action.fullmatch(action))
            self._by_action[action] = found
        return (rule for rule in self._by_action[action] if rule.applies(access, names))

    def grants(self) -> list[Grant]:
        """Everything that it allows, as written."""
        return [rule.grant for rule in self.rules if not rule.denies]


NOTHING: Final = Policy()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an access is allowed: by which grant, or why not, as AWS words it."""

    grant: Grant | None
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether it is."""
        return self.grant is not None


def evaluate(
    access: Access, names: frozenset[str], identity: Policy | None, resource: Policy = NOTHING
) -> Decision:
    """Decide one access within one account.

    Args:
        access: what is asked for.
        names: how a resource-based policy may call the caller; see `read_policy`.
        identity: the caller's own policies; None for a service, which has none.
        resource: the policy of the resource.
    """
    grant = None
    policies: tuple[tuple[Kind, Policy], ...] = (
        ("identity-based", identity or NOTHING),
        ("resource-based", resource),
    )
    for kind, policy in policies:
        for rule in policy.about(access, names):
            if rule.denies:
                article = "an" if kind == "identity-based" else "a"
                return Decision(None, f"with an explicit deny in {article} {kind} policy")
            grant = grant or rule.grant
    if grant is None:
        kind = "resource-based" if identity is None else "identity-based"
        return Decision(None, f"because no {kind} policy allows the {access.action} action")
    return Decision(grant)


def read_policy(document: Mapping[str, Any], holder: str, kind: Kind) -> list[Rule]:
    """The rules of a policy document whose references are resolved.

    Principals become names: `*`, a role's ARN, or a service such as `events.amazonaws.com`.

    Raises:
        PolicyError: it has an element, operator, condition key or principal that is not evaluated.
    """
    return [
        rule
        for statement in _as_list(document["Statement"])
        for rule in _read_statement(statement, holder, kind)
    ]


def _read_statement(statement: Mapping[str, Any], holder: str, kind: Kind) -> Iterator[Rule]:
    known = {"Sid", "Effect", "Action", "Resource", "Condition"}
    if kind == "resource-based":
        known.add("Principal")
    if unknown := sorted(set(statement) - known):
        raise PolicyError(f"{holder}: {', '.join(unknown)} in a statement is not evaluated here")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise PolicyError(f"{holder}: the effect {statement['Effect']!r}")
    conditions = tuple(_read_conditions(statement.get("Condition", {}), holder))
    principals = None
    if kind == "resource-based":
        principals = frozenset(_read_principals(statement["Principal"], holder))
    for action in _as_list(statement["Action"]):
        for resource in _as_list(statement["Resource"]):
            if not isinstance(resource, str) or "${" in resource:
                raise PolicyError(f"{holder}: the resource {resource!r} is not evaluated here")
            yield Rule(
                grant=Grant(holder, action, resource),
                denies=statement["Effect"] == "Deny",
                action=re.compile(_glob(action, ".*", "."), re.IGNORECASE),
                resource=compile_arn(resource),
                conditions=conditions,
                principals=principals,
            )


def _read_principals(principal: object, holder: str) -> Iterator[str]:
    if principal == EVERYONE:
        yield EVERYONE
        return
    if not isinstance(principal, Mapping):
        raise PolicyError(f"{holder}: the principal {principal!r} is not evaluated here")
    for kind, named in principal.items():
        for name in _as_list(named):
            # An account delegates to its own policies, and these are not looked for here.
            is_role = kind == "AWS" and (name == EVERYONE or ":role/" in name)
            if kind != "Service" and not is_role:
                raise PolicyError(f"{holder}: the principal {kind} {name} is not evaluated here")
            yield name


def _read_conditions(
    block: Mapping[str, Mapping[str, Any]], holder: str
) -> Iterator[Callable[[Mapping[str, str]], bool]]:
    for operator, keys in block.items():
        if operator not in _OPERATORS:
            raise PolicyError(f"{holder}: the condition operator {operator} is not evaluated here")
        for key, values in keys.items():
            if key.lower() not in CONDITION_KEYS:
                raise PolicyError(f"{holder}: the condition key {key} is not evaluated here")
            yield _OPERATORS[operator](key.lower(), [str(one) for one in _as_list(values)])


def _matches(compile_value: Callable[[str], re.Pattern[str]]) -> "_Operator":
    """An operator that a request without the key does not fulfil, with any of several values."""

    def build(key: str, values: Sequence[str]) -> Callable[[Mapping[str, str]], bool]:
        patterns = [compile_value(value) for value in values]

        def holds(context: Mapping[str, str]) -> bool:
            found = context.get(key)
            return found is not None and any(each.fullmatch(found) for each in patterns)

        return holds

    return build


def _is_absent(key: str, values: Sequence[str]) -> Callable[[Mapping[str, str]], bool]:
    wanted = [value.lower() == "true" for value in values]
    return lambda context: (key not in context) in wanted


@cache
def compile_arn(pattern: str) -> re.Pattern[str]:
    """A pattern of ARNs: `*` and `?` stay within a part between colons.

    A `*` that ends a part may go on beyond it ("IAM JSON policy elements: Resource").
    """
    if pattern == EVERYONE:
        return re.compile(".*", re.DOTALL)
    parts = pattern.split(":")
    return re.compile(
        ":".join(
            _glob(part[:-1], "[^:]*", "[^:]") + ".*"
            if part.endswith("*")
            else _glob(part, "[^:]*", "[^:]")
            for part in parts
        ),
        re.DOTALL,
    )


def _compile_like(pattern: str) -> re.Pattern[str]:
    return re.compile(_glob(pattern, ".*", "."), re.DOTALL)


def _compile_plain(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


def _compile_bool(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text), re.IGNORECASE)


def _glob(pattern: str, many: str, one: str) -> str:
    wild = {"*": many, "?": one}
    return "".join(wild.get(character) or re.escape(character) for character in pattern)


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - a JSON value, or a list of such
    return value if isinstance(value, list) else [value]


_Operator = Callable[[str, Sequence[str]], Callable[[Mapping[str, str]], bool]]
_OPERATORS: Final[Mapping[str, _Operator]] = {
    "ArnEquals": _matches(compile_arn),
    "ArnLike": _matches(compile_arn),
    "Bool": _matches(_compile_bool),
    "Null": _is_absent,
    "StringEquals": _matches(_compile_plain),
    "StringLike": _matches(_compile_like),
}
