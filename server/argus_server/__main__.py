"""``python -m argus_server`` is the command ``argus-lab``."""

from argus_server.cli import main

if __name__ == "__main__":
    main()
