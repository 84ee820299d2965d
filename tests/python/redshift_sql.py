"""What SQL for Amazon Redshift may hold, by AWS's documentation, and two parsers of its dialect.

A parser alone takes much that Redshift refuses: both know PostgreSQL, too. So functions must be
among FUNCTIONS, and constructs that Redshift lacks are looked for one by one.
"""

import re
from functools import cache

import sqlglot
from sqlfluff.core import FluffConfig, Linter
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokens import TokenType

# Functions that run on the compute nodes, those that this project and dbt use of them.
FUNCTIONS = set(
    """
    abs avg cast chr coalesce count date_trunc dateadd extract first_value fnv_hash json_serialize
    last_value lead least lower max min mod nullif object power regexp_substr replace round
    row_number split_part strpos substring sum trim upper
    """.split()
)
# On the leader node alone: only where no table of a user is read.
LEADER_FUNCTIONS = {"pg_backend_pid", "pg_get_late_binding_view_cols"}
# Words before a parenthesis that are no functions.
NO_FUNCTIONS = set(
    """
    all and any as by distkey end except exists filter from having if in intersect into join key not
    on or over select set sortkey table then union using values when where with cols numeric
    varchar decimal char
    """.split()
)

# AWS's list of reserved words, without those that PostgreSQL reserves in the same way.
RESERVED = set(
    """
    aes128 aes256 allowoverwrite backup blanksasnull bytedict bzip2 credentials defrag deflate delta
    delta32k disable emptyasnull enable encode encrypt encryption explicit globaldict256
    globaldict64k identity ignore lun luns lzo lzop minus mostly16 mostly32 mostly8 new off offline
    old open parallel partition percent permissions pivot qualify raw readratio recover rejectlog
    resort respect restore snapshot super sysdate system tag tdes text255 text32k timestamp top
    truncatecolumns unpivot wallet without
    """.split()
)

# Commands that sqlglot knows by their first word alone.
COMMANDS = re.compile(r'lock ("\w+"\.)*"\w+"')


def statement_problems(sql):
    """Why Redshift would not take a statement, as a list of texts; by sqlglot and these lists."""
    sql = without_comments(sql).strip().rstrip(";")
    if COMMANDS.fullmatch(sql):
        return []
    try:
        parsed = sqlglot.parse(sql, "redshift", error_level=ErrorLevel.RAISE)
        trees = [tree for tree in parsed if tree]
    except SqlglotError as error:
        return [f"sqlglot cannot parse it: {error}"]
    problems = function_problems(sql)
    for tree in trees:
        if isinstance(tree, exp.Command):
            problems.append(f"no command of Redshift: {tree.sql('redshift')[:60]}")
        problems += construct_problems(tree)
    if re.search(r"\bunion\s+distinct\b", sql, re.IGNORECASE):
        problems.append("union distinct")
    return problems


def function_problems(sql):
    """Functions called that Redshift does not have, or has on the leader node alone."""
    tokens = sqlglot.tokenize(sql, "redshift")
    called = {
        token.text.lower()
        for token, after in zip(tokens, tokens[1:], strict=False)
        if after.token_type == TokenType.L_PAREN
        and re.fullmatch(r"[a-zA-Z_]\w*", token.text)
        and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
    } - NO_FUNCTIONS
    unknown = called - FUNCTIONS - LEADER_FUNCTIONS
    return [f"no function of Redshift: {name}" for name in sorted(unknown)]


def construct_problems(tree):
    """Constructs that PostgreSQL has and Redshift has not."""
    problems = []
    refused = {
        exp.NullSafeEQ: "is not distinct from",
        exp.NullSafeNEQ: "is distinct from",
        exp.Filter: "filter (where ...) after an aggregate",
        exp.Collate: "collate",
        exp.Lateral: "lateral",
        exp.Set: "set",
        exp.Array: "array",
        exp.Returning: "returning",
        exp.OnConflict: "on conflict",
        exp.Index: "index",
        exp.Bracket: "an element of an array",
    }
    for kind, name in refused.items():
        if tree.find(kind):
            problems.append(name)
    for node in tree.find_all(exp.Distinct):
        if node.args.get("on"):
            problems.append("distinct on")
    for node in tree.find_all(exp.With):
        if node.args.get("recursive"):
            problems.append("recursive")
    for node in tree.find_all(exp.Values):
        if not isinstance(node.parent, exp.Insert):
            problems.append("values outside insert")
    for node in tree.find_all(exp.Create):
        if node.find(exp.UnloggedProperty, exp.PartitionedByProperty):
            problems.append("a kind of table that Redshift has not")
    for node in tree.find_all(exp.Identifier):
        if not node.quoted and node.name.lower() in RESERVED:
            problems.append(f"reserved word as a name: {node.name}")
    problems += untyped_columns(tree)
    problems += correlated_subqueries(tree)
    return problems


def untyped_columns(tree):
    """Texts and nulls without a type that are a column of a subquery which somebody reads by name:
    Redshift then fails to find a conversion from "unknown"."""
    found = []
    for select in tree.find_all(exp.Select):
        source = select.find_ancestor(exp.CTE, exp.Subquery)
        if not source:
            continue
        reader = source.find_ancestor(exp.Query) or tree
        for column in select.selects:
            value = column.unalias()
            is_untyped = isinstance(value, exp.Null) or (
                isinstance(value, exp.Literal) and value.is_string
            )
            if is_untyped and any(
                read.name == column.alias_or_name and not is_within(read, source)
                for read in reader.find_all(exp.Column)
            ):
                found.append(f"no type: {column.sql('redshift')}")
    return found


def correlated_subqueries(tree):
    """Subqueries, not in a FROM, that read columns of the query around them: it takes some."""
    found = []
    for scope in traverse_scope(tree) if isinstance(tree, exp.Query) else []:
        if not scope.is_subquery:
            continue
        own = set(scope.sources)
        for column in scope.columns:
            if column.table and column.table not in own:
                found.append(f"correlated subquery: {column.sql('redshift')}")
    return found


def is_within(node, ancestor):
    while node is not None:
        if node is ancestor:
            return True
        node = node.parent
    return False


def without_comments(sql):
    return re.sub(r"/\*.*?\*/|--[^\n]*", "", sql, flags=re.DOTALL)


@cache
def _linter():
    return Linter(config=FluffConfig(overrides={"dialect": "redshift", "templater": "raw"}))


def sqlfluff_problems(sql):
    """Why sqlfluff cannot parse a statement as Redshift's, as a list of texts."""
    return [str(problem) for problem in _linter().parse_string(sql).violations]
