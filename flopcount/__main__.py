"""Start flopcount: from the first line on, Ctrl-C and SIGTERM end it with exit code 130, without a traceback."""

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""The signals that ask a process to stop."""


def _on_stop(action: "Callable[[int, Any], Any]") -> None:
    """Answer the signals, except those that are ignored, as in a background job or under nohup."""
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, action)


def _quit(*_: object) -> "NoReturn":
    """End at once: nothing has begun, or everything is written."""
    try:
        os.write(2, b"error: interrupted\n")
    finally:  # even if standard error is closed
        os._exit(130)


def main() -> "NoReturn":
    """Run flopcount on the command line's arguments."""
    _on_stop(_quit)
    try:
        from flopcount.cli.main import main as start  # slow, so the signals come first

        _on_stop(signal.default_int_handler)
        start()
    except KeyboardInterrupt:
        _quit()
    finally:
        _on_stop(_quit)


if __name__ == "__main__":
    main()
