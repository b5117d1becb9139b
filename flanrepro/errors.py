"""The one exception for every failure that a user can cause and mend."""


class InputError(ValueError):
    """Bad input: one sentence that says what is wrong, where, what was expected and what to do."""
