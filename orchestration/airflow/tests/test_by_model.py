"""The DAG by model with a running scheduler, on both engines; prints what an interval took. Long
tier: `make prove`."""

from shop import Shop, assert_equal_to_a_full_build

DAG = "elt_summary_by_model"


def test_the_dag_by_model_ends_as_a_full_build_and_finishes_the_days(airflow, warehouse):
    """Guards against: days that are never finished, because no run of dbt rebuilds every model."""
    shop = Shop(2)
    _, client = airflow(shop)
    client.pause(DAG, False)
    client.wait_until_done(DAG, len(shop.days))
    assert client.days(DAG) == [(day.isoformat(), "success") for day in shop.days]
    assert_equal_to_a_full_build(warehouse, shop)
    emitted = client.call("GET", "/assets", params={"limit": 100})["assets"]
    names = {asset["uri"].rsplit("/", 1)[-1].rsplit(".", 1)[-1] for asset in emitted}
    assert {"fct_sessions", "user_first_last_touch", "monthly_channel_conversion"} <= names
    client.report(warehouse.engine, DAG)
