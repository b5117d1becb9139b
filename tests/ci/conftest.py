import pytest


@pytest.fixture(scope="session")
def transformers():
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )
