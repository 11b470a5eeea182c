import click


@click.command()
@click.option("--port", default=8000, help="where it listens")
@click.option("--reload/--no-reload", default=False)
@click.option("--host", "hosts", multiple=True)
def main(port, reload, hosts):
    print(port, reload, hosts)


main()
