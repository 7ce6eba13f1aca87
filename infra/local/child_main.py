"""The main program of every child process: makes it end with its parent, then runs a module.

Usage: `python child_main.py PARENT_PID HIDDEN MODULE [ARGUMENT ...]`. HIDDEN is a comma-separated
list of top-level modules that cannot be imported; it may be empty. This file must not import other
modules of the project, so that a worker's start costs no more than the function's own imports.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
POLL_INTERVAL_S = 0.5


def main() -> None:
    """Run the module from the command line as `__main__`; the process ends with its parent."""
    parent, hidden, module = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    _end_with(parent)
    sys.argv = [module, *sys.argv[4:]]
    # An import of a module that is None raises ModuleNotFoundError ("The module cache").
    sys.modules.update(dict.fromkeys(filter(None, hidden.split(","))))  # type: ignore[arg-type]
    # Python puts this file's folder first in the search path; its modules are not top-level.
    if not sys.flags.safe_path:
        sys.path.pop(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # The parent may have ended between its fork and the line above.
    if os.getppid() != parent:
        os._exit(0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_INTERVAL_S)
    os._exit(0)


if __name__ == "__main__":
    main()
