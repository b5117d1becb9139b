"""Reads notebook parameters as papermill writes them: `-p NAME VALUE`."""

from flanrepro.errors import InputError


def pair(text: str) -> tuple[str, str]:
    """The name and the value in `NAME=VALUE`; InputError if there is no value."""
    name, found, value = text.partition("=")
    if not found:
        raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
    return name, value


def join_pairs(args: list[str]) -> list[str]:
    """Rewrites `-p NAME VALUE` to `-p NAME=VALUE`."""
    # An option that may be repeated takes one value, and papermill's `-p` takes two.
    joined, rest = [], iter(args)
    for arg in rest:
        joined.append(arg)
        if arg in ("-p", "--parameter"):
            name = next(rest, None)  # None: the option parser itself complains
            if name is not None and "=" not in name:
                value = next(rest, None)
                if value is None:
                    raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
                name = f"{name}={value}"
            joined += [name] if name is not None else []
    return joined
