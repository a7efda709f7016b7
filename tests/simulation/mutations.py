"""Bugs that are planted into the product, one at a time, to see whether the simulator bites.

python -m tests.simulation --mutation NAME      plants it and searches its seeds until it is found
python -m tests.simulation.bites                plants each in turn and says how it was found
"""

from tests.simulation.mutations_of_rules import OF_RULES
from tests.simulation.mutations_of_writes import OF_WRITES

MUTATIONS = (*OF_WRITES, *OF_RULES)
BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}
