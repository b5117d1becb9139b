import numpy as np
import pytest

from flanrepro.collection import rng


def test_hashes_are_the_same_on_every_machine():
    assert rng.mix(1, 2, 3) == 15020427595393229491
    assert rng.key_of("cot_gsm8k") == 3599152289015209839
    assert [rng.permute(i, 10, 5) for i in range(10)] == [5, 2, 7, 3, 9, 1, 4, 0, 8, 6]
    assert rng.shuffled(8, 3).tolist() == [7, 4, 0, 6, 2, 1, 3, 5]


def test_order_and_number_of_keys_matter():
    assert len({rng.mix(1, 2), rng.mix(2, 1), rng.mix(1), rng.mix(1, 2, 0)}) == 4


@pytest.mark.parametrize("n", [1, 2, 3, 17, 1000, 4097])
def test_permute_is_a_permutation(n):
    assert sorted(rng.permute(i, n, 42) for i in range(n)) == list(range(n))
    assert sorted(rng.shuffled(n, 42)) == list(range(n))


def test_permutations_look_random():
    first = [rng.permute(0, 100, rng.mix(key)) for key in range(5000)]
    counts = np.bincount(first, minlength=100)
    chi_square = ((counts - 50) ** 2 / 50).sum()
    assert chi_square < 149  # the 99.9 % point for 99 degrees of freedom


def test_a_sample_is_distinct_and_leaves_out_the_excluded():
    for key in range(200):
        drawn = rng.sample(6, 5, key, exclude=key % 6)
        assert sorted({*drawn, key % 6}) == list(range(6))
    assert sorted(rng.sample(4, 4, 9)) == [0, 1, 2, 3]
