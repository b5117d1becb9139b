from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flanrepro.data.replay import Replayed


class Named:
    """Examples that are their own kind and number."""

    def __init__(self, kind: str):
        self.kind = kind

    def __getitem__(self, i: int) -> tuple[str, int]:
        return self.kind, i


def replayed(share: float, shards: int = 1) -> Replayed:
    return Replayed(Named("prompt"), Named("text"), share, shards)


@pytest.mark.parametrize("share", ["0", "0.01", "0.05", "0.29", "0.5", "0.99"])
def test_the_share_of_texts_is_exact_as_it_is_written(share):
    examples, texts = replayed(float(share)), 0
    for n in range(1, 1001):
        texts += examples[n - 1][0] == "text"
        assert texts == n * Fraction(share) // 1
    assert texts == 1000 * Fraction(share)


def test_without_the_texts_there_are_the_prompts_in_their_order():
    examples = [replayed(0.3)[i] for i in range(1000)]
    assert [n for kind, n in examples if kind == "prompt"] == list(range(700))
    assert [n for kind, n in examples if kind == "text"] == list(range(300))


def test_the_first_ten_examples_are_these():
    kinds = "".join(replayed(0.3)[i][0][0] for i in range(10))
    assert kinds == "ppptpptppt"


@given(st.floats(0, 0.999), st.integers(1, 8), st.integers(0, 10**6))
def test_an_example_follows_from_its_index_alone(share, shards, i):
    examples = replayed(share, shards)
    assert examples[i] == examples[i] == replayed(share, shards)[i]


def test_every_shard_has_its_share_where_their_number_is_the_distance_of_texts():
    examples = replayed(0.05, shards=20)
    for shard in range(20):
        kinds = [examples[i][0] for i in range(shard, 20 * 100, 20)]
        assert kinds.count("text") == 5


def test_shards_together_read_every_prompt_and_every_text_once():
    examples = [replayed(0.25, shards=3)[i] for i in range(3 * 40)]
    assert sorted(n for kind, n in examples if kind == "prompt") == list(range(90))
    assert sorted(n for kind, n in examples if kind == "text") == list(range(30))
