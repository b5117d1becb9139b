from flanrepro.cli.main import command

command()
