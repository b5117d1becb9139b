"""What commands print beside scores."""


def say(collection: str) -> None:
    """Prints what stands beside every score of a collection; nothing for real data."""
    from flanrepro.sources import SAID

    if collection in SAID:
        print(SAID[collection])
