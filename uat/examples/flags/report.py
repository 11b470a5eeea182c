import fire


def report(runs=3, columns=("loss", "acc"), title="Report"):
    print(runs, columns, title)


if __name__ == "__main__":
    fire.Fire(report)
