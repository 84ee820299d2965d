"""A warehouse of its own for one test, on Spark: two schemas there, and dbt."""

from datetime import date

from pyhive import hive
from warehouse import Warehouse


class SparkWarehouse(Warehouse):
    """A place for one test's raw tables and marts, as Warehouse.

    Args:
        folder: a folder for this test only.
        cluster: SparkCluster.
        schema: name of the schema that dbt writes to; None: a new, unique one.
    """

    def __init__(self, folder, cluster, schema=None):
        super().__init__("spark", folder, cluster.environment, schema=schema)

    def connect(self):
        """An open connection, with times in UTC."""
        connection = hive.connect(
            host=self.environment["DBT_SPARK_HOST"],
            port=int(self.environment["DBT_SPARK_PORT"]),
            username="test",
            auth="NOSASL",
        )
        connection.cursor().execute("set spark.sql.session.timeZone=UTC")
        return connection

    def tables(self, schema):
        if (schema,) not in self.query("show schemas"):
            return []
        views = {row[1] for row in self.query(f"show views in {schema}")}
        return [row[1] for row in self.query(f"show tables in {schema}") if row[1] not in views]

    def drop_table(self, schema, name):
        self.execute(f"drop table if exists {schema}.{name}")

    def replace_rows(self, tables):
        statements = []
        for table, rows in tables.items():
            name = f"{self.raw_schema}.{table}"
            if not rows:
                statements.append(f"truncate table {name}")
                continue
            types = {row[0]: row[1] for row in self.query(f"describe {name}")}
            casts = ", ".join(f"cast({column} as {kind})" for column, kind in types.items())
            statements.append(
                f"insert overwrite table {name} select {casts}"
                f" from values {', '.join(rows)} as given ({', '.join(types)})"
            )
        for statement in statements:
            self.execute(statement)

    def drop(self):
        for (schema,) in self.query("show schemas"):
            if schema.startswith((self.schema, self.raw_schema)):
                self.execute(f"drop schema {schema} cascade")

    def _run(self, sql, fetch):
        connection = self.connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            if not fetch:
                return None
            types = [column[1] for column in cursor.description]
            return [
                # The driver hands over dates as text.
                tuple(
                    date.fromisoformat(value) if kind == "DATE_TYPE" and value else value
                    for value, kind in zip(row, types)
                )
                for row in cursor.fetchall()
            ]
        finally:
            connection.close()


def on_spark(history):
    """The history without what Spark's timestamps cannot be."""
    return [
        (*step[:2], None) if step[0] == "add_time" and "infinity" in str(step[2]) else step
        for step in history
    ]
