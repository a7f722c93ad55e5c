from diptych.cli.main import main

main()
