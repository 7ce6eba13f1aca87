"""moto's EC2 is imported without its data, which nothing here uses."""

from moto.ec2.models import instance_types
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.utilities.utils import load_resource

from infra.local.emulator import REGION
from infra.local.moto_patches import quick_import


def test_types_of_virtual_machines_are_not_read() -> None:
    """They are there, and moto would read them on import."""
    assert load_resource(f"{quick_import.LEFT_OUT}s.json")
    assert instance_types.INSTANCE_TYPES == {}
    assert set(instance_types.INSTANCE_TYPE_OFFERINGS) >= {"availability-zone", "region"}
    assert not any(
        types
        for by_region in instance_types.INSTANCE_TYPE_OFFERINGS.values()
        for types in by_region.values()
    )


def test_everything_else_is_as_without_it() -> None:
    """The regions are read, and moto reads other data as before."""
    assert REGION in {region.name for region in RegionsAndZonesBackend.regions}
    assert load_resource.__module__ == "moto.utilities.utils"
