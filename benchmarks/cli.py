"""What the command line itself costs: the demo, built again with all its tests."""

from benchmarks.measure import measure_dbt


class Demo:
    """The demo data in a schema of their own, built once.

    Args:
        place: Place.
    """

    def __init__(self, place):
        self._place = place
        self._warehouse = place.warehouse("demo", place.schema("demo_raw"))
        self._dbt("build")

    def measure(self):
        """Costs of `dbt build`, nothing changed, and of `dbt parse`, partial parse warm."""
        parse = self._dbt("parse")
        return self._dbt("build"), parse

    def _dbt(self, command):
        return measure_dbt(self._place, self._warehouse, command, variables={})
