from ci.bench.trials import points
from flanrepro.experiments.profiles import Job


def test_the_grid_is_the_untuned_model_and_every_combination():
    base = next(Job(collection="pocket", profile="quick", seeds=1).specs(mixture="flan2022"))
    untuned, *tuned = points(base, "100,2000", "1e-3,3e-3", "0,0.05")
    assert (untuned.steps, untuned.start) == (0, base.start)
    assert [(spec.steps, spec.learning_rate, spec.replay) for spec in tuned] == [
        (steps, rate, replay)
        for steps in (100, 2000)
        for rate in (1e-3, 3e-3)
        for replay in (0, 0.05)
    ]
    assert {spec.steps - spec.warmup_steps - spec.decay_steps for spec in tuned} == {0}
    assert len({spec.run_id for spec in tuned}) == 8


def test_the_grid_may_have_several_optimizers():
    base = next(Job(collection="pocket", profile="quick", seeds=1).specs(mixture="flan2022"))
    _, *tuned = points(base, "100", "1e-3", "0", "adamw,muon")
    assert [spec.optimizer for spec in tuned] == ["adamw", "muon"]
