"""dbt in the tests' own process, without what takes long there."""

from dbt.cli.main import dbtRunner
from dbt_common.behavior_flags import BehaviorFlagRendered

__all__ = ["dbtRunner"]

# To say in a warning who declares a flag, dbt reads the sources of all frames of the call stack, at
# every start and for every flag: below pytest a third of a short run.
BehaviorFlagRendered._default_source = staticmethod(lambda: "not looked up")
