"""The gin files as gin reads them, ours and T5X's own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flanrepro.errors import InputError
from flanrepro.model.sizes import DECODER_ONLY_SIZES, MODELS, SIZES, t5_config
from flanrepro.t5x.gin_files import size_file

pytestmark = [
    pytest.mark.slow,
    # TensorFlow and T5X raise these when they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

DIMENSIONS = {
    *("emb_dim", "num_heads", "head_dim"),
    *("num_encoder_layers", "num_decoder_layers", "num_layers", "mlp_dim"),
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
    assert expected.keys() >= DIMENSIONS - {"num_layers"}
    assert {key: gin.query_parameter(f"network.T5Config.{key}") for key in expected} == expected


@pytest.mark.parametrize("size", DECODER_ONLY_SIZES)
def test_t5x_reads_a_decoder_only_size_as_we_have_it(gin, with_decoder_only, size):
    gin.parse_config_file(size_file(size))
    config = t5_config(size, 32128)
    names = ("emb_dim", "num_heads", "head_dim", "mlp_dim", "vocab_size", "logits_via_embedding")
    expected = {name: getattr(config, name) for name in names}
    expected |= {"num_layers": config.num_decoder_layers, "mlp_activations": ("gelu", "linear")}
    found = {key: gin.query_parameter(f"network.TransformerConfig.{key}") for key in expected}
    assert found == expected


@pytest.mark.parametrize("size", MODELS)
def test_sizes_differ_in_their_dimensions_alone(gin, size, request):
    """Loss, optimizer, vocabulary, dtype and the rest of the network are those of T5X's base."""
    if size in DECODER_ONLY_SIZES:
        request.getfixturevalue("with_decoder_only")

    def lines(name: str) -> set[str]:
        gin.clear_config()
        gin.parse_config_file(name)
        return set(gin.config_str().splitlines())

    base = "lm-base" if size in DECODER_ONLY_SIZES else "base"
    differing = lines(size_file(size)) ^ lines(size_file(base))
    names = {re.match(r"network\.\w+Config\.(\w+) = \d+", line)[1] for line in differing}
    assert names <= DIMENSIONS
    assert bool(names) == (size != base)


def decoder_only_of_t5x(gin, name: str) -> None:
    """Reads a file that gin does not find by its name: T5X's folder is no package."""
    import t5x

    folder = Path(t5x.__file__).parent / "examples" / "decoder_only" / "models"
    for file in dict.fromkeys(("base", name)):
        text = (folder / f"{file}.gin").read_text()
        gin.parse_config(re.sub(r"^include .*$", "", text, flags=re.M))


def test_a_decoder_only_model_is_t5x_s_but_for_its_prefix_and_its_logits(gin, with_decoder_only):
    def lines() -> set[str]:
        return set(gin.config_str(max_line_length=200).splitlines())

    decoder_only_of_t5x(gin, "base")
    theirs = lines()
    gin.clear_config()
    gin.parse_config_file(size_file("lm-base"))
    ours = lines()
    assert ours - theirs == {
        "INPUTS_BIDIRECTIONAL_ATTENTION = True",
        "models.DecoderOnlyModel.inputs_bidirectional_attention = %INPUTS_BIDIRECTIONAL_ATTENTION",
        "network.TransformerConfig.logits_via_embedding = False",
    }
    assert theirs - ours == {"network.TransformerConfig.logits_via_embedding = True"}


@pytest.mark.parametrize("size", ["base", "large", "xl"])
def test_decoder_only_sizes_of_t5x_s_names_have_its_dimensions(gin, with_decoder_only, size):
    names = sorted(DIMENSIONS - {"num_encoder_layers", "num_decoder_layers"})

    def found() -> dict:
        return {name: gin.query_parameter(f"network.TransformerConfig.{name}") for name in names}

    decoder_only_of_t5x(gin, size)
    theirs = found()
    gin.clear_config()
    gin.parse_config_file(size_file(f"lm-{size}"))
    assert found() == theirs


def test_gin_passes_on_which_mixtures_there_are_where_none_is_named(gin):
    gin.parse_config_file("flanrepro/t5x/gin/mixture.gin")
    gin.parse_config("NUM_EXAMPLES = 5\nVOCABULARY_NAME = 'pocket'\nTASK_FEATURE_LENGTHS = {}")
    with pytest.raises(InputError, match="MIXTURE is not given, expected one of flan2022, "):
        gin.get_configurable("tasks.named")()
