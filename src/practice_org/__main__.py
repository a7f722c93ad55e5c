"""`python -m practice_org` is the `practice-org` command."""

from practice_org.cli import main

main()
