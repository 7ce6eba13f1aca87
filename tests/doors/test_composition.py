"""The one place where concrete things are chosen chooses something for every port."""

from dataclasses import fields

import pytest

from darkroom import composition
from darkroom.ports import Ports
from darkroom.settings import SettingsError
from tests.doors.conftest import House


def test_every_port_has_someone_behind_it(house: House) -> None:
    """And each is made once per process."""
    assert all(getattr(house.ports, field.name) is not None for field in fields(Ports))
    assert composition.ports() is house.ports
    assert house.ports.clock.now().tzinfo is not None


def test_a_provider_without_credentials_is_not_set_up(house: House) -> None:
    """The secret that the environment names is what decides."""
    assert house.ports.providers.set_up("snapapi")
    assert not house.ports.providers.set_up("apiframe")


def test_a_door_without_its_variables_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any work starts."""
    assert house
    monkeypatch.delenv("DARKROOM_TABLE")
    composition.ports.cache_clear()

    with pytest.raises(SettingsError, match="DARKROOM_TABLE"):
        composition.ports()
