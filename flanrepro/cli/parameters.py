"""Parameters as papermill writes them: `-p NAME VALUE`."""

from flanrepro.errors import InputError


def pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
    return name, value


def join_pairs(args: list[str]) -> list[str]:
    """`-p NAME VALUE`, as papermill writes it, to `-p NAME=VALUE`, which one option can take."""
    joined, rest = [], iter(args)
    for arg in rest:
        joined.append(arg)
        if arg in ("-p", "--parameter"):
            name = next(rest, None)
            if name is not None and "=" not in name:
                value = next(rest, None)
                if value is None:
                    raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
                name = f"{name}={value}"
            joined += [name] if name is not None else []
    return joined
