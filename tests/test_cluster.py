import pytest

from flanrepro.cluster import first, for_people, mesh_shape, process
from flanrepro.errors import InputError

SLURM = {"SLURM_STEP_NODELIST": "node[1-4]", "SLURM_PROCID": "3", "SLURM_NTASKS": "4"}
SYSTEMS = {
    "slurm": SLURM,
    "jax": {
        "JAX_COORDINATOR_ADDRESS": "host:1234",
        "JAX_PROCESS_ID": "3",
        "JAX_NUM_PROCESSES": "4",
    },
    "open mpi": {
        "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1:34911",
        "OMPI_COMM_WORLD_RANK": "3",
        "OMPI_COMM_WORLD_SIZE": "4",
    },
    "tpu pod": {"TPU_WORKER_HOSTNAMES": "a,b,c,d", "TPU_WORKER_ID": "3"},
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for variables in SYSTEMS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(monkeypatch):
    return lambda variables: [monkeypatch.setenv(*one) for one in variables.items()]


def test_alone_a_process_is_the_first_of_one():
    assert process() == (0, 1)
    assert first()


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_systems_variables_say_which_process_of_how_many(environment, system):
    environment(SYSTEMS[system])
    assert process() == (3, 4)
    assert not first()


def test_a_job_without_a_step_is_one_process(environment):
    environment({"SLURM_NTASKS": "8", "SLURM_JOB_ID": "1", "TPU_WORKER_HOSTNAMES": "localhost"})
    assert process() == (0, 1)


def test_the_first_process_writes_for_people_and_the_others_to_nowhere(environment, tmp_path):
    assert for_people(tmp_path) == tmp_path
    environment(SLURM)
    assert for_people(tmp_path) != tmp_path


@pytest.mark.parametrize("text", ["", "two", "-1"])
def test_a_number_that_is_none_is_one_sentence(environment, text):
    environment(SLURM | {"SLURM_NTASKS": text})
    with pytest.raises(InputError, match=f"SLURM_STEP_NODELIST says .* SLURM_NTASKS is '{text}'"):
        process()


@pytest.mark.parametrize("text", ["4", "4x", "x2", "0x2", "2x0", "4 x 2", "-1x2", "4x2x1"])
def test_a_mesh_of_another_form_is_one_sentence(text):
    with pytest.raises(InputError, match=f"mesh is '{text}': expected DATAxMODEL"):
        mesh_shape(text)


def test_a_mesh_is_data_by_model():
    assert mesh_shape("4x2") == (4, 2)
    assert mesh_shape("") is None
