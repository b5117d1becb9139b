"""Rooms: a module imports from its own room and from those above it, and there is no circle."""

import graphlib

from ci.rooms import FRONT, GROUND, ORDER, imported, modules, room

LIBRARY = modules("flanrepro")
IMPORTS = {name: imported(path, LIBRARY) for name, path in LIBRARY.items()}


def test_every_module_stands_in_a_room():
    assert {room(name) for name in LIBRARY if name not in GROUND | FRONT} == set(ORDER)


def test_imports_run_only_to_rooms_above():
    upwards = [
        f"{name} -> {other}"
        for name, others in IMPORTS.items()
        for other in others - GROUND
        if name not in FRONT
        and (name in GROUND or other in FRONT or ORDER.index(room(other)) > ORDER.index(room(name)))
    ]
    assert upwards == []


def test_no_import_runs_in_a_circle():
    graphlib.TopologicalSorter(IMPORTS).prepare()


def test_the_library_imports_nothing_of_ci_and_no_test():
    outside = {**modules("ci"), **modules("tests")}
    assert [name for name, path in LIBRARY.items() if imported(path, outside)] == []
