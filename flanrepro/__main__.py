from flanrepro.cli.main import main

main()
