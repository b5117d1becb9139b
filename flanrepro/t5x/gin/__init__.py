"""The gin files: a package, so that gin finds `flanrepro/t5x/gin/...` wherever it is installed."""
