"""Shows a log directory in TensorBoard on this machine, on a free port, and prints where.

python demo/serve.py --logdir runs
"""

import argparse
import threading

from tensorboard import program


def launch(logdir: str, port: int) -> str:
    """The address of a TensorBoard that answers already."""
    tensorboard = program.TensorBoard()
    tensorboard.configure(argv=[None, "--logdir", logdir, "--host", "127.0.0.1", "--port", str(port)])
    return tensorboard.launch()


def main() -> None:
    """Serves until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Show a log directory in TensorBoard.")
    parser.add_argument("--logdir", default="runs", help="the logs to show (default: runs)")
    parser.add_argument("--port", type=int, default=6006, help="the port to use, or another where it is taken (default: 6006)")
    args = parser.parse_args()
    try:
        address = launch(args.logdir, args.port)
    except program.TensorBoardPortInUseError:
        address = launch(args.logdir, 0)
    print(f"\nOpen {address}#confusion_matrix (Ctrl-C ends it)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
