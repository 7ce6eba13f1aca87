"""The commands with which a user comes back to what goes on by itself."""

from darkroom.domain.object_keys import shell_quote


def how_to_follow(prefix: str, environment: str) -> str:
    """What goes on without this command, and how to come back to it."""
    env = "" if environment == "local" else f" --env {environment}"
    name = shell_quote(prefix or "/")
    return (
        "what was uploaded goes on by itself; "
        f"`darkroom batch {name}{env}` follows it, `darkroom get {name} --out DIR{env}` saves what "
        f"is done, `darkroom cancel {name}{env}` stops it"
    )
