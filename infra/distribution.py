"""What the wheel is called in a package index, where `darkroom` is somebody else's."""

from typing import Final

DISTRIBUTION: Final = "darkroom-photos"
