"""What the project allows variables and the connection to be, for the scripts.

The rules are those of dbt: macros/guards/value_rules.sql and macros/engines/connection_rules.sql.
"""

import re
from pathlib import Path

from jinja2 import Environment

MACROS = Path(__file__).resolve().parent.parent / "macros"


def rules_of(file, macro):
    """What a macro without arguments returns, that calls no other macro.

    Args:
        file: path below macros/.
        macro: name of the macro.
    """
    returned = []
    template = Environment().from_string((MACROS / file).read_text(encoding="utf-8"))
    getattr(template.make_module({"return": returned.append}), macro)()
    return returned[0]


def variable_rules():
    """Rules by name of the variable: `allowed` in words, and `pattern`, or `kind` and bounds."""
    return rules_of("guards/value_rules.sql", "value_rules")["variables"]


def connection_rules(engine):
    """Rules by key of the target: as variable_rules(), and `set_by`, the environment variable."""
    own = rules_of("engines/connection_rules.sql", f"{engine}__connection_rules")
    return rules_of("guards/value_rules.sql", "value_rules")["connection"] | own


def follows(value, rule):
    """Whether a name, path or port is what its rule allows."""
    if "pattern" in rule:
        return isinstance(value, str) and re.fullmatch(rule["pattern"], value) is not None
    return isinstance(value, int) and rule["lowest"] <= value <= rule["highest"]


def connection_problems(credentials):
    """What is wrong with a connection, as a list of texts that name the environment variables.

    Args:
        credentials: dbt's, of an engine that the project knows.
    """
    return [
        f"the environment variable {rule['set_by']} must be {rule['allowed']}"
        for key, rule in connection_rules(credentials.type).items()
        if not follows(getattr(credentials, key), rule)
    ]
