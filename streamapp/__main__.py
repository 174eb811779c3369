"""`python -m streamapp` is the `streamapp` command."""

from streamapp.cli import main

if __name__ == "__main__":
    main()
