"""The gate's items: what an older version wrote is read and changed."""

from darkroom.aws.dynamodb_limiter import DynamoLimiter
from darkroom.domain.circuit_state import CircuitState
from tests.fakes.moto_aws import cloud, table


def test_a_standing_without_a_reason_is_an_older_version_s() -> None:
    """It is changed like any other."""
    with cloud():
        item = {"pk": "gate#p", "sk": "standing", "refusals": 5, "until": 30_500}
        table().put_item(Item=item)
        limiter = DynamoLimiter(table())
        assert limiter.circuit("p") == CircuitState(5, 30.5)
        assert not limiter.change("p", CircuitState(5, 30.5, "Other."), CircuitState())
        assert limiter.change("p", CircuitState(5, 30.5), CircuitState(6, 60.0, "It is away."))
        assert limiter.circuit("p") == CircuitState(6, 60.0, "It is away.")
