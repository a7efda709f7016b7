from tests.simulation import seeds


def test_every_promise_is_kept_in_every_run():
    seeds.check([*range(seeds.HALF, 2 * seeds.HALF), *seeds.FOUND])
