"""The gin files of the sizes that T5X has none of: a package, so that gin finds them."""
