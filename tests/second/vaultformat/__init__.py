"""The format of docs/format.md, written a second time: see tests/second/README.md."""
