"""What a route takes, in words: the values of its parameters, its files, its prices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from darkroom.domain.routes import Role, Route, Tariff

MB: Final = 1024 * 1024
_TYPES: Final[Mapping[str, str]] = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "array": "list",
    "object": "object",
}


def describe_params(route: "Route") -> str:
    """A line for each parameter, as in "[scale]: 2 or 4; default 2"; optional ones in brackets."""
    lines = []
    fields = route.params.model_fields
    for name, schema in route.params.model_json_schema().get("properties", {}).items():
        field = next(
            one for key, one in fields.items() if name in (key, one.alias, one.validation_alias)
        )
        shown = name if field.is_required() else f"[{name}]"
        default = schema.get("default")
        ending = "" if default in (None, "") else f"; default {_show(default)}"
        values = " or ".join(dict.fromkeys(filter(None, map(_values, _branches(schema)))))
        lines.append(f"{shown}: {values or 'anything'}{ending}")
    return "\n".join(lines)


def describe_inputs(route: "Route") -> str:
    """A line for each file, as in "image: jpg png, to 10 MB, to 4096 px"."""
    return "\n".join(
        f"{name if role.required else f'[{name}]'}: {_describe_role(role)}"
        for name, role in route.roles.items()
    )


def describe_prices(route: "Route", tariff: "Tariff") -> str:
    """A line for each documented price, as in "erase_mode super: 4 credits, $0.002"."""
    lines = []
    rate = tariff.usd_per_credit
    for case in route.credits.cases:
        money = "" if rate is None else f", ${case.credits * rate:,.6g}"
        condition = f"{case.condition}: " if case.condition else ""
        unit = "credit" if case.credits == 1 else "credits"
        lines.append(f"{condition}{case.credits:,.6g} {unit}{money}")
    return "\n".join(lines) or "unknown"


def _describe_role(role: "Role") -> str:
    parts = [" ".join(sorted(media.extension for media in role.formats))]
    if role.max_files > 1:
        parts.append(f"to {role.max_files} files")
    # "< 10 MB" is a byte less.
    parts.append(f"to {(role.max_bytes + 1) / MB:.6g} MB")
    sides = role.sides
    if sides.max_longer is not None:
        parts.append(f"to {sides.max_longer} px")
    if sides.max_shorter is not None:
        parts.append(f"shorter side to {sides.max_shorter} px")
    if sides.min_shorter is not None:
        parts.append(f"from {sides.min_shorter} px")
    if role.same_size_as is not None:
        parts.append(f"the size of {role.same_size_as}")
    return ", ".join(parts)


def _branches(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas that a value may have, without that of a missing one."""
    branches = schema.get("anyOf", [schema])
    return [one for one in branches if one.get("type") != "null"]


def _values(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return _show(schema["const"])
    if "enum" in schema:
        return " or ".join(map(_show, schema["enum"]))
    words = _TYPES.get(schema.get("type", ""), "")
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    above = "above" if "exclusiveMinimum" in schema else "from"
    below = "below" if "exclusiveMaximum" in schema else "to"
    if low is not None:
        words += f" {above} {low:g}"
    if high is not None:
        words += f" {below} {high:g}"
    if (longest := schema.get("maxLength")) is not None:
        words += f" of at most {longest} characters"
    return words


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
