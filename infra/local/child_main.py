"""The first thing that runs in every child process: ties its life to its parent's, runs a module.

Usage: `python child_main.py PARENT_PID MODULE [ARGUMENT ...]`. It imports nothing of ours, so that
a worker's start costs no more than the function's own imports, and it must stay free of them.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.5


def main() -> None:
    """Runs the module named on the command line as `__main__`, for as long as the parent lives."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    _die_with(parent)
    sys.argv = [module, *sys.argv[3:]]
    # This file's folder would come first in the search path; its modules are not top-level.
    if not sys.flags.safe_path:
        sys.path.pop(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # The parent may have gone between its fork and the line above.
    if os.getppid() != parent:
        os._exit(0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(0)


if __name__ == "__main__":
    main()
