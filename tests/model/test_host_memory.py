import subprocess
import sys

import pytest

TELLS_MALLOC = "from flanrepro.model.host_memory import reuse_host_memory as f; print(f())"


@pytest.mark.skipif(sys.platform != "linux", reason="tells glibc's malloc, which Linux has")
@pytest.mark.parametrize(("arenas", "told"), [(None, "True"), ("8", "False")])
def test_malloc_is_told_unless_the_environment_has_settings_of_its_own(monkeypatch, arenas, told):
    # How many pages that saves is measured in a benchmark: the kernel has a say in it.
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if arenas:
        monkeypatch.setenv("MALLOC_ARENA_MAX", arenas)
    run = subprocess.run(
        [sys.executable, "-c", TELLS_MALLOC], capture_output=True, check=True, text=True
    )
    assert run.stdout.strip() == told


def test_a_model_brings_the_setting_with_it():
    code = "import sys, flanrepro.model.t5; print('flanrepro.model.host_memory' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "True"
