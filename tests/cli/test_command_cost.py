"""`hwsim cost`."""

from hwsim import cost


def test_cost(run, ticket, ticket_file):
    said = run("cost", ticket_file, "--tokens", 5, "--json").json
    assert said["model"] == ticket_file
    assert said["ticket"] == cost.cost(ticket, 5).to_dict()
    assert said["ticket"]["multiplies_per_token"] == 0
    assert said["float32"]["multiplies_per_token"] > 0
    energy = {name: said[name]["nanojoules_per_token"]["total_once"] for name in ("ticket", "int8")}
    assert said["int8_over_ticket"]["total_once"] == energy["int8"] / energy["ticket"]


def test_cost_for_people(run, ticket_file):
    shown = run("cost", ticket_file, "--tokens", 5).stdout
    for word in ("adds a token", "multiplies a token", "dot product, int8", "entropy of masks", "SRAM"):
        assert word in shown


def test_cost_of_a_sequence_that_is_too_long(run, ticket_file):
    done = run("cost", ticket_file, "--tokens", 9)
    assert done.status == 1
    assert "1..8" in done.stderr
