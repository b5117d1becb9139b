from flanrepro.cli import main

main()
