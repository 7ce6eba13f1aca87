"""Runs the decoder: `ports.Pictures` in a process of its own, limited in time and memory.

The image library is found without importing it, and only the decoder imports it. So a function that
measures nothing pays nothing for it, and no decoder can take a function down with it.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Final

from darkroom.domain.quality import Look, Measured
from darkroom.ports import NotMeasured

DECODER: Final = Path(__file__).with_name("decoder.py")
MAX_MEMORY_BYTES: Final = 512 * 1024 * 1024
"""What a decoder may use beyond its own start, where the function has as much."""
MIN_MEMORY_BYTES: Final = 24 * 1024 * 1024
"""With less it could not decode a photo."""
RESERVED_BYTES: Final = 48 * 1024 * 1024
"""What is left to the function itself and to the start of the decoder."""
MAX_ANSWER_BYTES: Final = 64 * 1024
_COPY: Final = 1 << 20
NO_LIBRARY: Final = "There is no image library here: its layer is not deployed."
_ERRORS: Final[Mapping[str, str]] = {
    "memory": "It needs more memory than this function has left.",
    "pixels": "It has too many pixels to be looked at.",
    "UnknownFormatError": "Its format cannot be decoded here.",
}


class DecodedPictures:
    """`ports.Pictures` by a decoder process for each call.

    Args:
        memory_bytes: the memory of this function; None where it is not limited.
        library_path: where Python finds its shared libraries, if not where every program does.
            The decoder gets no other variable: this process's hold credentials.
        library: the folder that holds the image library; None to look for it.
    """

    def __init__(
        self,
        memory_bytes: int | None = None,
        library_path: str = "",
        library: Path | None = None,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._environment = {"LD_LIBRARY_PATH": library_path} if library_path else {}
        self._library = library

    def measure(self, result: BinaryIO, source: BinaryIO | None, max_s: float) -> Measured:
        """See `ports.Pictures.measure`."""
        files = [result] if source is None else [result, source]
        answer = self._decode(files, max_s)
        looks = answer["looks"]
        return Measured(
            _read_look(looks[0]),
            Look(**looks[1]) if source is not None and "error" not in looks[1] else None,
            answer.get("changed_share"),
            answer.get("largest_change"),
            answer.get("converted"),
        )

    def look(self, picture: BinaryIO, max_s: float) -> Look:
        """See `ports.Pictures.look`."""
        return _read_look(self._decode([picture], max_s)["looks"][0])

    def _decode(self, files: Sequence[BinaryIO], max_s: float) -> Any:  # noqa: ANN401 - JSON
        library = self._library or _find_library()
        if library is None or not sys.executable:
            raise NotMeasured(NO_LIBRARY)
        memory_bytes = self._spare_bytes()
        if memory_bytes < MIN_MEMORY_BYTES:
            raise NotMeasured(_ERRORS["memory"])
        with ExitStack() as stack:
            numbers = [_file_number(file, stack) for file in files]
            request = {
                "library": str(library),
                "files": numbers,
                "memory_bytes": memory_bytes,
                "cpu_s": max(1, round(max_s)),
            }
            return _run(request, self._environment, max_s)

    def _spare_bytes(self) -> int:
        """What the decoder may use."""
        if self._memory_bytes is None:
            return MAX_MEMORY_BYTES
        spare = self._memory_bytes - _resident_bytes() - RESERVED_BYTES
        return min(MAX_MEMORY_BYTES, spare)


def _run(request: Mapping[str, Any], environment: Mapping[str, str], max_s: float) -> Any:  # noqa: ANN401 - JSON
    """The decoder's answer. Raises `NotMeasured` when there is none."""
    import subprocess  # noqa: PLC0415 - a function that measures nothing does without

    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", str(DECODER), json.dumps(request)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=request["files"],
            env=environment,
            timeout=max_s,
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"Looking at it took longer than {max_s:g} s.") from error
    except OSError as error:
        raise NotMeasured("The decoder could not be started.") from error
    if done.returncode != 0 or len(done.stdout) > MAX_ANSWER_BYTES:
        raise NotMeasured(f"The decoder ended without an answer ({done.returncode}).")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise NotMeasured("The decoder's answer cannot be read.") from error


def _read_look(look: Mapping[str, Any]) -> Look:
    """The look; raises `NotMeasured` for an error in its place."""
    error = look.get("error")
    if error is not None:
        raise NotMeasured(_ERRORS.get(error, f"It cannot be decoded ({error})."))
    return Look(**look)


def _file_number(file: BinaryIO, stack: ExitStack) -> int:
    """The number of an open file with these bytes, for the decoder to inherit."""
    file.seek(0)
    try:
        number = file.fileno()
    except OSError:  # it is in memory
        copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        while piece := file.read(_COPY):
            copy.write(piece)
        copy.flush()
        return copy.fileno()
    file.flush()
    return number


def _find_library() -> Path | None:
    """The folder that the image library is in; nothing of it is imported."""
    found = find_spec("PIL")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent.parent


def _resident_bytes() -> int:
    """The memory of this process; 0 where nobody says."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
