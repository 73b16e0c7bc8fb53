"""`python -m tb_confmat_plugin` is the command `tb-confmat`, where that is not on the path."""

import sys

from tb_confmat_plugin.cli import main

if __name__ == "__main__":
    sys.exit(main())
