"""``python -m esbench.cli``: the same as ``esbench``."""

from esbench.cli import main

if __name__ == "__main__":
    main()
