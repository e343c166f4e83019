"""`python -m xanesmap` is the command `xanesmap`."""

from xanesmap.viewers.command_line import main

main()
