import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource
import jax, jax.numpy as jnp
import flanrepro.model.t5
grow = jax.jit(lambda x: jnp.cumsum(jnp.sin(x) @ jnp.cos(x).T, axis=0).sum())
x = jnp.ones((2048, 64))  # the product takes 16 MB, 4,096 pages
for _ in range(3):
    grow(x).block_until_ready()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    grow(x).block_until_ready()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="tells glibc's malloc, which Linux has")
def test_a_compiled_function_finds_its_memory_where_it_left_it(monkeypatch):
    def faults() -> int:
        run = subprocess.run([sys.executable, "-c", PAGE_FAULTS], capture_output=True, check=True)
        return int(run.stdout)

    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert faults() < 4096
    # Where the environment has settings of its own, they stand.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert faults() > 4096
