"""The gin files as gin reads them, ours and T5X's own."""

import re
from collections.abc import Iterator

import pytest

from flanrepro.errors import InputError
from flanrepro.model.sizes import SIZES, t5_config
from flanrepro.t5x.gin_files import size_file

pytestmark = [
    pytest.mark.slow,
    # TensorFlow and T5X raise these when they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

DIMENSIONS = {
    *("emb_dim", "num_heads", "head_dim"),
    *("num_encoder_layers", "num_decoder_layers", "mlp_dim"),
}


@pytest.fixture
def gin(with_t5x) -> Iterator:
    """The module gin, with nothing set before the test or after it."""
    import gin
    import t5x.utils  # noqa: F401  # what finds gin files in packages

    with gin.unlock_config():
        gin.clear_config()
        yield gin
        gin.clear_config()


@pytest.mark.parametrize("size", SIZES)
def test_t5x_reads_a_size_as_we_have_it(gin, size):
    gin.parse_config_file(size_file(size))
    # The vocabulary is a multiple of 128 rows: T5's 32,100 pieces have 32,128.
    ours = vars(t5_config(size, 32128))
    # Neither is a size's: a run sets both.
    expected = {key: x for key, x in ours.items() if key not in ("dropout_rate", "dtype")}
    assert expected.keys() > DIMENSIONS
    assert {key: gin.query_parameter(f"network.T5Config.{key}") for key in expected} == expected


@pytest.mark.parametrize("size", SIZES)
def test_sizes_differ_in_their_dimensions_alone(gin, size):
    """Loss, optimizer, vocabulary, dtype and the rest of the network are those of T5X's base."""

    def lines(name: str) -> set[str]:
        gin.clear_config()
        gin.parse_config_file(name)
        return set(gin.config_str().splitlines())

    differing = lines(size_file(size)) ^ lines(size_file("base"))
    names = {re.match(r"network\.T5Config\.(\w+) = \d+", line).group(1) for line in differing}
    assert names <= DIMENSIONS
    assert bool(names) == (size != "base")


def test_gin_passes_on_which_mixtures_there_are_where_none_is_named(gin):
    gin.parse_config_file("flanrepro/t5x/gin/mixture.gin")
    gin.parse_config("NUM_EXAMPLES = 5\nVOCABULARY_NAME = 'pocket'\nTASK_FEATURE_LENGTHS = {}")
    with pytest.raises(InputError, match="MIXTURE is not given, expected one of flan2022, "):
        gin.get_configurable("tasks.named")()
