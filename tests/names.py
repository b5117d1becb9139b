"""The names that a cell of a notebook takes from others, and those that it gives."""

import builtins
import symtable


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a text of Python takes from elsewhere, and those that it gives a value."""
    top = symtable.symtable(source, "cell", "exec")
    stored = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    loaded = {
        one.get_name()
        for scope in scopes(top)
        for one in scope.get_symbols()
        if one.is_referenced() and (scope is top or one.is_global())
    }
    return loaded - stored - set(dir(builtins)), stored


def scopes(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [table, *(inner for child in table.get_children() for inner in scopes(child))]
