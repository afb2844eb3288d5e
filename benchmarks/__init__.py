"""Compare the speed of this library with other Python clients and `json`, in one run of one interpreter.

README.md lists what there is; `make bench`, `make bench-count` and `make bench-report` run the most important parts.
"""
