"""The gate's items: what an older version wrote is read and changed."""

from darkroom.aws.dynamodb_limiter import DynamoGate
from darkroom.domain.rate_limits import Standing
from tests.fakes.cloud import cloud, table


def test_a_standing_without_a_reason_is_an_older_version_s() -> None:
    """It is changed like any other."""
    with cloud():
        item = {"pk": "gate#p", "sk": "standing", "refusals": 5, "until": 30_500}
        table().put_item(Item=item)
        gate = DynamoGate(table())
        assert gate.standing("p") == Standing(5, 30.5)
        assert not gate.change("p", Standing(5, 30.5, "Other."), Standing())
        assert gate.change("p", Standing(5, 30.5), Standing(6, 60.0, "It is away."))
        assert gate.standing("p") == Standing(6, 60.0, "It is away.")
